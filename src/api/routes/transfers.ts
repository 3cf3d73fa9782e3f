import { z } from 'zod';
import { GatewayError } from '../../core/errors.js';
import { holdsSessionToken } from '../../core/redaction.js';
import { type AttemptRecord, attemptOutcomes } from '../../domain/transfer/index.js';
import { authorize, type Principal } from '../../platform/access/index.js';
import type { ApiDeps } from '../deps.js';
import { errorSchema, errorView } from '../http/error-view.js';
import { idempotencyKey } from '../http/idempotency.js';
import { protectedRoute, type Reply, type Route } from '../http/route.js';
import { visibleSession } from '../organization-of.js';
import { flag } from '../schemas.js';

/** Transfers of calls, wherever the calls live. */
export type TransferControl = {
  /** The organization of a live call of this instance; null when it has none of this id. */
  organizationOf(sessionId: string): string | null;
  /**
   * Begins a transfer on the instance that owns the call; a repeated `key` gives the first answer again. `accepted`
   * false: there is one already, and `attempt` is its state. Throws GatewayError not_found, session_ended, conflict or
   * owner_unreachable.
   */
  start(
    orgId: string,
    sessionId: string,
    request: { readonly destination: string; readonly summary: string | null; readonly key: string | null },
  ): Promise<{ readonly accepted: boolean; readonly attempt: AttemptRecord }>;
  /** The transfer that began with this attempt, once it is decided or after `within` ms, whichever comes first. */
  watch(
    orgId: string,
    sessionId: string,
    attemptId: string,
    within: number,
  ): Promise<{ readonly decided: boolean; readonly attempt: AttemptRecord }>;
  /** The last attempt of a live call; null when there was none or the call is not live. */
  current(orgId: string, sessionId: string): Promise<AttemptRecord | null>;
  /** Gives a ringing transfer up; the caller is with the agent again. Throws GatewayError conflict when none rings. */
  cancel(orgId: string, sessionId: string): Promise<AttemptRecord>;
};

/** How long one look at another instance's transfer lasts, ms: shorter than what a lost instance may keep us waiting. */
const watchFor = 2_000;

const idParams = z.strictObject({ id: z.string().min(1).max(64) });

const attemptSchema = z
  .strictObject({
    id: z.uuid(),
    state: z.enum(['trying', 'ringing', 'done']),
    destination: z.strictObject({ id: z.string(), name: z.string(), type: z.enum(['sip', 'phone']) }),
    outcome: z.enum(attemptOutcomes).nullable(),
    sipStatus: z.int().nullable(),
    reason: z.string(),
    hint: z.string().nullable(),
    from: z.string().describe('The From of the INVITE; empty for a REFER.'),
    fromReason: z.string(),
    headers: z.record(z.string(), z.string()).describe('As sent; values of credentials hidden.'),
    ticketId: z.string().nullable(),
    ticketReason: z.string().nullable().describe('Why no ticket id was sent, or why one from memory was.'),
  })
  .describe('One attempt to transfer a caller.');

const transferBody = z.strictObject({
  destination: z.string().trim().min(1, 'must not be empty').max(255).describe('Id or name of a destination.'),
  summary: z
    .string()
    .max(2_000)
    .optional()
    .describe(
      'Told to the human: sent as User-to-User, spoken where the announcement has {summary}, and written into the note on the ticket.',
    ),
});

/**
 * The destination as it was named; for an agent the id of one of its own, so that a prompt-injected one cannot call
 * others. Throws GatewayError not_found.
 */
const permittedDestination = async (
  deps: Pick<ApiDeps, 'directory' | 'sessions'>,
  principal: Principal,
  id: string,
  named: string,
): Promise<string> => {
  if (principal.kind !== 'session') return named;
  const session = await visibleSession(deps, principal, 'sessions:transfer', id);
  const { directory } = deps.directory;
  const [agent, destination] = await Promise.all([
    directory.agent(session.orgId, session.agentId),
    directory.destination(session.orgId, named),
  ]);
  const own = agent?.transferDestinations ?? [];
  if (destination !== null && own.includes(destination.id)) return destination.id;
  throw new GatewayError('not_found', `The agent has no destination ${JSON.stringify(named)}.`);
};

const busy = (attempt: AttemptRecord): Reply => {
  const said =
    attempt.outcome === 'connected'
      ? 'The caller has been transferred already.'
      : `A transfer to ${JSON.stringify(attempt.destination.name)} is under way already.`;
  return { status: 409, body: { ...errorView(new GatewayError('conflict', said)), transfer: attempt } };
};

/**
 * The organization of a live call of this instance that the principal may transfer; null when it is to be looked for in the
 * store. Such a call is known without the store: its transfer works while Redis is away, and does not wait for it when it
 * is there.
 */
const organizationHere = (transfers: TransferControl, principal: Principal, id: string): string | null => {
  const here = transfers.organizationOf(id);
  const own = principal.sessionId === undefined || principal.sessionId === id;
  if (here === null || !own || (principal.orgId !== null && principal.orgId !== here)) return null;
  authorize(principal, 'sessions:transfer', here);
  return here;
};

const organizationOf = async (
  deps: ApiDeps,
  transfers: TransferControl,
  principal: Principal,
  id: string,
): Promise<string> =>
  organizationHere(transfers, principal, id) ?? (await visibleSession(deps, principal, 'sessions:transfer', id)).orgId;

/** The same for a session that must not have ended. */
const liveOrganizationOf = async (
  deps: ApiDeps,
  transfers: TransferControl,
  principal: Principal,
  id: string,
): Promise<string> => {
  const here = organizationHere(transfers, principal, id);
  if (here !== null) return here;
  const session = await visibleSession(deps, principal, 'sessions:transfer', id);
  if (session.status === 'ended') throw new GatewayError('session_ended', 'The session has ended already.');
  return session.orgId;
};

export const transferRoutes = (deps: ApiDeps, transfers: TransferControl): readonly Route[] => [
  protectedRoute({
    method: 'post',
    path: '/v1/sessions/{id}/transfer',
    summary: 'Transfers the caller to a destination',
    tag: 'Transfers',
    action: 'sessions:transfer',
    idempotency: 'handled',
    params: idParams,
    query: z.strictObject({
      wait: flag
        .optional()
        .describe(
          'Answer when it is certain what became of it, with the outcome: after `returnWithin` where that is set.',
        ),
    }),
    body: { schema: transferBody },
    replies: {
      200: { description: 'With `wait`: how it ended, whatever the outcome.', schema: attemptSchema },
      202: { description: 'The attempt as it was planned.', schema: attemptSchema },
      409: {
        description: '`conflict` with the state of the transfer there is, or `session_ended`.',
        schema: errorSchema.extend({ transfer: attemptSchema.optional() }),
      },
    },
    errors: ['bad_request', 'not_found', 'owner_unreachable', 'store_unavailable'],
    async handle({ principal, params, query, body, headers, signal, log }) {
      const key = idempotencyKey(headers['idempotency-key']);
      const orgId = await organizationOf(deps, transfers, principal, params.id);
      if (principal.kind === 'session' && holdsSessionToken(`${body.destination} ${body.summary}`)) {
        throw new GatewayError('bad_request', 'The body must not hold the token of a session.');
      }
      const { accepted, attempt } = await transfers.start(orgId, params.id, {
        destination: await permittedDestination(deps, principal, params.id, body.destination),
        summary: body.summary ?? null,
        key,
      });
      if (!accepted) return busy(attempt);
      log.info(
        { sessionId: params.id, destination: attempt.destination.id, by: principal.sub },
        'A transfer was begun by the API.',
      );
      if (query.wait !== true) return { status: 202, body: attempt };
      for (;;) {
        const now = await transfers.watch(orgId, params.id, attempt.id, watchFor);
        // Nobody reads the answer of a client that has gone; the transfer goes on without it.
        if (now.decided || signal.aborted) return { status: 200, body: now.attempt };
      }
    },
  }),
  protectedRoute({
    method: 'get',
    path: '/v1/sessions/{id}/transfer',
    summary: 'The last transfer attempt of a session',
    tag: 'Transfers',
    action: 'transfers:read',
    params: idParams,
    replies: { 200: { description: 'The attempt.', schema: attemptSchema } },
    errors: ['not_found', 'store_unavailable'],
    async handle({ principal, params }) {
      const session = await visibleSession(deps, principal, 'transfers:read', params.id);
      const live = session.status === 'ended' ? null : await transfers.current(session.orgId, session.id);
      const attempt = live ?? session.transfer;
      if (attempt === null) throw new GatewayError('not_found', 'No transfer of this session has been tried.');
      return { status: 200, body: attempt };
    },
  }),
  protectedRoute({
    method: 'delete',
    path: '/v1/sessions/{id}/transfer',
    summary: 'Cancels a ringing transfer; the caller returns to the agent',
    tag: 'Transfers',
    action: 'sessions:transfer',
    params: idParams,
    replies: { 200: { description: 'The attempt, cancelled.', schema: attemptSchema } },
    errors: ['not_found', 'conflict', 'session_ended', 'owner_unreachable', 'store_unavailable'],
    async handle({ principal, params, log }) {
      const orgId = await liveOrganizationOf(deps, transfers, principal, params.id);
      const attempt = await transfers.cancel(orgId, params.id);
      log.info({ sessionId: params.id, by: principal.sub }, 'A transfer was cancelled by the API.');
      return { status: 200, body: attempt };
    },
  }),
];
