import type { Socket } from 'node:net';
import { createSecureContext, rootCertificates, type SecureContext, type TLSSocket } from 'node:tls';
import { Pool } from 'undici';
import { type Clock, systemClock, type Timer } from '../../core/clock.js';
import { type ConnectTiming, type GuardOptions, guardedConnect } from './connect.js';
import { connectFailure } from './failure.js';
import type { EgressPurpose } from './policy.js';

/** A connection that is made ahead of its use is given up after this long. */
const warmLimitMs = 5_000;

/** What a request needs of its URL. A `URL` is one; who makes many of one form can do without parsing each. */
export type RequestUrl = Readonly<
  Pick<URL, 'href' | 'protocol' | 'origin' | 'hostname' | 'port' | 'pathname' | 'search'>
>;

/** What a connection shows and trusts. `id` names the version: another id, another pool of connections. */
export type TlsCredential = {
  readonly id: string;
  /** PEM, the leaf first. */
  readonly certificateChain?: string;
  /** PEM, PKCS #8, not encrypted. */
  readonly privateKey?: string;
  /** PEM authorities that are trusted instead of the system's. */
  readonly authorities?: string;
};

export type OriginPoolOptions = {
  readonly guard: GuardOptions;
  readonly origin: RequestUrl;
  readonly purpose: EgressPurpose;
  readonly credential?: TlsCredential | undefined;
  /** PEM authorities trusted besides the system's (the operator's own). */
  readonly extraAuthorities?: readonly string[];
  readonly keepAliveMs: number;
  readonly maxConnections: number;
};

/** The connections to one origin under one credential. */
export type OriginPool = {
  readonly pool: Pool;
  readonly timing: ConnectTiming;
  /** Called when a request starts to wait for a connection, and again when it no longer does. */
  waiting(change: 1 | -1): void;
  /** Opens a connection ahead of its use. Resolves when it is there; rejects with EgressFailure. */
  warm(): Promise<void>;
  lastUsed: number;
  close(): Promise<void>;
};

/** TLS with a credential of its own, or with further authorities; undefined when the system's defaults are meant. */
export const secureContextOf = (
  credential: TlsCredential | undefined,
  extraAuthorities: readonly string[],
): SecureContext | undefined => {
  if (credential === undefined && extraAuthorities.length === 0) return undefined;
  const authorities =
    credential?.authorities ?? (extraAuthorities.length > 0 ? [...rootCertificates, ...extraAuthorities] : undefined);
  return createSecureContext({
    ...(credential?.certificateChain === undefined ? {} : { cert: credential.certificateChain }),
    ...(credential?.privateKey === undefined ? {} : { key: credential.privateKey }),
    ...(authorities === undefined ? {} : { ca: typeof authorities === 'string' ? authorities : [...authorities] }),
  });
};

/**
 * An undici pool whose every connection goes through the guard. undici knows nothing of a caller that gave up while a
 * connection is being made, so the pool counts who waits and ends set-ups that nobody waits for any more: a target
 * that accepts and then says nothing holds no socket past the deadline of the last call.
 */
export const createOriginPool = (options: OriginPoolOptions): OriginPool => {
  const { guard, origin, purpose } = options;
  const clock: Clock = guard.clock ?? systemClock;
  const encrypted = origin.protocol === 'https:';
  const port = origin.port === '' ? (encrypted ? 443 : 80) : Number(origin.port);
  const target = { host: origin.hostname, port, purpose };
  const timing: ConnectTiming = { dns: 0, connect: 0, tls: 0 };
  const attempts = new Set<AbortController>();
  const spare = new Map<Socket | TLSSocket, { drop: () => void; timer: Timer }>();
  let context: SecureContext | undefined;
  let session: Buffer | undefined;
  let waiters = 0;

  const open = async (signal: AbortSignal): Promise<Socket | TLSSocket> => {
    if (!encrypted) return guardedConnect(guard, target, { signal, timing, requireTls: true });
    context ??= secureContextOf(options.credential, options.extraAuthorities ?? []);
    const socket = await guardedConnect(guard, target, {
      signal,
      timing,
      tls: { ...(context === undefined ? {} : { context }), ...(session === undefined ? {} : { session }) },
    });
    // A resumed session saves the certificate exchange on the next connection (RFC 8446 section 2.2).
    socket.on('session', (ticket: Buffer) => {
      session = ticket;
    });
    return socket;
  };

  const attempt = async (controller = new AbortController()): Promise<Socket | TLSSocket> => {
    attempts.add(controller);
    try {
      return await open(controller.signal);
    } catch (error) {
      throw connectFailure(target.host, error);
    } finally {
      attempts.delete(controller);
    }
  };

  const takeSpare = (): Socket | TLSSocket | undefined => {
    for (const [socket, { drop, timer }] of spare) {
      timer.cancel();
      spare.delete(socket);
      socket.off('close', drop).off('error', drop);
      if (!socket.destroyed && socket.readable && socket.writable) return socket;
    }
    return undefined;
  };

  const pool = new Pool(origin.origin, {
    connections: options.maxConnections,
    pipelining: 1,
    keepAliveTimeout: options.keepAliveMs,
    keepAliveMaxTimeout: 60_000,
    // The one deadline of the caller replaces undici's own timers, which are coarse and measure idleness only.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: (_options, callback) => {
      const ready = takeSpare();
      if (ready !== undefined) {
        // undici expects the answer after its call has returned.
        queueMicrotask(() => callback(null, ready));
        return;
      }
      attempt().then(
        (socket) => callback(null, socket),
        (error: unknown) => callback(connectFailure(target.host, error), null),
      );
    },
  });

  return {
    pool,
    timing,
    lastUsed: clock.monotonic(),
    waiting(change) {
      waiters += change;
      // Oldest first: the calls that gave up are the ones that had waited longest.
      for (const controller of attempts) {
        if (attempts.size <= waiters) break;
        attempts.delete(controller);
        controller.abort();
      }
    },
    async warm() {
      if (spare.size > 0 || pool.stats.connected > 0) return;
      waiters += 1;
      const controller = new AbortController();
      const limit = clock.after(warmLimitMs, () => controller.abort());
      try {
        const socket = await attempt(controller);
        const drop = (): void => {
          spare.get(socket)?.timer.cancel();
          spare.delete(socket);
          socket.destroy();
        };
        socket.on('error', drop).on('close', drop);
        spare.set(socket, { drop, timer: clock.after(options.keepAliveMs, drop) });
      } finally {
        limit.cancel();
        waiters -= 1;
      }
    },
    async close() {
      for (const controller of attempts) controller.abort();
      for (const [socket, { timer }] of spare) {
        timer.cancel();
        socket.destroy();
      }
      spare.clear();
      await pool.destroy();
    },
  };
};
