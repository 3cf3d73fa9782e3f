import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { startTestApi, type TestApi } from '../../test/support/api.js';
import { until } from '../../test/support/until.js';
import { checkRoutes, eventRoutes, type SystemCheck } from '../api/index.js';
import { packageRoot } from '../core/entry-path.js';
import { createSessionEvents, type OwnedSession } from '../domain/sessions/index.js';
import { callCommand } from './call/command.js';
import { benchesAt } from './commands/bench.js';
import { parseTtl } from './commands/token.js';
import type { CliContext } from './context.js';
import { demoCommand } from './demo/command.js';
import { exitCodes } from './exit-codes.js';
import { fillPlaceholders } from './placeholders.js';
import { createProgram, runCli } from './program.js';
import { printable } from './table.js';

let api: TestApi;
let dir = '';
/** What the gateway finds when `doctor` asks it. */
let checks: readonly SystemCheck[] = [];
const closing = new AbortController();
const root = packageRoot(import.meta.url);

beforeAll(async () => {
  api = await startTestApi({
    more: ({ deps, redis }) => [
      ...eventRoutes(deps, createSessionEvents({ redis, clock: deps.clock, log: deps.log }), closing.signal),
      ...checkRoutes(async () => checks),
    ],
  });
  dir = mkdtempSync(join(tmpdir(), 'vg-cli-'));
});
afterAll(async () => {
  closing.abort();
  await api.close();
  rmSync(dir, { recursive: true });
});

type Run = { readonly status: number; readonly out: string; readonly err: string };
const context = (
  env: Record<string, string | undefined>,
  sink: { out: string; err: string },
  signal = new AbortController().signal,
  stdin = '',
  terminal?: NonNullable<CliContext['terminal']>,
): CliContext => ({
  ...(terminal === undefined ? {} : { terminal }),
  env: { VOICE_GATEWAY_URL: api.url, DATA_DIR: api.dataDir, ...env },
  cwd: dir,
  out: (text) => {
    sink.out += text;
  },
  err: (text) => {
    sink.err += text;
  },
  readStdin: async () => stdin,
  signal,
});
const run = async (args: string, env: Record<string, string | undefined> = {}, stdin = ''): Promise<Run> => {
  const sink = { out: '', err: '' };
  const status = await runCli(args.split(' '), context(env, sink, undefined, stdin), []);
  return { status, ...sink };
};
const file = (name: string, text: string): string => {
  writeFileSync(join(dir, name), text);
  return name;
};

const placeholder = (name: string): string => `\${${name}}`;
const yaml = `
organization: { id: acme, name: Acme }
numbers: [{ number: "+14155550100", agent: support, profile: local, verified: true }]
agents:
  - id: support
    leg: { type: builtin, script: { steps: [{ say: "That is $\{price} dollars" }] } }
variables: { X-Api-Key: "${placeholder('SHOP_KEY')}" }
`;

describe('apply, diff and export', () => {
  it('apply a document once, say what changed, and nothing the second time', async () => {
    const org = file('org.yaml', yaml);
    const first = await run(`apply -f ${org}`, { SHOP_KEY: 'canary-key' });
    expect(first).toEqual({
      status: 0,
      err: '',
      out: '+ organization acme\n+ number +14155550100\n+ agent support\n+ variable X-Api-Key\nacme: 4 created, 0 changed, 0 unchanged, 0 removed\n',
    });
    const again = await run(`apply -f ${org} --prune`, { SHOP_KEY: 'canary-key' });
    expect(again.out).toBe('acme: 0 created, 0 changed, 4 unchanged, 0 removed\n');
    expect((await run(`diff -f ${org}`, { SHOP_KEY: 'canary-key' })).status).toBe(0);
    const other = await run(`diff -f ${org}`, { SHOP_KEY: 'another-key' });
    expect([other.status, other.out]).toEqual([
      8,
      '~ variable X-Api-Key\nacme: would be 0 created, 1 changed, 3 unchanged, 0 removed\n',
    ]);
  });

  it('export what applies to no change, credentials as placeholders', async () => {
    await run(`apply -f ${file('org.yaml', yaml)}`, { SHOP_KEY: 'canary-key' });
    const exported = await run('export');
    expect(exported.out).not.toContain('canary');
    expect(parse(exported.out)).toMatchObject({
      organization: { id: 'acme' },
      variables: { 'X-Api-Key': placeholder('X_API_KEY') },
    });
    const back = await run('apply -f - --prune', { X_API_KEY: 'canary-key' }, exported.out);
    expect(back.out).toBe('acme: 0 created, 0 changed, 4 unchanged, 0 removed\n');
    expect(JSON.parse((await run('export --org acme --json')).out)).toEqual(parse(exported.out));
  });

  it('apply the example', async () => {
    const dry = await run(`diff -f ${join(root, 'examples/org.yaml')}`, {}, '');
    expect([dry.status, dry.err]).toEqual([8, '']);
    expect(dry.out).toContain('~ agent support');
  });

  it('name each fault with its path and change nothing', async () => {
    const bad = yaml.replace('agent: support', 'agent: nobody').replace('"+14155550100"', 'reception');
    const refused = await run(`apply -f ${file('bad.yaml', bad)}`, { SHOP_KEY: 'x-key-value' });
    expect(refused).toEqual({
      status: 6,
      out: '',
      err: 'The document has 2 faults; nothing was changed.\n  numbers[0].number: is not a telephone number that can be written in E.164\n  numbers[0].agent: names the agent "nobody", which does not exist\n',
    });
  });

  it('say which environment variable is missing, and send nothing', async () => {
    const refused = await run(`apply -f ${file('org.yaml', yaml)}`);
    expect([refused.status, refused.err]).toEqual([
      6,
      'org.yaml cannot be sent; nothing was changed.\n  variables.X-Api-Key: needs the environment variable SHOP_KEY, which is not set\n',
    ]);
  });

  it('say in one sentence what is wrong with a file', async () => {
    expect(await run('apply -f none.yaml')).toMatchObject({ status: 5, err: 'There is no file none.yaml.\n' });
    const broken = await run(`apply -f ${file('broken.yaml', 'a: [canary\nb: c')}`);
    expect(broken.status).toBe(6);
    expect(broken.err).toMatch(/^broken\.yaml cannot be read as YAML or JSON at line \d+, column \d+\.\n$/);
    expect((await run(`apply -f ${file('anonymous.yaml', 'agents: []')}`)).err).toBe(
      'anonymous.yaml must name its organization: organization.id is missing.\n',
    );
  });
});

/** As the owner of a call writes its end. */
const end = (owned: OwnedSession): Promise<void> => {
  const at = Date.now();
  const timeline = [{ at, type: 'call.ended', data: { reason: 'caller-hangup' } } as const];
  return owned.change({ status: 'ended', endedAt: at, endReason: 'caller-hangup', timeline });
};

describe('sessions', () => {
  it('are listed as a table, shown with timeline and ladder, and hung up', async () => {
    await run('apply -f -', { SHOP_KEY: 'canary-key' }, yaml);
    const owned = await api.session();
    await owned.change({ timeline: [{ at: Date.now(), type: 'agent.said', data: { text: 'Hi\u001b[2Jthere' } }] });
    api.ladders.set(owned.id, { json: [{ m: 'INVITE' }], text: 'phone -> gateway  INVITE\n' });
    const list = await run('sessions --org acme');
    expect(list.out.split('\n')[0]).toMatch(/^STARTED \(UTC\) +ID +CALLER +CALLED +AGENT +STATE +TICKET +LENGTH$/);
    expect(list.out).toContain(`${owned.id}  +14155550123  +14155550100  support  ringing`);
    const shown = await run(`session ${owned.id} --ladder`);
    expect(shown.out).toContain('call.received');
    expect(shown.out).toContain('text=Hi?[2Jthere');
    expect(shown.out).toContain('phone -> gateway  INVITE');
    expect(JSON.parse((await run(`session ${owned.id} --ladder --json`)).out)).toMatchObject({
      id: owned.id,
      ladder: [{ m: 'INVITE' }],
    });
    expect(await run(`hangup ${owned.id}`)).toMatchObject({ status: 0, out: `${owned.id} is being ended.\n` });
    expect(api.hangups).toContain(owned.id);
    expect(JSON.parse((await run(`hangup ${owned.id} --json`)).out)).toEqual({ id: owned.id, status: 'ringing' });
    expect(await run('session 00000000-0000-4000-8000-000000000000')).toMatchObject({ status: 5 });
  });

  it('are followed: each change once, until the signal', async () => {
    await run('apply -f -', { SHOP_KEY: 'canary-key' }, yaml);
    const sink = { out: '', err: '' };
    const stop = new AbortController();
    const following = runCli(['sessions', '--follow', '--org', 'acme'], context({}, sink, stop.signal));
    const owned = await api.session();
    await until('the new session to be printed', () =>
      sink.out.includes(`${owned.id}  +14155550123 -> +14155550100  support  ringing`),
    );
    await end(owned);
    await until('its end to be printed', () => sink.out.includes('ended (caller-hangup)'));
    stop.abort('SIGINT');
    expect(await following).toBe(0);
    expect(sink.out.split('\n').filter((text) => text.includes(owned.id))).toHaveLength(2);
  });

  it('are a table on a terminal that is drawn again in its place', async () => {
    await run('apply -f -', { SHOP_KEY: 'canary-key' }, yaml);
    const sink = { out: '', err: '' };
    const stop = new AbortController();
    const following = runCli(
      ['sessions', '--follow', '--live', '--org', 'acme'],
      context({}, sink, stop.signal, '', { rows: 30, colour: false }),
    );
    /** What is on the screen now. */
    const screen = (): string => sink.out.split('\u001b[H\u001b[2J').at(-1) ?? '';
    const owned = await api.session();
    await until('the new session on the screen', () => screen().includes(`${owned.id}  +14155550123`));
    expect(screen()).toMatch(/^STARTED \(UTC\)/);
    expect(screen()).toContain('Ctrl-C ends');
    await end(owned);
    await until('the session to leave the screen', () => !screen().includes(owned.id));
    stop.abort('SIGINT');
    expect([await following, sink.err]).toEqual([0, '']);
  });

  it('are not followed where the gateway refuses', async () => {
    const refused = await run('sessions --follow', { VOICE_GATEWAY_TOKEN: 'nonsense' });
    expect([refused.status, refused.out]).toEqual([4, '']);
  });

  it('have a ladder in colour on a terminal only', async () => {
    const owned = await api.session();
    const text = [
      '  05:09:18.060  |---------- INVITE SDP ---------->|',
      '  05:09:18.070  |<------- 180 Ringing (INVITE) ---|',
      '  05:09:18.080  |<----- 200 OK (INVITE) SDP ------|',
      '  05:09:18.090  |<--- 486 Busy Here (INVITE) -----|',
      '',
    ].join('\n');
    api.ladders.set(owned.id, { json: [], text });
    const coloured = async (colour: boolean): Promise<string> => {
      const sink = { out: '', err: '' };
      const terminal = { rows: 30, colour };
      await runCli(['session', owned.id, '--ladder'], context({}, sink, undefined, '', terminal));
      return sink.out;
    };
    const shown = await coloured(true);
    expect(
      [...shown.matchAll(/\u001b\[(\d+)m[^\u001b]*(INVITE)[^\u001b]*\u001b\[0m\|/g)].map(([, code]) => code),
    ).toEqual([...['36', '33', '32', '31']]);
    expect(shown.replace(/\u001b\[\d+m/g, '')).toContain(text);
    expect(await coloured(false)).toContain(text);
  });
});

describe('credentials', () => {
  it('mint a token with the local secret that the gateway takes', async () => {
    const minted = await run('token --org acme --role viewer --ttl 10m', { DASHBOARD_JWT_SECRET: api.jwtSecret });
    expect(minted.status).toBe(0);
    expect((await run('sessions', { VOICE_GATEWAY_TOKEN: minted.out.trim() })).status).toBe(0);
    const denied = await run('apply -f -', { VOICE_GATEWAY_TOKEN: minted.out.trim(), SHOP_KEY: 'canary-key' }, yaml);
    expect([denied.status, denied.err]).toEqual([4, 'The role viewer may not do this (document:write).\n']);
    writeFileSync(join(dir, 'dashboard-jwt-secret'), `${api.jwtSecret}\n`);
    const fromFile = await run('token --role operator --json', { DATA_DIR: dir });
    const { token } = JSON.parse(fromFile.out) as { token: string };
    expect((await run('sessions --org acme', { VOICE_GATEWAY_TOKEN: token })).status).toBe(0);
  });

  it('are signed with the secret of gateway.yaml where there is one', async () => {
    const secret = 'of-the-file-and-long-enough-for-HS256';
    const given = { VOICE_GATEWAY_CONFIG: join(dir, file('secret.yaml', `dashboard: { jwtSecret: ${secret} }\n`)) };
    const { out } = await run('token --org acme', given);
    const [head = '', body = '', signature] = out.trim().split('.');
    expect(createHmac('sha256', secret).update(`${head}.${body}`).digest('base64url')).toBe(signature);
    const foreign = join(dir, file('foreign.yaml', 'dashboard: { jwksUrl: "https://id.test/jwks" }\n'));
    expect((await run('token --org acme', { VOICE_GATEWAY_CONFIG: foreign })).err).toContain('identity provider');
  });

  it('refuse what makes no sense in one sentence', async () => {
    expect(await run('token --role admin')).toMatchObject({ status: 2, err: 'The role admin needs --org.\n' });
    expect((await run('token --role operator --org acme')).status).toBe(2);
    expect((await run('token --org acme --ttl soon')).err).toContain('90s, 30m, 1h, 7d');
    expect((await run('token --org acme --role king')).status).toBe(2);
    expect((await run('token --org acme', { DATA_DIR: join(dir, 'none') })).status).toBe(5);
    expect((await run('token --org acme', { DASHBOARD_JWKS_URL: 'https://id.test/jwks' })).err).toContain(
      'identity provider',
    );
    expect([parseTtl('90s'), parseTtl('30m'), parseTtl('1h'), parseTtl('7d')]).toEqual([90, 1_800, 3_600, 604_800]);
  });

  it('never send the admin token to another machine', async () => {
    const refused = await run('sessions', { VOICE_GATEWAY_URL: 'http://gateway.example:8080' });
    expect([refused.status, refused.err.startsWith('VOICE_GATEWAY_TOKEN is not set:')]).toEqual([4, true]);
  });

  it('say how to get one when there is none, or when it is not valid', async () => {
    expect((await run('sessions', { DATA_DIR: join(dir, 'none') })).err).toContain('there is no admin token at');
    expect((await run('sessions', { VOICE_GATEWAY_TOKEN: 'nonsense' })).status).toBe(4);
  });
});

describe('the gateway not being there', () => {
  it('is told with how to start it, and has its own exit status', async () => {
    const gone = await run('sessions', { VOICE_GATEWAY_URL: 'http://127.0.0.1:1', VOICE_GATEWAY_TOKEN: 'x' });
    expect(gone).toEqual({
      status: 3,
      out: '',
      err: 'No gateway answers at http://127.0.0.1:1: start one with `npm start` or `voice-gateway start`, or set VOICE_GATEWAY_URL.\n',
    });
  });

  it('is told apart from another server', async () => {
    const other = createServer((_, response) => response.writeHead(404).end('<html>nothing</html>'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const answer = await run('sessions', { VOICE_GATEWAY_URL: `http://127.0.0.1:${port}`, VOICE_GATEWAY_TOKEN: 'x' });
    await new Promise((resolve) => other.close(resolve));
    expect(answer.err).toBe(`What answers at http://127.0.0.1:${port} is not a voice gateway (HTTP 404).\n`);
  });

  it('is found by doctor, with what else is wrong', async () => {
    const nobody = { VOICE_GATEWAY_URL: 'http://127.0.0.1:1', VOICE_GATEWAY_TOKEN: 'x', PATH: '/nonexistent' };
    const sick = await run('doctor', nobody);
    expect(sick.status).toBe(1);
    expect(sick.out).toMatch(/FAIL {2}gateway +No gateway answers/);
    expect(sick.out).toMatch(/FAIL {2}redis-server +is missing/);
    // What a start would need is read where a start reads it.
    const elsewhere = { VOICE_GATEWAY_CONFIG: join(dir, file('elsewhere.yaml', 'redis: { url: "redis://r:6379" }\n')) };
    const faulty = await run('doctor', { ...nobody, ...elsewhere });
    expect(faulty.out).toMatch(/ok {4}redis-server +not needed: REDIS_URL is set \(gateway\.yaml\)/);
    expect(faulty.out).toMatch(/FAIL {2}config +.*ENCRYPTION_KEYS: must be set with REDIS_URL/);
    // A gateway on another machine needs nothing of this one.
    const remote = await run('doctor', { ...nobody, VOICE_GATEWAY_URL: 'http://0.0.0.0:1' });
    expect(remote.out).not.toMatch(/redis-server|config/);
    checks = [
      { name: 'own SIP udp', state: 'ok', says: '127.0.0.1:5060 answers' },
      { name: 'public address', state: 'warning', says: '10.0.0.1 is private\u001b[2J' },
    ];
    await run('apply -f -', { SHOP_KEY: 'canary-key' }, yaml);
    const well = await run('doctor', { PATH: process.env.PATH });
    expect(well.out).toMatch(/ok {4}redis +works/);
    expect(well.out).toMatch(/ok {4}own SIP udp +127\.0\.0\.1:5060 answers/);
    // A warning is none of the failures.
    expect(well.out).toMatch(/warn {2}public address +10\.0\.0\.1 is private\?\[2J/);
    expect([well.status, well.err]).toEqual([0, '']);
    // Each looks at the configuration in a process of its own.
  }, 60_000);

  it('has what only the gateway sees in doctor', async () => {
    checks = [...checks, { name: 'destination acme/desk', state: 'failed', says: 'nothing came back' }];
    const failed = await run('doctor --json', { PATH: process.env.PATH });
    expect([failed.status, failed.err]).toEqual([1, 'One thing needs attention.\n']);
    expect(JSON.parse(failed.out)).toEqual(
      expect.arrayContaining([
        { name: 'public address', ok: true, warning: true, says: expect.any(String) },
        { name: 'destination acme/desk', ok: false, says: 'nothing came back' },
      ]),
    );
    const viewer = await run('doctor', { PATH: process.env.PATH, VOICE_GATEWAY_TOKEN: await api.token('viewer') });
    expect(viewer.out).toMatch(/warn {2}checks +destinations and carriers are looked at for operators only/);
  });
});

describe('the program', () => {
  it('fills placeholders in texts only, leaves attributes alone, and can write a placeholder itself', () => {
    const input = {
      [placeholder('KEY')]: `a ${placeholder('ONE')} b ${placeholder('price')} $${placeholder('ONE')}`,
      list: [placeholder('INJECT')],
    };
    expect(fillPlaceholders(input, { ONE: '1', INJECT: '", admin: true' })).toEqual({
      value: {
        [placeholder('KEY')]: `a 1 b ${placeholder('price')} ${placeholder('ONE')}`,
        list: ['", admin: true'],
      },
      faults: [],
    });
  });

  it('shows no control characters of others on a terminal', () => {
    expect(printable('a\u001b[31mb\u0007\u202ec\nd\te')).toBe('a?[31mb??c\nd\te');
  });

  it('is described by its reference page, command by command and option by option, both ways', () => {
    const page = readFileSync(join(root, 'docs/reference/cli.md'), 'utf8');
    const sink = { out: '', err: '' };
    const program = createProgram(context({}, sink), [callCommand, demoCommand]);
    const described = (command: Command, above = ''): string[] => {
      const name = `${above}${command.name()}`;
      if (command.commands.length > 0) return command.commands.flatMap((inner) => described(inner, `${name} `));
      const args = command.registeredArguments.map((argument) =>
        argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
      );
      return [
        `### \`voice-gateway ${[name, ...args].join(' ')}\``,
        ...command.options.map((option) => `- \`${option.flags}\`: ${option.description}`),
      ];
    };
    const written = page
      .split('\n')
      .filter((line) => line.startsWith('### `voice-gateway ') || line.startsWith('- `-'));
    expect(written).toEqual(program.commands.flatMap((command) => described(command)));
    const codes = page.split('\n').filter((line) => /^\| \d+ \|/.test(line));
    expect(codes).toEqual(Object.values(exitCodes).map((entry) => `| ${entry.code} | ${entry.meaning} |`));
  });

  it('answers programs in JSON wherever there is an answer', () => {
    const leaves = (command: Command, above = ''): [string, Command][] => {
      const name = `${above}${command.name()}`;
      return command.commands.length === 0
        ? [[name, command]]
        : command.commands.flatMap((inner) => leaves(inner, `${name} `));
    };
    const all = createProgram(context({}, { out: '', err: '' }), [callCommand, demoCommand]).commands;
    const without = all
      .flatMap((command) => leaves(command))
      .filter(([, command]) => !command.options.some(({ long }) => long === '--json'));
    expect(without.map(([name]) => name)).toEqual(['start', 'bench', 'demo']);
  });

  it('measures in a checkout only, and says so elsewhere', () => {
    expect(() => benchesAt(dir)).toThrow(/are part of the source/);
    expect(benchesAt(root)).toBe(join(root, 'dist/bench/main.js'));
  });

  it('says on a terminal that it takes its time, and leaves nothing of it', async () => {
    const sink = { out: '', err: '' };
    checks = [];
    await runCli(['doctor'], context({ PATH: '/none' }, sink, undefined, '', { rows: 30, colour: true }));
    expect(sink.err).toMatch(/^\r⠋ Looking at destinations and carriers[\s\S]*\r\u001b\[2K/);
    expect(sink.out).not.toContain('⠋');
  });

  it('runs as a program: usage on standard error with status 2, help with 0', async () => {
    const main = join(root, 'dist/bin/voice-gateway.js');
    if (!existsSync(main)) throw new Error('the compiled command line is missing: npm run build');
    const start = async (...args: string[]): Promise<Run> => {
      const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
      const sink = { out: '', err: '' };
      child.stdout.on('data', (data: Buffer) => (sink.out += data.toString()));
      child.stderr.on('data', (data: Buffer) => (sink.err += data.toString()));
      const status = await new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? -1)));
      return { status, ...sink };
    };
    const help = await start('--help');
    expect([help.status, help.err]).toEqual([0, '']);
    expect(help.out).toContain('apply');
    const version = await start('--version');
    expect(version).toEqual({ status: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), err: '' });
    const wrong = await start('aply');
    expect([wrong.status, wrong.out]).toEqual([2, '']);
    expect(wrong.err).toContain("unknown command 'aply'");
  });
});
