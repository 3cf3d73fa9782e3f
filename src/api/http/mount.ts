import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Request, type RequestHandler, type Response, type Router, raw } from 'express';
import { GatewayError } from '../../core/errors.js';
import { createRateLimiter, type Rate } from '../../core/rate-limit.js';
import { authorize, type Principal } from '../../platform/access/index.js';
import type { ApiDeps } from '../deps.js';
import { writeAudit } from './audited.js';
import { cookieOf } from './console-cookie.js';
import type { AnswerOnce } from './idempotency.js';
import { remoteOf } from './remote.js';
import type { Reply, Route } from './route.js';

/** Milliseconds until this key may come again; 0: it may. */
type Limit = (key: string) => number;
type Limits = { readonly requests: Limit; readonly agents: Limit; readonly failures: Limit };

const limitOf = (clock: ApiDeps['clock'], rate: Rate): Limit => {
  const limiter = createRateLimiter(clock);
  return (key) => limiter.take(key, rate);
};

export const createLimits = (deps: Pick<ApiDeps, 'clock' | 'rateLimit' | 'agentRateLimit'>): Limits => ({
  requests: limitOf(deps.clock, deps.rateLimit ?? { perSecond: 500, burst: 1_000 }),
  agents: limitOf(deps.clock, deps.agentRateLimit ?? { perSecond: 50, burst: 100 }),
  failures: limitOf(deps.clock, { perSecond: 2, burst: 50 }),
});

const bearer = (header: string | undefined): string | null => {
  const match = header === undefined ? null : /^Bearer +(\S+) *$/i.exec(header);
  return match?.[1] ?? null;
};

/**
 * The credential of a signed-in console. A browser sends the cookie unasked, so what changes something must say that our
 * own page asks: `SameSite` alone lets pages of other ports of this host pass. Throws GatewayError origin_refused.
 */
const cookieCredential = (deps: ApiDeps, request: Request): string | null => {
  const value = cookieOf(deps.publicUrl, request.headers.cookie);
  const credential = value === null ? null : (deps.console?.credential(value) ?? null);
  if (credential === null || request.method === 'GET' || request.method === 'HEAD') return credential;
  if (request.headers.origin === undefined) {
    throw new GatewayError('origin_refused', 'A request with the cookie of the console must name its Origin.');
  }
  return credential;
};

const takeOrRefuse = (limit: Limit, key: string, response: Response, what: string): void => {
  const wait = limit(key);
  if (wait === 0) return;
  response.setHeader('Retry-After', String(Math.ceil(wait / 1_000)));
  throw new GatewayError('rate_limited', `Too many ${what}; try again in ${Math.ceil(wait / 1_000)} s.`);
};

const identify = async (deps: ApiDeps, limits: Limits, request: Request, response: Response): Promise<Principal> => {
  const credential = bearer(request.headers.authorization) ?? cookieCredential(deps, request);
  // Before the store is asked: an agent that runs wild must not keep Redis busy either.
  if (credential?.startsWith('vgs_') === true) takeOrRefuse(limits.agents, credential, response, 'requests');
  try {
    return await deps.access.authenticate(credential);
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'unauthorized') {
      takeOrRefuse(limits.failures, remoteOf(response), response, 'requests with credentials that are not valid');
    }
    throw error;
  }
};

/** Who asks, when the route wants to know; null when it takes anyone. */
const admit = async (
  deps: ApiDeps,
  limits: Limits,
  route: Route,
  request: Request,
  response: Response,
): Promise<Principal | null> => {
  const { access } = route;
  if (access.kind === 'anyone') return null;
  if (access.kind === 'local-or' && deps.httpLoopback && request.headers.authorization === undefined) return null;
  const principal = await identify(deps, limits, request, response);
  if (principal.kind !== 'session')
    takeOrRefuse(limits.requests, `${principal.kind} ${principal.orgId ?? ''} ${principal.sub}`, response, 'requests');
  if (access.kind !== 'credential') authorize(principal, access.action, null);
  return principal;
};

const readBody = (reader: RequestHandler, request: Request, response: Response): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    reader(request, response, (error?: unknown) => {
      if (error !== undefined) reject(error);
      else resolve(Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0));
    });
  });

/** A client that leaves in the middle of a stream is its usual end. */
const sendStream = async (response: Response, stream: AsyncIterable<string | Uint8Array>): Promise<void> => {
  response.flushHeaders();
  await pipeline(Readable.from(stream, { objectMode: true, highWaterMark: 1 }), response).catch((error: unknown) => {
    if (!response.destroyed) throw error;
  });
};

const send = async (response: Response, reply: Reply): Promise<void> => {
  response.status(reply.status);
  for (const [name, value] of Object.entries(reply.headers ?? {})) response.setHeader(name, value);
  if (reply.stream !== undefined) {
    response.setHeader('Content-Type', reply.contentType ?? 'application/octet-stream');
    await sendStream(response, reply.stream);
  } else if (reply.body === undefined) {
    response.end();
  } else if (reply.contentType === undefined) {
    response.json(reply.body);
  } else {
    // Set by hand: express would add a charset of its own to types it does not know.
    response.setHeader('Content-Type', reply.contentType);
    response.end(Buffer.isBuffer(reply.body) ? reply.body : String(reply.body));
  }
};

/** Express' notation of a path written with `{name}`. */
export const expressPath = (path: string): string => path.replace(/\{(\w+)\}/g, ':$1');

/**
 * Mounts a route: credential, rate, role, then the body (nobody unknown makes us read four megabytes), then the
 * handler.
 */
export const mountRoute = (
  router: Router,
  deps: ApiDeps,
  { limits, answerOnce }: { readonly limits: Limits; readonly answerOnce: AnswerOnce },
  route: Route,
): void => {
  const reader = route.body === null ? null : raw({ type: () => true, limit: route.body.maxBytes });
  router[route.method](expressPath(route.path), async (request, response) => {
    response.locals.route = route;
    const gone = new AbortController();
    // Before anything is waited for: a client may leave while its credential is looked up. An answer that went out whole
    // has nobody left to tell, and aborting costs an exception with its stack.
    response.on('close', () => {
      if (!response.writableFinished) gone.abort();
    });
    const principal = await admit(deps, limits, route, request, response);
    response.locals.principal = principal;
    const body = reader === null ? Buffer.alloc(0) : await readBody(reader, request, response);
    const requestId = String(response.getHeader('X-Request-Id'));
    const raw = {
      principal,
      params: { ...request.params },
      query: { ...request.query },
      body,
      headers: request.headers,
      target: request.originalUrl,
      requestId,
      log: deps.log.child({ requestId }),
      signal: gone.signal,
    };
    const run = async (): Promise<Reply> => {
      const reply = await route.run(raw);
      if (principal !== null)
        await writeAudit(deps, route, request, principal, reply, { requestId, remote: remoteOf(response) });
      return reply;
    };
    await send(response, principal === null ? await run() : await answerOnce(route, principal, raw, run));
  });
};
