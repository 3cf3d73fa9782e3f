import type { Dispatcher } from 'undici';
import { type Clock, systemClock } from '../../core/clock.js';
import type { ConnectTiming, HostResolver } from './connect.js';
import { EgressFailure, exchangeFailure } from './failure.js';
import { inflateBody } from './inflate.js';
import { createOriginPool, type OriginPool, type RequestUrl, type TlsCredential } from './origin-pool.js';
import type { EgressPolicy, EgressPurpose } from './policy.js';

export type HttpHeaders = Readonly<Record<string, string | string[] | undefined>>;

export type EgressRequest = {
  readonly purpose: EgressPurpose;
  readonly method: string;
  readonly url: RequestUrl;
  /** Names and values in turn, as they go on the wire. */
  readonly headers: readonly string[];
  readonly body?: string | Buffer | undefined;
  /** Total budget in milliseconds: name, connection, TLS, waiting, body and inflation together. */
  readonly timeoutMs: number;
  /** Cap on the response, as received and as inflated, bytes. */
  readonly maxResponseBytes: number;
  readonly signal?: AbortSignal | undefined;
  readonly credential?: TlsCredential | undefined;
  /** Makes the call on a connection of its own, so that the timing shows every step. */
  readonly ownConnection?: boolean;
};

/** Milliseconds; the first three are 0 when a kept-alive connection served the request. */
export type ExchangeTiming = ConnectTiming & { firstByte: number; total: number };

export type EgressResponse = {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: HttpHeaders;
  readonly body: Buffer;
  readonly timing: ExchangeTiming;
};

export type EgressClient = {
  /** Sends one request; redirects are never followed. Rejects with EgressFailure only. */
  request(request: EgressRequest): Promise<EgressResponse>;
  /** Opens a connection to the origin so that the first request finds it open. Never rejects. */
  warm(url: URL, purpose: EgressPurpose, credential?: TlsCredential): Promise<void>;
  /** Ends every connection. */
  close(): Promise<void>;
};

export type EgressClientOptions = {
  readonly policy: EgressPolicy;
  readonly resolve?: HostResolver;
  readonly clock?: Clock;
  /** PEM authorities trusted besides the system's. */
  readonly extraAuthorities?: readonly string[];
  /** How long an idle connection is kept, milliseconds (default 45 s: longer than a turn of speech). */
  readonly keepAliveMs?: number;
  readonly maxConnectionsPerOrigin?: number;
};

const idlePoolMs = 300_000;
const maxPools = 1_000;
/** A request is put in line again this often when its kept-alive connection turns out to be closed before it is written. */
const maxRequeues = 3;

const noConnect: ConnectTiming = { dns: 0, connect: 0, tls: 0 };

type Pools = {
  get(request: Pick<EgressRequest, 'url' | 'purpose' | 'credential'>): OriginPool;
  close(): Promise<void>;
};

const createPools = (
  clock: Clock,
  create: (url: RequestUrl, purpose: EgressPurpose, credential?: TlsCredential) => OriginPool,
): Pools => {
  const pools = new Map<string, OriginPool>();
  const retire = (key: string, pool: OriginPool): void => {
    pools.delete(key);
    // Requests that are still running end first; idle connections close now.
    void pool.pool.close().then(
      () => pool.close(),
      () => {},
    );
  };
  const sweep = (now: number): void => {
    for (const [key, pool] of pools) {
      if (pool.lastUsed < now - idlePoolMs && pool.pool.stats.size === 0) retire(key, pool);
    }
    for (const [key, pool] of pools) {
      if (pools.size < maxPools) break;
      retire(key, pool);
    }
  };
  let swept = clock.monotonic();
  return {
    get({ url, purpose, credential }) {
      const key = `${purpose} ${credential?.id ?? ''} ${url.origin}`;
      const now = clock.monotonic();
      const known = pools.get(key);
      if (known !== undefined) {
        known.lastUsed = now;
        return known;
      }
      if (pools.size >= maxPools || now - swept > idlePoolMs) {
        swept = now;
        sweep(now);
      }
      const pool = create(url, purpose, credential);
      pools.set(key, pool);
      return pool;
    },
    async close() {
      const all = [...pools.values()];
      pools.clear();
      await Promise.all(all.map((pool) => pool.close()));
    },
  };
};

type Raw = { status: number; headers: HttpHeaders; body: Buffer; firstByte: number };

/** One exchange on a pool, with the deadline kept to the millisecond whatever state undici is in. */
const exchange = (
  origin: OriginPool,
  request: EgressRequest,
  clock: Clock,
  begin: number,
  budgetMs: number,
): Promise<Raw> =>
  new Promise((resolve, reject) => {
    const host = request.url.hostname;
    let controller: Dispatcher.DispatchController | undefined;
    let settled = false;
    let waits = true;
    let requeues = 0;
    let status = 0;
    let headers: HttpHeaders = {};
    let firstByte = 0;
    let received = 0;
    const chunks: Buffer[] = [];

    origin.waiting(1);
    const stopWaiting = (): void => {
      if (!waits) return;
      waits = false;
      origin.waiting(-1);
    };
    const settle = (): boolean => {
      if (settled) return false;
      settled = true;
      timer.cancel();
      request.signal?.removeEventListener('abort', aborted);
      stopWaiting();
      return true;
    };
    const fail = (failure: EgressFailure): void => {
      if (!settle()) return;
      reject(failure);
      controller?.abort(failure);
    };
    const aborted = (): void =>
      fail(new EgressFailure('aborted', 'The call was given up.', { beforeRequest: controller === undefined }));
    const timer = clock.after(budgetMs, () =>
      fail(
        new EgressFailure('timeout', `Request timed out after ${request.timeoutMs}ms`, {
          beforeRequest: controller === undefined,
        }),
      ),
    );
    const tooLarge = (): void =>
      fail(new EgressFailure('response_too_large', `The response is larger than ${request.maxResponseBytes} bytes.`));

    const handler: Dispatcher.DispatchHandler = {
      onRequestStart(started) {
        stopWaiting();
        if (settled) {
          started.abort(new EgressFailure('aborted', 'The call was given up.', { beforeRequest: true }));
          return;
        }
        controller = started;
      },
      onResponseStart(_controller, statusCode, responseHeaders) {
        // Interim answers (RFC 9110 section 15.2) precede the real one.
        if (statusCode < 200) return;
        status = statusCode;
        headers = responseHeaders;
        firstByte = clock.monotonic() - begin;
        const announced = Number(responseHeaders['content-length'] ?? 0);
        if (announced > request.maxResponseBytes && request.method !== 'HEAD') tooLarge();
      },
      onResponseData(_controller, chunk) {
        received += chunk.length;
        if (received > request.maxResponseBytes) tooLarge();
        else chunks.push(chunk);
      },
      onResponseEnd() {
        if (!settle()) return;
        const [only] = chunks;
        resolve({ status, headers, firstByte, body: chunks.length === 1 && only ? only : Buffer.concat(chunks) });
      },
      onResponseError(_controller, error) {
        if (settled) return;
        const failure = exchangeFailure(host, error);
        const lost = failure.kind === 'connection_lost' && requeues < maxRequeues;
        // A connection attempt that was given up was given up for another call's deadline; this call has its own, and
        // only that one ends it.
        if (failure.beforeRequest && (lost || failure.kind === 'aborted')) {
          requeues += 1;
          dispatch();
          return;
        }
        if (settle()) reject(failure);
      },
    };
    const dispatch = (): void => {
      try {
        origin.pool.dispatch(
          {
            path: request.url.pathname + request.url.search,
            method: request.method,
            headers: request.headers as string[],
            body: request.body ?? null,
          },
          handler,
        );
      } catch (error) {
        fail(exchangeFailure(host, error));
      }
    };
    if (request.signal?.aborted) {
      aborted();
      return;
    }
    request.signal?.addEventListener('abort', aborted, { once: true });
    dispatch();
  });

const withDeadline = async <T>(work: Promise<T>, clock: Clock, budgetMs: number, timeoutMs: number): Promise<T> => {
  let cancel = (): void => {};
  const expired = new Promise<never>((_resolve, reject) => {
    const timer = clock.after(budgetMs, () =>
      reject(new EgressFailure('timeout', `Request timed out after ${timeoutMs}ms`)),
    );
    cancel = () => timer.cancel();
  });
  try {
    return await Promise.race([work, expired]);
  } finally {
    cancel();
  }
};

/**
 * The HTTP client of everything whose target a tenant chooses: guarded connections, kept alive between calls, one
 * total deadline, capped and inflated bodies, no redirects, failures from a closed set.
 */
export const createEgressClient = (options: EgressClientOptions): EgressClient => {
  const clock = options.clock ?? systemClock;
  const guard = {
    policy: options.policy,
    clock,
    ...(options.resolve === undefined ? {} : { resolve: options.resolve }),
  };
  const create = (origin: RequestUrl, purpose: EgressPurpose, credential?: TlsCredential): OriginPool =>
    createOriginPool({
      guard,
      origin,
      purpose,
      credential,
      extraAuthorities: options.extraAuthorities ?? [],
      keepAliveMs: options.keepAliveMs ?? 45_000,
      maxConnections: options.maxConnectionsPerOrigin ?? 256,
    });
  const pools = createPools(clock, create);

  const perform = async (origin: OriginPool, request: EgressRequest): Promise<EgressResponse> => {
    const begin = clock.monotonic();
    const raw = await exchange(origin, request, clock, begin, request.timeoutMs);
    const encoding = raw.headers['content-encoding'];
    let { body } = raw;
    if (encoding !== undefined && body.length > 0) {
      const left = Math.max(1, request.timeoutMs - (clock.monotonic() - begin));
      const codings = Array.isArray(encoding) ? encoding.join(',') : encoding;
      body = await withDeadline(inflateBody(codings, body, request.maxResponseBytes), clock, left, request.timeoutMs);
    }
    const total = clock.monotonic() - begin;
    const { dns, connect, tls } = request.ownConnection === true ? origin.timing : noConnect;
    return {
      status: raw.status,
      headers: raw.headers,
      body,
      timing: { dns, connect, tls, firstByte: raw.firstByte, total },
    };
  };

  return {
    request(request) {
      const { protocol } = request.url;
      if (protocol !== 'https:' && !(protocol === 'http:' && options.policy.plainHttpThinkable(request.purpose))) {
        return Promise.reject(
          new EgressFailure('refused_address', 'Only https addresses are called.', { beforeRequest: true }),
        );
      }
      if (request.ownConnection !== true) return perform(pools.get(request), request);
      const own = create(request.url, request.purpose, request.credential);
      return perform(own, request).finally(() => own.close());
    },
    async warm(url, purpose, credential) {
      if (url.protocol !== 'https:') return;
      // A target that cannot be reached now is reported by the call that needs it.
      await pools
        .get({ url, purpose, credential })
        .warm()
        .catch(() => {});
    },
    close: () => pools.close(),
  };
};
