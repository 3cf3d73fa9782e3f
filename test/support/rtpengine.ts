/** rtpengine as Debian packages it, in user space, on ports of a test's own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { systemClock } from '../../src/core/clock.js';
import { type NgClient, type NgResult, ngClient } from '../../src/telephony/media/rtpengine/ng-client.js';
import { freePort, rtpRange } from './ports.js';
import { until } from './until.js';

export type Rtpengine = {
  /** `host:port`, as RTPENGINE takes it. */
  readonly address: string;
  /** True when a description sends media to it. */
  has(sdp: string): boolean;
  ask: NgClient['request'];
  /** Call-IDs it knows. */
  calls(): Promise<readonly string[]>;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same ports; it knows nothing of before. */
  start(): Promise<void>;
  stop(): Promise<void>;
};

/** Where Debian and where a build of one's own has it. */
const binary = ['/usr/bin/rtpengine', '/usr/sbin/rtpengine', '/usr/local/bin/rtpengine'].find((path) =>
  existsSync(path),
);

export const startRtpengine = async (): Promise<Rtpengine> => {
  const port = await freePort();
  const range = rtpRange();
  const client = ngClient({ host: '127.0.0.1', port, clock: systemClock });
  let child: ChildProcess | null = null;
  let output = '';

  const start = async (): Promise<void> => {
    const started = spawn(
      binary ?? 'rtpengine',
      [
        ...['--config-file=none', '--foreground', '--log-stderr', '--log-level=4', '--table=-1', '--num-threads=2'],
        ...[`--listen-ng=127.0.0.1:${port}`, '--interface=127.0.0.1'],
        ...[`--port-min=${range.from}`, `--port-max=${range.to}`],
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    child = started;
    started.stderr?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    let failure: Error | null = null;
    started.on('error', (error) => {
      failure = error;
    });
    await until(
      'an answer of rtpengine',
      async () => {
        if (failure !== null) throw failure;
        if (started.exitCode !== null) throw new Error(`rtpengine ended:\n${output.slice(-2_000)}`);
        return (await client.request('ping', {}, { timeoutMs: 300 })).ok;
      },
      30_000,
    );
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  };

  await start();
  return {
    address: `127.0.0.1:${port}`,
    has: (sdp) => {
      const at = Number(/^m=audio (\d+) /m.exec(sdp)?.[1]);
      return at >= range.from && at <= range.to;
    },
    ask: (...request) => client.request(...request),
    calls: async () => {
      const listed: NgResult = await client.request('list');
      const calls = listed.ok ? listed.reply.get('calls') : null;
      return Array.isArray(calls) ? calls.map(String) : [];
    },
    kill: () => end('SIGKILL'),
    start,
    stop: async () => {
      client.close();
      await end('SIGKILL');
    },
  };
};
