import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../core/errors.js';
import { manualClock } from '../../core/manual-clock.js';
import { type AttemptInput, type AttemptPorts, type AttemptRecord, runAttempt } from './attempt.js';
import type { DestinationView } from './views.js';

const destination: DestinationView = {
  id: 'zendesk',
  name: 'Zendesk',
  type: 'sip',
  value: 'sip:support@line.example',
  profile: null,
  trunk: null,
  method: 'invite',
  callerId: null,
  headers: { 'X-Api-Key': 'hush', 'X-Queue': 'gold' },
  secureMedia: false,
  ringTimeout: 30,
  onFailure: 'return',
  next: null,
  returnWithin: 0,
};

const caller = { e164: '+14155550123', withheld: false };

const attempt = (ports: Partial<AttemptPorts<string>>, change: Partial<AttemptInput> = {}) => {
  const clock = manualClock();
  const records: AttemptRecord[] = [];
  const result = runAttempt<string>(
    {
      clock,
      session: {
        read: async () => ({ ticketId: '4711', contactId: null, caller }),
        lastKnown: () => ({ ticketId: null, contactId: null, caller }),
      },
      dial: async () => ({ answered: true, leg: 'leg', sipStatus: 200, sent: null }),
      ...ports,
    },
    {
      id: 'attempt',
      call: { sessionId: 's', agentId: 'a', called: '+14155550100' },
      destination,
      profile: {
        name: 'zendesk-sip-in',
        callerId: 'caller',
        assertedIdentity: false,
        diversion: false,
        ticketHeaders: [],
      },
      host: 'gw.example',
      summary: null,
      allowListed: true,
      publicAddress: '192.0.2.1',
      signal: new AbortController().signal,
      cancelledBy: () => 'cancelled',
      onRecord: (record) => records.push(record),
      onPlanned: () => {},
      onProgress: () => {},
      ...change,
    },
  );
  return { result, records, clock };
};

describe('one attempt', () => {
  it('goes from trying over ringing to connected and shows no secret', async () => {
    const { result, records } = attempt({
      dial: async (_plan, hooks) => {
        hooks.onProgress(100, 'Trying');
        hooks.onProgress(180, 'Ringing');
        hooks.onProgress(183, 'Session Progress');
        return { answered: true, leg: 'leg', sipStatus: 200, sent: null };
      },
    });
    expect(await result).toMatchObject({ connected: true, leg: 'leg' });
    expect(records.map((record) => record.state)).toEqual(['trying', 'ringing', 'done']);
    expect(records.at(-1)).toMatchObject({
      outcome: 'connected',
      sipStatus: 200,
      ticketId: '4711',
      ticketReason: null,
      from: '<sip:+14155550123@gw.example>',
      fromReason: 'known',
    });
    expect(JSON.stringify(records)).not.toContain('hush');
    expect(records[0]?.headers['X-Queue']).toBe('gold');
  });

  it('does not wait for a store that is silent for more than 250 ms', async () => {
    let planned = false;
    const { result, clock } = attempt(
      {
        session: {
          read: () => new Promise(() => {}),
          lastKnown: () => ({ ticketId: '12', contactId: null, caller }),
        },
      },
      { onPlanned: () => (planned = true) },
    );
    clock.advance(249);
    await Promise.resolve();
    expect(planned).toBe(false);
    clock.advance(1);
    expect((await result).record).toMatchObject({ ticketId: '12', ticketReason: 'last-known' });
  });

  it('names the address the peer saw in its hint, else our own', async () => {
    const refused = (viaReceived: string | null) =>
      attempt({
        dial: async () => ({
          answered: false,
          end: { status: 403, reason: 'Forbidden', local: false, gaveUp: null },
          sent: { viaReceived, from: '<sip:+14155550123@gw.example:5060>' },
        }),
      }).result;
    expect((await refused('198.51.100.9')).record.hint).toContain('198.51.100.9');
    expect((await refused(null)).record.hint).toContain('192.0.2.1');
  });

  it('is an outcome even when the call could never be placed', async () => {
    const { result } = attempt({ dial: () => Promise.reject(new GatewayError('not_found', 'There is no profile.')) });
    expect((await result).record).toMatchObject({ state: 'done', outcome: 'failed', reason: 'There is no profile.' });
  });

  it('does not put the text of an unforeseen error into the answer', async () => {
    const { result } = attempt({ dial: () => Promise.reject(new Error('secret path /etc')) });
    expect((await result).record.reason).not.toContain('/etc');
  });

  it('tells with success that the line did not get the whole summary', async () => {
    const hintWith = async (summary: string | null) => (await attempt({}, { summary }).result).record.hint;
    expect(await hintWith('Wants a refund')).toBeNull();
    expect(await hintWith('x'.repeat(2_000))).toContain('its beginning only');
  });

  it('to a telephone number names the contact that was made during the call', async () => {
    const contactId = 'c0ffee00-0000-4000-8000-000000000000';
    const { result } = attempt(
      {
        session: {
          read: async () => ({ ticketId: '4711', contactId, caller }),
          lastKnown: () => ({ ticketId: null, contactId: null, caller }),
        },
      },
      { destination: { ...destination, type: 'phone', value: '+14155550199', trunk: 'sip:trunk.example' } },
    );
    expect((await result).record).toMatchObject({
      headers: { 'X-OPENCX-CONTACT-ID': contactId },
      ticketId: null,
      ticketReason: 'phone-destination',
    });
  });

  it('to a number without a trunk is over before anything is sent', async () => {
    const { result } = attempt({}, { destination: { ...destination, type: 'phone', value: '+14155550199' } });
    expect((await result).record).toMatchObject({ outcome: 'failed', hint: 'Set `trunk` on the destination.' });
  });
});
