import { type Request, type RequestHandler, type Response, type Router, raw } from 'express';
import { GatewayError } from '../../core/errors.js';
import { authorize, createRateLimiter, type Principal, type RateLimiter } from '../../platform/access/index.js';
import type { ApiDeps } from '../deps.js';
import type { Reply, Route } from './route.js';

/** Credentials in paths would end up here; everything that is logged of a request goes by its route or masked. */
export const maskedPath = (url: string): string => {
  const query = url.indexOf('?');
  const path = url.slice(0, query < 0 ? 512 : Math.min(query, 512));
  const token = path.indexOf('/voice-prefetch/');
  return token < 0 ? path : path.replace(/(\/voice-prefetch\/)[^/]+/g, '$1••••••••');
};

type Limits = { readonly requests: RateLimiter; readonly failures: RateLimiter };

export const createLimits = (deps: Pick<ApiDeps, 'clock' | 'rateLimit'>): Limits => ({
  requests: createRateLimiter({
    ...(deps.rateLimit ?? { perSecond: 500, burst: 1_000 }),
    monotonic: deps.clock.monotonic,
  }),
  failures: createRateLimiter({ perSecond: 2, burst: 50, monotonic: deps.clock.monotonic }),
});

const bearer = (header: string | undefined): string | null => {
  const match = header === undefined ? null : /^Bearer +(\S+) *$/i.exec(header);
  return match?.[1] ?? null;
};

const takeOrRefuse = (limiter: RateLimiter, key: string, response: Response, what: string): void => {
  const wait = limiter.take(key);
  if (wait === 0) return;
  response.setHeader('Retry-After', String(Math.ceil(wait / 1_000)));
  throw new GatewayError('rate_limited', `Too many ${what}; try again in ${Math.ceil(wait / 1_000)} s.`);
};

const identify = async (deps: ApiDeps, limits: Limits, request: Request, response: Response): Promise<Principal> => {
  try {
    return await deps.access.authenticate(bearer(request.headers.authorization));
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'unauthorized') {
      takeOrRefuse(
        limits.failures,
        request.socket.remoteAddress ?? '',
        response,
        'requests with credentials that are not valid',
      );
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
  takeOrRefuse(limits.requests, `${principal.kind} ${principal.orgId ?? ''} ${principal.sub}`, response, 'requests');
  authorize(principal, access.action, null);
  return principal;
};

const readBody = (reader: RequestHandler, request: Request, response: Response): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    reader(request, response, (error?: unknown) => {
      if (error !== undefined) reject(error);
      else resolve(Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0));
    });
  });

const send = (response: Response, reply: Reply): void => {
  response.status(reply.status);
  for (const [name, value] of Object.entries(reply.headers ?? {})) response.setHeader(name, value);
  if (reply.body === undefined) {
    response.end();
  } else if (reply.contentType === undefined) {
    response.json(reply.body);
  } else {
    // Set by hand: express would add a charset of its own to types it does not know.
    response.setHeader('Content-Type', reply.contentType);
    response.end(String(reply.body));
  }
};

/** Express' notation of a path written with `{name}`. */
export const expressPath = (path: string): string => path.replace(/\{(\w+)\}/g, ':$1');

/**
 * Mounts a route: credential, rate, role, then the body (nobody unknown makes us read four megabytes), then the
 * handler.
 */
export const mountRoute = (router: Router, deps: ApiDeps, limits: Limits, route: Route): void => {
  const reader = route.body === null ? null : raw({ type: () => true, limit: route.body.maxBytes });
  router[route.method](expressPath(route.path), async (request, response) => {
    response.locals.route = route;
    const principal = await admit(deps, limits, route, request, response);
    response.locals.principal = principal;
    const body = reader === null ? Buffer.alloc(0) : await readBody(reader, request, response);
    const gone = new AbortController();
    // An answer that went out whole has nobody left to tell, and aborting costs an exception with its stack.
    response.on('close', () => {
      if (!response.writableFinished) gone.abort();
    });
    const requestId = String(response.getHeader('X-Request-Id'));
    const reply = await route.run({
      principal,
      params: { ...request.params },
      query: { ...request.query },
      body,
      headers: request.headers,
      requestId,
      log: deps.log.child({ requestId }),
      signal: gone.signal,
    });
    send(response, reply);
  });
};
