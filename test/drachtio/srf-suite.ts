import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freeMediaPort, freePort } from '../support/ports.js';
import { untilBound } from '../support/until-bound.js';

/**
 * Runs the test-suite that ships inside the drachtio-srf package. Upstream it needs a dozen containers; here a copy made at
 * run time gets the names of those containers replaced by local sipp processes, and `docker run sipp` by `sipp`.
 */
const projectRoot = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const packageFolder = join(projectRoot, 'node_modules/drachtio-srf');

export type SuiteServer = { host: string; adminPort: number; secret: string; sipAddress: string };

export type SuiteCopy = { folder: string; remove(): Promise<void> };

/** A copy of the package whose scenarios this machine's sipp understands. */
export const copySuite = async (): Promise<SuiteCopy> => {
  const folder = await mkdtemp(join(tmpdir(), 'srf-suite-'));
  await cp(join(packageFolder, 'lib'), join(folder, 'lib'), { recursive: true });
  await cp(join(packageFolder, 'test'), join(folder, 'test'), { recursive: true });
  await cp(join(packageFolder, 'package.json'), join(folder, 'package.json'));
  await symlink(join(projectRoot, 'node_modules'), join(folder, 'node_modules'));
  const scenarios = join(folder, 'test/scenarios');
  for (const name of await readdir(scenarios)) {
    if (!name.endsWith('.xml')) continue;
    const text = await readFile(join(scenarios, name), 'utf8');
    // sipp 3.6 rejects angle brackets inside an attribute.
    await writeFile(join(scenarios, name), text.replaceAll('"<sip:(.*)>', '"&lt;sip:(.*)&gt;'));
  }
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
};

/** Runs the mocha unit tests and returns how many passed and failed. */
export const runUnitTests = async (copy: SuiteCopy): Promise<{ passes: number; failures: number; output: string }> => {
  const mocha = join(projectRoot, 'node_modules/mocha/bin/mocha.js');
  const child = spawn(process.execPath, [mocha, '--reporter', 'json', '--exit', 'test/unit-tests'], {
    cwd: copy.folder,
    env: { ...process.env, NODE_ENV: 'test' },
  });
  const output = await outputOf(child, 60_000);
  const passes = Number(/"passes": (\d+)/.exec(output)?.[1] ?? 0);
  const failures = Number(/"failures": (\d+)/.exec(output)?.[1] ?? -1);
  return { passes, failures, output };
};

/** Which scenario each container of the upstream suite serves. */
const containers = async (folder: string): Promise<Map<string, { scenario: string; address: string }>> => {
  const text = await readFile(join(folder, 'test/docker-compose-testbed.yaml'), 'utf8');
  const found = new Map<string, { scenario: string; address: string }>();
  for (const block of text.split(/\n {2}(?=[a-z])/)) {
    const name = /^([a-z0-9-]+):/.exec(block)?.[1];
    const address = /ipv4_address: ([\d.]+)/.exec(block)?.[1];
    if (name === undefined || address === undefined) continue;
    found.set(name, { scenario: /-sf \/tmp\/(\S+\.xml)/.exec(block)?.[1] ?? '', address });
  }
  return found;
};

export type FileResult = { pass: number; fail: number; output: string };

/**
 * Runs one integration file against `sut` (and `second`, which only the REFER test needs) with its own sipp peers.
 */
export const runIntegrationFile = async (
  copy: SuiteCopy,
  file: string,
  sut: SuiteServer,
  second: SuiteServer,
  timeout: number,
): Promise<FileResult> => {
  const folder = join(copy.folder, `run-${file}`);
  await mkdir(join(folder, 'config'), { recursive: true });
  await cp(join(copy.folder, 'test'), join(folder, 'test'), { recursive: true });
  for (const name of ['lib', 'package.json', 'node_modules'])
    await symlink(join(copy.folder, name), join(folder, name));
  const admin = (server: SuiteServer): object => ({
    host: server.host,
    port: server.adminPort,
    secret: server.secret,
  });
  await writeFile(
    join(folder, 'config/test.json'),
    JSON.stringify({ 'drachtio-sut': admin(sut), 'drachtio-uas': admin(second) }),
  );
  const peers: ChildProcess[] = [];
  try {
    await adapt(folder, file, sut, second, peers);
    const child = spawn(process.execPath, [`test/${file}.js`], {
      cwd: folder,
      env: {
        ...process.env,
        NODE_ENV: 'test',
        NODE_CONFIG_DIR: join(folder, 'config'),
        NODE_PATH: join(projectRoot, 'node_modules'),
      },
    });
    const output = `${await outputOf(child, timeout)}${peers
      .filter(hasEnded)
      .map((peer) => `# ended before its time: ${peer.spawnargs.join(' ')}: ${peer.exitCode ?? peer.signalCode}\n`)
      .join('')}`;
    const count = (word: string): number => Number(new RegExp(`^# ${word} +(\\d+)`, 'm').exec(output)?.[1] ?? 0);
    return { pass: count('pass'), fail: count('fail'), output };
  } finally {
    await Promise.all(peers.map(end));
  }
};

/** The container that scenario uas-302.xml redirects to. */
const redirectedTo = '172.29.0.13';

/** Replaces host names by addresses, starts the peers the file names, and puts sipp in the place of docker. */
const adapt = async (
  folder: string,
  file: string,
  sut: SuiteServer,
  second: SuiteServer,
  peers: ChildProcess[],
): Promise<void> => {
  const main = join(folder, 'test', `${file}.js`);
  const known = await containers(folder);
  known.set('sipp-uas-b-teardown', { scenario: '', address: 'none' });
  const names = [...known.keys()].sort((a, b) => b.length - a.length);
  const places = new Map<string, string>([['drachtio-uas', second.sipAddress]]);
  const source = await readFile(main, 'utf8');
  for (const name of names) {
    const peer = known.get(name);
    if (!peer || !name.startsWith('sipp-')) continue;
    const named = new RegExp(`['":]${name}['"]`).test(source) || source.includes(peer.address);
    if (!named && peer.address !== redirectedTo) continue;
    places.set(name, `127.0.0.1:${await freePort()}`);
  }
  const replace = async (path: string): Promise<void> => {
    let text = await readFile(path, 'utf8');
    for (const name of names) {
      const place = places.get(name);
      const peer = known.get(name);
      if (place === undefined || !peer) continue;
      if (name.startsWith('sipp-')) text = text.replace(new RegExp(`(['":])${name}(['"])`, 'g'), `$1${place}$2`);
      text = text.replaceAll(peer.address, place);
    }
    await writeFile(path, text);
  };
  await replace(main);
  await replace(join(folder, 'test/scenarios/uas-302.xml'));
  for (const name of await readdir(join(folder, 'test/scripts'))) await replace(join(folder, 'test/scripts', name));
  for (const [name, place] of places) {
    const scenario = known.get(name)?.scenario ?? '';
    if (scenario !== '') peers.push(await startPeer(folder, scenario, Number(place.split(':')[1])));
  }
  await writeFile(join(folder, 'test/sipp.js'), await sippModule(folder, sut));
};

/**
 * A sipp that plays this scenario. It binds its SIP port, then those for sound and for picture, and ends when one of them is
 * taken: it is ready when the last is bound, and one that ended before is started again.
 */
const startPeer = async (folder: string, scenario: string, port: number, attempts = 3): Promise<ChildProcess> => {
  const path = join(folder, 'test/scenarios', scenario);
  const media = await freeMediaPort();
  const child = spawn('sipp', ['-sf', path, '-i', '127.0.0.1', '-p', String(port), '-mp', String(media), '-nostdin'], {
    cwd: folder,
    stdio: 'ignore',
  });
  const ended = once(child, 'exit').then(() => 'ended' as const);
  await once(child, 'spawn');
  const outcome = await Promise.race([
    ended,
    Promise.all([port, media + 2].map((bound) => untilBound(bound, '127.0.0.1', 'udp', 30_000))).then(
      () => 'listens' as const,
      () => 'silent' as const,
    ),
  ]);
  if (outcome === 'listens') return child;
  await end(child);
  if (attempts === 1) throw new Error(`sipp ${outcome === 'ended' ? 'ended' : 'did not listen'} on udp port ${port}`);
  return startPeer(folder, scenario, port, attempts - 1);
};

/** The suite's sipp module with `sipp` started directly. */
const sippModule = async (folder: string, sut: SuiteServer): Promise<string> => {
  const mediaPorts: number[] = [];
  for (let i = 0; i < 30; i++) mediaPorts.push(await freeMediaPort());
  return `
const { spawn } = require('child_process');
const mediaPorts = ${JSON.stringify(mediaPorts)};
let output = '';
let idx = 1;
const run = (args, attempts = 3) => new Promise((resolve, reject) => {
  const mp = mediaPorts.shift();
  const child = spawn('sipp', [...args, '-i', '127.0.0.1', '-mp', String(mp), '-nostdin'], { cwd: ${JSON.stringify(folder)} });
  child.stdout.on('data', (d) => { output += d; });
  child.stderr.on('data', (d) => { output += d; });
  child.on('close', (code, signal) => {
    // \`docker run\` comes back some hundred ms after its sipp has ended; the suite disconnects then, and by that time its
    // application must have heard the last answer.
    if (code === 0) return setTimeout(resolve, 300);
    // The port was free when this file began; meanwhile somebody's call may have it.
    if (attempts > 1 && /Unable to bind (audio|video) RTP socket/.test(output)) {
      output = '';
      return resolve(run(args, attempts - 1));
    }
    console.log('sipp exited with code ' + code + ' signal ' + signal);
    reject(code);
  });
});
module.exports = () => ({
  output: () => output,
  sippUac: (file) => {
    output = '';
    return run(['-sf', ${JSON.stringify(join(folder, 'test/scenarios'))} + '/' + file, '-m', '1', '-sleep', '250ms',
      '-cid_str', '%u-%p@%s-' + idx++, ${JSON.stringify(sut.sipAddress)}]);
  },
  sippUas: (file, name) => run(['-sf', ${JSON.stringify(join(folder, 'test/scenarios'))} + '/' + file, '-m', '1',
    '-p', name.split(':')[1]]),
});
`;
};

const outputOf = async (child: ChildProcess, timeout: number): Promise<string> => {
  let output = '';
  child.stdout?.on('data', (data) => {
    output += data;
  });
  child.stderr?.on('data', (data) => {
    output += data;
  });
  const limit = setTimeout(() => child.kill('SIGKILL'), timeout);
  await once(child, 'close');
  clearTimeout(limit);
  return output;
};

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

const end = async (child: ChildProcess): Promise<void> => {
  if (hasEnded(child)) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
};
