import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import { GatewayError } from '../core/errors.js';
import { newUuid } from '../core/ids.js';
import type { Principal } from '../platform/access/index.js';
import { consoleFiles } from './console/files.js';
import { consoleSessionRoutes } from './console/session.js';
import type { ApiDeps } from './deps.js';
import { asGatewayError, errorView } from './http/error-view.js';
import { createHostGuard } from './http/guards.js';
import { createAnswerOnce } from './http/idempotency.js';
import { maskedPath } from './http/masked-path.js';
import { createLimits, expressPath, mountRoute } from './http/mount.js';
import { noteRemote, remoteOf } from './http/remote.js';
import { openRoute, type Route } from './http/route.js';
import { openApiDocument } from './openapi.js';
import { auditRoutes } from './routes/audit.js';
import { contactRoutes } from './routes/contacts.js';
import { healthRoutes } from './routes/health.js';
import { openCxRoutes } from './routes/opencx.js';
import { organizationRoutes } from './routes/organizations.js';
import { recordingRoutes } from './routes/recording.js';
import { recordRoutes } from './routes/records.js';
import { sessionRoutes } from './routes/sessions.js';
import { toolRoutes } from './routes/tools.js';

const probes = new Set(['/livez', '/readyz']);
/** LiveKit's clients know the gateway under LiveKit's name, and their tokens are nothing a page could borrow. */
const underOtherNames = (path: string): boolean => path.startsWith('/twirp/');
const requestIdForm = /^[A-Za-z0-9._-]{1,64}$/;
const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'] as const;

const requestIds: RequestHandler = (request, response, next) => {
  const given = request.headers['x-request-id'];
  response.setHeader('X-Request-Id', typeof given === 'string' && requestIdForm.test(given) ? given : newUuid());
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Cache-Control', 'no-store');
  next();
};

const accessLog =
  ({ log, metrics, clock }: ApiDeps): RequestHandler =>
  (request, response, next) => {
    const begun = clock.monotonic();
    response.on('close', () => {
      const ms = clock.monotonic() - begun;
      const route: Route | undefined = response.locals.route;
      const principal: Principal | null | undefined = response.locals.principal;
      const group = `${Math.floor(response.statusCode / 100)}xx`;
      const known = (['1xx', '2xx', '3xx', '4xx', '5xx'] as const).find((name) => name === group) ?? '5xx';
      metrics.observe('httpDuration', ms, {
        method: methods.find((name) => name === request.method) ?? 'GET',
        group: known,
      });
      const fields = {
        requestId: response.getHeader('X-Request-Id'),
        method: request.method,
        path: maskedPath(request.originalUrl),
        route: route?.path ?? null,
        status: response.statusCode,
        ms: Math.round(ms * 10) / 10,
        by: principal?.sub ?? null,
        organization: principal?.orgId ?? null,
        remote: remoteOf(response),
        finished: response.writableFinished,
      };
      if (route?.quiet === true) log.debug(fields, 'HTTP request answered.');
      else log.info(fields, 'HTTP request answered.');
    });
    next();
  };

/** Paths that exist answer a wrong method with 405 and what they take (RFC 9110 section 15.5.6). */
const mountMethods = (app: Express, routes: readonly Route[]): void => {
  const byPath = new Map<string, string[]>();
  for (const route of routes) {
    const names = route.method === 'get' ? ['GET', 'HEAD'] : [route.method.toUpperCase()];
    byPath.set(route.path, [...(byPath.get(route.path) ?? []), ...names]);
  }
  for (const [path, names] of byPath) {
    app.all(expressPath(path), (request, response) => {
      response.setHeader('Allow', names.join(', '));
      throw new GatewayError(
        'method_not_allowed',
        `${request.method} is not for this path; it takes ${names.join(', ')}.`,
      );
    });
  }
};

const onError =
  ({ log }: ApiDeps): ErrorRequestHandler =>
  (thrown, request, response, next) => {
    if (response.headersSent) {
      next(thrown);
      return;
    }
    const error = asGatewayError(thrown);
    const view = errorView(error);
    const fields = {
      requestId: response.getHeader('X-Request-Id'),
      path: maskedPath(request.originalUrl),
      code: error.code,
    };
    if (view.statusCode >= 500) log.error({ ...fields, error }, 'An HTTP request failed.');
    else log.debug({ ...fields, reason: error.message }, 'An HTTP request was refused.');
    if (view.statusCode === 401) response.setHeader('WWW-Authenticate', 'Bearer');
    if (view.statusCode === 503 || (view.statusCode === 429 && !response.hasHeader('Retry-After'))) {
      response.setHeader('Retry-After', '1');
    }
    // What is left of a refused body is not read: the connection ends with the answer.
    if (error.code === 'payload_too_large') response.setHeader('Connection', 'close');
    const route: Route | undefined = response.locals.route;
    const own = route?.failure?.(error);
    for (const [name, value] of Object.entries(own?.headers ?? {})) response.setHeader(name, value);
    response.status(own?.status ?? view.statusCode);
    // Text is a body that its route has written itself, type and all.
    if (typeof own?.body === 'string') response.end(own.body);
    else response.json(own?.body ?? view);
  };

/**
 * The HTTP API. `more` are routes of other parts (prefetch, transfers, actions): they come under the same credential
 * checks and into the same OpenAPI document.
 */
export const createApi = (deps: ApiDeps, more: readonly Route[] = []): Express => {
  const described: Route[] = [
    ...organizationRoutes(deps),
    ...sessionRoutes(deps),
    ...recordingRoutes(deps),
    ...toolRoutes(deps),
    ...contactRoutes(deps),
    ...auditRoutes(deps),
    ...recordRoutes(deps),
    ...openCxRoutes(deps),
    ...consoleSessionRoutes(deps),
    ...more,
    ...healthRoutes(deps),
  ];
  let document: unknown = null;
  const routes: readonly Route[] = [
    ...described,
    openRoute({
      method: 'get',
      path: '/openapi.json',
      summary: 'This document',
      tag: 'Operation',
      replies: { 200: { description: 'OpenAPI 3.1.', contentTypes: ['application/json'] } },
      errors: [],
      async handle() {
        document ??= openApiDocument(routes, { version: deps.version, url: deps.publicUrl });
        return { status: 200, body: document };
      },
    }),
  ];
  const guard = createHostGuard(deps.publicUrl, deps.allowedHosts);
  const shared = { limits: createLimits(deps), answerOnce: createAnswerOnce(deps.keptAnswers) };
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  app.set('trust proxy', deps.trustsProxy ?? false);
  app.use(requestIds, noteRemote, accessLog(deps));
  app.use((request, _response, next) => {
    // A load balancer's probe names the instance by address or by a name of its own and learns nothing.
    if (!probes.has(request.path) && !underOtherNames(request.path)) {
      guard.host(request.headers.host);
      guard.origin(request.headers.origin, request.headers.host);
    }
    next();
  });
  if (deps.consoleFiles !== undefined) app.use(consoleFiles(deps.consoleFiles));
  // Webhooks of others come in bursts: they are not looked for behind all that people ask.
  const isWebhook = ({ method, access }: Route): boolean => method === 'post' && access.kind === 'anyone';
  const inOrder = [...routes].sort((a, b) => Number(isWebhook(b)) - Number(isWebhook(a)));
  for (const route of inOrder) mountRoute(app, deps, shared, route);
  mountMethods(app, routes);
  app.use(() => {
    throw new GatewayError('not_found', 'There is no such path; /openapi.json lists those there are.');
  });
  app.use(onError(deps));
  return app;
};
