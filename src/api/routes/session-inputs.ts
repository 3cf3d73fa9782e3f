import { z } from 'zod';
import { GatewayError } from '../../core/errors.js';
import { controlNames } from '../../domain/calls/index.js';
import type { PhoneSession } from '../../domain/sessions/index.js';
import type { Action, Principal } from '../../platform/access/index.js';
import type { ApiDeps } from '../deps.js';
import { idempotencyKey } from '../http/idempotency.js';
import { protectedRoute, type Route } from '../http/route.js';
import { visibleSession } from '../organization-of.js';
import type { ActionParts } from './action-parts.js';
import { executeSchema, turnOf } from './execute.js';
import { toolValue } from './tools.js';

const params = z.strictObject({ id: z.string().min(1).max(64) });
const errors = ['bad_request', 'not_found', 'session_ended', 'owner_unreachable', 'store_unavailable'] as const;

export const userSchema = z
  .string()
  .regex(/^[\x21-\x7e](?:[\x20-\x7e]{0,510}[\x21-\x7e])?$/, 'must be 1 to 512 visible ASCII characters')
  .describe('Id of the user in your systems; sent as x-opencx-external-user-id.');

/** What the opener of a session, or who vouches for its user, gives to the actions of a call that is going on. */
export const sessionInputRoutes = (
  deps: ApiDeps,
  parts: Pick<ActionParts, 'execute' | 'setHeaders' | 'setIdentity'>,
): readonly Route[] => {
  const live = async (principal: Principal, action: Action, id: string): Promise<PhoneSession> => {
    const session = await visibleSession(deps, principal, action, id);
    if (session.status === 'ended') throw new GatewayError('session_ended', 'The session has ended already.');
    return session;
  };
  return [
    protectedRoute({
      method: 'put',
      path: '/v1/sessions/{id}/headers',
      summary: 'Replaces the headers that actions of this session send; they cannot be read back and go with the call',
      tag: 'Sessions',
      action: 'sessions:write',
      params,
      body: {
        schema: z.strictObject({ headers: z.record(z.string().min(1).max(128), z.string().max(8_192)) }),
        maxBytes: 131_072,
      },
      replies: { 204: { description: 'The owner of the call has them, in its memory alone.' } },
      errors: [...errors, 'unsupported_media_type'],
      async handle({ principal, params: { id }, body, log }) {
        const session = await live(principal, 'sessions:write', id);
        const warnings = await parts.setHeaders(session.orgId, session.id, body.headers);
        log.info(
          {
            sessionId: session.id,
            organization: session.orgId,
            by: principal.sub,
            count: Object.keys(body.headers).length,
            warnings,
          },
          'The headers of a session were set.',
        );
        return { status: 204 };
      },
    }),
    protectedRoute({
      method: 'post',
      path: '/v1/sessions/{id}/actions/{action}',
      summary: 'Runs an action in a live session, on the instance that owns it',
      tag: 'Sessions',
      action: 'sessions:act',
      params: params.extend({ action: z.string().min(1).max(60).describe('Slug of the action.') }),
      body: {
        schema: z.strictObject({ attributes: z.record(z.string().max(128), z.json()).default({}) }),
        maxBytes: 262_144,
      },
      replies: { 200: { description: 'What came of it, also when the target failed.', schema: executeSchema } },
      errors: [...errors, 'conflict', 'unsupported_media_type'],
      async handle({ principal, params: { id, action }, body, headers, signal }) {
        const { orgId, id: sessionId } = await live(principal, 'sessions:act', id);
        if (principal.kind === 'session') {
          // An agent has the actions it was given, and no control hides behind the name of one.
          const args = { name: action, arguments: body.attributes };
          if (controlNames.includes(action)) {
            throw new GatewayError('not_found', `There is no action ${JSON.stringify(action)}.`);
          }
          const answer = await deps.tools.use(orgId, sessionId, {
            name: 'execute_action',
            ...{ args, key: idempotencyKey(headers['idempotency-key']) },
          });
          return { status: 200, body: toolValue(principal, answer) };
        }
        const once = turnOf(principal, headers['idempotency-key'], signal);
        const request = { orgId, sessionId, slug: action, attributes: body.attributes, ...once };
        return { status: 200, body: await parts.execute(request) };
      },
    }),
    protectedRoute({
      method: 'put',
      path: '/v1/sessions/{id}/identity',
      summary: 'Says who the user of this session is, as established by whoever asks',
      tag: 'Sessions',
      action: 'identity:write',
      params,
      body: {
        schema: z.strictObject({
          authenticatedUser: userSchema,
        }),
      },
      replies: { 204: { description: 'Actions of this session carry it from now on.' } },
      errors: [...errors, 'unsupported_media_type'],
      async handle({ principal, params: { id }, body, log }) {
        const session = await live(principal, 'identity:write', id);
        await parts.setIdentity(session.orgId, session.id, body.authenticatedUser);
        log.info(
          { sessionId: session.id, organization: session.orgId, by: principal.sub },
          'The user of a session was identified.',
        );
        return { status: 204 };
      },
    }),
  ];
};
