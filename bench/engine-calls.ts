import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import Srf from 'drachtio-srf';
import { startEngine } from '../src/telephony/sip-engine/index.js';

/**
 * CPU of the embedded engine per call (P2): a bare drachtio-srf UAS and a B2BUA, sipp on both ends, engine and
 * application in processes of their own. Steps are bounded to 10 seconds.
 *
 *     npm run build && node dist/bench/engine-calls.js [seconds per step]
 */
type Role = 'engine' | 'uas' | 'b2bua';
type Report = { cpu: number };

const self = fileURLToPath(import.meta.url);
const cpu = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

const runEngine = async (): Promise<void> => {
  const engine = await startEngine({
    listen: [{ transport: 'udp', address: '127.0.0.1', port: 0 }],
    admin: { host: '127.0.0.1', port: 0, secret: 'bench' },
  });
  process.send?.({ ready: true, adminPort: engine.adminPort, sipPort: engine.listen[0]?.port });
};

const destroy = (dialog: Srf.Dialog): void => void Promise.resolve(dialog.destroy()).catch(() => undefined);

const runApp = async (role: Role, adminPort: number, destination: string): Promise<void> => {
  const srf = new Srf();
  srf.connect({ host: '127.0.0.1', port: adminPort, secret: 'bench' });
  await once(srf, 'connect');
  srf.invite((req, res) => {
    if (role === 'uas') {
      srf.createUAS(req, res, { localSdp: req.body }).catch(() => undefined);
      return;
    }
    srf.createB2BUA(req, res, destination, {}).then(
      ({ uas, uac }) => {
        uas.on('destroy', () => destroy(uac));
        uac.on('destroy', () => destroy(uas));
      },
      () => undefined,
    );
  });
  process.send?.({ ready: true });
};

const start = async (
  role: Role,
  ...args: string[]
): Promise<{ child: ChildProcess; ready: Record<string, number> }> => {
  const child = fork(self, [role, ...args], { execArgv: process.env.BENCH_NODE_ARGS?.split(' ') ?? [] });
  const [ready] = await once(child, 'message');
  return { child, ready };
};

const cpuOf = async (child: ChildProcess): Promise<number> => {
  child.send('cpu');
  const [report]: Report[] = await once(child, 'message');
  return report?.cpu ?? Number.NaN;
};

const sippCalls = async (
  sipPort: number,
  rate: number,
  seconds: number,
): Promise<{ ok: number; failed: number; retransmissions: number }> => {
  const calls = rate * seconds;
  const args = ['-sn', 'uac', '-i', '127.0.0.1', '-r', String(rate), '-m', String(calls), '-d', '1000', '-nostdin'];
  const sipp = spawn('sipp', [...args, `127.0.0.1:${sipPort}`], { stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  sipp.stdout.on('data', (data) => {
    output += data;
  });
  const limit = setTimeout(() => sipp.kill('SIGKILL'), (seconds + 45) * 1000);
  await once(sipp, 'close');
  clearTimeout(limit);
  const last = (label: string): number =>
    Number([...output.matchAll(new RegExp(`${label} +\\| +\\d+ +\\| +(\\d+)`, 'g'))].at(-1)?.[1] ?? 0);
  // Lines of the scenario end with messages, retransmissions, timeouts and unexpected messages.
  const screen = output.slice(output.lastIndexOf('Messages  Retrans'));
  const retransmissions = [...screen.matchAll(/-{2,}> +(?:B-RTD\d)? *\d+ +(\d+)/g)].reduce(
    (n, m) => n + Number(m[1]),
    0,
  );
  return { ok: last('Successful call'), failed: last('Failed call'), retransmissions };
};

const bench = async (): Promise<void> => {
  const seconds = Math.min(10, Number(process.argv[2] ?? 8));
  const { child: engine, ready } = await start('engine');
  const { adminPort = 0, sipPort = 0 } = ready;
  const answering = spawn('sipp', ['-sn', 'uas', '-i', '127.0.0.1', '-p', '5997', '-nostdin'], { stdio: 'ignore' });
  try {
    console.log('role   rate  calls  failed  retransmissions  engine ms/call  application ms/call');
    for (const [role, rates] of [
      ['uas', [100, 200, 400, 600]],
      ['b2bua', [50, 100, 200, 300]],
    ] as const) {
      const { child: app } = await start(role, String(adminPort), 'sip:127.0.0.1:5997');
      await sippCalls(sipPort, 50, 1);
      for (const rate of rates) {
        const before = [await cpuOf(engine), await cpuOf(app)];
        const result = await sippCalls(sipPort, rate, seconds);
        const used = [(await cpuOf(engine)) - (before[0] ?? 0), (await cpuOf(app)) - (before[1] ?? 0)];
        const per = used.map((ms) => (ms / Math.max(1, result.ok)).toFixed(3));
        console.log(
          `${role.padEnd(6)} ${String(rate).padStart(4)} ${String(result.ok).padStart(6)} ${String(result.failed).padStart(7)} ${String(result.retransmissions).padStart(16)} ${String(per[0]).padStart(15)} ${String(per[1]).padStart(20)}`,
        );
      }
      app.disconnect();
      await once(app, 'exit');
    }
  } finally {
    answering.kill('SIGKILL');
    engine.disconnect();
  }
};

const role = process.argv[2];
if (process.send && (role === 'engine' || role === 'uas' || role === 'b2bua')) {
  process.on('message', () => process.send?.({ cpu: cpu() }));
  process.on('disconnect', () => process.exit(0));
  await (role === 'engine' ? runEngine() : runApp(role, Number(process.argv[3]), process.argv[4] ?? ''));
} else await bench();
