import { z } from 'zod';
import { GatewayError } from '../../core/errors.js';
import type { Principal } from '../../platform/access/index.js';
import {
  type DeadLetter,
  type DeadLetters,
  type WebhookEndpoint,
  type WebhookEndpoints,
  type Webhooks,
  webhookEvents,
} from '../../platform/events/index.js';
import type { ApiDeps } from '../deps.js';
import { protectedRoute, type Route } from '../http/route.js';
import { actingOrganization } from '../organization-of.js';
import { organizationQuery, streamCursor } from '../schemas.js';

export type WebhookParts = {
  readonly endpoints: WebhookEndpoints;
  readonly deadLetters: DeadLetters;
  readonly webhooks: Pick<Webhooks, 'ping' | 'wake'>;
};

const moment = z.iso.datetime();
const query = z.strictObject({ organization: organizationQuery });
const params = z.strictObject({ id: z.string().min(1).max(64) });
const endpointSchema = z.strictObject({
  id: z.uuid(),
  url: z.string(),
  events: z.array(z.enum(webhookEvents)),
  createdAt: moment,
});
const createdSchema = endpointSchema.extend({ secret: z.string().describe('Signs what is sent: shown this once.') });
const bodySchema = z.strictObject({
  url: z
    .url({ protocol: /^https$/, error: 'must be an https: address' })
    .max(2_000)
    .refine(
      (url) => !URL.canParse(url) || new URL(url).username === '',
      'must not hold a user: what is sent is signed',
    ),
  events: z
    .array(z.enum(webhookEvents))
    .min(1)
    .max(webhookEvents.length)
    .default([...webhookEvents])
    .describe('What it hears of; everything when left out.'),
});
const attemptSchema = z.strictObject({
  ok: z.boolean(),
  status: z.int().nullable(),
  reason: z.string(),
  durationMs: z.number(),
});
const letterSchema = z.strictObject({
  id: z.string(),
  endpointId: z.string(),
  event: z.string(),
  sessionId: z.string(),
  at: moment,
  failedAt: moment,
  reason: z.string().describe('Of the last attempt.'),
});

const iso = (at: number): string => new Date(at).toISOString();
const view = ({ id, url, events, createdAt }: WebhookEndpoint): z.input<typeof endpointSchema> => ({
  ...{ id, url, events: [...events], createdAt: iso(createdAt) },
});
const letterView = (letter: DeadLetter): z.input<typeof letterSchema> => ({
  ...{ id: letter.id, endpointId: letter.endpointId, event: letter.event, sessionId: letter.sessionId },
  ...{ at: iso(letter.at), failedAt: iso(letter.failedAt), reason: letter.reason },
});

/** Endpoints that are told of calls, and what could not be told. */
export const webhookRoutes = (deps: ApiDeps, { endpoints, deadLetters, webhooks }: WebhookParts): readonly Route[] => {
  const reader = (principal: Principal, named: string | undefined): Promise<string> =>
    actingOrganization(deps, principal, 'webhooks:read', named);
  const writer = (principal: Principal, named: string | undefined): Promise<string> =>
    actingOrganization(deps, principal, 'webhooks:write', named);
  const missing = (what: string, id: string): GatewayError =>
    new GatewayError('not_found', `There is no ${what} ${JSON.stringify(id)}.`);
  const tag = 'Webhooks';
  return [
    protectedRoute({
      method: 'get',
      path: '/v1/webhooks',
      summary: 'The endpoints that are told of calls',
      ...{ tag, action: 'webhooks:read', query },
      replies: {
        200: {
          description: 'All of them.',
          schema: z.strictObject({ items: z.array(endpointSchema), next: z.null() }),
        },
      },
      errors: ['bad_request', 'store_unavailable'],
      async handle({ principal, query: { organization } }) {
        const all = await endpoints.list(await reader(principal, organization));
        return { status: 200, body: { items: all.map(view), next: null } };
      },
    }),
    protectedRoute({
      method: 'post',
      path: '/v1/webhooks',
      summary: 'Adds an endpoint; the answer is the only place where its signing secret can be read',
      ...{ tag, action: 'webhooks:write', query },
      body: { schema: bodySchema },
      replies: { 201: { description: 'The endpoint.', schema: createdSchema } },
      errors: ['bad_request', 'not_found', 'conflict', 'unsupported_media_type', 'store_unavailable'],
      async handle({ principal, query: { organization }, body }) {
        const orgId = await writer(principal, organization);
        if ((await deps.directory.directory.organization(orgId)) === null) throw missing('organization', orgId);
        const { endpoint, secret } = await endpoints.create(orgId, body);
        return { status: 201, body: { ...view(endpoint), secret }, changes: [`created webhook ${endpoint.id}`] };
      },
    }),
    protectedRoute({
      method: 'delete',
      path: '/v1/webhooks/{id}',
      summary: 'Removes an endpoint; what waits for it is dropped',
      ...{ tag, action: 'webhooks:write', params, query },
      replies: { 204: { description: 'It hears nothing more.' } },
      errors: ['bad_request', 'not_found', 'store_unavailable'],
      async handle({ principal, params: { id }, query: { organization } }) {
        if (!(await endpoints.remove(await writer(principal, organization), id))) throw missing('webhook', id);
        return { status: 204, changes: [`removed webhook ${id}`] };
      },
    }),
    protectedRoute({
      method: 'post',
      path: '/v1/webhooks/{id}/ping',
      summary: 'Sends a signed `ping` now, once, and says what came of it',
      ...{ tag, action: 'webhooks:write', params, query },
      replies: { 200: { description: 'The attempt, also when it failed.', schema: attemptSchema } },
      errors: ['bad_request', 'not_found', 'store_unavailable'],
      async handle({ principal, params: { id }, query: { organization } }) {
        const endpoint = await endpoints.get(await writer(principal, organization), id);
        if (endpoint === null) throw missing('webhook', id);
        return { status: 200, body: await webhooks.ping(endpoint), changes: [] };
      },
    }),
    protectedRoute({
      method: 'get',
      path: '/v1/webhook-dead-letters',
      summary: 'What could not be told and was given up, newest first',
      ...{ tag, action: 'webhooks:read' },
      query: query.extend({
        limit: z.coerce.number('must be a number').int().min(1).max(500).default(100),
        cursor: streamCursor.optional(),
      }),
      replies: {
        200: {
          description: 'One page.',
          schema: z.strictObject({ items: z.array(letterSchema), next: z.string().nullable() }),
        },
      },
      errors: ['bad_request', 'store_unavailable'],
      async handle({ principal, query: { organization, limit, cursor } }) {
        const page = await deadLetters.list(await reader(principal, organization), { limit, cursor });
        return { status: 200, body: { items: page.items.map(letterView), next: page.next } };
      },
    }),
    protectedRoute({
      method: 'post',
      path: '/v1/webhook-dead-letters/{id}/resend',
      summary: 'Puts a dead letter into the queue again',
      ...{ tag, action: 'webhooks:write', params, query },
      replies: { 202: { description: 'It will be told.' } },
      errors: ['bad_request', 'not_found', 'store_unavailable'],
      async handle({ principal, params: { id }, query: { organization } }) {
        const orgId = await writer(principal, organization);
        if (!(await deadLetters.resend(orgId, id))) throw missing('dead letter', id);
        webhooks.wake(orgId);
        return { status: 202, changes: [`resent dead letter ${id}`] };
      },
    }),
    protectedRoute({
      method: 'delete',
      path: '/v1/webhook-dead-letters/{id}',
      summary: 'Removes a dead letter',
      ...{ tag, action: 'webhooks:write', params, query },
      replies: { 204: { description: 'It is gone.' } },
      errors: ['bad_request', 'not_found', 'store_unavailable'],
      async handle({ principal, params: { id }, query: { organization } }) {
        if (!(await deadLetters.remove(await writer(principal, organization), id))) throw missing('dead letter', id);
        return { status: 204, changes: [`removed dead letter ${id}`] };
      },
    }),
  ];
};
