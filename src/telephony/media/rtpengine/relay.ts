import type { Clock, Timer } from '../../../core/clock.js';
import type { Logger } from '../../../core/logger.js';
import type { MediaRelay, RelayEvents, RelayRequest } from '../../../domain/calls/relay-ports.js';
import { defaultServerTimes, type NgServer, type NgServerTimes, ngServer } from './ng-server.js';
import { type OpenedPair, openPair, type PairSide, readParties } from './relayed-pair.js';

export type RtpengineOptions = {
  /** Asked in turn; one that does not answer is passed over. */
  readonly servers: readonly { readonly host: string; readonly port: number }[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly times?: NgServerTimes;
  /** How often each call is asked after, ms: a restarted rtpengine answers pings and has forgotten its calls. */
  readonly lookMs?: number;
};

/** The rtpengines as relay of calls between two SIP peers. */
export type RtpengineRelay = MediaRelay & {
  /** How many answer. */
  up(): number;
  close(): void;
};

type Relayed = {
  readonly pair: OpenedPair;
  readonly request: RelayRequest;
  readonly events: RelayEvents;
  timer: Timer | null;
};

const sides = ['caller', 'destination'] as const;

export const createRtpengineRelay = (options: RtpengineOptions): RtpengineRelay => {
  const { clock, log } = options;
  const lookMs = options.lookMs ?? 5_000;
  const relayed = new Set<Relayed>();
  let turn = 0;
  let calls = 0;

  /** The call is no longer there: whoever owns it hears it once. */
  const drop = (entry: Relayed, reason: 'unreachable' | 'forgotten'): void => {
    if (!forget(entry)) return;
    entry.events.lost(reason);
  };
  const forget = (entry: Relayed): boolean => {
    entry.timer?.cancel();
    return relayed.delete(entry);
  };

  const servers = options.servers.map(({ host, port }) =>
    ngServer({
      ...{ host, port, clock, log },
      times: options.times ?? defaultServerTimes,
      onDown: (server) => {
        for (const entry of [...relayed]) if (entry.pair.server === server) drop(entry, 'unreachable');
      },
    }),
  );

  /** The side that has sent nothing for longer than it may. */
  const silentSide = ({ request }: Relayed, lastPacket: ReadonlyMap<string, number>, since: number): PairSide | null =>
    sides.find((side) => {
      const { idleTimeout } = request[side];
      const last = Math.max((lastPacket.get(side) ?? 0) * 1_000, since);
      return idleTimeout > 0 && clock.now() - last > idleTimeout;
    }) ?? null;

  const watch = (entry: Relayed): void => {
    const since = clock.now();
    const look = async (): Promise<void> => {
      const found = await entry.pair.look();
      if (!relayed.has(entry)) return;
      if (found === 'gone') return drop(entry, 'forgotten');
      const silent = found === null ? null : silentSide(entry, found.lastPacket, since);
      if (silent !== null) entry.events.silent(silent);
      next();
    };
    const next = (): void => {
      entry.timer = clock.after(lookMs, () => void look());
    };
    next();
  };

  /** Those that answer, another one first each time. */
  const inTurn = (): NgServer[] => {
    const able = servers.filter((server) => server.up());
    turn += 1;
    return able.map((_, index) => able[(index + turn) % able.length]).filter((server) => server !== undefined);
  };

  return {
    async open(request, events) {
      const parties = readParties(request);
      if (typeof parties === 'string') return { refused: 'unfit', reason: parties };
      let reason = 'no rtpengine answers';
      for (const server of inTurn()) {
        calls += 1;
        const pair = await openPair(server, `${request.sessionId}-${calls}`, request, parties);
        if ('ok' in pair) {
          reason = `${server.name}: ${pair.reason}`;
          log.warn({ rtpengine: server.name, reason: pair.reason }, 'rtpengine did not take a call');
          continue;
        }
        const entry: Relayed = { pair, request, events, timer: null };
        relayed.add(entry);
        watch(entry);
        return {
          relay: pair.relay,
          caller: pair.caller,
          destination: pair.destination,
          close: () => {
            forget(entry);
            return pair.close();
          },
        };
      }
      return { refused: 'unreachable', reason };
    },
    up: () => servers.filter((server) => server.up()).length,
    close() {
      for (const entry of [...relayed]) forget(entry);
      for (const server of servers) server.close();
    },
  };
};
