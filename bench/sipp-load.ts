import { spawn } from 'node:child_process';
import { once } from 'node:events';

export type LoadResult = { readonly ok: number; readonly failed: number; readonly retransmissions: number };

/**
 * INVITE, ACK, BYE from a real sipp: `rate` calls a second for `seconds`, each held `holdMs`. Bounded: sipp is ended
 * when it takes 45 s longer than it should.
 */
export const sippCalls = async (load: {
  readonly sipPort: number;
  readonly rate: number;
  readonly seconds: number;
  readonly holdMs: number;
  readonly called: string;
}): Promise<LoadResult> => {
  const args = [
    ...['-sn', 'uac', '-i', '127.0.0.1', '-mi', '127.0.0.1', '-ci', '127.0.0.1', '-s', load.called],
    ...['-r', String(load.rate), '-m', String(Math.round(load.rate * load.seconds)), '-d', String(load.holdMs)],
    ...['-nostdin', `127.0.0.1:${load.sipPort}`],
  ];
  const sipp = spawn('sipp', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  sipp.stdout.on('data', (data) => {
    output += data;
  });
  const limit = setTimeout(() => sipp.kill('SIGKILL'), (load.seconds + 45) * 1_000);
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
