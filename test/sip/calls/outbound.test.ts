import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { mintDashboardToken } from '../../../src/platform/access/index.js';
import { getSession, listSessions, type SessionView } from '../../support/api-views.js';
import { type Callees, startCallees } from '../../support/callee.js';
import { startGateway, type TestGateway } from '../../support/gateway.js';
import { sine } from '../../support/goertzel.js';
import { hears } from '../../support/listening.js';
import { wavFile } from '../../support/media.js';
import { organization } from '../../support/organization.js';
import { agentTone, plainDestination } from '../../support/transfer-rig.js';
import { until } from '../../support/until.js';

const answers = '+12025550101';
const busy = '+12025550102';
const rings = '+12025550103';
const declines = '+12025550104';
const absent = '+12025550105';
const line = '+12025550199';
const premium = '+19005550100';
const manners = { [busy]: 'busy', [rings]: 'rings', [declines]: 'declines', [absent]: 'rings' } as const;

let gateway: TestGateway;
let people: Callees;
let trunk: string;

const policy = (changes: Readonly<Record<string, unknown>> = {}) =>
  gateway.api('/v1/organizations/acme/outbound', {
    method: 'PUT',
    body: { numbers: ['+1202555'], trunk, profile: 'local', maxCalls: 200, dailyMinutes: 10_000, ...changes },
  });

type Placed = { status: number; body: SessionView & { direction: string; code?: string; message?: string } };
const call = async (body: Readonly<Record<string, unknown>>, headers: Record<string, string> = {}): Promise<Placed> =>
  (await gateway.api('/v1/calls', { method: 'POST', body: { agent: 'support', ...body }, headers })) as Placed;

const session = (id: string): Promise<SessionView> => getSession(gateway, id);
const reached = (id: string, status: string): Promise<SessionView> =>
  until(`the session to be ${status}`, async () => {
    const now = await session(id);
    return now.status === status ? now : null;
  });
const refusal = (view: SessionView) => view.timeline.find(({ type }) => type === 'call.rejected')?.data;
const inviteTo = (number: string, from = 0) =>
  people.until(
    (message) => message.text.startsWith(`INVITE sip:${number}@`) && people.invites().indexOf(message) >= from,
  );
const usage = async () =>
  ((await gateway.api('/v1/organizations/acme/outbound')).body as { usage: { calls: number; minutesToday: number } })
    .usage;

beforeAll(async () => {
  [gateway, people] = await Promise.all([
    startGateway(),
    startCallees((user) => manners[user as keyof typeof manners] ?? 'answers'),
  ]);
  trunk = `sip:127.0.0.1:${people.port}`;
  writeFileSync(join(gateway.dataDir, 'prompts', 'agent.wav'), wavFile(sine(agentTone, 60_000), 8_000));
  const steps = [{ play: 'agent.wav' }, { ask: { digits: 1, timeout: 60 } }];
  const destinations = [
    {
      ...plainDestination,
      id: 'owner',
      name: "Owner's mobile",
      type: 'phone',
      value: absent,
      trunk,
      profile: 'local',
      ringTimeout: 1,
    },
    { ...plainDestination, id: 'line', name: 'Line', type: 'phone', value: line, trunk, profile: 'local' },
    { ...plainDestination, id: 'dear', name: 'Dear', type: 'phone', value: premium, method: 'refer', profile: 'local' },
    { ...plainDestination, id: 'inner', name: 'Inner', type: 'sip', value: 'sip:desk@10.255.255.1:5060' },
  ];
  const leg = { type: 'builtin', script: { steps } };
  await gateway.apply(
    organization(steps, {
      agents: [{ id: 'support', name: 'Support', leg, transferDestinations: ['owner', 'line', 'dear', 'inner'] }],
      transferDestinations: destinations,
    }),
  );
});
afterAll(async () => {
  await gateway.stop();
  await people.close();
});
beforeEach(async () => {
  expect((await policy()).status).toBe(200);
});

describe('POST /v1/calls', () => {
  it('calls in our own name, puts who answers together with the agent, and ends like any call', async () => {
    const { status, body } = await call({ to: '(202) 555-0101', attributes: { order: 'A1' } });
    expect(status).toBe(202);
    expect(body).toMatchObject({ direction: 'outbound', status: 'ringing', called: '+14155550100' });
    expect(body.caller).toMatchObject({ e164: answers, withheld: false });
    const invite = await inviteTo(answers);
    expect(invite.lines('From')[0]).toContain('<sip:+14155550100@');
    expect(invite.lines('X-OPENCX-SESSION-ID')[0]).toContain(body.id);
    expect(invite.lines('X-OPENCX-AGENT-ID')[0]).toContain('support');
    expect(invite.lines('X-OPENCX-TRANSFER')).toEqual([]);
    const active = await reached(body.id, 'active');
    const contact = (await gateway.api(`/v1/contacts/${active.contactId}?organization=acme`)).body;
    expect(contact).toMatchObject({ phone: answers });
    await people.phone.until('the agent', () => hears(people.phone, agentTone), 10_000);
    const ladder = await gateway.api(`/v1/sessions/${body.id}/ladder?format=text`);
    expect(ladder.body).toContain('INVITE');
    await people.hangUp(invite);
    const ended = await reached(body.id, 'ended');
    expect(ended.endReason).toBe('caller-hangup');
    expect(ended.timeline.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['call.placed', 'call.ringing', 'call.answered', 'agent.started', 'call.ended']),
    );
  });

  it('transfers who was called, as any caller', async () => {
    const { body } = await call({ to: answers });
    await reached(body.id, 'active');
    const transfer = await gateway.api(`/v1/sessions/${body.id}/transfer?wait=1`, {
      method: 'POST',
      body: { destination: 'line' },
    });
    expect(transfer.body).toMatchObject({ outcome: 'connected' });
    // The line sees who it is about: the one we called.
    expect((await inviteTo(line)).lines('From')[0]).toContain(`<sip:${answers}@`);
    await gateway.api(`/v1/sessions/${body.id}/hangup`, { method: 'POST' });
    expect((await reached(body.id, 'ended')).endReason).toBe('api-hangup');
  });

  it.each([
    ['is busy', { to: busy }, { outcome: 'busy', sipStatus: 486 }],
    ['declines', { to: declines }, { outcome: 'declined', sipStatus: 603 }],
    ['does not answer', { to: 'owner' }, { outcome: 'no-answer' }],
  ])('says so when the other side %s', async (_name, body, outcome) => {
    const placed = await call(body);
    expect(placed.status).toBe(202);
    const ended = await reached(placed.body.id, 'ended');
    expect(ended.endReason).toBe('rejected');
    expect(refusal(ended)).toMatchObject(outcome);
    expect(refusal(ended)?.reason).toMatch(/^.+\.|\)$/);
  });

  it('goes to no address inside that a tenant named, and says what would permit it', async () => {
    const { body } = await call({ to: 'inner' });
    const ended = await reached(body.id, 'ended');
    expect(refusal(ended)).toMatchObject({ outcome: 'unreachable' });
    expect(refusal(ended)?.reason).toContain('EGRESS_ALLOW="10.255.255.1|10.255.255.1|5060"');
  });

  it('lends the trunk of the operator to no number but those of the operator’s list', async () => {
    expect(await call({ to: 'dear' })).toMatchObject({ status: 403, body: { code: 'target_not_allowed' } });
    await policy({ numbers: [premium] });
    const { body } = await call({ to: 'dear' });
    await inviteTo(premium);
    await gateway.api(`/v1/sessions/${body.id}/hangup`, { method: 'POST' });
    await reached(body.id, 'ended');
  });

  it('is given up by a hang-up while it rings: the other side gets CANCEL', async () => {
    const before = people.invites().length;
    const { body } = await call({ to: rings });
    const invite = await inviteTo(rings, before);
    await until('ringing', async () =>
      (await session(body.id)).timeline.some(({ type }) => type === 'call.ringing') ? true : null,
    );
    const callId = invite.lines('Call-ID')[0];
    await gateway.api(`/v1/sessions/${body.id}/hangup`, { method: 'POST' });
    await people.until((message) => message.method === 'CANCEL' && message.lines('Call-ID')[0] === callId);
    expect((await reached(body.id, 'ended')).endReason).toBe('api-hangup');
  });

  it('is the same call for the same Idempotency-Key', async () => {
    const [first, second] = await Promise.all([
      call({ to: busy }, { 'idempotency-key': 'k1' }),
      call({ to: busy }, { 'idempotency-key': 'k1' }),
    ]);
    expect(second.body.id).toBe(first.body.id);
    const other = await call({ to: answers }, { 'idempotency-key': 'k1' });
    expect(other).toMatchObject({ status: 409, body: { code: 'conflict' } });
    // Whatever is asked belongs to the request, attributes too.
    const more = await call({ to: busy, attributes: { order: 'A2' } }, { 'idempotency-key': 'k1' });
    expect(more).toMatchObject({ status: 409, body: { code: 'conflict' } });
    await reached(first.body.id, 'ended');
  });

  it.each([
    ['an agent there is not', { agent: 'nobody', to: answers }, 404, 'not_found'],
    ['a number of others', { to: answers, from: '+14155559999' }, 400, 'bad_request'],
    ['a profile there is not', { to: answers, profile: 'nothing' }, 400, 'bad_request'],
    ['no number', { to: 'mother' }, 400, 'bad_request'],
    ['sips:', { to: 'sips:a@b.example' }, 400, 'bad_request'],
    ['headers that cannot be sent', { to: answers, headers: { 'bad header': 'x' } }, 400, 'bad_request'],
  ])('refuses %s', async (_name, body, status, code) => {
    expect(await call(body)).toMatchObject({ status, body: { code } });
  });
});

describe('the guard', () => {
  const refused = async (to: string) => {
    const placed = await call({ to });
    expect(placed).toMatchObject({ status: 403, body: { code: 'target_not_allowed' } });
    return placed.body.message ?? '';
  };

  it('lets nothing but assigned destinations be called until the operator says otherwise', async () => {
    await policy({ numbers: [] });
    const before = people.invites().length;
    expect(await refused(answers)).toMatch(/^\+12025550101 is none of the destinations of agent "support", and .+\.$/);
    await refused(`sip:anybody@127.0.0.1:${people.port}`);
    const logged = await gateway.waitForLog((entry) => entry.msg === 'outbound call refused');
    expect(logged).toMatchObject({ level: 'warn', organization: 'acme', agent: 'support', reason: 'target' });
    const metrics = (await gateway.api('/metrics')).body;
    expect(metrics).toMatch(/voice_gateway_outbound_refused_total\{reason="target"\} \d/);
    expect(people.invites().length).toBe(before);
    const assigned = await call({ to: line });
    expect(assigned.status).toBe(202);
    await reached(assigned.body.id, 'active');
    await gateway.api(`/v1/sessions/${assigned.body.id}/hangup`, { method: 'POST' });
    await reached(assigned.body.id, 'ended');
  });

  it('knows numbers by their beginning and URIs by user and host', async () => {
    await policy({ uris: [`sip:shop*@127.0.0.1:${people.port}`] });
    await refused(premium);
    await refused(`sip:other@127.0.0.1:${people.port}`);
    await refused(`sip:shop@127.0.0.1:${people.port + 1}`);
    const { status, body } = await call({ to: `sip:shop-12@127.0.0.1:${people.port};transport=udp` });
    expect(status).toBe(202);
    await reached(body.id, 'active');
    await gateway.api(`/v1/sessions/${body.id}/hangup`, { method: 'POST' });
    await reached(body.id, 'ended');
  });

  it("is the operator's alone", async () => {
    const secret = readFileSync(join(gateway.dataDir, 'dashboard-jwt-secret'), 'utf8').trim();
    const admin = await mintDashboardToken({ secret, sub: 'a', org: 'acme', role: 'admin', ttl: 60, now: Date.now() });
    const asAdmin = { authorization: `Bearer ${admin}` };
    const path = '/v1/organizations/acme/outbound';
    expect(await gateway.api(path, { method: 'PUT', body: { numbers: ['+1'] }, headers: asAdmin })).toMatchObject({
      status: 403,
    });
    expect((await gateway.api(path, { headers: asAdmin })).status).toBe(200);
    const document = { organization: { id: 'acme', outbound: { numbers: ['+1'] } } };
    expect(
      await gateway.api('/v1/organizations/acme/document', { method: 'PUT', body: document, headers: asAdmin }),
    ).toMatchObject({ status: 400 });
  });

  it('holds the caps when a hundred ask at once', async () => {
    await policy({ maxCalls: 5 });
    const placed = await Promise.all(Array.from({ length: 100 }, () => call({ to: rings })));
    const taken = placed.filter(({ status }) => status === 202);
    const turned = placed.filter(({ status }) => status === 429);
    expect([taken.length, turned.length]).toEqual([5, 95]);
    expect(turned[0]?.body).toMatchObject({ code: 'outbound_limit' });
    expect(await usage()).toMatchObject({ calls: 5 });
    await Promise.all(taken.map(({ body }) => gateway.api(`/v1/sessions/${body.id}/hangup`, { method: 'POST' })));
    await until('the places to be free', async () => ((await usage()).calls === 0 ? true : null));
  });

  it('counts begun minutes of answered calls, and refuses when the day has none left', async () => {
    const before = (await usage()).minutesToday;
    const unanswered = await call({ to: busy });
    await reached(unanswered.body.id, 'ended');
    await until('the minute to be given back', async () => ((await usage()).minutesToday === before ? true : null));
    const answered = await call({ to: answers });
    await reached(answered.body.id, 'active');
    await gateway.api(`/v1/sessions/${answered.body.id}/hangup`, { method: 'POST' });
    await reached(answered.body.id, 'ended');
    expect((await usage()).minutesToday).toBe(before + 1);
    await policy({ dailyMinutes: before + 1 });
    expect(await call({ to: answers })).toMatchObject({ status: 429, body: { code: 'outbound_limit' } });
  });
});

it('calls nobody any more while it drains, and a second signal cancels what rings', async () => {
  const { body } = await call({ to: rings });
  await inviteTo(rings);
  gateway.signal('SIGTERM');
  await until('the drain', async () => ((await fetch(`${gateway.httpUrl}/readyz`)).status === 503 ? true : null));
  expect(await call({ to: answers })).toMatchObject({ status: 503, body: { code: 'draining' } });
  const live = await listSessions(gateway, '&live=true');
  expect(live.map(({ id }) => id)).toContain(body.id);
  gateway.signal('SIGINT');
  await people.until((message) => message.method === 'CANCEL');
  await gateway.exited;
});
