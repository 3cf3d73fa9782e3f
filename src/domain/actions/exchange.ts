import type { Clock } from '../../core/clock.js';
import { type EgressClient, EgressFailure, type EgressResponse } from '../../platform/egress/index.js';
import type { CompiledAction } from './compile-action.js';
import type { TokenRequest, TokenSource } from './oauth-token.js';
import type { PreparedRequest } from './prepare.js';

const retryableStatus: ReadonlySet<number> = new Set([429, 502, 503, 504]);
const firstRetryMs = 200;

/** How long to wait before a further attempt: what the target asks for, else doubling from 200 ms. */
const retryDelay = (attempt: number, retryAfter: unknown, nowMs: number): number => {
  if (typeof retryAfter === 'string' && /^\d{1,6}$/.test(retryAfter.trim())) return Number(retryAfter) * 1000;
  if (typeof retryAfter === 'string') {
    const at = Date.parse(retryAfter);
    if (Number.isFinite(at)) return Math.max(0, at - nowMs);
  }
  return firstRetryMs * 2 ** attempt;
};

/** Failures after which the request cannot have reached the target. */
const neverArrived = (error: unknown): boolean =>
  error instanceof EgressFailure &&
  error.beforeRequest &&
  (error.kind === 'connect' || error.kind === 'dns' || error.kind === 'connection_lost');

export type Exchange = {
  readonly request: PreparedRequest;
  readonly response: EgressResponse;
  readonly attempts: number;
};

const pause = (clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => {
    const timer = clock.after(ms, done);
    function done(): void {
      timer.cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    }
    if (signal?.aborted) done();
    else signal?.addEventListener('abort', done, { once: true });
  });

export type ExchangeInput = {
  readonly action: CompiledAction;
  readonly prepared: PreparedRequest;
  readonly signal: AbortSignal | undefined;
  readonly ownConnection: boolean;
  /** Milliseconds left of the total budget. */
  readonly left: () => number;
  /** Told of each request as it goes out, so that a failed one can be shown too. */
  readonly shown: (request: PreparedRequest, attempt: number) => void;
};

export type Exchanger = (input: ExchangeInput) => Promise<Exchange>;

/** Sends requests with token renewal and opt-in retries, all within the one budget of the call. */
export const createExchanger = (http: EgressClient, tokens: TokenSource, clock: Clock): Exchanger => {
  const send = (request: PreparedRequest, input: ExchangeInput): Promise<EgressResponse> => {
    const budget = input.left();
    if (budget <= 0) return Promise.reject(new EgressFailure('timeout', 'The time was used up.'));
    return http.request({
      purpose: 'action',
      method: request.method,
      url: request.url,
      headers: request.wireHeaders,
      body: request.body,
      timeoutMs: budget,
      maxResponseBytes: input.action.maxResponseBytes,
      signal: input.signal,
      credential: request.credential,
      ownConnection: input.ownConnection,
    });
  };

  /** Sends with a token, and once more with a fresh one when the target says 401. */
  const sendAuthorized = async (
    tokenRequest: TokenRequest,
    input: ExchangeInput,
    attempt: number,
  ): Promise<Exchange> => {
    const { prepared, left, shown } = input;
    const token = await tokens.get(tokenRequest, left());
    const request = prepared.withToken(token);
    shown(request, attempt);
    const response = await send(request, input);
    if (response.status !== 401) return { request, response, attempts: attempt };
    tokens.invalidate(tokenRequest, token);
    const renewed = prepared.withToken(await tokens.get(tokenRequest, left()));
    shown(renewed, attempt);
    return { request: renewed, response: await send(renewed, input), attempts: attempt };
  };

  const sendPlain = async (input: ExchangeInput, attempt: number): Promise<Exchange> => {
    input.shown(input.prepared, attempt);
    return { request: input.prepared, response: await send(input.prepared, input), attempts: attempt };
  };

  const once = (input: ExchangeInput, attempt: number): Promise<Exchange> => {
    const { token } = input.prepared;
    return token === undefined ? sendPlain(input, attempt) : sendAuthorized(token, input, attempt);
  };

  const repeatedly = async (input: ExchangeInput, retries: number): Promise<Exchange> => {
    for (let attempt = 1; ; attempt += 1) {
      const last = attempt > retries;
      try {
        const done = await once(input, attempt);
        const wait = retryDelay(attempt - 1, done.response.headers['retry-after'], clock.now());
        const repeat = !last && retryableStatus.has(done.response.status) && wait < input.left();
        if (!repeat) return done;
        await pause(clock, wait, input.signal);
      } catch (error) {
        const wait = retryDelay(attempt - 1, undefined, clock.now());
        if (last || !neverArrived(error) || wait >= input.left()) throw error;
        await pause(clock, wait, input.signal);
      }
    }
  };

  return (input) => {
    const { retries } = input.action;
    return retries === 0 ? once(input, 1) : repeatedly(input, retries);
  };
};
