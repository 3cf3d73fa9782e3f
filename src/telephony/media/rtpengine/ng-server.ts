import type { Clock, Timer } from '../../../core/clock.js';
import type { Logger } from '../../../core/logger.js';
import { type NgClient, type NgResult, ngClient } from './ng-client.js';

/** One rtpengine and whether it answers. */
export type NgServer = {
  readonly name: string;
  up(): boolean;
  /** As the client's; silence makes the server be looked at without delay. */
  request: NgClient['request'];
  close(): void;
};

export type NgServerTimes = {
  /** Between pings of one that answers, and of one that is down, ms. */
  readonly pingMs: number;
  /** Until the next ping after one that was not answered, ms. */
  readonly doubtMs: number;
  /** How long an answer to a ping may take, ms. */
  readonly patienceMs: number;
};

/** A dead process is noticed within two seconds, a dead machine, which says nothing at all, within four. */
export const defaultServerTimes: NgServerTimes = { pingMs: 1_000, doubtMs: 200, patienceMs: 800 };

/** One lost packet is no outage, and each ping has been repeated by then. */
const missesUntilDown = 3;

export const ngServer = (options: {
  readonly host: string;
  readonly port: number;
  readonly times: NgServerTimes;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called once each time it is found to be gone. */
  readonly onDown: (server: NgServer, reason: string) => void;
}): NgServer => {
  const { clock, log, times } = options;
  const client = ngClient(options);
  /** Null before the first answer or the first missing one. */
  let up: boolean | null = null;
  let misses = 0;
  let closed = false;
  let timer: Timer | null = null;
  let asking = false;

  const next = (ms: number): void => {
    timer?.cancel();
    if (!closed) timer = clock.after(ms, ping);
  };

  const judge = (result: NgResult): number => {
    if (result.ok) {
      misses = 0;
      if (up !== true) log.info({ rtpengine: client.name }, 'rtpengine answers');
      up = true;
      return times.pingMs;
    }
    misses += 1;
    // At the start nothing depends on it yet: one missing answer is enough to look elsewhere.
    if (up !== false && (up === null || misses >= missesUntilDown)) {
      up = false;
      log.warn({ rtpengine: client.name, reason: result.reason }, 'rtpengine does not answer');
      options.onDown(server, result.reason);
    }
    return up === false ? times.pingMs : times.doubtMs;
  };

  const ping = (): void => {
    if (closed || asking) return;
    asking = true;
    void client.request('ping', {}, { timeoutMs: times.patienceMs }).then((result) => {
      asking = false;
      if (!closed) next(judge(result));
    });
  };

  const server: NgServer = {
    name: client.name,
    up: () => up === true,
    async request(command, args, more) {
      const result = await client.request(command, args, more);
      if (!result.ok && result.why === 'silent' && up === true) ping();
      return result;
    },
    close() {
      closed = true;
      timer?.cancel();
      client.close();
    },
  };
  ping();
  return server;
};
