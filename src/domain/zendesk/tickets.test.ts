import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../core/logger.js';
import { manualClock } from '../../core/manual-clock.js';
import type { PhoneSession } from '../sessions/index.js';
import { createTickets, type TicketsDeps } from './tickets.js';

const session = {
  ...{ id: 's', orgId: 'acme', called: '+14155550100', contactId: null, zendeskTicketId: null },
  caller: { e164: '+14155550123', raw: '', display: null, withheld: false },
} as unknown as PhoneSession;

describe('a ticket of our own', () => {
  it('does not hold the transfer beyond 2 s when neither Zendesk nor the store answers', async () => {
    const clock = manualClock();
    let noted = '';
    const ensure = createTickets({
      client: { createTicket: () => new Promise(() => {}) },
      directory: { organization: async () => ({ zendesk: { createTicket: true } }) },
      sessions: {
        markCreating: () => new Promise(() => {}),
        note: (_org: string, _id: string, { data }: { data: { reason: string } }) => {
          noted = data.reason;
          return new Promise(() => {});
        },
      },
      ...{ contacts: {}, clock, log: silentLogger },
    } as unknown as TicketsDeps);
    const outcome = ensure(session);
    clock.advance(2_000);
    expect(await outcome).toMatchObject({ kind: 'failed' });
    expect(noted).toBe('late');
  });

  it.each(['made', 'refused'])('is marked while Zendesk is asked, and no longer once it was %s', async (how) => {
    const marks: (number | null | string)[] = [];
    const clock = manualClock();
    const ensure = createTickets({
      client: {
        createTicket: async () => {
          marks.push('asked');
          if (how === 'refused') throw new Error('refused');
          return { id: '1' };
        },
      },
      directory: { organization: async () => ({ zendesk: { createTicket: true } }) },
      sessions: {
        markCreating: async (_org: string, _id: string, until: number | null) => void marks.push(until),
        stampTicket: async () => ({ result: 'stamped', ticketId: '1' }),
        note: async () => {},
      },
      ...{ contacts: {}, clock, log: silentLogger },
    } as unknown as TicketsDeps);
    expect((await ensure(session)).kind).toBe(how === 'made' ? 'created' : 'failed');
    expect(marks).toEqual([clock.now() + 20_000, 'asked', null]);
  });
});
