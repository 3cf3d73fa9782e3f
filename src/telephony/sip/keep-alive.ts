import type { Clock } from '../../core/clock.js';
import type { Logger } from '../../core/logger.js';
import type { SipConnection } from './connection/connection.js';
import type { ProfileRegistry } from './profiles/registry.js';

export type PeerState = {
  readonly profile: string;
  readonly target: string;
  /** Null until the first OPTIONS has ended. */
  readonly reachable: boolean | null;
  /** Round trip of the last answered OPTIONS, ms. */
  readonly roundTripMs: number | null;
  /** Since when it has been so, ms since the epoch. */
  readonly since: number;
};

export type KeepAlive = { peers(): readonly PeerState[]; stop(): void };

/**
 * Sends OPTIONS to the peers whose profile asks for it: keeps NAT bindings and connections open and says when a peer
 * stops answering. Any answer of the peer counts, also a refusal. Follows reloads of the profiles.
 */
export const startKeepAlive = (options: {
  readonly profiles: ProfileRegistry;
  readonly connection: () => SipConnection | null;
  readonly clock: Clock;
  readonly log: Logger;
}): KeepAlive => {
  const { profiles, clock, log } = options;
  const peers = new Map<string, PeerState>();
  let timers: { cancel(): void }[] = [];
  let generation = 0;

  const note = (profile: string, target: string, reachable: boolean, roundTripMs: number | null): void => {
    const known = peers.get(profile);
    const changed = known === undefined || known.reachable !== reachable || known.target !== target;
    peers.set(profile, { profile, target, reachable, roundTripMs, since: changed ? clock.now() : known.since });
    if (!changed) return;
    if (reachable) log.info({ profile, target, roundTripMs }, 'SIP peer answers');
    else log.warn({ profile, target }, 'SIP peer does not answer OPTIONS');
  };

  const start = (): void => {
    const mine = ++generation;
    for (const timer of timers) timer.cancel();
    timers = [];
    const wanted = new Set<string>();
    for (const { name, keepAlive } of profiles.all()) {
      if (keepAlive === null) continue;
      wanted.add(name);
      const slot = timers.length;
      const ping = (): void => {
        if (mine !== generation) return;
        timers[slot] = clock.after(keepAlive.interval, ping);
        const at = clock.monotonic();
        options.connection()?.send(
          { method: 'OPTIONS', uri: keepAlive.target },
          {
            onResponse: (response) => {
              if (mine !== generation || response.status < 200) return;
              const roundTrip = response.local ? null : Math.round(clock.monotonic() - at);
              note(name, keepAlive.target, !response.local, roundTrip);
            },
            onFault: () => {
              if (mine === generation) note(name, keepAlive.target, false, null);
            },
          },
        );
      };
      ping();
    }
    for (const name of peers.keys()) if (!wanted.has(name)) peers.delete(name);
  };

  const unsubscribe = profiles.onReload(start);
  start();
  return {
    peers: () => [...peers.values()],
    stop: () => {
      generation++;
      unsubscribe();
      for (const timer of timers) timer.cancel();
    },
  };
};
