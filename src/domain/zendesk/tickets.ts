import type { Clock, Timer } from '../../core/clock.js';
import type { Logger } from '../../core/logger.js';
import type { Directory, Organization } from '../directory/index.js';
import type { ContactStore, PhoneSession, SessionStore } from '../sessions/index.js';
import type { ZendeskClient } from './client.js';
import { ZendeskFailure } from './failure.js';

/** ms a transfer waits for its ticket. */
const PATIENCE = 2_000;
/** ms after which a request of ours has made a ticket or never will: longer than any request may take. */
const OURS_UNTIL = 20_000;

export type TicketOutcome =
  | { readonly kind: 'created' | 'present'; readonly ticketId: string }
  /** The organization does not want tickets of ours. */
  | { readonly kind: 'off' }
  | { readonly kind: 'failed'; readonly reason: string };

export type TicketsDeps = {
  readonly client: ZendeskClient;
  readonly directory: Pick<Directory, 'organization'>;
  readonly sessions: Pick<SessionStore, 'stampTicket' | 'markCreating' | 'note'>;
  readonly contacts: Pick<ContactStore, 'get'>;
  readonly clock: Clock;
  readonly log: Logger;
};

/**
 * Sees to it that a session has a ticket before it is transferred, where its organization wants so (`createTicket`).
 * Takes 2 s at most and never rejects: a transfer goes without a ticket rather than late, and the timeline says so.
 */
export type EnsureTicket = (session: PhoneSession) => Promise<TicketOutcome>;

export const createTickets = (deps: TicketsDeps): EnsureTicket => {
  const { client, directory, sessions, contacts, clock, log } = deps;

  const requesterOf = async (session: PhoneSession) => {
    const contact = session.contactId === null ? null : await contacts.get(session.orgId, session.contactId);
    if (contact !== null && contact.zendeskUserId !== null) return { id: contact.zendeskUserId };
    const { caller } = session;
    const phone = caller.withheld ? null : caller.e164;
    return { name: contact?.name ?? caller.display ?? phone ?? 'Anonymous caller', phone };
  };

  /** Zendesk's trigger may tell of our ticket before its answer does: until that is here nobody knows whose it is. */
  const whileCreating = async <Result>({ orgId, id }: PhoneSession, make: () => Promise<Result>): Promise<Result> => {
    await sessions.markCreating(orgId, id, clock.now() + OURS_UNTIL);
    try {
      return await make();
    } finally {
      // After a stamp it is gone already. Where the store cannot be told, the mark ends by its time.
      sessions.markCreating(orgId, id, null).catch(() => {});
    }
  };

  const create = async (organization: Organization, session: PhoneSession): Promise<TicketOutcome> => {
    const { orgId, id } = session;
    const requester = await requesterOf(session);
    const from = session.caller.withheld ? 'a withheld number' : (session.caller.e164 ?? 'an unknown number');
    const ticket = await client.createTicket(organization, {
      subject: `Phone call from ${from}`,
      body: `Call answered by the AI phone agent on ${session.called}.\nSession: ${id}`,
      requester,
      // The same call never makes two tickets.
      idempotencyKey: id,
    });
    const entry = { at: clock.now(), type: 'ticket.created', data: { ticketId: ticket.id } } as const;
    const notes = organization.zendesk?.notes ?? false;
    const stamp = await sessions.stampTicket(orgId, id, ticket.id, entry, notes);
    if (stamp.result === 'stamped') return { kind: 'created', ticketId: stamp.ticketId };
    if (stamp.ticketId !== null) return { kind: 'present', ticketId: stamp.ticketId };
    return { kind: 'failed', reason: 'the call has ended' };
  };

  /** The timeline is not waited for: a store that says nothing would hold the transfer up. */
  const report = (session: PhoneSession, reason: string, message: string): TicketOutcome => {
    const entry = { at: clock.now(), type: 'ticket.failed', data: { reason, message } } as const;
    sessions.note(session.orgId, session.id, entry).catch((error: unknown) => {
      log.warn({ err: error, sessionId: session.id }, 'The timeline could not be told of a ticket that failed.');
    });
    return { kind: 'failed', reason: message };
  };

  return async (session) => {
    if (session.zendeskTicketId !== null) return { kind: 'present', ticketId: session.zendeskTicketId };
    let timer: Timer | null = null;
    let late = false;
    const failed = (error: unknown): TicketOutcome => {
      if (!(error instanceof ZendeskFailure))
        log.error({ err: error, sessionId: session.id }, 'A ticket was not created.');
      const known = error instanceof ZendeskFailure;
      return report(session, known ? error.kind : 'error', known ? error.message : 'The gateway failed.');
    };
    const work = (async (): Promise<TicketOutcome> => {
      const organization = await directory.organization(session.orgId);
      if (organization?.zendesk?.createTicket !== true) return { kind: 'off' };
      return whileCreating(session, () => create(organization, session));
    })().catch((error: unknown): TicketOutcome => {
      // Of a request that nobody waits for any more the timeline has spoken already.
      return late ? { kind: 'failed', reason: 'late' } : failed(error);
    });
    const limit = new Promise<'late'>((resolve) => {
      timer = clock.after(PATIENCE, () => resolve('late'));
    });
    const first = await Promise.race([work, limit]);
    (timer as Timer | null)?.cancel();
    if (first !== 'late') return first;
    // What Zendesk makes of the request is stamped when it comes: the ticket then is on the session, not on this leg.
    late = true;
    return report(session, 'late', `Zendesk did not create a ticket within ${PATIENCE} ms; the transfer goes without.`);
  };
};
