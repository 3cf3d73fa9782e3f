import { z } from 'zod';
import { GatewayError } from '../../core/errors.js';
import {
  type Prefetch,
  type PrefetchKeys,
  prefetchPath,
  prefetchUrl,
  type ZendeskCheck,
} from '../../domain/zendesk/index.js';
import { type Action, authorize, type Principal } from '../../platform/access/index.js';
import type { ApiDeps } from '../deps.js';
import { protectedRoute, type Route, rawRoute } from '../http/route.js';
import { actingOrganization } from '../organization-of.js';
import { flag, organizationQuery } from '../schemas.js';

/** What the routes of Zendesk stand on. */
export type ZendeskParts = {
  readonly keys: Pick<PrefetchKeys, 'currentToken' | 'regenerate'>;
  readonly prefetch: Prefetch;
  readonly check: (orgId: string) => Promise<ZendeskCheck>;
};

/** Largest webhook body, bytes. */
const LARGEST = 262_144;
/** Zendesk repeats a 503 only when `Retry-After` is under 60 s. */
const RETRY_AFTER = '10';

const urlSchema = z.strictObject({ webhookUrl: z.url() });

const answerSchema = z.strictObject({
  success: z.boolean(),
  message: z.string(),
  sessionId: z.string().optional(),
  ticketId: z.string().optional(),
  match: z.enum(['caller_phone', 'requester_phone', 'talk_number', 'created']).optional(),
  enrichment: z.enum(['queued', 'enriched', 'failed', 'none']).optional(),
});

const moment = z.iso.datetime();
const checkSchema = z.strictObject({
  organization: z.string(),
  zendesk: z.url().nullable(),
  credentials: z.strictObject({ ok: z.boolean(), message: z.string() }),
  webhook: z.strictObject({
    url: z.url(),
    expiresAt: moment,
    signed: z.boolean(),
    body: z.string(),
    conditions: z.array(z.string()),
  }),
  status: z
    .strictObject({ ok: z.boolean(), at: moment, kind: z.string().nullable(), message: z.string().nullable() })
    .nullable(),
  deliveries: z.array(
    z.strictObject({
      at: moment,
      status: z.int(),
      success: z.boolean(),
      message: z.string(),
      ticketId: z.string().nullable(),
      sessionId: z.string().nullable(),
      invocation: z.string().nullable(),
      took: z.number(),
    }),
  ),
  problems: z.array(z.string()),
});

const iso = (at: number): string => new Date(at).toISOString();

const checkView = (result: ZendeskCheck): z.input<typeof checkSchema> => ({
  ...result,
  webhook: {
    ...result.webhook,
    expiresAt: iso(result.webhook.expiresAt),
    conditions: [...result.webhook.conditions],
  },
  status: result.status === null ? null : { ...result.status, at: iso(result.status.at) },
  deliveries: result.deliveries.map((delivery) => ({ ...delivery, at: iso(delivery.at) })),
  problems: [...result.problems],
});

const documentedBody = z.looseObject({
  ticket_id: z.union([z.int(), z.string()]),
  caller_phone: z.string().optional(),
  requester_phone: z.string().optional(),
  subject: z.string().optional(),
});

const headerOf = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value;

/** The webhook URL an administrator pastes into Zendesk, and the webhook itself. */
export const prefetchRoutes = (
  deps: Pick<ApiDeps, 'directory' | 'publicUrl'>,
  { keys, prefetch, check }: ZendeskParts,
): readonly Route[] => {
  const organizationOf = async (principal: Principal, action: Action, named: string | undefined): Promise<string> => {
    const orgId = await actingOrganization(deps, principal, action, named);
    if ((await deps.directory.directory.organization(orgId)) === null) {
      throw new GatewayError('not_found', `There is no organization ${JSON.stringify(orgId)}.`);
    }
    return orgId;
  };
  const reply = (token: string) => ({ status: 200, body: { webhookUrl: prefetchUrl(deps.publicUrl, token) } });
  const query = z.strictObject({ organization: organizationQuery });
  return [
    protectedRoute({
      method: 'get',
      path: '/backend/zendesk-v2/voice-prefetch-url',
      summary: 'The address of the prefetch webhook, for Zendesk',
      tag: 'Zendesk',
      action: 'prefetch:read',
      query,
      replies: { 200: { description: 'The current address: a credential.', schema: urlSchema } },
      errors: ['bad_request', 'not_found', 'store_unavailable'],
      async handle({ principal, query: { organization } }) {
        const orgId = await organizationOf(principal, 'prefetch:read', organization);
        return reply((await keys.currentToken(orgId)).token);
      },
    }),
    protectedRoute({
      method: 'post',
      path: '/backend/zendesk-v2/voice-prefetch-url/regenerate',
      summary: 'A new address of the prefetch webhook; the older ones stop working',
      tag: 'Zendesk',
      action: 'prefetch:regenerate',
      query,
      replies: { 200: { description: 'The new address.', schema: urlSchema } },
      errors: ['bad_request', 'not_found', 'store_unavailable'],
      async handle({ principal, query: { organization }, log }) {
        authorize(principal, 'prefetch:regenerate', null);
        const orgId = await organizationOf(principal, 'prefetch:regenerate', organization);
        const { token } = await keys.regenerate(orgId);
        log.info({ organization: orgId, by: principal.sub }, 'The webhook address was replaced; older ones are void.');
        return reply(token);
      },
    }),
    protectedRoute({
      method: 'get',
      path: '/v1/zendesk/check',
      summary: 'Whether Zendesk is set up, what to paste there, and how its last webhooks were answered',
      tag: 'Zendesk',
      action: 'prefetch:read',
      query,
      replies: { 200: { description: 'What is there and what is wrong.', schema: checkSchema } },
      errors: ['bad_request', 'not_found', 'store_unavailable'],
      async handle({ principal, query: { organization } }) {
        const orgId = await organizationOf(principal, 'prefetch:read', organization);
        return { status: 200, body: checkView(await check(orgId)) };
      },
    }),
    rawRoute({
      method: 'post',
      path: `${prefetchPath}/{token}`,
      summary: 'The prefetch webhook of Zendesk: stamps a ticket on the live session of its caller',
      tag: 'Zendesk',
      params: z.strictObject({ token: z.string().max(4_096) }),
      query: z.looseObject({ wait: flag.optional().describe('true: wait up to 5 s for the contact to be enriched.') }),
      body: { documented: documentedBody, maxBytes: LARGEST },
      replies: { 200: { description: 'Whether the ticket is on a session, and why not.', schema: answerSchema } },
      errors: ['bad_request', 'unauthorized', 'store_unavailable', 'zendesk_unavailable'],
      failure: (error) => ({
        body: { success: false, message: error.message },
        ...(error.status === 503 ? { headers: { 'Retry-After': RETRY_AFTER } } : {}),
      }),
      async handle({ params, query: { wait }, headers, bytes, signal }) {
        const answer = await prefetch.receive({
          token: params.token,
          body: bytes,
          invocation: headerOf(headers['x-zendesk-webhook-invocation-id']) ?? null,
          signature: headerOf(headers['x-zendesk-webhook-signature']),
          timestamp: headerOf(headers['x-zendesk-webhook-signature-timestamp']),
          wait: wait ?? false,
          signal,
        });
        return { status: 200, body: answer };
      },
    }),
  ];
};
