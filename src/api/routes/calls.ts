import { z } from 'zod';
import { GatewayError } from '../../core/errors.js';
import { type OutboundPolicy, type OutboundUsage, outboundPolicySchema } from '../../domain/outbound/index.js';
import { authorize } from '../../platform/access/index.js';
import type { ApiDeps } from '../deps.js';
import { protectedRoute, type Route } from '../http/route.js';
import { actingOrganization } from '../organization-of.js';
import { organizationQuery, sessionSchema } from '../schemas.js';
import { sessionView } from '../views.js';
import { userSchema } from './session-inputs.js';

export type CallToPlace = {
  readonly orgId: string;
  readonly agentId: string;
  readonly to: string;
  readonly from: string | null;
  readonly profile: string | null;
  /** For the actions of the session, as PUT /v1/sessions/{id}/headers takes them. */
  readonly headers: Readonly<Record<string, string>> | null;
  readonly authenticatedUser: string | null;
  readonly attributes: Readonly<Record<string, unknown>>;
};

/** Outbound calls of this instance, and what the operator lets an organization call. */
export type OutboundControl = {
  /** Begins a call on this instance and resolves with its session. Throws what `OutboundCalls.place` throws. */
  place(call: CallToPlace): Promise<{ readonly sessionId: string }>;
  policy(orgId: string): Promise<OutboundPolicy>;
  usage(orgId: string): Promise<OutboundUsage>;
  /** Throws GatewayError bad_request for a SIP profile there is not. */
  setPolicy(orgId: string, policy: OutboundPolicy): Promise<void>;
};

const callBody = z.strictObject({
  agent: z.string().min(1).max(64).describe('Id of the agent that talks.'),
  to: z
    .string()
    .trim()
    .min(1, 'must not be empty')
    .max(500)
    .describe('Whom to call: a telephone number, `tel:`, `sip:`, or id or name of a destination of the agent.'),
  from: z.string().max(64).optional().describe("One of the organization's verified numbers; default: the agent's."),
  profile: z.string().max(64).optional().describe('SIP profile whose rules apply.'),
  headers: z
    .record(z.string().min(1).max(128), z.string().max(8_192))
    .optional()
    .describe('Headers that actions of this session send; they cannot be read back.'),
  authenticatedUser: userSchema.optional(),
  attributes: z.record(z.string().max(128), z.json()).default({}).describe('Attributes of the session.'),
});

const organizationParams = z.strictObject({ id: z.string().min(1).max(64) });
const policyView = z.strictObject({
  policy: outboundPolicySchema,
  usage: z
    .strictObject({ calls: z.int(), minutesToday: z.int() })
    .describe('Outbound calls at this moment, and begun minutes of them this day (UTC).'),
});

export const callRoutes = (deps: ApiDeps, outbound: OutboundControl): readonly Route[] => {
  const known = async (id: string): Promise<void> => {
    if ((await deps.directory.directory.organization(id)) === null)
      throw new GatewayError('not_found', `There is no organization ${JSON.stringify(id)}.`);
  };
  const show = async (id: string) => {
    const [policy, usage] = await Promise.all([outbound.policy(id), outbound.usage(id)]);
    return { status: 200, body: { policy, usage } };
  };
  return [
    protectedRoute({
      method: 'post',
      path: '/v1/calls',
      summary: 'Calls somebody and puts them together with an agent',
      tag: 'Calls',
      action: 'calls:create',
      query: z.strictObject({ organization: organizationQuery }),
      body: { schema: callBody, maxBytes: 131_072 },
      replies: { 202: { description: 'The session; the call is being placed.', schema: sessionSchema } },
      errors: [
        ...(['bad_request', 'not_found', 'conflict', 'target_not_allowed', 'outbound_limit', 'draining'] as const),
        ...(['overloaded', 'ports_exhausted', 'store_unavailable'] as const),
        'organization_limit',
        'unsupported_media_type',
      ],
      async handle({ principal, query, body, log }) {
        const orgId = await actingOrganization(deps, principal, 'calls:create', query.organization);
        // Saying who somebody is, is more than calling them.
        if (body.authenticatedUser !== undefined) authorize(principal, 'identity:write', orgId);
        const { sessionId } = await outbound.place({
          orgId,
          agentId: body.agent,
          to: body.to,
          from: body.from ?? null,
          profile: body.profile ?? null,
          headers: body.headers ?? null,
          authenticatedUser: body.authenticatedUser ?? null,
          attributes: body.attributes,
        });
        log.info({ sessionId, organization: orgId, by: principal.sub }, 'A call was placed by the API.');
        const session = await deps.sessions.get(orgId, sessionId);
        if (session === null) throw new GatewayError('not_found', `There is no session ${sessionId}.`);
        return { status: 202, body: sessionView(session), headers: { Location: `/v1/sessions/${sessionId}` } };
      },
    }),
    protectedRoute({
      method: 'get',
      path: '/v1/organizations/{id}/outbound',
      summary: 'What the agents of an organization may call besides their destinations, and what they have used',
      tag: 'Calls',
      action: 'outbound:read',
      params: organizationParams,
      replies: { 200: { description: 'The policy and its use.', schema: policyView } },
      errors: ['not_found', 'store_unavailable'],
      async handle({ principal, params: { id } }) {
        authorize(principal, 'outbound:read', id);
        await known(id);
        return show(id);
      },
    }),
    protectedRoute({
      method: 'put',
      path: '/v1/organizations/{id}/outbound',
      summary: 'Replaces what the agents of an organization may call; operators only',
      tag: 'Calls',
      action: 'outbound:write',
      params: organizationParams,
      body: { schema: outboundPolicySchema, maxBytes: 1_048_576 },
      replies: { 200: { description: 'The policy and its use.', schema: policyView } },
      errors: ['bad_request', 'not_found', 'store_unavailable', 'unsupported_media_type'],
      async handle({ principal, params: { id }, body, log }) {
        authorize(principal, 'outbound:write', id);
        await known(id);
        await outbound.setPolicy(id, body);
        log.info({ organization: id, by: principal.sub, policy: body }, 'The outbound policy was changed.');
        return show(id);
      },
    }),
  ];
};
