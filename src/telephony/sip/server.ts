import { type Clock, systemClock } from '../../core/clock.js';
import type { Logger } from '../../core/logger.js';
import type { IncomingCall, Signalling } from '../../domain/calls/ports.js';
import { admissionState, type OwnCalls } from './admission/admit.js';
import type { RejectedCall, RejectionReason } from './admission/verdict.js';
import { type Accepting, acceptConnections, type ListenAddress } from './connection/accepting.js';
import {
  type ConnectionEvents,
  openConnection,
  type ServerAddress,
  type SipConnection,
} from './connection/connection.js';
import type { MessageTap } from './connection/exchange.js';
import type { DestinationGuard } from './destination-guard.js';
import { type KeepAlive, type PeerState, startKeepAlive } from './keep-alive.js';
import type { Ladder } from './ladder/recorder.js';
import { createLink, type Link, type LinkDeps } from './link.js';
import { type Probe, probePeer } from './probe.js';
import type { ProfileRegistry } from './profiles/registry.js';

export type SipServerOptions = {
  /** Admin ports we connect to: the embedded engine's, or those of drachtio-servers. */
  readonly servers: readonly ServerAddress[];
  /** Where drachtio-servers connect to us. */
  readonly listen?: ListenAddress;
  readonly connectTimeout?: number;
  readonly profiles: ProfileRegistry;
  /** Takes each admitted call. What it throws is logged and answered with 500. */
  readonly handler: (call: IncomingCall) => void;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Host of our From; left out, the SIP server writes its own address. */
  readonly domain?: string;
  /** True while the gateway takes nothing new. */
  readonly draining?: () => boolean;
  /** Counts what was turned away. `profile` is null when no profile matched. */
  readonly onRejected?: (reason: RejectionReason, profile: string | null, call: RejectedCall) => void;
  /** Knows the calls this gateway places to itself. */
  readonly ownCalls?: OwnCalls;
  /** Judges where calls of ours go. */
  readonly guard?: DestinationGuard;
  /** Records what this application sends and receives. */
  readonly ladder?: Ladder;
  /**
   * True when the ladder is fed by the engine's tap, which sees every message on the wire; false when this
   * application has to feed it itself (drachtio-server).
   */
  readonly wireTap?: boolean;
  /** True for a server that keeps dialogs while we reconnect (the embedded engine); drachtio-server forgets them. */
  readonly dialogsSurviveReconnect?: boolean;
  /** Most bytes of one message to the servers (drachtio-server: about 12 kB); none: no limit. */
  readonly messageLimit?: number;
};

export type SipServer = Signalling & {
  /** Where the SIP servers listen: `udp/127.0.0.1:5060`. */
  endpoints(): readonly string[];
  /** True while calls can come in: over a connection of ours, or because SIP servers connect to us. */
  connected(): boolean;
  /** The servers we connect to, by `host:port`. */
  servers(): readonly { readonly name: string; readonly connected: boolean }[];
  /** Where SIP servers connect to us; null when they do not. */
  readonly listening: number | null;
  /** Dialogs and unanswered INVITEs at this moment. */
  stats(): { readonly dialogs: number; readonly ringing: number };
  /** Peers watched by OPTIONS. */
  peers(): readonly PeerState[];
  /**
   * Asks the SIP servers for nothing new, so that they give new calls to other instances. Resolves when they know, at
   * most after a second; calls they had given us by then have arrived.
   */
  retreat(): Promise<void>;
  /** Sends one OPTIONS to a SIP URI; waits at most `timeout` ms. Never rejects. */
  probe(uri: string, timeout: number): Promise<Probe>;
  /** Leaves the SIP servers. Calls must have been ended before; what is left ends as `lost`. */
  close(): Promise<void>;
};

/** How long the other servers may take once the first is connected, ms. */
const STRAGGLERS = 1_000;

/** How long a drain waits for the servers to have heard of it, ms. */
const RETREAT = 1_000;

/** A server's own connection is closed when it had no call at two looks in a row, this far apart, ms. */
const IDLE_LOOK = 5_000;

/** Stands for a connection when there is none. */
const nowhere: SipConnection = {
  name: 'none',
  endpoints: () => [],
  connected: () => false,
  send: (_request, handlers) => handlers.onFault({ kind: 'lost', detail: 'no SIP server is connected' }),
  retreat: () => Promise.resolve(),
  close: () => {},
};

/**
 * Connects to SIP servers and serves calls on them: new INVITEs through admission to `handler`, requests inside dialogs
 * to their dialog, everything else with a proper refusal. One server down leaves the others working. Rejects with
 * GatewayError sip_unavailable when none can be had, config_invalid when it cannot listen.
 */
export const createSipServer = async (options: SipServerOptions): Promise<SipServer> => {
  const { log, profiles, ladder } = options;
  const clock = options.clock ?? systemClock;
  const wireTap = options.wireTap === true;
  const deps: LinkDeps = {
    profiles,
    admission: admissionState(profiles, clock, options.ownCalls ?? null),
    handler: options.handler,
    log,
    clock,
    domain: options.domain ?? 'localhost',
    draining: options.draining ?? (() => false),
    onRejected: options.onRejected ?? (() => {}),
    guard: options.guard ?? null,
    wireLadder: wireTap && ladder !== undefined ? ladder : null,
    dialogsSurvive: options.dialogsSurviveReconnect === true,
  };
  const each: { readonly tap?: MessageTap; readonly messageLimit?: number } = {
    ...(ladder === undefined || wireTap
      ? {}
      : { tap: (message) => ladder.recordText({ ...message, at: clock.now() }) }),
    ...(options.messageLimit === undefined ? {} : { messageLimit: options.messageLimit }),
  };

  const ready: Promise<void>[] = [];
  const ours: readonly Link[] = options.servers.map((server) =>
    createLink(deps, (events) => {
      const opened = openConnection({
        ...{ server, clock, log, ...events, ...each, leavesInvites: !deps.dialogsSurvive },
        ...(options.connectTimeout === undefined ? {} : { connectTimeout: options.connectTimeout }),
      });
      ready.push(opened.ready);
      return opened.connection;
    }),
  );
  const theirs = new Set<Link>();
  const away = createLink(deps, () => nowhere);
  const all = (): Link[] => [...ours, ...theirs];

  /** Takes in a connection that a SIP server opened, and ends it when nothing needs it any more. */
  const adopt = (connection: SipConnection): ConnectionEvents => {
    let handlers: ConnectionEvents | null = null;
    const link = createLink(deps, (events) => {
      handlers = events;
      return connection;
    });
    const events: ConnectionEvents = handlers ?? { onRequest: () => {}, onLost: () => {}, onRestored: () => {} };
    theirs.add(link);
    let idle = 0;
    const look = (): void => {
      const { dialogs, ringing } = link.stats();
      idle = dialogs + ringing === 0 ? idle + 1 : 0;
      if (idle < 2) timer = clock.after(IDLE_LOOK, look);
      else leave();
    };
    let timer = clock.after(IDLE_LOOK, look);
    const leave = (): void => {
      timer.cancel();
      theirs.delete(link);
      link.close();
    };
    return {
      ...events,
      onLost: (forGood) => {
        timer.cancel();
        theirs.delete(link);
        events.onLost(forGood);
      },
    };
  };

  let accepting: Accepting | null = null;
  const closeAll = async (): Promise<void> => {
    for (const link of all()) link.close();
    await accepting?.close();
  };
  try {
    if (options.listen !== undefined) {
      accepting = await acceptConnections({ listen: options.listen, clock, log, ...each, onConnection: adopt });
    }
    await enough(ready, clock).catch((error: unknown) => {
      // Servers may still come to us; those we connect to are tried on.
      if (accepting === null) throw error;
    });
  } catch (error) {
    await closeAll();
    throw error;
  }
  for (const { connection } of ours) {
    if (!connection.connected())
      log.error({ sipServer: connection.name }, 'a SIP server cannot be reached; the others serve');
  }

  let turn = 0;
  /** The link of the call to stay beside, else the next connected one in turn. */
  const linkFor = (beside: string | undefined): Link => {
    const home =
      beside === undefined || ours.length + theirs.size < 2 ? undefined : all().find((link) => link.holds(beside));
    if (home !== undefined) return home;
    const connected = ours.filter((link) => link.connection.connected());
    turn += 1;
    return connected[turn % connected.length] ?? ours[0] ?? [...theirs][0] ?? away;
  };
  const anyConnection = (): SipConnection | null =>
    (ours.find((link) => link.connection.connected()) ?? ours[0])?.connection ?? null;
  const keepAlive: KeepAlive = startKeepAlive({
    profiles,
    connection: anyConnection,
    clock,
    log,
  });

  return {
    place: (request) => linkFor(request.beside).place(request),
    endpoints: () => [...new Set(all().flatMap((link) => link.connection.endpoints()))],
    connected: () => accepting !== null || ours.some((link) => link.connection.connected()),
    servers: () => ours.map(({ connection }) => ({ name: connection.name, connected: connection.connected() })),
    listening: accepting?.port ?? null,
    stats: () => {
      const stats = all().map((link) => link.stats());
      const sum = (of: 'dialogs' | 'ringing'): number => stats.reduce((total, each) => total + each[of], 0);
      return { dialogs: sum('dialogs'), ringing: sum('ringing') };
    },
    peers: () => keepAlive.peers(),
    retreat: async () => {
      const told = Promise.all(ours.map(({ connection }) => connection.retreat()));
      await within(told, RETREAT, clock);
    },
    probe: (uri, timeout) => probePeer(anyConnection(), uri, { clock, timeout }),
    close: async () => {
      keepAlive.stop();
      await closeAll();
    },
  };
};

/** Resolves when one server is connected and the others are too or have had their time; rejects when none can be had. */
const enough = async (ready: readonly Promise<void>[], clock: Clock): Promise<void> => {
  const [only, ...others] = ready;
  if (only === undefined) return;
  if (others.length === 0) return only;
  await Promise.any(ready).catch((error: AggregateError) => Promise.reject(error.errors[0]));
  await within(Promise.allSettled(ready), STRAGGLERS, clock);
};

/** Waits for `work`, but not beyond `limit` ms. */
const within = async (work: Promise<unknown>, limit: number, clock: Clock): Promise<void> => {
  let timer: { cancel(): void } | null = null;
  const late = new Promise<void>((resolve) => {
    timer = clock.after(limit, resolve);
  });
  await Promise.race([work, late]);
  (timer as { cancel(): void } | null)?.cancel();
};
