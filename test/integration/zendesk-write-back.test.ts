import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OwnedSession } from '../../src/domain/sessions/index.js';
import { until } from '../support/until.js';
import { startZendeskRig, type ZendeskRig } from '../support/zendesk-rig.js';
import { voiceTicket, zendeskUser } from '../support/zendesk-server.js';

let rig: ZendeskRig;
const ada = '+14155550123';

beforeAll(async () => {
  rig = await startZendeskRig({ queueTimes: { sweep: 50 } });
});
afterAll(() => rig.close());
beforeEach(async () => {
  await rig.fresh();
  const { server } = rig;
  server.calm();
  server.requests.length = 0;
  server.comments.length = 0;
  server.tickets.clear();
  server.tickets.set('1', voiceTicket(1));
  server.users.set('7101', zendeskUser(7101, { organization_id: null }));
});

const noted = (owned: OwnedSession, note?: string) =>
  until('the timeline to speak of the note', async () =>
    (await rig.api.sessions.timeline(rig.org, owned.id)).find(
      ({ type, data }) => type.startsWith('ticket.') && (note === undefined || data.note === note),
    ),
  );
const end = (owned: OwnedSession) =>
  owned.change({ status: 'ended', answeredAt: 1_000, endedAt: 66_000, endReason: 'caller-hangup' });
const settled = (owned: OwnedSession) =>
  until('the queue to be empty', async () => {
    const left = Number(await rig.api.redis.command('XLEN', `vg:{${rig.org}}:zendesk-work`));
    return left === 0 && (await rig.api.sessions.enrichmentState(rig.org, owned.id)) !== 'queued';
  });

describe('the note after a call', () => {
  it('tells agents of session, duration, transfer and actions, and shows customers nothing', async () => {
    await rig.connect({ notes: true });
    const owned = await rig.call(ada);
    await rig.trigger({ id: 1, caller: ada });
    const data = { action: 'order_status', success: true, statusCode: 200, attributes: ['order_state'] };
    await owned.change({ timeline: [{ at: 5, type: 'action.run', data }] });
    const started = { attempt: 'a', destination: { id: 'tier2' }, summary: 'Wants a refund' };
    // The human can read it before the call is over; a second attempt with the same summary says nothing new.
    await owned.change({ timeline: [{ at: 6, type: 'transfer.started', data: started }] });
    await owned.change({ timeline: [{ at: 7, type: 'transfer.started', data: { ...started, attempt: 'b' } }] });
    expect((await noted(owned)).data).toEqual({ ticketId: '1', note: 'hand-over' });
    await owned.change({ transfer: { outcome: 'no-answer', sipStatus: 480, destination: { name: 'Tier 2' } } });
    await end(owned);
    expect((await noted(owned, 'note')).data).toEqual({ ticketId: '1', note: 'note' });
    expect(rig.server.comments).toEqual([
      {
        ticketId: '1',
        public: false,
        body: [
          'The AI phone agent is handing this call over.',
          `Session: ${owned.id}`,
          'Summary: Wants a refund',
          `Details: ${rig.api.url}/console/sessions/${owned.id}`,
        ].join('\n'),
      },
      {
        ticketId: '1',
        public: false,
        body: [
          'This call was answered by the AI phone agent.',
          `Session: ${owned.id}`,
          'Duration: 1 min 5 s',
          'Ended: caller-hangup',
          'Transfer: no-answer to Tier 2 (SIP 480)',
          'Summary: Wants a refund',
          'Actions:',
          '- order_status: succeeded (200)',
          `Details: ${rig.api.url}/console/sessions/${owned.id}`,
        ].join('\n'),
      },
    ]);
  });

  it('is not written unless it is turned on, nor without a ticket', async () => {
    const quiet = await rig.call(ada);
    await rig.trigger({ id: 1, caller: ada });
    await end(quiet);
    await settled(quiet);
    await rig.connect({ notes: true });
    await end(await rig.call(ada));
    await settled(quiet);
    expect(rig.server.comments).toEqual([]);
  });

  it('is tried again while Zendesk fails, and its refusal is told on the timeline', async () => {
    await rig.connect({ notes: true });
    const owned = await rig.call(ada);
    await rig.trigger({ id: 1, caller: ada });
    await settled(owned);
    rig.server.trouble({ on: /PUT/, status: 503, retryAfter: 1, times: 1 });
    await end(owned);
    expect((await noted(owned)).type).toBe('ticket.noted');
    const refused = await rig.call(ada);
    await rig.trigger({ id: 1, caller: ada });
    rig.server.trouble({ on: /PUT/, status: 422, times: 1 });
    await end(refused);
    expect((await noted(refused)).data).toMatchObject({ reason: 'rejected', ticketId: '1' });
    expect(rig.server.comments).toHaveLength(1);
  });
});

describe('a ticket that comes after the transfer left', () => {
  it('gets a note that names the call', async () => {
    await rig.connect({ notes: true });
    const owned = await rig.call(ada);
    await owned.change({ status: 'transferred', transfer: { outcome: 'connected', destination: { name: 'Zendesk' } } });
    expect((await rig.trigger({ id: 1, caller: ada })).body.success).toBe(true);
    expect((await noted(owned)).data).toEqual({ ticketId: '1', note: 'late-note' });
    expect(rig.server.comments[0]?.public).toBe(false);
    expect(rig.server.comments[0]?.body).toContain(`Session: ${owned.id}`);
    expect(rig.server.comments[0]?.body).toContain(`Caller: ${ada}`);
  });

  it('gets none when notes are off', async () => {
    const owned = await rig.call(ada);
    await owned.change({ status: 'transferred' });
    await rig.trigger({ id: 1, caller: ada });
    await settled(owned);
    expect(rig.server.comments).toEqual([]);
  });
});

describe('a ticket of our own', () => {
  const posts = () => rig.server.requests.filter(({ method }) => method === 'POST');
  const ensure = async (owned: OwnedSession) => rig.zendesk().ensureTicket(owned.snapshot);

  it('is created once for a session without one, by name and number or by the Zendesk user', async () => {
    await rig.connect({ createTicket: true });
    const owned = await rig.call(ada);
    const made = await ensure(owned);
    expect(made).toEqual({ kind: 'created', ticketId: expect.stringMatching(/^\d+$/) });
    expect(await ensure(owned)).toEqual({ kind: 'present', ticketId: owned.snapshot.zendeskTicketId });
    expect(posts()).toHaveLength(1);
    expect(posts()[0]?.headers['idempotency-key']).toBe(owned.id);
    expect(posts()[0]?.body).toMatchObject({ ticket: { via_id: 34, requester: { name: ada, phone: ada } } });
    expect((await rig.api.sessions.get(rig.org, owned.id))?.zendeskTicketId).toBe(owned.snapshot.zendeskTicketId);
    // The trigger that the new ticket fires finds it there and enriches nothing.
    const fired = await rig.trigger({ id: owned.snapshot.zendeskTicketId ?? '', requester: '+14155550177' });
    expect(fired.body).toMatchObject({ success: true, sessionId: owned.id });
    expect(rig.server.requests.filter(({ method }) => method === 'GET')).toEqual([]);
    expect(await rig.api.sessions.enrichmentState(rig.org, owned.id)).toBeNull();
    await end(owned);
    const known = await rig.call(ada);
    await rig.trigger({ id: 1, caller: ada }, { query: '?wait=1' });
    await end(known);
    const again = await rig.call(ada);
    await ensure(again);
    expect(posts().at(-1)?.body).toMatchObject({ ticket: { requester_id: 7101 } });
  });

  it('hides a withheld number, and is not made unless wanted', async () => {
    const off = await rig.call(ada);
    expect(await ensure(off)).toEqual({ kind: 'off' });
    await rig.connect({ createTicket: true });
    const hidden = await rig.call(ada, {
      caller: { e164: ada, raw: ada, display: null, withheld: true },
      linkContact: false,
    });
    await ensure(hidden);
    expect(JSON.stringify(posts().at(-1)?.body)).not.toContain('4155550123');
  });

  it('does not hold a transfer up: after 2 s it goes without, and the ticket still lands on the session', async () => {
    await rig.connect({ createTicket: true, notes: true });
    const owned = await rig.call(ada);
    rig.server.trouble({ on: /POST/, status: 0, delay: 2_600, times: 1 });
    // What the transfer it is for has come to meanwhile.
    await owned.change({ status: 'transferring', transfer: { state: 'ringing', ticketId: null } });
    const begun = performance.now();
    expect((await ensure(owned)).kind).toBe('failed');
    expect(performance.now() - begun).toBeLessThan(2_300);
    expect((await noted(owned)).data).toMatchObject({ reason: 'late' });
    await until('the ticket', () => owned.snapshot.zendeskTicketId !== null);
    expect((await noted(owned, 'late-note')).type).toBe('ticket.noted');
    const refused = await rig.call('+14155550188');
    rig.server.trouble({ on: /POST/, status: 403, times: 1 });
    expect((await ensure(refused)).kind).toBe('failed');
    expect((await noted(refused)).data).toMatchObject({ reason: 'forbidden' });
  });

  it('never drives enrichment, also when its trigger is faster than the answer to us; another ticket does', async () => {
    await rig.connect({ createTicket: true });
    const owned = await rig.call(ada);
    let answerPost = (): void => {};
    const answerAfter = new Promise<void>((resolve) => {
      answerPost = resolve;
    });
    rig.server.trouble({ on: /POST/, status: 0, answerAfter, times: 1 });
    const made = ensure(owned);
    await until('the ticket in Zendesk', () => rig.server.tickets.size === 2);
    const [ours = ''] = [...rig.server.tickets.keys()].filter((id) => id !== '1');
    expect((await rig.trigger({ id: ours, caller: ada })).body).toMatchObject({ success: true, ticketId: ours });
    answerPost();
    await made;
    await settled(owned);
    expect(await rig.api.sessions.enrichmentState(rig.org, owned.id)).toBeNull();
    expect(rig.server.requests.filter(({ method }) => method === 'GET')).toEqual([]);
    await end(owned);
    // A ticket that others made is found out to be theirs when ours has come to nothing.
    const other = await rig.call(ada);
    rig.server.trouble({ on: /POST/, status: 422, delay: 300, times: 1 });
    const refused = ensure(other);
    await until('the request', () => posts().length === 2);
    await rig.trigger({ id: 1, caller: ada });
    await refused;
    await settled(other);
    expect(await rig.api.sessions.enrichmentState(rig.org, other.id)).toBe('enriched');
  });

  it('yields to a webhook that was faster', async () => {
    await rig.connect({ createTicket: true });
    const owned = await rig.call(ada);
    const before = owned.snapshot;
    await rig.trigger({ id: 1, caller: ada });
    expect(await rig.zendesk().ensureTicket(before)).toEqual({ kind: 'present', ticketId: '1' });
  });
});

describe('the check', () => {
  const check = async (role: 'admin' | 'viewer' = 'admin') => {
    const response = await fetch(`${rig.api.url}/v1/zendesk/check`, {
      headers: { authorization: `Bearer ${await rig.api.token(role, rig.org)}` },
    });
    return { status: response.status, body: (await response.json()) as Record<string, never> };
  };

  it('shows what to paste, who the credentials are and how the last webhooks were answered', async () => {
    await rig.call(ada);
    await rig.trigger({ id: 1, caller: ada });
    const { status, body } = await check();
    expect(status).toBe(200);
    expect(body).toMatchObject({
      organization: rig.org,
      zendesk: rig.server.url,
      credentials: { ok: true, message: expect.stringContaining(rig.server.credentials.email) },
      webhook: { url: await rig.webhookUrl(), signed: false },
      status: { ok: true },
      deliveries: [{ success: true, ticketId: '1', status: 200 }],
      problems: [expect.stringContaining('PUBLIC_URL')],
    });
    expect(JSON.stringify(body)).toContain('{{ticket.via.source.from.phone}}');
    expect(JSON.stringify(body)).toContain('call_overflow');
    expect((await check('viewer')).status).toBe(403);
  });

  it('names each thing that is wrong in a sentence', async () => {
    await rig.connect({
      auth: { type: 'apiToken', email: 'x@acme.test', token: 'wrong-token' },
      matchByTalkNumber: true,
    });
    const { body } = await check();
    expect(body.credentials).toEqual({ ok: false, message: 'Zendesk does not accept the credentials (401).' });
    expect(body.problems).toEqual([
      'Zendesk does not accept the credentials (401).',
      expect.stringContaining('PUBLIC_URL'),
      expect.stringContaining('talkNumbers is empty'),
      expect.stringContaining('No webhook has arrived'),
    ]);
    await rig.connect(null);
    expect((await check()).body.problems).toContain('The organization is not connected to Zendesk.');
  });
});
