import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { search as referenceSearch } from 'jmespath';
import { systemClock } from '../src/core/clock.js';
import { entryUrl } from '../src/core/entry-path.js';
import { createCertificateAuthority } from '../src/core/x509.js';
import { compileExpression, createCertificateNormaliser, parseTemplate } from '../src/domain/actions/index.js';
import { createEgressClient, createEgressPolicy, EgressFailure, parseAllowList } from '../src/platform/egress/index.js';
import { badBehaviours } from '../test/support/bad-targets.js';
import { type Bench, type BenchRow, median, round } from './bench.js';

/** Milliseconds that `work` took, an exception included. */
const timed = (work: () => unknown): number => {
  const begin = performance.now();
  try {
    work();
  } catch {
    // How long it took is what counts.
  }
  return performance.now() - begin;
};

/** The template parser on texts of one length and of twice that: linear time doubles. */
const parserRow = (): BenchRow => {
  const pieces = ['\\{', 'text ', '} ', 'h', 'hmac-', `{a${' | base64'.repeat(20)}}`];
  const ratios = pieces.map((piece) => {
    const times = (length: number): number => {
      const text = piece.repeat(Math.floor(length / piece.length));
      // The least of many: whatever else the machine does only adds.
      return Math.min(...Array.from({ length: 41 }, () => timed(() => parseTemplate(text, { calls: true }))));
    };
    times(30_000);
    return times(60_000) / times(30_000);
  });
  const worst = Math.max(...ratios);
  return {
    what: 'template parser: 60,000 characters against 30,000',
    ours: `worst ${round(worst)}× of ${pieces.length} kinds of text`,
    compared: '',
    ratio: null,
    goal: '≤ 3× (linear)',
    met: worst <= 3,
  };
};

const jmespathRows = (): BenchRow[] => {
  const document = {
    items: Array.from({ length: 20_000 }, (_, index) => ({ a: `value ${index}`, b: [index, { c: index }] })),
  };
  const hostile = [
    `@${' | [@,@]'.repeat(60)}`,
    `[@,@]${' | [@,@][]'.repeat(40)}`,
    `[@,@]${' | [@,@]'.repeat(30)} | to_string(@)`,
    `[@${' | [@,@]'.repeat(30)}, @${' | [@,@]'.repeat(30)}] | [0] == [1]`,
    `['aaaaaaaaaaaaaaaa']${" | [join('', @), join('', @), join('', @), join('', @)]".repeat(30)}`,
    `[${Array.from({ length: 120 }, () => 'to_string(@)').join(',')}]`,
    Array.from({ length: 100 }, () => 'items[*].a').join(' && '),
    `items[?contains(to_string(@), 'x')] | ${'sort_by(@, &a) | '.repeat(60)}[0]`,
  ];
  const stalls = hostile.map((expression) => timed(() => compileExpression(expression).search(document)));
  const small = { ok: true, orders: document.items.slice(0, 20), user: { profile: { name: 'Ada' } } };
  const rate = (work: () => unknown): number => {
    for (let i = 0; i < 2_000; i += 1) work();
    return median(
      Array.from(
        { length: 7 },
        () =>
          5_000 /
          (timed(() => {
            for (let i = 0; i < 5_000; i += 1) work();
          }) /
            1000),
      ),
    );
  };
  const rows = ['user.profile.name', "orders[?a=='value 3'].b[0]", 'length(orders) > `0`'].map((text): BenchRow => {
    const compiled = compileExpression(text);
    const [ours, theirs] = [rate(() => compiled.search(small)), rate(() => referenceSearch(small, text))];
    return {
      what: `JMESPath ${text}`,
      ours: `${round(ours / 1000, 0)} k/s`,
      compared: `jmespath 0.16: ${round(theirs / 1000, 0)} k/s`,
      ratio: ours / theirs,
      goal: '≥ 1',
      met: ours >= theirs,
    };
  });
  return [
    {
      what: `JMESPath: longest stall of ${hostile.length} hostile expressions on a document of 1 MB`,
      ours: `${round(Math.max(...stalls), 0)} ms`,
      compared: '',
      ratio: null,
      goal: '< 150 ms',
      met: Math.max(...stalls) < 150,
    },
    ...rows,
  ];
};

const certificateRow = async (): Promise<BenchRow> => {
  const folder = mkdtempSync(join(tmpdir(), 'bench-certificate-'));
  const issued = createCertificateAuthority('Bench').issue({ name: 'client' });
  writeFileSync(join(folder, 'c.pem'), issued.certificate + issued.privateKey);
  execFileSync(
    'openssl',
    ['pkcs12', '-export', '-in', 'c.pem', '-out', 'c.p12', '-passout', 'pass:x', '-iter', '1000000'],
    { cwd: folder },
  );
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const normaliser = createCertificateNormaliser(systemClock);
  delay.enable();
  const begin = performance.now();
  await normaliser.normalise({ certificate: readFileSync(join(folder, 'c.p12')), password: 'x' });
  const took = performance.now() - begin;
  delay.disable();
  rmSync(folder, { recursive: true });
  const stall = delay.max / 1e6;
  return {
    what: 'PKCS #12 of 1,000,000 iterations: longest stall of the event loop',
    ours: `${round(stall, 1)} ms (open in ${round(took, 0)} ms)`,
    compared: '',
    ratio: null,
    goal: '≤ 50 ms',
    met: stall <= 50,
  };
};

const callsEach = 20;

/** How far past its deadline a call to each kind of bad target ends. Those that caps stop end before it. */
const deadlineRows = async (): Promise<BenchRow[]> => {
  const child = fork(fileURLToPath(entryUrl(import.meta.url, './bad-targets-child.js')));
  const [{ port, stallingPort, authority }] = (await once(child, 'message')) as [
    { port: number; stallingPort: number; authority: string },
  ];
  const http = createEgressClient({
    policy: createEgressPolicy({ allow: parseAllowList('localhost|127.0.0.0/8|*') }),
    extraAuthorities: [authority],
  });
  const targets = [
    ...badBehaviours.map(({ what }, index) => ({ what, url: `https://localhost:${port}/${index}` })),
    { what: 'stalls in the TLS handshake', url: `https://localhost:${stallingPort}/` },
  ];
  const timeoutMs = 500;
  const rows: BenchRow[] = [];
  for (const { what, url } of targets) {
    const late: number[] = [];
    const kinds = new Set<string>();
    for (let call = 0; call < callsEach; call += 1) {
      const begin = performance.now();
      await http
        .request({
          ...{
            purpose: 'action',
            method: 'GET',
            url: new URL(url),
            headers: [],
            timeoutMs,
            maxResponseBytes: 1_048_576,
          },
        })
        .catch((error: unknown) => kinds.add(error instanceof EgressFailure ? error.kind : String(error)));
      late.push(performance.now() - begin - timeoutMs);
    }
    const worst = Math.max(...late);
    rows.push({
      what: `a target that ${what}, deadline ${timeoutMs} ms`,
      ours: `${[...kinds].join(', ')}; worst ${round(worst, 1)} ms past it of ${callsEach} calls`,
      compared: '',
      ratio: null,
      goal: '≤ 50 ms',
      met: worst <= 50 && kinds.size === 1,
    });
  }
  await http.close();
  child.disconnect();
  await once(child, 'exit');
  return rows;
};

/** The times that keep one tenant's action from slowing everybody else's calls. */
export const executorSafeguardsBench: Bench = {
  name: 'executor-safeguards',
  id: 'P5',
  title: 'Executor: limits on what a tenant can cost',
  run: async (log) => {
    const rows = [parserRow(), ...jmespathRows()];
    log('parser and expressions done');
    rows.push(await certificateRow());
    log('certificate done');
    rows.push(...(await deadlineRows()));
    return { id: 'P5', title: 'Executor: limits on what a tenant can cost', rows, notes: [] };
  },
};
