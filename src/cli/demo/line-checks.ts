import type { ReceivedInvite } from '../../../test/support/sip-in-line.js';
import { caller, ticketId } from './organization.js';
import type { SessionView } from './session-view.js';
import type { Story } from './story.js';

/** What the line must have received (transfer.md T2): every header by name and value. */
export const checkInvite = (
  story: Story,
  invite: ReceivedInvite | undefined,
  session: SessionView,
  uri: string,
): void => {
  story.check(invite !== undefined, 'the line received an INVITE');
  if (invite === undefined) return;
  const header = (name: string): string => invite.header(name) ?? '(none)';
  story.check(invite.requestUri.startsWith(uri), `it is for ${uri}`, invite.requestUri);
  story.check(header('From').includes(`sip:${caller}@`), `From is the caller's own number, ${caller}`, header('From'));
  const expected: readonly (readonly [string, string])[] = [
    ['X-OPENCX-SESSION-ID', session.id],
    ['X-OPENCX-AGENT-ID', 'support'],
    ['X-OPENCX-TRANSFER', 'true'],
    ['X-OPENCX-CONTACT-ID', session.contactId ?? '(no contact)'],
    ['X-OPENCX-ZENDESK-TICKET-ID', ticketId],
    ['X-Zendesk-Ticket-Id', ticketId],
  ];
  for (const [name, value] of expected) {
    story.check(header(name) === value && invite.count(name) === 1, `${name}: ${value}`, header(name));
  }
  story.check(
    /m=audio \d+ RTP\/AVP [08]/.test(invite.sdp) && invite.sdp.includes('telephone-event'),
    'the SDP offers G.711 and telephone-event',
  );
};
