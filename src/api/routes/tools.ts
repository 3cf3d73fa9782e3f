import { z } from 'zod';
import { type ErrorCode, GatewayError } from '../../core/errors.js';
import type { ToolAnswer, ToolDescription, ToolFault } from '../../domain/calls/ports.js';
import type { PhoneSession } from '../../domain/sessions/index.js';
import type { Principal } from '../../platform/access/index.js';
import type { ApiDeps } from '../deps.js';
import { idempotencyKey } from '../http/idempotency.js';
import { protectedRoute, type Route } from '../http/route.js';
import { sessionOver, visibleSession } from '../organization-of.js';

/** The tools of calls, wherever the calls live. */
export type ToolControl = {
  /** Throws GatewayError not_found, session_ended, owner_unreachable or store_unavailable. */
  list(orgId: string, sessionId: string): Promise<readonly ToolDescription[]>;
  /**
   * Uses a tool and waits for what comes of it, as long as it takes. With a `key` a repeated request gets the first
   * answer. Throws GatewayError not_found, conflict (the key was another request's), owner_unreachable or store_unavailable.
   */
  use(
    orgId: string,
    sessionId: string,
    request: { readonly name: string; readonly args: unknown; readonly key: string | null },
  ): Promise<ToolAnswer>;
};

const faultCodes = {
  unknown_tool: 'not_found',
  bad_arguments: 'bad_request',
  too_many: 'rate_limited',
  // This call cannot, such as keys to a telephone that takes none.
  not_available: 'conflict',
  session_ended: 'session_ended',
  failed: 'internal',
} as const satisfies Record<ToolFault['code'], ErrorCode>;

/** What came of a tool, or why it was not used as a GatewayError. */
export const toolValue = (principal: Principal, answer: ToolAnswer): unknown => {
  if (answer.ok) return answer.value;
  const { code, message } = answer.fault;
  if (code === 'session_ended' && principal.kind === 'session') throw sessionOver();
  throw new GatewayError(faultCodes[code], message);
};

const params = z.strictObject({ id: z.string().min(1).max(64) });
const toolSchema = z.strictObject({
  name: z.string(),
  description: z.string(),
  parameters: z.record(z.string(), z.unknown()).describe('JSON Schema of the arguments.'),
  expectedLatencyMs: z.number().optional().describe('How long it usually takes: an agent may speak meanwhile.'),
});

const errors = [
  'bad_request',
  'not_found',
  'conflict',
  'session_ended',
  'owner_unreachable',
  'store_unavailable',
  'unsupported_media_type',
] as const;

/** The tools of a live session: what an agent does by RPC, WebSocket or MCP, as plain HTTP. */
export const toolRoutes = (deps: Pick<ApiDeps, 'sessions' | 'tools'>): readonly Route[] => {
  const live = async (
    principal: Principal,
    action: 'tools:use' | 'sessions:dtmf',
    id: string,
  ): Promise<PhoneSession> => {
    const session = await visibleSession(deps, principal, action, id);
    if (session.status === 'ended') throw new GatewayError('session_ended', 'The session has ended already.');
    return session;
  };
  return [
    protectedRoute({
      method: 'get',
      path: '/v1/sessions/{id}/tools',
      summary: 'The tools the agent of a live session has',
      tag: 'Tools',
      action: 'tools:use',
      params,
      replies: {
        200: { description: 'All of them.', schema: z.strictObject({ items: z.array(toolSchema), next: z.null() }) },
      },
      errors: ['not_found', 'session_ended', 'owner_unreachable', 'store_unavailable'],
      async handle({ principal, params: { id } }) {
        const session = await live(principal, 'tools:use', id);
        return { status: 200, body: { items: await deps.tools.list(session.orgId, session.id), next: null } };
      },
    }),
    protectedRoute({
      method: 'post',
      path: '/v1/sessions/{id}/tools/{name}',
      summary: 'Uses a tool of a live session; the body is its arguments',
      tag: 'Tools',
      action: 'tools:use',
      idempotency: 'handled',
      params: params.extend({ name: z.string().min(1).max(64).describe('As the list names it.') }),
      // Judged where the tool is known.
      body: {
        schema: z.unknown(),
        documented: z.record(z.string(), z.unknown()).describe('The arguments, by the schema of the tool.'),
        maxBytes: 262_144,
      },
      replies: { 200: { description: 'What came of it, also when it failed.', schema: z.unknown() } },
      errors,
      async handle({ principal, params: { id, name }, body, headers }) {
        const session = await live(principal, 'tools:use', id);
        const key = idempotencyKey(headers['idempotency-key']);
        const answer = await deps.tools.use(session.orgId, session.id, { name, args: body, key });
        return { status: 200, body: toolValue(principal, answer) };
      },
    }),
    protectedRoute({
      method: 'post',
      path: '/v1/sessions/{id}/dtmf',
      summary: 'Sends telephone keys to the caller',
      tag: 'Sessions',
      action: 'sessions:dtmf',
      idempotency: 'handled',
      params,
      body: {
        schema: z.strictObject({
          digits: z.string().regex(/^[0-9A-Da-d*#]{1,64}$/, 'must be 1 to 64 of 0-9, A-D, * and #'),
        }),
      },
      replies: { 204: { description: 'They have been sent.' } },
      errors,
      async handle({ principal, params: { id }, body, headers }) {
        const session = await live(principal, 'sessions:dtmf', id);
        const key = idempotencyKey(headers['idempotency-key']);
        toolValue(principal, await deps.tools.use(session.orgId, session.id, { name: 'send_dtmf', args: body, key }));
        return { status: 204 };
      },
    }),
  ];
};
