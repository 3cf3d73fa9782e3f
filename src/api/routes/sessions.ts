import { z } from 'zod';
import { GatewayError } from '../../core/errors.js';
import { endReasons, type SessionQuery } from '../../domain/sessions/index.js';
import { attemptOutcomes } from '../../domain/transfer/index.js';
import type { ApiDeps } from '../deps.js';
import { protectedRoute, type Route } from '../http/route.js';
import { actingOrganization, visibleSession } from '../organization-of.js';
import {
  flag,
  moment,
  organizationQuery,
  sessionDetailSchema,
  sessionListSchema,
  sessionStatuses,
} from '../schemas.js';
import { sessionDetailView, sessionView } from '../views.js';
import { toolValue } from './tools.js';

const idParams = z.strictObject({ id: z.string().min(1).max(64) });

/** A `+` in a query is a space once decoded: the number is meant all the same. */
const callerFilter = z
  .string()
  .max(64)
  .transform((text) => text.trim().replace(/^(?=\d)/, '+'));

const listQuery = z.strictObject({
  organization: organizationQuery,
  live: flag.optional().describe('true: sessions that have not ended; false: ended ones.'),
  caller: callerFilter.optional().describe('E.164.'),
  ticket: z.string().max(64).optional().describe('Zendesk ticket id.'),
  endReason: z.enum(endReasons).optional().describe('How the call ended.'),
  outcome: z
    .enum([...attemptOutcomes, 'not-connected'])
    .optional()
    .describe('What its last transfer came to; not-connected: anything but connected.'),
  from: moment.optional().describe('Started at or after.'),
  to: moment.optional().describe('Started before.'),
  limit: z.coerce.number('must be a number').int().min(1).max(500).default(100),
  cursor: z.string().max(512).optional(),
});

/** What the store takes: fields that were left out are absent, not undefined. */
const storeQuery = (orgId: string, { organization: _, ...query }: z.output<typeof listQuery>): SessionQuery => ({
  orgId,
  limit: query.limit,
  ...(query.live === undefined ? {} : { live: query.live }),
  ...(query.caller === undefined ? {} : { caller: query.caller }),
  ...(query.ticket === undefined ? {} : { ticket: query.ticket }),
  ...(query.endReason === undefined ? {} : { endReason: query.endReason }),
  ...(query.outcome === undefined ? {} : { outcome: query.outcome }),
  ...(query.from === undefined ? {} : { from: query.from }),
  ...(query.to === undefined ? {} : { to: query.to }),
  ...(query.cursor === undefined ? {} : { cursor: query.cursor }),
});

export const sessionRoutes = (deps: ApiDeps): readonly Route[] => [
  protectedRoute({
    method: 'get',
    path: '/v1/sessions',
    summary: 'Phone sessions, newest first',
    tag: 'Sessions',
    action: 'sessions:read',
    query: listQuery,
    replies: { 200: { description: 'One page.', schema: sessionListSchema } },
    errors: ['bad_request', 'store_unavailable'],
    async handle({ principal, query }) {
      const orgId = await actingOrganization(deps, principal, 'sessions:read', query.organization);
      const page = await deps.sessions.list(storeQuery(orgId, query));
      return { status: 200, body: { items: page.items.map(sessionView), next: page.next } };
    },
  }),
  protectedRoute({
    method: 'get',
    path: '/v1/sessions/{id}',
    summary: 'One session with its timeline',
    tag: 'Sessions',
    action: 'sessions:read',
    params: idParams,
    replies: { 200: { description: 'The session.', schema: sessionDetailSchema } },
    errors: ['not_found', 'store_unavailable'],
    async handle({ principal, params }) {
      const session = await visibleSession(deps, principal, 'sessions:read', params.id);
      const timeline = await deps.sessions.timeline(session.orgId, session.id);
      return { status: 200, body: sessionDetailView(session, timeline) };
    },
  }),
  protectedRoute({
    method: 'post',
    path: '/v1/sessions/{id}/hangup',
    summary: 'Ends a call',
    tag: 'Sessions',
    action: 'sessions:hangup',
    params: idParams,
    replies: {
      202: {
        description: 'The owner of the call is ending it.',
        schema: z.strictObject({
          id: z.uuid(),
          status: z.enum(sessionStatuses).describe('As it was when the request came.'),
        }),
      },
    },
    errors: ['not_found', 'session_ended', 'owner_unreachable', 'store_unavailable'],
    async handle({ principal, params, log }) {
      const session = await visibleSession(deps, principal, 'sessions:hangup', params.id);
      if (session.status === 'ended') throw new GatewayError('session_ended', 'The session has ended already.');
      if (principal.kind === 'session') {
        // The agent's own doing, as through any other of its doors.
        const request = { name: 'end_call', args: {}, key: null };
        toolValue(principal, await deps.tools.use(session.orgId, session.id, request));
      } else {
        await deps.calls.hangup(session.orgId, session.id);
      }
      log.info(
        { sessionId: session.id, organization: session.orgId, by: principal.sub },
        'A call was ended by the API.',
      );
      return { status: 202, body: { id: session.id, status: session.status } };
    },
  }),
  protectedRoute({
    method: 'get',
    path: '/v1/sessions/{id}/ladder',
    summary: 'The SIP messages of a call, as JSON or as a ladder of text',
    tag: 'Sessions',
    action: 'sessions:read',
    params: idParams,
    query: z.strictObject({ format: z.enum(['json', 'text'], 'must be json or text').default('json') }),
    replies: { 200: { description: 'The ladder.', contentTypes: ['application/json', 'text/plain'] } },
    errors: ['bad_request', 'not_found', 'store_unavailable'],
    async handle({ principal, params, query }) {
      const session = await visibleSession(deps, principal, 'sessions:read', params.id);
      const reader = query.format === 'text' ? deps.ladders.text : deps.ladders.json;
      const ladder = await reader(session.orgId, session.id);
      if (ladder === null || ladder === undefined) {
        throw new GatewayError('not_found', 'The SIP messages of this session are not kept (any more).');
      }
      const contentType = query.format === 'text' ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8';
      return { status: 200, contentType, body: query.format === 'text' ? ladder : JSON.stringify(ladder) };
    },
  }),
];
