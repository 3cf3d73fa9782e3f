import type { Clock } from '../../core/clock.js';
import type { Logger } from '../../core/logger.js';
import type { Span, Tracer } from '../../core/tracing.js';
import type { WorkTries, WorkVerdict } from '../../platform/redis/index.js';
import type { Directory, Organization } from '../directory/index.js';
import type { ContactStore, PhoneSession, SessionStore } from '../sessions/index.js';
import type { ZendeskClient } from './client.js';
import { contactData } from './contact-data.js';
import { ZendeskFailure } from './failure.js';
import { isAnonymousUser, usablePhone } from './phone.js';
import type { ZendeskOrganization, ZendeskTicket, ZendeskUser } from './responses.js';
import { TRIES, verdictAfter } from './retry.js';
import type { StatusBoard } from './status.js';
import type { Work } from './work.js';

export type EnrichmentDeps = {
  readonly client: ZendeskClient;
  readonly directory: Pick<Directory, 'organization'>;
  readonly sessions: Pick<SessionStore, 'get' | 'settleWork' | 'ticketOrigin'>;
  readonly contacts: Pick<ContactStore, 'enrich'>;
  readonly status: StatusBoard;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tracer: Tracer;
  readonly count: (result: 'enriched' | 'unchanged' | 'clash' | 'failed') => void;
};

export type Enrichment = (work: Work, tries: WorkTries, signal: AbortSignal) => Promise<WorkVerdict>;

type Gathered =
  | { readonly kind: 'known'; readonly ticket: ZendeskTicket; readonly user: ZendeskUser }
  | { readonly kind: 'nobody'; readonly reason: 'no-requester' | 'anonymous-requester'; readonly message: string };

const done: WorkVerdict = { kind: 'done' };
/** ms until a ticket that may be of our own making is looked at again. */
const LOOK = 250;

/**
 * Brings a contact up to what Zendesk knows of the ticket's requester: the ticket by its id, its requester by theirs, the
 * organization by its own. Nobody is ever searched for.
 */
export const createEnrichment = (deps: EnrichmentDeps): Enrichment => {
  const { client, directory, sessions, contacts, status, clock, log } = deps;

  const fail = async (work: Work, span: Span, reason: string, message: string): Promise<WorkVerdict> => {
    deps.count('failed');
    span.end({ 'enrichment.result': 'failed' }, reason);
    const data = { reason, message, ticketId: work.ticketId };
    await sessions.settleWork(work.orgId, work.sessionId, work, {
      enrichment: 'failed',
      timeline: [{ at: clock.now(), type: 'enrichment.failed', data }],
    });
    log.warn(
      { organization: work.orgId, sessionId: work.sessionId, reason },
      'A contact was not enriched from Zendesk.',
    );
    return done;
  };

  const gather = async (organization: Organization, ticketId: string, signal: AbortSignal): Promise<Gathered> => {
    const ticket = await client.ticket(organization, ticketId, { signal });
    if (ticket.requesterId === null) {
      return { kind: 'nobody', reason: 'no-requester', message: `Ticket ${ticketId} has no requester.` };
    }
    const user = await client.user(organization, ticket.requesterId, { signal });
    if (isAnonymousUser(user)) {
      const message = `The requester of ticket ${ticketId} stands for an anonymous caller, so nothing is taken from it.`;
      return { kind: 'nobody', reason: 'anonymous-requester', message };
    }
    return { kind: 'known', ticket, user };
  };

  /** Without it the contact is enriched all the same, once what may pass has had its tries. */
  const organizationOf = async (
    organization: Organization,
    id: string | null,
    attempt: number,
    signal: AbortSignal,
  ): Promise<{ found: ZendeskOrganization | null; note: Readonly<Record<string, unknown>> }> => {
    if (id === null) return { found: null, note: {} };
    try {
      return { found: await client.organization(organization, id, { signal }), note: {} };
    } catch (error) {
      if (!(error instanceof ZendeskFailure) || error.kind === 'busy') throw error;
      if (error.retryable && attempt < TRIES) throw error;
      return { found: null, note: { organization: error.kind, organizationMessage: error.message } };
    }
  };

  /** Of a call under a Talk number whose webhook had no usable number, the ticket may know who calls. */
  const newCaller = (organization: Organization, session: PhoneSession, ticket: ZendeskTicket): string | null => {
    const talkNumbers = organization.zendesk?.talkNumbers ?? [];
    const { e164, withheld } = session.caller;
    if (withheld || e164 === null || !talkNumbers.includes(e164)) return null;
    const phone = usablePhone(ticket.fromPhone, organization.defaultCountry);
    return phone === null || talkNumbers.includes(phone) ? null : phone;
  };

  const enrich = async (work: Work, span: Span, { attempt }: WorkTries, signal: AbortSignal): Promise<WorkVerdict> => {
    const { orgId, sessionId, ticketId } = work;
    const organization = await directory.organization(orgId);
    const session = await sessions.get(orgId, sessionId);
    if (organization === null || organization.zendesk === null || session === null) {
      return fail(work, span, 'disconnected', 'The organization is not connected to Zendesk any more.');
    }
    const origin = await sessions.ticketOrigin(orgId, sessionId, clock.now());
    if (origin === 'pending') return { kind: 'again', after: LOOK, waited: true };
    if (origin === 'ours') {
      // It says about the caller what we told Zendesk ourselves.
      span.end({ 'enrichment.result': 'ours' });
      await sessions.settleWork(orgId, sessionId, work, { enrichment: 'none', timeline: [] });
      return done;
    }
    const gathered = await gather(organization, ticketId, signal);
    await status.ok(orgId);
    if (gathered.kind === 'nobody') return fail(work, span, gathered.reason, gathered.message);
    const { ticket, user } = gathered;
    const organizationId = user.organization_id ?? ticket.organizationId;
    const { found, note } = await organizationOf(organization, organizationId, attempt, signal);
    const { result, clashed } = await contacts.enrich(orgId, sessionId, {
      ...contactData(user, found, organization.defaultCountry),
      ...{ at: clock.now(), work, ticketId, notes: note },
      caller: newCaller(organization, session, ticket),
    });
    if (result !== 'gone') deps.count(clashed ? 'clash' : result === 'missing' ? 'failed' : result);
    span.end({ 'enrichment.result': clashed ? 'clash' : result });
    return done;
  };

  return async (work, tries, signal) => {
    const span = deps.tracer.part('enrichment', work.sessionId, {
      fields: { 'enrichment.attempt': tries.attempt + tries.waits },
    });
    try {
      return await enrich(work, span, tries, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      const verdict = verdictAfter(error, tries);
      if (verdict !== null) return verdict;
      if (!(error instanceof ZendeskFailure)) throw error;
      if (error.kind === 'credentials' || error.kind === 'forbidden') await status.failed(work.orgId, error);
      return fail(work, span, error.kind, error.message);
    } finally {
      // What has not ended by now is tried again.
      span.end({ 'enrichment.result': 'again' }, 'again');
    }
  };
};
