import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startZendeskRig, type ZendeskRig } from '../support/zendesk-rig.js';
import { voiceTicket, zendeskUser } from '../support/zendesk-server.js';
import { deliverWebhook, renderTrigger, sendWebhook } from '../support/zendesk-webhook.js';

let rig: ZendeskRig;
const ada = '+14155550123';
const grace = '+14155550124';
const talk = '+14155550999';

beforeAll(async () => {
  rig = await startZendeskRig();
});
afterAll(() => rig.close());
beforeEach(async () => {
  rig.api.lines.length = 0;
  rig.server.requests.length = 0;
  rig.server.calm();
  await rig.fresh();
});

const session = async (id: string) => {
  const found = await rig.api.sessions.get(rig.org, id);
  if (found === null) throw new Error(`no session ${id}`);
  return found;
};
const stamps = async (id: string) =>
  (await rig.api.sessions.timeline(rig.org, id)).filter((entry) => entry.type === 'prefetch.stamped');

describe('the webhook URL', () => {
  const get = async (role: 'admin' | 'editor' | 'viewer' | null, path = '', method = 'GET') => {
    const headers: Record<string, string> =
      role === null ? {} : { authorization: `Bearer ${await rig.api.token(role, rig.org)}` };
    const response = await fetch(`${rig.api.url}/backend/zendesk-v2/voice-prefetch-url${path}`, { method, headers });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  it('is given to admins and editors, stays the same, and is refused to others', async () => {
    const first = await get('admin');
    expect(first).toEqual({
      status: 200,
      body: {
        webhookUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/backend\/zendesk-v2\/voice-prefetch\/ey/),
      },
    });
    expect(await get('editor')).toEqual(first);
    expect((await get('viewer')).status).toBe(403);
    expect(await get(null)).toMatchObject({ status: 401, body: { statusCode: 401, error: 'Unauthorized' } });
    expect((await get('editor', '/regenerate', 'POST')).status).toBe(403);
    expect(rig.api.lines.join('')).not.toContain(String(first.body.webhookUrl).split('/').at(-1));
  });

  it('is replaced by regenerate, and the older one stops working at once', async () => {
    const old = await rig.webhookUrl();
    await rig.call(ada);
    expect((await sendWebhook(old, renderTrigger({ id: 1, caller: ada }))).status).toBe(200);
    const fresh = String((await get('admin', '/regenerate', 'POST')).body.webhookUrl);
    expect(fresh).not.toBe(old);
    const refused = await sendWebhook(old, renderTrigger({ id: 1, caller: ada }));
    expect([refused.status, refused.body.success]).toEqual([401, false]);
    expect((await sendWebhook(fresh, renderTrigger({ id: 1, caller: ada }))).body.success).toBe(true);
  });

  it('is the same when many ask at once for the first time', async () => {
    const urls = await Promise.all(Array.from({ length: 20 }, () => rig.webhookUrl()));
    expect(new Set(urls).size).toBe(1);
    expect((await sendWebhook(urls[7] ?? '', renderTrigger({ id: 1, caller: ada }))).status).toBe(200);
  });
});

describe('answers 401', () => {
  const refusal = async (token: string) => {
    const url = `${rig.api.url}/backend/zendesk-v2/voice-prefetch/${token}`;
    const { status, body } = await sendWebhook(url, renderTrigger({ id: 1, caller: ada }));
    expect(body).toEqual({ success: false, message: expect.any(String) });
    return status;
  };

  it('to tokens that are forged, for another purpose, of another kind or unsigned', async () => {
    const good = (await rig.webhookUrl()).split('/').at(-1) ?? '';
    const [header = '', payload = '', signature = ''] = good.split('.');
    const unsigned = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');
    const kid = (JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string }).kid;
    const field = Buffer.from('{"alg":"HS256","typ":"JWT","kid":"current"}').toString('base64url');
    const forged = await new SignJWT({})
      .setProtectedHeader({ alg: 'HS256', kid })
      .setIssuer('voice-gateway')
      .setAudience('voice-prefetch')
      .setSubject(rig.org)
      .setExpirationTime('1h')
      .sign(new TextEncoder().encode(rig.api.jwtSecret));
    for (const token of [
      'nonsense',
      `${unsigned}.${payload}.`,
      `${field}.${payload}.${signature}`,
      `${header}.${payload}.${signature.slice(0, -4)}AAAA`,
      forged,
      await rig.api.token('admin', rig.org),
      'x'.repeat(3_000),
    ]) {
      expect([token.slice(0, 20), await refusal(token)]).toEqual([token.slice(0, 20), 401]);
    }
  });

  it('to a prefetch token used as a dashboard credential', async () => {
    const token = (await rig.webhookUrl()).split('/').at(-1) ?? '';
    const response = await fetch(`${rig.api.url}/v1/sessions`, { headers: { authorization: `Bearer ${token}` } });
    expect(response.status).toBe(401);
  });

  it('to an expired token, and to one of an organization that is gone or disconnected', async () => {
    const url = await rig.webhookUrl();
    await rig.connect(null);
    expect((await sendWebhook(url, renderTrigger({ id: 1, caller: ada }))).status).toBe(401);
    await rig.connect();
    expect((await sendWebhook(url, renderTrigger({ id: 1, caller: ada }))).status).toBe(200);
    let now = Date.now();
    const late = await startZendeskRig({
      clock: {
        now: () => now,
        monotonic: () => performance.now(),
        after: (ms, fn) => {
          const handle = setTimeout(fn, ms);
          return { cancel: () => clearTimeout(handle) };
        },
      },
    });
    try {
      await late.connect();
      const old = await late.webhookUrl();
      expect((await sendWebhook(old, renderTrigger({ id: 1, caller: ada }))).status).toBe(200);
      now += 336 * 86_400_000;
      const renewed = await late.webhookUrl();
      expect(renewed).not.toBe(old);
      expect((await sendWebhook(old, renderTrigger({ id: 1, caller: ada }))).status).toBe(200);
      now += 30 * 86_400_000;
      const answer = await sendWebhook(old, renderTrigger({ id: 1, caller: ada }));
      expect([answer.status, answer.body.message]).toEqual([401, expect.stringContaining('expired')]);
      expect((await sendWebhook(renewed, renderTrigger({ id: 1, caller: ada }))).status).toBe(200);
      await late.api.redis.command('FLUSHALL');
      late.api.directory.directory.forget();
      expect((await sendWebhook(renewed, renderTrigger({ id: 1, caller: ada }))).status).toBe(401);
    } finally {
      await late.close();
    }
  });
});

describe('a match', () => {
  it('stamps the caller’s live session once, with its timeline entry, and says so again', async () => {
    const owned = await rig.call(ada);
    await rig.call(grace);
    const first = await rig.trigger({ id: 4711, caller: '+1 (415) 555-0123', title: 'Where is it?' });
    expect(first).toMatchObject({
      status: 200,
      body: { success: true, sessionId: owned.id, ticketId: '4711', match: 'caller_phone' },
    });
    expect((await rig.trigger({ id: 4711, caller: ada })).body).toMatchObject({ success: true, sessionId: owned.id });
    expect((await session(owned.id)).zendeskTicketId).toBe('4711');
    expect(await stamps(owned.id)).toEqual([
      {
        at: expect.any(Number),
        type: 'prefetch.stamped',
        data: { ticketId: '4711', match: 'caller_phone', subject: 'Where is it?' },
      },
    ]);
    expect(owned.snapshot.zendeskTicketId).toBe('4711');
  });

  it('takes ids as numbers and texts, phones in every notation, and the requester second', async () => {
    const cases: [Record<string, unknown>, string][] = [
      [{ ticket_id: '5', caller_phone: '+14155550123x123' }, 'caller_phone'],
      [{ ticket_id: 5, caller_phone: '4155550123' }, 'caller_phone'],
      [{ ticket_id: 5, caller_phone: 'anonymous', requester_phone: '(415) 555-0123 ext. 9' }, 'requester_phone'],
      [{ ticket_id: 5, caller_phone: '+266696687', requester_phone: ada }, 'requester_phone'],
      [{ ticket_id: 5, caller_phone: null, requester_phone: ada }, 'requester_phone'],
      [{ ticket_id: 5, caller_phone: grace, requester_phone: ada }, 'requester_phone'],
    ];
    for (const [body, match] of cases) {
      await rig.fresh();
      const owned = await rig.call(ada);
      const answer = await sendWebhook(await rig.webhookUrl(), JSON.stringify(body), { contentType: 'text/plain' });
      expect([body, answer.body]).toEqual([
        body,
        expect.objectContaining({ success: true, sessionId: owned.id, match }),
      ]);
    }
  });

  it('answers false without a live session: none, another caller’s, an ended, a withheld or a foreign one', async () => {
    const none = await rig.trigger({ id: 7, caller: ada });
    expect([none.status, none.body]).toEqual([
      200,
      { success: false, message: `There is no live phone session for ${ada}.`, ticketId: '7' },
    ]);
    const ended = await rig.call(ada);
    await ended.change({ status: 'ended', endedAt: Date.now(), endReason: 'caller-hangup' });
    await rig.call(ada, { caller: { e164: ada, raw: ada, display: null, withheld: true }, linkContact: false });
    await rig.call(ada, { orgId: 'globex' });
    await rig.call('+14155550');
    await rig.call('+141555501234');
    const again = await rig.trigger({ id: 7, caller: ada, requester: grace });
    expect(again.body).toMatchObject({
      success: false,
      message: `There is no live phone session for ${ada} or ${grace}.`,
    });
  });

  it('matches every live state', async () => {
    for (const [index, status] of (['ringing', 'active', 'transferring', 'transferred'] as const).entries()) {
      const e164 = `+1415555020${index}`;
      const owned = await rig.call(e164);
      await owned.change({ status });
      const { body } = await rig.trigger({ id: 100 + index, caller: e164 });
      expect([status, body.success, body.sessionId]).toEqual([status, true, owned.id]);
    }
  });

  it('takes the newest of several sessions without a ticket and says how many there were', async () => {
    const older = await rig.call(ada, { startedAt: 1_000 });
    const newer = await rig.call(ada, { startedAt: 2_000 });
    const first = await rig.trigger({ id: 1, caller: ada });
    expect(first.body).toMatchObject({
      success: true,
      sessionId: newer.id,
      message: expect.stringContaining('2 live'),
    });
    expect((await rig.trigger({ id: 1, caller: ada })).body.sessionId).toBe(newer.id);
    expect((await rig.trigger({ id: 2, caller: ada })).body.sessionId).toBe(older.id);
    const third = await rig.trigger({ id: 3, caller: ada });
    expect(third.status).toBe(200);
    expect(third.body).toMatchObject({ success: false, sessionId: newer.id, ticketId: '1' });
    expect(third.body.message).toMatch(/ticket 1\b.*ticket 3\b/);
    expect((await session(newer.id)).zendeskTicketId).toBe('1');
    expect(await stamps(newer.id)).toHaveLength(1);
  });

  it('refuses callers tied behind a shared number, and stamps when there is one', async () => {
    await rig.connect({ sharedNumbers: [ada] });
    const one = await rig.call(ada, { linkContact: false });
    expect((await rig.trigger({ id: 1, caller: ada })).body).toMatchObject({ success: true, sessionId: one.id });
    await rig.call(ada, { linkContact: false });
    await rig.call(ada, { linkContact: false });
    const tied = await rig.trigger({ id: 2, caller: ada });
    expect(tied.body).toMatchObject({ success: false, message: expect.stringContaining('2 live sessions') });
  });
});

describe('a call forwarded under a Talk number', () => {
  it('is matched when it is the one without a ticket in the window, and learns its caller', async () => {
    await rig.connect({ matchByTalkNumber: true, talkNumbers: [talk], talkMatchWindow: 60 });
    await rig.call(talk, { linkContact: false, startedAt: Date.now() - 61_000 });
    const owned = await rig.call(talk, { linkContact: false });
    const answer = await rig.trigger({ id: 12, caller: ada });
    expect(answer.body).toMatchObject({ success: true, sessionId: owned.id, match: 'talk_number' });
    expect((await session(owned.id)).caller).toMatchObject({ e164: ada, source: 'zendesk', withheld: false });
    expect((await owned.refresh(1_000))?.caller).toMatchObject({ e164: ada, source: 'zendesk' });
    expect((await rig.api.sessions.liveByCaller(rig.org, ada)).map(({ id }) => id)).toEqual([owned.id]);
    expect((await rig.trigger({ id: 12, caller: ada })).body).toMatchObject({ success: true, sessionId: owned.id });
  });

  it('is refused when two could be meant, and when matching by Talk number is off', async () => {
    await rig.connect({ matchByTalkNumber: true, talkNumbers: [talk] });
    await rig.call(talk, { linkContact: false });
    await rig.call(talk, { linkContact: false });
    const two = await rig.trigger({ id: 12, caller: ada });
    expect(two.body).toMatchObject({ success: false, message: expect.stringContaining('2 live sessions') });
    await rig.connect({ matchByTalkNumber: false, talkNumbers: [talk] });
    expect((await rig.trigger({ id: 12, caller: ada })).body.message).toContain('no live phone session');
  });

  it('is matched without a usable phone too', async () => {
    await rig.connect({ matchByTalkNumber: true, talkNumbers: [talk] });
    const owned = await rig.call(talk, { linkContact: false });
    expect((await rig.trigger({ id: 12, caller: 'anonymous' })).body).toMatchObject({
      success: true,
      sessionId: owned.id,
    });
    expect((await rig.trigger({ id: 12 })).body).toMatchObject({ success: true, sessionId: owned.id });
    expect((await session(owned.id)).caller.e164).toBe(talk);
  });
});

describe('answers 400', () => {
  it('to bodies that lack what is needed, and names it', async () => {
    const url = await rig.webhookUrl();
    await rig.call(ada);
    const cases: [string, string][] = [
      [renderTrigger({ caller: ada }), 'ticket_id'],
      [renderTrigger({ id: '"abc"', caller: ada }), 'ticket_id'],
      [renderTrigger({ id: 1.5, caller: ada }), 'ticket_id'],
      [renderTrigger({ id: 5 }), 'caller_phone'],
      [renderTrigger({ id: 5, caller: 'restricted', requester: '+86282452253' }), 'caller_phone'],
      ['', 'ticket_id'],
      ['[]', 'ticket_id'],
      ['{"ticket_id":1,"ticket_id":2,"caller_phone":"+14155550123"}', 'ticket_id'],
      ['{"ticket_id":1,"ticket\\u005fid":2,"caller_phone":"+14155550123"}', 'ticket_id'],
      ['{"ticket_id":1,"caller_phone":"+14155550123","caller_phone":"+14155550124"}', 'caller_phone'],
      [renderTrigger({ id: 1, caller: ada, title: 'x", "ticket_id": 999, "y": "z' }), 'ticket_id'],
      [renderTrigger({ caller: ada, title: 'x "y", "ticket_id": 999, "z": "' }), 'ticket_id'],
    ];
    for (const [body, field] of cases) {
      const answer = await sendWebhook(url, body);
      expect([body, answer.status, answer.body.success]).toEqual([body, 400, false]);
      expect(answer.body.message).toContain(field);
    }
  });

  it('not to titles that break the JSON: ids and phones are found all the same', async () => {
    const url = await rig.webhookUrl();
    const owned = await rig.call(ada);
    for (const title of [
      'He said "hi"',
      'two\nlines',
      'a\tb',
      'back\\slash \\x',
      '"',
      '{"a": 1}',
      '", "',
      'ends with \\',
    ]) {
      const answer = await sendWebhook(url, renderTrigger({ id: 31, caller: ada, title }));
      expect([title, answer.status, answer.body.sessionId]).toEqual([title, 200, owned.id]);
      const first = `{"subject":"${title}","ticket_id":31,"caller_phone":"${ada}"}`;
      expect([first, (await sendWebhook(url, first)).body.sessionId]).toEqual([first, owned.id]);
    }
  });
});

describe('the webhook', () => {
  it('answers 413 to a body over 256 KiB in its own form', async () => {
    const answer = await sendWebhook(await rig.webhookUrl(), renderTrigger({ id: 1, title: 'x'.repeat(262_200) }));
    expect([answer.status, answer.body]).toEqual([413, { success: false, message: expect.any(String) }]);
    const fits = await sendWebhook(
      await rig.webhookUrl(),
      renderTrigger({ id: 1, caller: ada, title: 'x'.repeat(260_000) }),
    );
    expect(fits.status).toBe(200);
  });

  it('answers 503 with Retry-After 10 while the store is down, and the sender’s retry succeeds', async () => {
    // Its own store: sessions of other tests would come back after the outage.
    const rig = await startZendeskRig();
    await rig.connect();
    const url = await rig.webhookUrl();
    const owned = await rig.call(ada);
    await sendWebhook(url, renderTrigger({ id: 1, caller: grace }));
    rig.api.server.pause();
    const waits: number[] = [];
    const { answer, attempts } = await deliverWebhook(url, renderTrigger({ id: 1, caller: ada }), {
      wait: async (seconds) => {
        waits.push(seconds);
        rig.api.server.resume();
        await rig.api.redis.ready(10_000);
      },
    });
    expect([attempts, waits, answer.body.sessionId]).toEqual([2, [10], owned.id]);
    await rig.close();
  });

  it('answers a retry of a success from memory, also after the call has ended, and evaluates a failure afresh', async () => {
    const invocation = randomUUID();
    const early = await rig.trigger({ id: 9, caller: ada }, { invocation });
    expect(early.body.success).toBe(false);
    const owned = await rig.call(ada);
    expect((await rig.trigger({ id: 9, caller: ada }, { invocation })).body).toMatchObject({
      success: true,
      sessionId: owned.id,
    });
    await owned.change({ status: 'ended', endedAt: Date.now(), endReason: 'caller-hangup' });
    expect((await rig.trigger({ id: 9, caller: ada }, { invocation })).body).toMatchObject({
      success: true,
      sessionId: owned.id,
    });
    expect((await rig.trigger({ id: 9, caller: ada })).body.success).toBe(false);
    expect(await stamps(owned.id)).toHaveLength(1);
  });

  it('demands a fresh and fitting signature when the organization has a signing secret', async () => {
    await rig.connect({ webhookSigningSecret: 'signing-secret-1' });
    const url = await rig.webhookUrl();
    const owned = await rig.call(ada);
    const body = renderTrigger({ id: 1, caller: ada, title: 'über "x"' });
    const old = new Date(Date.now() - 301_000).toISOString();
    const ahead = new Date(Date.now() + 301_000).toISOString();
    expect((await sendWebhook(url, body)).status).toBe(401);
    expect((await sendWebhook(url, body, { secret: 'another' })).status).toBe(401);
    expect((await sendWebhook(url, body, { secret: 'signing-secret-1', timestamp: old })).status).toBe(401);
    expect((await sendWebhook(url, body, { secret: 'signing-secret-1', timestamp: ahead })).status).toBe(401);
    expect((await session(owned.id)).zendeskTicketId).toBeNull();
    expect((await sendWebhook(url, body, { secret: 'signing-secret-1' })).body.sessionId).toBe(owned.id);
  });

  it('keeps an early one for the configured time and stamps the call as it is created', async () => {
    await rig.connect({ holdEarlyPrefetch: 30 });
    const early = await rig.trigger({ id: 21, caller: ada, requester: grace });
    expect(early.body).toMatchObject({ success: false, message: expect.stringContaining('kept for 30 s') });
    const withheld = await rig.call(ada, { caller: { e164: ada, raw: ada, display: null, withheld: true } });
    expect(withheld.snapshot.zendeskTicketId).toBeNull();
    const owned = await rig.call(grace);
    expect(owned.snapshot.zendeskTicketId).toBe('21');
    expect(await session(owned.id)).toEqual(owned.snapshot);
    expect((await stamps(owned.id))[0]?.data).toMatchObject({ ticketId: '21', match: 'requester_phone' });
    expect((await rig.call(ada)).snapshot.zendeskTicketId).toBeNull();
    expect((await rig.trigger({ id: 21, caller: grace })).body.success).toBe(true);
  });

  it('keeps nothing behind a shared number, nor longer than told', async () => {
    await rig.connect({ holdEarlyPrefetch: 1, sharedNumbers: [grace] });
    expect((await rig.trigger({ id: 22, caller: grace })).body.message).toContain('no live phone session');
    expect((await rig.call(grace)).snapshot.zendeskTicketId).toBeNull();
    await rig.trigger({ id: 23, caller: ada });
    const left = Number(await rig.api.redis.command('PTTL', `vg:{${rig.org}}:held:%2B${ada.slice(1)}`));
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(1_000);
  });

  it('records its deliveries with their answers, and never its token', async () => {
    await rig.call(ada);
    await rig.trigger({ id: 1, caller: ada });
    await rig.trigger({ caller: ada });
    const last = await rig.zendesk().deliveries.last(rig.org);
    expect(last.slice(0, 2).map(({ status, success, ticketId }) => [status, success, ticketId])).toEqual([
      [400, false, null],
      [200, true, '1'],
    ]);
    const token = (await rig.webhookUrl()).split('/').at(-1) ?? '-';
    expect(JSON.stringify([last, rig.api.lines])).not.toContain(token);
  });
});

describe('the event webhook', () => {
  const event = (changes: Record<string, unknown> = {}, type = 'zen:event-type:ticket.created') =>
    JSON.stringify({
      type,
      account_id: 1,
      id: randomUUID(),
      time: new Date().toISOString(),
      zendesk_event_version: '2022-11-06',
      subject: 'zen:ticket:35436',
      detail: { id: '35436', subject: 'x', tags: [], via: { channel: 'voice' }, ...changes },
      event: { meta: { sequence: { id: '1', position: 1 } } },
    });
  const send = async (body: string) => sendWebhook(await rig.webhookUrl(), body);

  it('reads the caller from the ticket, or from its requester, by id', async () => {
    const owned = await rig.call(ada);
    rig.server.tickets.set('35436', voiceTicket(35436));
    expect((await send(event())).body).toMatchObject({ success: true, sessionId: owned.id, ticketId: '35436' });
    expect(rig.server.requests.map(({ path }) => path)).toEqual(['/api/v2/tickets/35436.json']);
    const other = await rig.call(grace);
    rig.server.tickets.set('35437', voiceTicket(35437, { via: { channel: 'voice', source: { from: {} } } }));
    rig.server.users.set('7101', zendeskUser(7101, { phone: '+1 415 555 0124' }));
    expect((await send(event({ id: '35437', via: { channel: 34 } }))).body).toMatchObject({
      success: true,
      sessionId: other.id,
      match: 'requester_phone',
    });
    expect(rig.server.requests.filter(({ path }) => path.includes('search'))).toEqual([]);
  });

  it('is a call on the channels of telephony, in words and numbers; else the ticket decides', async () => {
    await rig.call(ada);
    rig.server.tickets.set('35436', voiceTicket(35436));
    for (const channel of ['voice', 'phone_call_inbound', 'phone', 34, 45, '34', '45', null, 'unknown']) {
      const { body } = await send(event({ via: { channel } }));
      expect([channel, body.success]).toEqual([channel, true]);
    }
    rig.server.tickets.set('35436', voiceTicket(35436, { via: { channel: 'web' } }));
    expect((await send(event({ via: null }))).body).toMatchObject({
      success: false,
      message: expect.stringContaining('web'),
    });
    rig.server.requests.length = 0;
    expect((await send(event({ via: { channel: 'email' } }))).body.success).toBe(false);
    expect((await send(event({ tags: ['call_overflow'] }))).body).toMatchObject({ success: false });
    expect((await send(event({}, 'zen:event-type:ticket.deleted'))).body.success).toBe(false);
    expect(rig.server.requests).toEqual([]);
    rig.server.tickets.set('35436', voiceTicket(35436, { tags: ['call_overflow'] }));
    expect((await send(event())).body.message).toContain('call_overflow');
  });

  it('asks for a retry while Zendesk does not answer, and says what is wrong with the credentials', async () => {
    await rig.call(ada);
    rig.server.tickets.set('35436', voiceTicket(35436));
    rig.server.trouble({ on: /tickets/, status: 500, times: 1 });
    const busy = await send(event());
    expect([busy.status, busy.headers.get('retry-after'), busy.body.success]).toEqual([503, '10', false]);
    rig.server.trouble({ on: /tickets/, status: 401, times: 1 });
    const refused = await send(event());
    expect([refused.status, refused.body.success]).toEqual([200, false]);
    expect(refused.body.message).toContain('credentials');
    expect((await send(event({ id: '99' }))).body.message).toContain('no ticket 99');
    expect((await send(event())).body.success).toBe(true);
  });

  it('with a repeated id, or without one, is answered 400', async () => {
    const twice = event().replace('"id":"35436"', '"id":"35436","id":"1"');
    expect((await send(twice)).status).toBe(400);
    expect((await send(event({ id: null }))).status).toBe(400);
  });
});
