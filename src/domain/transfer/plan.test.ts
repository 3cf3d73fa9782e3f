import { describe, expect, it } from 'vitest';
import { type PlanInput, planTransfer } from './plan.js';
import type { DestinationView, ProfileView } from './views.js';

const zendeskProfile: ProfileView = {
  name: 'zendesk-sip-in',
  callerId: 'caller',
  assertedIdentity: false,
  diversion: false,
  ticketHeaders: ['X-Zendesk-Ticket-Id'],
};
const trunkProfile: ProfileView = { ...zendeskProfile, name: 'trunk', assertedIdentity: true, ticketHeaders: [] };
const zendesk: DestinationView = {
  id: 'zendesk',
  name: 'Zendesk human agent',
  type: 'sip',
  value: 'sip:support@127.0.0.1:5080',
  profile: 'zendesk-sip-in',
  trunk: null,
  method: 'invite',
  callerId: null,
  headers: {},
  secureMedia: false,
  ringTimeout: 30,
  onFailure: 'return',
  next: null,
  returnWithin: 0,
};
const phone: DestinationView = {
  ...zendesk,
  id: 'owner',
  type: 'phone',
  value: '+14155550199',
  trunk: 'sip:trunk.example:5090;transport=tcp',
};
const input: PlanInput = {
  call: {
    sessionId: '7b2c1c1e-6f0a-4b9e-9a53-1f3d4e5a6b7c',
    agentId: 'support',
    called: '+14155550100',
  },
  destination: zendesk,
  profile: zendeskProfile,
  facts: {
    ticketId: '4711',
    contactId: 'c0ffee00-0000-4000-8000-000000000000',
    caller: { e164: '+14155550123', withheld: false },
  },
  fresh: true,
  host: 'gw.example',
  summary: null,
};
const plan = (change: Partial<PlanInput> = {}) => planTransfer({ ...input, ...change });

describe('the plan of a transfer', () => {
  it('to a SIP destination carries caller, session, contact and ticket', () => {
    expect(plan()).toEqual({
      method: 'invite',
      target: 'sip:support@127.0.0.1:5080',
      from: '<sip:+14155550123@gw.example>',
      fromReason: 'known',
      headers: {
        'X-OPENCX-SESSION-ID': input.call.sessionId,
        'X-OPENCX-AGENT-ID': 'support',
        'X-OPENCX-TRANSFER': 'true',
        'X-OPENCX-ZENDESK-TICKET-ID': '4711',
        'X-Zendesk-Ticket-Id': '4711',
        'X-OPENCX-CONTACT-ID': input.facts.contactId,
      },
      dropped: [],
      ticketId: '4711',
      ticketReason: null,
      summary: 'none',
      ringTimeout: 30_000,
    });
  });

  it('to a telephone number goes through the trunk and never carries a ticket', () => {
    const planned = plan({ destination: phone, profile: trunkProfile });
    expect(planned).toMatchObject({
      target: 'sip:+14155550199@trunk.example:5090;transport=tcp',
      ticketId: null,
      ticketReason: 'phone-destination',
    });
    expect(planned?.headers).toEqual({
      'X-OPENCX-SESSION-ID': input.call.sessionId,
      'X-OPENCX-AGENT-ID': 'support',
      'X-OPENCX-TRANSFER': 'true',
      'X-OPENCX-CONTACT-ID': input.facts.contactId,
      'P-Asserted-Identity': '<sip:+14155550123@gw.example>',
    });
  });

  it.each([
    ['sip:trunk.example', 'sip:+14155550199@trunk.example'],
    ['sip:user@trunk.example:5090', 'sip:+14155550199@trunk.example:5090'],
    ['sip:[::1]:5090', 'sip:+14155550199@[::1]:5090'],
  ])('puts the number in front of the trunk %s', (trunk, target) => {
    expect(plan({ destination: { ...phone, trunk }, profile: trunkProfile })?.target).toBe(target);
  });

  it('by REFER names the number at the trunk, or by tel:, and carries nothing', () => {
    const refer = { ...phone, method: 'refer' } as const;
    expect(plan({ destination: refer })).toMatchObject({
      method: 'refer',
      target: 'sip:+14155550199@trunk.example:5090;transport=tcp',
      headers: {},
    });
    expect(plan({ destination: { ...refer, trunk: null } })?.target).toBe('tel:+14155550199');
  });

  it('does not exist for a number without a trunk', () => {
    expect(plan({ destination: { ...phone, trunk: null } })).toBeNull();
  });

  it.each([
    ['not stamped', { ticketId: null }, true, null, 'not-stamped'],
    ['not stamped as far as is known', { ticketId: null }, false, null, 'store-unavailable'],
    ['from memory', { ticketId: '4711' }, false, '4711', 'last-known'],
    ['with a line break', { ticketId: '4711\r\nVia: x' }, true, null, 'not-sendable'],
    ['of 2 kB', { ticketId: '4'.repeat(2_048) }, true, null, 'not-sendable'],
    ['in UTF-8', { ticketId: '４７１１' }, true, null, 'not-sendable'],
  ])('says what became of a ticket %s', (_name, facts, fresh, ticketId, ticketReason) => {
    const planned = plan({ facts: { ...input.facts, ...facts }, fresh });
    expect(planned).toMatchObject({ ticketId, ticketReason });
    expect(planned?.headers['X-Zendesk-Ticket-Id']).toBe(ticketId ?? undefined);
  });

  it('carries no ticket but the stamped one, whatever headers were asked for', () => {
    const asked = { ...zendesk, headers: { 'x-zendesk-ticket-id': '1', 'X-Case': '2', 'X-Why': 'angry' } };
    const profile = { ...zendeskProfile, ticketHeaders: ['X-Case'] };
    const unstamped = plan({ destination: asked, profile, facts: { ...input.facts, ticketId: null } });
    expect(unstamped?.headers).toMatchObject({ 'X-Why': 'angry' });
    expect(unstamped?.dropped).toEqual([
      { name: 'x-zendesk-ticket-id', reason: 'reserved' },
      { name: 'X-Case', reason: 'reserved' },
    ]);
    expect(plan({ destination: asked, profile })?.headers).toMatchObject({ 'X-Case': '4711' });
  });

  it('drops a contact id that cannot be sent and keeps the rest', () => {
    const planned = plan({ facts: { ...input.facts, contactId: 'evil\r\nX-A: b' } });
    expect(planned?.dropped).toEqual([{ name: 'X-OPENCX-CONTACT-ID', reason: 'not-printable' }]);
    expect(planned?.headers['X-OPENCX-ZENDESK-TICKET-ID']).toBe('4711');
  });

  it('sends a summary as User-to-User in hex, whatever is in it', () => {
    const planned = plan({ summary: 'Grüße\r\n' });
    expect(planned?.headers['User-to-User']).toBe('4772c3bcc39f650d0a;encoding=hex');
    expect(planned?.summary).toBe('whole');
  });

  const told = (header: string | undefined): string => Buffer.from(header?.split(';')[0] ?? '', 'hex').toString('utf8');

  it.each(['x', 'ü', '語', '👋'])(
    'cuts a summary of 2,000 %s that does not fit between two characters',
    (character) => {
      const planned = plan({ summary: character.repeat(2_000) });
      const text = told(planned?.headers['User-to-User']);
      expect(text).toMatch(new RegExp(`^${character}{80,400}…$`, 'u'));
      expect(planned).toMatchObject({ summary: 'cut', dropped: [] });
      const bytes = Object.entries(planned?.headers ?? {}).reduce(
        (sum, [name, value]) => sum + name.length + value.length + 4,
        0,
      );
      expect(bytes).toBeLessThanOrEqual(1_024);
      expect(bytes).toBeGreaterThan(1_000);
    },
  );

  it.each([
    ['no room is left', { 'X-Long': 'x'.repeat(750) }],
    ['the destination has a header of that name', { 'user-to-user': 'theirs' }],
  ])('says that the line does not get the summary when %s', (_name, headers) => {
    const planned = plan({ summary: 'Wants a refund', destination: { ...zendesk, headers } });
    expect(planned?.summary).toBe('dropped');
    expect(planned?.headers['User-to-User']).toBeUndefined();
  });
});
