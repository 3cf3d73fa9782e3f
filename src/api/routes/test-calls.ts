import { z } from 'zod';
import { isE164, toE164 } from '../../core/e164.js';
import { GatewayError } from '../../core/errors.js';
import type { ApiDeps } from '../deps.js';
import { protectedRoute, type Route } from '../http/route.js';
import { actingOrganization, visibleSession } from '../organization-of.js';
import { organizationQuery, sessionSchema } from '../schemas.js';
import { sessionView } from '../views.js';

export type TestCallRequest = {
  /** E.164, one of the organization's. */
  readonly number: string;
  /** User part of the From. */
  readonly from: string;
  readonly display: string | null;
  /** Keys to press, as `voice-gateway call --dtmf` takes them; empty: none. */
  readonly keys: string;
  /** Spoken once the call is answered. */
  readonly say: string | null;
  /** The caller hangs up after so long. */
  readonly seconds: number;
};

/** A telephone of the gateway's own that calls the organization's numbers. */
export type TestCallControl = {
  /**
   * Resolves when the call has a session. Throws GatewayError not_found, conflict (not verified, too many at once),
   * sip_refused with the status and the rule, or sip_unavailable.
   */
  place(orgId: string, request: TestCallRequest): Promise<{ readonly sessionId: string }>;
  /** Throws GatewayError not_found when the session is no test call, conflict while it is not answered. */
  press(orgId: string, sessionId: string, digits: string): Promise<void>;
  end(orgId: string, sessionId: string): Promise<void>;
};

const e164 = z
  .string()
  .max(64)
  .transform((text, context) => {
    const number = toE164(text);
    if (number !== null && isE164(number)) return number;
    context.addIssue({ code: 'custom', message: 'must be a telephone number in E.164, such as +14155550100' });
    return z.NEVER;
  });

const press = /^\s*[0-9A-Da-d*#]+(?:@\d{1,4}(?:\.\d+)?)?\s*$/;
const body = z.strictObject({
  number: e164.describe("The organization's number to call."),
  from: e164.default('+14155550123').describe('The number that seems to call.'),
  display: z.string().trim().max(80).optional().describe('The name that seems to call.'),
  keys: z
    .string()
    .max(200)
    .refine((text) => text === '' || text.split(',').every((part) => press.test(part)), {
      message: 'must be keys, one after the other (1,0) or at a time in seconds (1@2.5)',
    })
    .default('')
    .describe('Keys to press: `1,0`, or at seconds after the answer: `1@2.5,42@6`.'),
  say: z.string().trim().min(1).max(500).optional().describe('What the caller says; needs espeak-ng.'),
  seconds: z.int().min(5).max(600).default(120).describe('The caller hangs up after so long.'),
});
const params = z.strictObject({ id: z.string().min(1).max(64) });
const written = ['bad_request', 'payload_too_large', 'unsupported_media_type'] as const;

/** Calls from the gateway's own telephone to a number of the organization, over SIP and RTP like anybody's. */
export const testCallRoutes = (deps: ApiDeps, calls: TestCallControl): readonly Route[] => [
  protectedRoute({
    method: 'post',
    path: '/v1/test-calls',
    summary: "Calls one of the organization's numbers with a telephone of the gateway's own",
    tag: 'Calls',
    action: 'calls:create',
    query: z.strictObject({ organization: organizationQuery }),
    body: { schema: body },
    replies: { 202: { description: 'The session of the call, which rings or was answered.', schema: sessionSchema } },
    errors: [...written, 'not_found', 'conflict', 'sip_refused', 'sip_unavailable', 'store_unavailable'],
    async handle({ principal, query, body: { display, keys, say, ...rest }, log }) {
      const orgId = await actingOrganization(deps, principal, 'calls:create', query.organization);
      const request = { ...rest, display: display ?? null, keys, say: say ?? null };
      const { sessionId } = await calls.place(orgId, request);
      log.info({ sessionId, organization: orgId, by: principal.sub }, 'A test call was placed by the API.');
      const session = await deps.sessions.get(orgId, sessionId);
      if (session === null) throw new GatewayError('not_found', `There is no session ${sessionId}.`);
      return { status: 202, body: sessionView(session), headers: { Location: `/v1/sessions/${sessionId}` } };
    },
  }),
  protectedRoute({
    method: 'post',
    path: '/v1/test-calls/{id}/keys',
    summary: 'Presses keys on the telephone of a test call; the id is that of its session',
    tag: 'Calls',
    action: 'calls:create',
    params,
    body: {
      schema: z.strictObject({ digits: z.string().regex(/^[0-9A-D*#]{1,32}$/, 'must be keys: 0-9, A-D, *, #') }),
    },
    replies: { 204: { description: 'They were pressed.' } },
    errors: [...written, 'not_found', 'conflict', 'owner_unreachable', 'store_unavailable'],
    async handle({ principal, params: { id }, body: { digits } }) {
      const session = await visibleSession(deps, principal, 'calls:create', id);
      await calls.press(session.orgId, session.id, digits);
      return { status: 204 };
    },
  }),
  protectedRoute({
    method: 'delete',
    path: '/v1/test-calls/{id}',
    summary: 'The telephone of a test call hangs up; the id is that of its session',
    tag: 'Calls',
    action: 'calls:create',
    params,
    replies: { 204: { description: 'It hangs up.' } },
    errors: ['not_found', 'owner_unreachable', 'store_unavailable'],
    async handle({ principal, params: { id } }) {
      const session = await visibleSession(deps, principal, 'calls:create', id);
      await calls.end(session.orgId, session.id);
      return { status: 204 };
    },
  }),
];
