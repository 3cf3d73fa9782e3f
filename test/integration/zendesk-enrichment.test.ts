import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.js';
import { silentLogger } from '../../src/core/logger.js';
import { createContactStore, type OwnedSession } from '../../src/domain/sessions/index.js';
import { createZendesk } from '../../src/domain/zendesk/index.js';
import { until } from '../support/until.js';
import { startZendeskRig, type ZendeskRig } from '../support/zendesk-rig.js';
import { voiceTicket, zendeskOrganization, zendeskUser } from '../support/zendesk-server.js';

let rig: ZendeskRig;
const ada = '+14155550123';
const grace = '+14155550124';
const talk = '+14155550999';
const results: string[] = [];

beforeAll(async () => {
  rig = await startZendeskRig({ countEnrichment: (result) => results.push(result) });
});
afterAll(() => rig.close());
/** In every test: people are found by id, never searched for. */
afterEach(() => expect(paths().filter((path) => /search/i.test(path))).toEqual([]));
beforeEach(async () => {
  const { server } = rig;
  server.requests.length = 0;
  results.length = 0;
  server.calm();
  server.tickets.clear();
  server.tickets.set('1', voiceTicket(1));
  server.users.clear();
  server.users.set('7101', zendeskUser(7101));
  server.organizations.clear();
  server.organizations.set('8101', zendeskOrganization(8101));
  await rig.fresh();
});

const wait = { query: '?wait=1' };
const paths = () => rig.server.requests.map(({ method, path }) => `${method} ${path}`);
const timelineOf = (owned: OwnedSession) => rig.api.sessions.timeline(rig.org, owned.id);
const entry = async (owned: OwnedSession, type: string) => (await timelineOf(owned)).find((each) => each.type === type);
const contactOf = async (owned: OwnedSession) => {
  const stored = await rig.api.sessions.get(rig.org, owned.id);
  return stored?.contactId == null ? null : createContactStore({ redis: rig.api.redis }).get(rig.org, stored.contactId);
};
const end = (owned: OwnedSession) => owned.change({ status: 'ended', endedAt: Date.now(), endReason: 'caller-hangup' });
const settled = (owned: OwnedSession, state: 'enriched' | 'failed') =>
  until(`the enrichment to be ${state}`, async () => {
    const now = await rig.api.sessions.enrichmentState(rig.org, owned.id);
    return now === state;
  });

describe('a stamped session', () => {
  it('gets the contact that ticket, requester and organization describe, by ids alone', async () => {
    const owned = await rig.call(ada);
    const { body } = await rig.trigger({ id: 1, caller: ada }, wait);
    expect(body).toMatchObject({ success: true, enrichment: 'enriched' });
    expect(await contactOf(owned)).toEqual({
      id: owned.contact?.id,
      orgId: rig.org,
      name: 'Ada Lovelace',
      email: 'ada@example.test',
      phone: ada,
      externalId: 'crm-42',
      zendeskUserId: '7101',
      customData: {
        tier: 'gold',
        age: '36',
        vip: 'true',
        address: '{"city":"London","lines":["12","St James"]}',
        org_plan: 'enterprise',
        org_seats: '12',
      },
      createdAt: expect.any(Number),
      updatedAt: expect.any(Number),
    });
    expect(paths()).toEqual([
      'GET /api/v2/tickets/1.json',
      'GET /api/v2/users/7101.json',
      'GET /api/v2/organizations/8101.json',
    ]);
    expect((await entry(owned, 'contact.enriched'))?.data).toMatchObject({
      contactId: owned.contact?.id,
      ticketId: '1',
      zendeskUserId: '7101',
      fields: expect.arrayContaining(['name', 'custom_data.tier', 'custom_data.org_plan']),
    });
    expect(await rig.zendesk().status.read(rig.org)).toMatchObject({ ok: true });
  });

  it('is not enriched twice by the same payload, and blank values erase nothing', async () => {
    const owned = await rig.call(ada);
    await Promise.all(Array.from({ length: 10 }, () => rig.trigger({ id: 1, caller: ada }, wait)));
    expect(paths().filter((path) => path.includes('tickets'))).toHaveLength(1);
    await end(owned);
    rig.server.users.set(
      '7101',
      zendeskUser(7101, { email: null, name: '', external_id: ' ', phone: null, user_fields: { tier: null, age: '' } }),
    );
    rig.server.organizations.set('8101', zendeskOrganization(8101, { organization_fields: { plan: null, seats: 13 } }));
    const again = await rig.call(ada);
    await rig.trigger({ id: 1, caller: ada }, wait);
    expect(await contactOf(again)).toMatchObject({
      id: owned.contact?.id,
      name: 'Ada Lovelace',
      email: 'ada@example.test',
      externalId: 'crm-42',
      customData: { tier: 'gold', age: '36', org_plan: 'enterprise', org_seats: '13' },
    });
    expect((await timelineOf(owned)).filter(({ type }) => type === 'contact.enriched')).toHaveLength(1);
  });

  it('is enriched after the call has ended, and two sessions of one contact both land on it', async () => {
    const first = await rig.call(ada);
    const second = await rig.call(ada, { startedAt: Date.now() + 5 });
    rig.server.tickets.set('2', voiceTicket(2));
    rig.server.trouble({ on: /users/, status: 0, delay: 150 });
    await rig.trigger({ id: 1, caller: ada });
    await rig.trigger({ id: 2, caller: ada });
    await Promise.all([end(first), end(second)]);
    await settled(first, 'enriched');
    await settled(second, 'enriched');
    expect((await contactOf(first))?.zendeskUserId).toBe('7101');
    expect((await contactOf(second))?.id).toBe(first.contact?.id);
    expect((await entry(first, 'contact.enriched'))?.data).toMatchObject({
      ticketId: '2' === first.snapshot.zendeskTicketId ? '2' : '1',
    });
  });

  it('of a caller whose ticket came early is enriched from its creation on', async () => {
    await rig.connect({ holdEarlyPrefetch: 20 });
    await rig.trigger({ id: 1, caller: ada });
    const owned = await rig.call(ada);
    await settled(owned, 'enriched');
    expect((await contactOf(owned))?.name).toBe('Ada Lovelace');
  });
});

describe('who the contact is', () => {
  it('is found or made by the Zendesk user for a Talk number, a shared and a withheld one', async () => {
    await rig.connect({ matchByTalkNumber: true, talkNumbers: [talk], sharedNumbers: [grace] });
    const forwarded = await rig.call(talk, { linkContact: false });
    expect(forwarded.snapshot.contactId).toBeNull();
    expect((await rig.trigger({ id: 1, caller: ada }, wait)).body.enrichment).toBe('enriched');
    const made = await contactOf(forwarded);
    expect(made).toMatchObject({ name: 'Ada Lovelace', zendeskUserId: '7101', phone: ada });
    expect((await entry(forwarded, 'contact.linked'))?.data).toMatchObject({ contactId: made?.id });
    expect(await createContactStore({ redis: rig.api.redis }).byPhone(rig.org, ada)).toBeNull();
    await end(forwarded);
    const shared = await rig.call(grace, { linkContact: false });
    rig.server.tickets.set('2', voiceTicket(2));
    await rig.trigger({ id: 2, caller: grace }, wait);
    expect((await contactOf(shared))?.id).toBe(made?.id);
    expect((await forwarded.refresh(1_000))?.contactId).toBe(made?.id);
  });

  it('takes the caller of a forwarded call from the ticket when the webhook had no number', async () => {
    await rig.connect({ matchByTalkNumber: true, talkNumbers: [talk] });
    const owned = await rig.call(talk, { linkContact: false });
    await rig.trigger({ id: 1, caller: 'anonymous' }, wait);
    expect((await owned.refresh(1_000))?.caller).toMatchObject({ e164: ada, source: 'zendesk' });
    expect((await rig.api.sessions.liveByCaller(rig.org, ada)).map(({ id }) => id)).toEqual([owned.id]);
    expect(await rig.api.sessions.liveByCaller(rig.org, talk)).toEqual([]);
  });

  it('is never taken over from another contact: a clash is told and moves nothing', async () => {
    const other = await rig.call(ada);
    const owned = await rig.call(grace);
    await rig.trigger({ id: 1, caller: grace }, wait);
    expect((await entry(owned, 'contact.clash'))?.data).toMatchObject({ with: 'phone', contactId: other.contact?.id });
    const store = createContactStore({ redis: rig.api.redis });
    expect((await store.byPhone(rig.org, ada))?.id).toBe(other.contact?.id);
    expect((await store.byPhone(rig.org, grace))?.id).toBe(owned.contact?.id);
    expect(await contactOf(owned)).toMatchObject({ name: 'Ada Lovelace', phone: ada });
    expect(results).toContain('clash');
    rig.server.tickets.set('2', voiceTicket(2));
    await rig.trigger({ id: 2, caller: ada }, wait);
    expect((await entry(other, 'contact.clash'))?.data).toMatchObject({
      with: 'zendesk-user',
      contactId: owned.contact?.id,
    });
  });

  it('is not taken from users that stand for anonymous callers', async () => {
    for (const [index, user] of [
      { name: 'Anonymous', email: null, phone: null },
      { name: 'Caller', email: null, phone: '+266696687' },
      { name: 'Unknown caller', email: null, phone: 'restricted' },
    ].entries()) {
      const owned = await rig.call(`+1415555030${index}`);
      rig.server.tickets.set(String(10 + index), voiceTicket(10 + index));
      rig.server.users.set('7101', zendeskUser(7101, user));
      const { body } = await rig.trigger({ id: 10 + index, caller: `+1415555030${index}` }, wait);
      expect(body).toMatchObject({ success: true, enrichment: 'failed' });
      expect(await contactOf(owned)).toMatchObject({ name: null, zendeskUserId: null, customData: {} });
      expect((await entry(owned, 'enrichment.failed'))?.data.reason).toBe('anonymous-requester');
    }
  });
});

describe('trouble at Zendesk', () => {
  const stamped = async (id = 1) => {
    const owned = await rig.call(ada);
    const { body } = await rig.trigger({ id, caller: ada });
    expect(body.success).toBe(true);
    return owned;
  };

  it('401 stops and shows on the organization’s status; the stamp stays; re-firing tries again', async () => {
    rig.server.trouble({ on: /tickets/, status: 401, times: 1 });
    const owned = await stamped();
    await settled(owned, 'failed');
    expect((await entry(owned, 'enrichment.failed'))?.data).toMatchObject({ reason: 'credentials', ticketId: '1' });
    expect(await rig.zendesk().status.read(rig.org)).toMatchObject({ ok: false, kind: 'credentials' });
    expect((await rig.api.sessions.get(rig.org, owned.id))?.zendeskTicketId).toBe('1');
    expect(paths()).toHaveLength(1);
    expect((await rig.trigger({ id: 1, caller: ada }, wait)).body.enrichment).toBe('enriched');
  });

  it('403 on the organization enriches the rest and says so', async () => {
    rig.server.trouble({ on: /organizations/, status: 403 });
    const owned = await stamped();
    await settled(owned, 'enriched');
    expect(await contactOf(owned)).toMatchObject({ name: 'Ada Lovelace', customData: { tier: 'gold' } });
    expect((await contactOf(owned))?.customData.org_plan).toBeUndefined();
    expect((await entry(owned, 'contact.enriched'))?.data).toMatchObject({ organization: 'forbidden' });
  });

  it('404 is told on the timeline and not tried again', async () => {
    const owned = await stamped(404);
    await settled(owned, 'failed');
    expect((await entry(owned, 'enrichment.failed'))?.data).toMatchObject({ reason: 'missing', ticketId: '404' });
    expect(paths()).toHaveLength(1);
  });

  it('429 and 503 with Retry-After are waited for, by all work of the organization', async () => {
    rig.server.trouble({ on: /tickets\/1\.json/, status: 429, retryAfter: 1, times: 1 });
    const owned = await stamped();
    await until('the first request', () => rig.server.requests.length === 1);
    const other = await rig.call(grace);
    rig.server.tickets.set('2', voiceTicket(2));
    await rig.trigger({ id: 2, caller: grace });
    await settled(owned, 'enriched');
    await settled(other, 'enriched');
    const [refused, ...later] = rig.server.requests;
    for (const request of later) expect(request.at - (refused?.at ?? 0)).toBeGreaterThanOrEqual(950);
    rig.server.requests.length = 0;
    rig.server.trouble({ on: /users/, status: 503, retryAfter: 1, times: 1 });
    await end(owned);
    const third = await stamped();
    await settled(third, 'enriched');
    const users = rig.server.requests.filter(({ path }) => path.includes('users'));
    expect((users[1]?.at ?? 0) - (users[0]?.at ?? 0)).toBeGreaterThanOrEqual(950);
  });

  it('5xx and cut connections are tried five times', async () => {
    rig.server.trouble({ on: /tickets/, status: 500, times: 1 });
    rig.server.trouble({ on: /users/, status: 0, cut: true, times: 1 });
    const owned = await stamped();
    await settled(owned, 'enriched');
    await end(owned);
    rig.server.requests.length = 0;
    rig.server.trouble({ on: /tickets/, status: 502 });
    const given = await stamped();
    await until('five tries', () => rig.server.requests.length === 5, 20_000);
    await settled(given, 'failed');
    expect((await entry(given, 'enrichment.failed'))?.data).toMatchObject({ reason: 'down' });
    expect(rig.server.requests).toHaveLength(5);
  }, 30_000);

  it('answers that are no JSON, or not of the documented form, are a stated failure', async () => {
    for (const [index, body] of ['<html>', '{"ticket":{}}', '[]', '{"ticket":{"id":"x"}}'].entries()) {
      const e164 = `+1415555040${index}`;
      const owned = await rig.call(e164);
      rig.server.trouble({ on: /tickets/, status: 200, body, times: 1 });
      expect((await rig.trigger({ id: 1, caller: e164 }, wait)).body.enrichment).toBe('failed');
      expect((await entry(owned, 'enrichment.failed'))?.data.reason).toBe('rejected');
    }
  });
});

describe('OAuth', () => {
  const oauth = async (expiresIn: number | null, refreshTokens: boolean) => {
    const { credentials } = rig.server;
    credentials.expiresIn = expiresIn;
    credentials.refreshTokens = refreshTokens;
    const { clientId, clientSecret } = credentials;
    await rig.connect({ auth: { type: 'oauth', clientId, clientSecret: clientSecret, scope: 'read write' } });
  };
  const grants = () =>
    rig.server.requests
      .filter(({ path }) => path === '/oauth/tokens')
      .map(({ body }) => (body as { grant_type: string }).grant_type);
  let serial = 0;
  const once = async () => {
    serial += 1;
    const e164 = `+141555506${String(serial).padStart(2, '0')}`;
    rig.server.tickets.set(String(100 + serial), voiceTicket(100 + serial));
    await rig.call(e164);
    return (await rig.trigger({ id: 100 + serial, caller: e164 }, wait)).body.enrichment;
  };

  it('asks for one token, uses it, and asks anew when Zendesk refuses it', async () => {
    rig.server.credentials.clientSecret = `secret-${randomUUID()}`;
    await oauth(null, false);
    expect(await Promise.all([once(), once(), once()])).toEqual(['enriched', 'enriched', 'enriched']);
    expect(grants()).toEqual(['client_credentials']);
    rig.server.revokeTokens();
    expect(await once()).toBe('enriched');
    expect(grants()).toEqual(['client_credentials', 'client_credentials']);
  });

  it('renews with the refresh token, and falls back to the client’s credentials when it is used up', async () => {
    rig.server.credentials.clientSecret = `secret-${randomUUID()}`;
    await oauth(1, true);
    expect(await once()).toBe('enriched');
    await until('the token to be due', async () => {
      await once();
      return grants().includes('refresh_token');
    });
    rig.server.revokeTokens();
    rig.server.trouble({ on: /oauth/, status: 400, times: 1 });
    expect(await once()).toBe('enriched');
    expect(grants().at(-1)).toBe('client_credentials');
  });

  it('that is refused stops and shows on the status', async () => {
    await oauth(null, false);
    await rig.connect({ auth: { type: 'oauth', clientId: 'gateway', clientSecret: 'wrong-secret', scope: 'read' } });
    expect(await once()).toBe('failed');
    expect(await rig.zendesk().status.read(rig.org)).toMatchObject({ ok: false, kind: 'credentials' });
  });
});

it('a Zendesk that takes too long is asked again', async () => {
  const slow = await startZendeskRig({ requestTimeout: 150 });
  try {
    slow.server.tickets.set('1', voiceTicket(1));
    slow.server.users.set('7101', zendeskUser(7101, { organization_id: null }));
    slow.server.trouble({ on: /users/, status: 0, delay: 2_000, times: 1 });
    const owned = await slow.call(ada);
    await slow.trigger({ id: 1, caller: ada });
    await until(
      'the enrichment',
      async () => (await slow.api.sessions.enrichmentState(slow.org, owned.id)) === 'enriched',
    );
    expect(slow.server.requests.filter(({ path }) => path.includes('users'))).toHaveLength(2);
  } finally {
    await slow.close();
  }
});

it('work given to a process that ended half-way is done by the next one', async () => {
  const first = await startZendeskRig({ exclusive: true });
  try {
    await first.connect();
    first.server.tickets.set('1', voiceTicket(1));
    first.server.users.set('7101', zendeskUser(7101));
    first.server.trouble({ on: /users/, status: 500, times: 1 });
    const owned = await first.call(ada);
    await first.trigger({ id: 1, caller: ada });
    await until('the ticket to be read', () => first.server.requests.length >= 2);
    await first.zendesk().close();
    expect(await first.api.sessions.enrichmentState(first.org, owned.id)).toBe('queued');
    const { redis, directory, sessions } = first.api;
    const next = createZendesk({
      ...first.parts(),
      ...{ redis, sessions, clock: systemClock, log: silentLogger, instanceId: randomUUID(), exclusive: true },
      directory: directory.directory,
      contacts: createContactStore({ redis }),
      organizations: directory.organizations,
      publicUrl: first.api.url,
      countPrefetch: () => {},
      countEnrichment: () => {},
    });
    await next.start();
    await until('the enrichment', async () => (await sessions.enrichmentState(first.org, owned.id)) === 'enriched');
    expect(
      (await sessions.timeline(first.org, owned.id)).filter(({ type }) => type === 'contact.enriched'),
    ).toHaveLength(1);
    expect(Number(await redis.command('XLEN', `vg:{${first.org}}:zendesk-work`))).toBe(0);
    await next.close();
  } finally {
    await first.close();
  }
});
