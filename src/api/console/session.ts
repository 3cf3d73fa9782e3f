import { z } from 'zod';
import { GatewayError } from '../../core/errors.js';
import { mayDo, type Principal, permissions } from '../../platform/access/index.js';
import type { ApiDeps } from '../deps.js';
import { setCookie } from '../http/console-cookie.js';
import { credentialRoute, openRoute, type Route } from '../http/route.js';

const whoSchema = z
  .strictObject({
    kind: z.enum(['admin-token', 'dashboard', 'api-key', 'session', 'local']),
    sub: z.string().describe('Who it is.'),
    role: z.enum(['admin', 'editor', 'viewer', 'operator', 'agent']),
    organization: z.string().nullable().describe('Null for operators, who belong to none.'),
    permissions: z.array(z.string()).describe('What it may do.'),
  })
  .describe('Who is signed in.');

const actions = Object.keys(permissions) as (keyof typeof permissions)[];

const whoView = (principal: Principal): z.input<typeof whoSchema> => ({
  kind: principal.kind,
  sub: principal.sub,
  role: principal.role,
  organization: principal.orgId,
  permissions: actions.filter((action) => mayDo(principal, action)),
});

/** Signs a browser in: a credential that was accepted goes into a cookie that no script can read. */
export const consoleSessionRoutes = (deps: ApiDeps): readonly Route[] => {
  const sessions = deps.console;
  if (sessions === undefined) return [];
  const common = { path: '/console/session', tag: 'Console' } as const;
  const replies = { 200: { description: 'Who it is.', schema: whoSchema } };
  return [
    credentialRoute({
      ...{ ...common, method: 'get', replies, errors: [] },
      summary: 'Who is signed in, and what they may do',
      handle: async ({ principal }) => ({ status: 200, body: whoView(principal) }),
    }),
    credentialRoute({
      ...{ ...common, method: 'post', replies, errors: ['bad_request'] },
      summary: 'Signs the console in: the credential of this request goes into its cookie',
      async handle({ principal, headers, log }) {
        const credential = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
        if (credential === undefined)
          throw new GatewayError('bad_request', 'Sign in with `Authorization: Bearer …`; a cookie signs nobody in.');
        if (principal.kind === 'session')
          throw new GatewayError('bad_request', 'The token of an agent’s session is not for the console.');
        const { value, maxAge } = sessions.create(credential);
        log.info({ by: principal.sub, organization: principal.orgId }, 'Somebody signed in to the console.');
        return {
          status: 200,
          body: whoView(principal),
          headers: { 'Set-Cookie': setCookie(deps.publicUrl, value, maxAge) },
        };
      },
    }),
    openRoute({
      ...{ ...common, path: '/console/session/code', method: 'post' },
      summary: 'Signs the console in by the code of a link; it is good once',
      body: { schema: z.strictObject({ code: z.string().min(1).max(200) }) },
      replies: { 204: { description: 'The cookie is there.' } },
      errors: ['bad_request', 'unauthorized', 'unsupported_media_type', 'store_unavailable'],
      async handle({ body: { code }, log }) {
        const credential = await sessions.redeem(code);
        if (credential === null)
          throw new GatewayError('unauthorized', 'The link has been used already, or is too old: sign in by hand.');
        const { value, maxAge } = sessions.create(credential);
        log.info({}, 'Somebody signed in to the console by a link.');
        return { status: 204, headers: { 'Set-Cookie': setCookie(deps.publicUrl, value, maxAge) } };
      },
    }),
    openRoute({
      ...{ ...common, method: 'delete', errors: [] },
      summary: 'Signs the console out',
      replies: { 204: { description: 'The cookie is gone.' } },
      handle: async () => ({ status: 204, headers: { 'Set-Cookie': setCookie(deps.publicUrl, '', 0) } }),
    }),
  ];
};
