import { lookup } from 'node:dns/promises';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type SecureContext, type TLSSocket } from 'node:tls';
import { type Clock, systemClock } from '../../core/clock.js';
import { canonicalHost } from './allow-list.js';
import { connectFailure, EgressFailure } from './failure.js';
import type { EgressPolicy, EgressTarget } from './policy.js';

export type ResolvedAddress = { readonly address: string; readonly family: number };

/** Turns a host name into addresses. The system's resolver unless a test brings its own. */
export type HostResolver = (host: string) => Promise<readonly ResolvedAddress[]>;

export const systemResolver: HostResolver = (host) => lookup(host, { all: true, verbatim: true });

/** How long each step of a new connection took, milliseconds. */
export type ConnectTiming = { dns: number; connect: number; tls: number };

export type GuardOptions = {
  readonly policy: EgressPolicy;
  readonly resolve?: HostResolver;
  readonly clock?: Clock;
};

/**
 * The addresses of a target that may be dialled, in the resolver's order. A target some of whose addresses are
 * forbidden keeps the others; one without any is refused with the reason for the first.
 * Callers dial exactly what is returned: resolving again would open the gap that DNS rebinding uses.
 * Throws EgressFailure `dns` or `refused_address`.
 */
export const guardedLookup = async (guard: GuardOptions, target: EgressTarget): Promise<readonly ResolvedAddress[]> => {
  const host = canonicalHost(target.host);
  const family = isIP(host);
  let found: readonly ResolvedAddress[];
  try {
    found = family === 0 ? await (guard.resolve ?? systemResolver)(host) : [{ address: host, family }];
  } catch (cause) {
    throw new EgressFailure('dns', `The host name ${host} cannot be resolved.`, { cause, beforeRequest: true });
  }
  if (found.length === 0) {
    throw new EgressFailure('dns', `The host name ${host} has no address.`, { beforeRequest: true });
  }
  let refusal = '';
  const dialled = found.filter(({ address }) => {
    const verdict = guard.policy.check(target, address);
    if (!verdict.allowed) refusal ||= verdict.reason;
    return verdict.allowed;
  });
  if (dialled.length === 0) throw new EgressFailure('refused_address', refusal, { beforeRequest: true });
  return dialled;
};

export type GuardedConnectOptions = {
  /** Give it to speak TLS; `context` brings client certificate and authorities. */
  readonly tls?: { readonly context?: SecureContext; readonly session?: Buffer; readonly alpn?: readonly string[] };
  /** Ends the attempt; its socket is destroyed at once. */
  readonly signal?: AbortSignal;
  /** Filled in as the steps end. */
  readonly timing?: ConnectTiming;
  /** Refuses anything but TLS unless the policy has the exception for a stand-in on loopback. */
  readonly requireTls?: boolean;
};

const established = <S extends Socket>(
  socket: S,
  event: 'connect' | 'secureConnect',
  signal?: AbortSignal,
): Promise<S> =>
  new Promise((resolve, reject) => {
    const done = (): void => {
      signal?.removeEventListener('abort', aborted);
      socket.off(event, ready);
      socket.off('error', failed);
      socket.off('close', closed);
    };
    const ready = (): void => {
      done();
      resolve(socket);
    };
    const failed = (error: Error): void => {
      done();
      // A socket that is torn down may still report errors; nobody is interested in them any more.
      socket.on('error', () => {});
      socket.destroy();
      reject(error);
    };
    const closed = (): void => failed(Object.assign(new Error('closed during set-up'), { code: 'ECONNRESET' }));
    const aborted = (): void =>
      failed(new EgressFailure('aborted', 'The connection attempt was given up.', { beforeRequest: true }));
    socket.on(event, ready);
    socket.on('error', failed);
    socket.on('close', closed);
    if (signal?.aborted) aborted();
    else signal?.addEventListener('abort', aborted, { once: true });
  });

const dial = (target: EgressTarget, addresses: readonly ResolvedAddress[], signal?: AbortSignal): Promise<Socket> => {
  const [first] = addresses;
  const socket = connectTcp({
    host: canonicalHost(target.host),
    port: target.port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    autoSelectFamily: addresses.length > 1,
    // The vetted addresses are handed over as they are: the system's resolver is not asked a second time.
    lookup: (_host, options, callback) => {
      if (options.all) callback(null, [...addresses]);
      else callback(null, first?.address ?? '', first?.family);
    },
  });
  return established(socket, 'connect', signal);
};

/**
 * Opens a TCP or TLS connection to a target a tenant chose, to a vetted address only. The certificate is checked
 * against the host name although the address is pinned. Throws EgressFailure; never leaves a socket behind when it does.
 */
export const guardedConnect = async (
  guard: GuardOptions,
  target: EgressTarget,
  options: GuardedConnectOptions = {},
): Promise<Socket | TLSSocket> => {
  const clock = guard.clock ?? systemClock;
  const { timing } = options;
  const begin = clock.monotonic();
  const addresses = await guardedLookup(guard, target);
  if (options.signal?.aborted) {
    throw new EgressFailure('aborted', 'The connection attempt was given up.', { beforeRequest: true });
  }
  const resolved = clock.monotonic();
  if (timing !== undefined) timing.dns = resolved - begin;
  if (options.tls === undefined && options.requireTls === true) {
    if (!addresses.every(({ address }) => guard.policy.plainHttpAllowed(target, address))) {
      const only =
        target.purpose === 'websocket'
          ? "Only wss addresses are called; ws is for a bot on the gateway's own machine, while it listens on loopback alone."
          : 'Only https addresses are called.';
      throw new EgressFailure('refused_address', only, { beforeRequest: true });
    }
  }
  const host = canonicalHost(target.host);
  try {
    const socket = await dial(target, addresses, options.signal);
    // Belt and braces: whatever the resolver and the platform did, the peer must be one of the vetted addresses.
    if (!guard.policy.check(target, socket.remoteAddress ?? '').allowed) {
      socket.destroy();
      throw new EgressFailure('refused_address', `${host} led to an address that was not vetted.`, {
        beforeRequest: true,
      });
    }
    const connected = clock.monotonic();
    if (timing !== undefined) timing.connect = connected - resolved;
    if (options.tls === undefined) return socket;
    const secure = connectTls({
      socket,
      host,
      // A name in SNI must be a DNS name (RFC 6066 section 3).
      servername: isIP(host) === 0 ? host : '',
      minVersion: 'TLSv1.2',
      ALPNProtocols: [...(options.tls.alpn ?? ['http/1.1'])],
      ...(options.tls.context === undefined ? {} : { secureContext: options.tls.context }),
      ...(options.tls.session === undefined ? {} : { session: options.tls.session }),
    });
    secure.once('close', () => socket.destroy());
    const ready = await established(secure, 'secureConnect', options.signal);
    if (timing !== undefined) timing.tls = clock.monotonic() - connected;
    return ready;
  } catch (error) {
    throw connectFailure(host, error);
  }
};
