import { GatewayError } from '../../core/errors.js';
import type { Directory } from '../directory/index.js';
import type { ZendeskClient } from './client.js';
import { asGatewayError, ZendeskFailure } from './failure.js';
import { usablePhone } from './phone.js';
import type { TicketCallReader } from './ports.js';
import { isCallChannel, overflowTag } from './prefetch-payload.js';

/** ms for each of the at most two requests: Zendesk gives a webhook about ten seconds. */
const TIMEOUT = 4_000;

/** Reads from the ticket, and where it has no number from its requester, whose call an event is about. */
export const createTicketCallReader =
  (deps: { readonly client: ZendeskClient; readonly directory: Pick<Directory, 'organization'> }): TicketCallReader =>
  async (orgId, event, signal) => {
    const organization = await deps.directory.organization(orgId);
    if (organization === null) throw new GatewayError('unauthorized', 'The organization is gone.');
    const limits = { timeout: TIMEOUT, signal };
    try {
      const ticket = await deps.client.ticket(organization, event.ticketId, limits);
      if (ticket.tags.includes(overflowTag)) {
        return { kind: 'not-a-call', why: `Ticket ${ticket.id} is tagged ${overflowTag}: its call has ended.` };
      }
      if (isCallChannel(event.channel) === null && isCallChannel(ticket.channel) !== true) {
        return {
          kind: 'not-a-call',
          why: `Ticket ${ticket.id} came by ${ticket.channel ?? 'an unknown channel'}, not by telephone.`,
        };
      }
      const { defaultCountry } = organization;
      const callerPhone = ticket.fromPhone;
      if (usablePhone(callerPhone, defaultCountry) !== null || ticket.requesterId === null) {
        return { kind: 'call', callerPhone, requesterPhone: null };
      }
      const requester = await deps.client.user(organization, ticket.requesterId, limits);
      return { kind: 'call', callerPhone, requesterPhone: requester.phone };
    } catch (error) {
      if (!(error instanceof ZendeskFailure)) throw error;
      if (error.retryable) throw asGatewayError(error);
      return { kind: 'not-a-call', why: `The caller of ticket ${event.ticketId} is not known: ${error.message}` };
    }
  };
