import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { mintDashboardToken } from '../../src/platform/access/index.js';
import { type AgentRig, startAgentRig } from '../support/agent-rig.js';
import type { TestGateway } from '../support/gateway.js';
import { organization } from '../support/organization.js';
import { dial } from '../support/phone.js';
import { plainDestination } from '../support/transfer-rig.js';
import { until } from '../support/until.js';

let rig: AgentRig;
const own = '+14155550100';
/** Of a carrier whose calls come from elsewhere, with limits of its own. */
const carriers = '+14155550101';

beforeAll(async () => {
  rig = await startAgentRig();
  await rig.owner.gateway.apply(
    organization([], {
      numbers: [
        { number: own, agent: 'support', profile: 'local', verified: true },
        { number: carriers, agent: 'support', profile: 'twilio', verified: true },
        { number: '+14155550102', agent: 'support', profile: 'local', verified: false },
      ],
      agents: [
        {
          id: 'support',
          name: 'Support',
          record: true,
          leg: {
            type: 'builtin',
            script: {
              steps: [{ ask: { say: 'Press one.', digits: 1, timeout: 60, choices: { '1': [{ hangup: {} }] } } }],
            },
          },
        },
      ],
      transferDestinations: [
        { ...plainDestination, id: 'busy', name: 'Busy', type: 'sip', value: 'sip:a@127.0.0.1:9' },
      ],
    }),
  );
}, 90_000);
afterAll(() => rig?.close());

const dashboard = (role: 'admin' | 'editor' | 'viewer', org = 'acme'): Promise<string> =>
  mintDashboardToken({
    ...{ secret: rig.owner.env.DASHBOARD_JWT_SECRET ?? '', sub: `${role}@${org}`, org, role },
    ...{ ttl: 600, now: Date.now() },
  });
const place = (body: unknown) => rig.owner.gateway.api('/v1/test-calls', { method: 'POST', body });
const ended = (id: string): Promise<unknown> =>
  until(
    'the end of the call',
    async () => {
      const { body } = await rig.owner.gateway.api(`/v1/sessions/${id}`);
      return (body as { status: string }).status === 'ended';
    },
    30_000,
  );

it('places a test call, measures it, presses its keys from another instance, and keeps what is left of it', async () => {
  const placed = await place({ number: own, from: '+14155550123', display: 'Ada' });
  expect([placed.status, placed.body]).toMatchObject([
    202,
    { called: own, caller: { e164: '+14155550123', display: 'Ada' } },
  ]);
  const { id } = placed.body as { id: string };
  expect(placed.headers.get('location')).toBe(`/v1/sessions/${id}`);

  const points = await until(
    'a measurement, asked of the other instance',
    async () => {
      const { status, body } = await rig.other.api(`/v1/sessions/${id}/quality`);
      const legs = status === 200 ? (body as { legs: { leg: string; points: { mos: number | null }[] }[] }).legs : [];
      return legs.find(({ leg, points: all }) => leg === 'caller' && all.length > 0)?.points;
    },
    30_000,
  );
  expect(points[0]?.mos).toBeGreaterThan(3);
  const now = (await rig.other.api('/v1/quality')).body as { mos: Record<string, number> };
  expect(now.mos[id]).toBeGreaterThan(3);

  const editor = await dashboard('editor');
  const recording = (headers: Record<string, string> = {}, part = 1, gateway: TestGateway = rig.owner.gateway) =>
    fetch(`${gateway.httpUrl}/v1/sessions/${id}/recording?part=${part}`, {
      headers: { authorization: `Bearer ${editor}`, ...headers },
    });
  expect((await recording()).status).toBe(409);
  // What begins after a stop is a part of its own.
  for (const action of ['stop', 'start']) {
    const path = `/v1/sessions/${id}/recording`;
    expect((await rig.rest(rig.other, editor, 'POST', path, { action })).status).toBe(200);
  }
  const pressed = await rig.rest(rig.other, editor, 'POST', `/v1/test-calls/${id}/keys`, { digits: '1' });
  expect(pressed.status).toBe(204);
  await ended(id);

  const capture = await fetch(`${rig.other.httpUrl}/v1/sessions/${id}/pcap`, {
    headers: { authorization: `Bearer ${editor}` },
  });
  expect(capture.headers.get('content-type')).toBe('application/vnd.tcpdump.pcap');
  const bytes = Buffer.from(await capture.arrayBuffer());
  expect([bytes.readUInt32LE(0), bytes.includes(`INVITE sip:${own}`), bytes.includes('BYE sip:')]).toEqual([
    0xa1b2c3d4,
    true,
    true,
  ]);

  const whole = Buffer.from(await (await recording()).arrayBuffer());
  expect(whole.toString('latin1', 0, 4)).toBe('RIFF');
  const part = await recording({ range: 'bytes=4-11' });
  expect([part.status, part.headers.get('content-range'), part.headers.get('accept-ranges')]).toEqual([
    206,
    `bytes 4-11/${whole.length}`,
    'bytes',
  ]);
  expect(Buffer.from(await part.arrayBuffer())).toEqual(whole.subarray(4, 12));
  expect((await recording({ range: `bytes=${whole.length}-` })).status).toBe(416);

  // The instance that has no file of it fetches them from the one that does.
  expect(readdirSync(join(rig.other.dataDir, 'recordings'))).toEqual(['.store']);
  const second = Buffer.from(await (await recording({}, 2)).arrayBuffer());
  const fetched = [await recording({}, 1, rig.other), await recording({}, 2, rig.other)];
  expect(fetched.map(({ headers }) => headers.get('content-disposition'))).toEqual([
    ...[`inline; filename="${id}.wav"`, `inline; filename="${id}-2.wav"`],
  ]);
  expect(await Promise.all(fetched.map(async (each) => Buffer.from(await each.arrayBuffer())))).toEqual([
    whole,
    second,
  ]);
  const some = await recording({ range: 'bytes=4-11' }, 1, rig.other);
  expect([some.status, Buffer.from(await some.arrayBuffer())]).toEqual([206, whole.subarray(4, 12)]);
  expect(await (await recording({}, 3, rig.other)).json()).toMatchObject({
    ...{ statusCode: 404, message: `The recording of session ${id} has no part 3; there is 1, 2.` },
  });
  const { recordings } = (await rig.other.api(`/v1/sessions/${id}`)).body as { recordings: unknown };
  expect(recordings).toMatchObject([{ part: 1 }, { part: 2 }]);
  for (const gateway of [rig.owner.gateway, rig.other]) {
    const listed = await rig.rest(gateway, editor, 'GET', '/v1/recordings');
    const parts = [
      { part: 1, file: `${id}.wav`, bytes: whole.length },
      { part: 2, file: `${id}-2.wav`, bytes: second.length },
    ];
    expect(listed.body).toMatchObject({ items: [{ session: { id }, parts }], next: null });
    const unknown = await rig.rest(gateway, editor, 'GET', `/v1/recordings?cursor=${id}`);
    expect([unknown.status, unknown.body.code]).toEqual([400, 'bad_request']);
  }

  // Who only looks does not listen; another organization has no such call.
  const viewer = await dashboard('viewer');
  const foreign = await dashboard('admin', 'globex');
  for (const [token, status] of [
    [viewer, 403],
    [foreign, 404],
  ] as const) {
    expect((await rig.rest(rig.owner.gateway, token, 'GET', `/v1/sessions/${id}/recording`)).status).toBe(status);
    expect(
      (await rig.rest(rig.owner.gateway, token, 'POST', `/v1/test-calls/${id}/keys`, { digits: '1' })).status,
    ).toBe(status);
  }
  const others = await rig.rest(rig.owner.gateway, foreign, 'GET', '/v1/recordings');
  expect(others.body).toEqual({ items: [], next: null });

  // Who may not delete hears so; who may does from anywhere, and it stands on the timeline.
  const path = `/v1/sessions/${id}/recording`;
  expect((await rig.rest(rig.other, editor, 'DELETE', path)).status).toBe(403);
  const admin = await dashboard('admin');
  expect((await rig.rest(rig.other, admin, 'DELETE', `${path}?part=2`)).status).toBe(204);
  const inFolder = () => readdirSync(join(rig.owner.gateway.dataDir, 'recordings')).filter((name) => name.includes(id));
  expect(inFolder()).toEqual([`${id}.wav`]);
  const after = (await rig.other.api(`/v1/sessions/${id}`)).body as { recordings: unknown; timeline: unknown[] };
  expect([after.recordings, after.timeline.at(-1)]).toMatchObject([
    [{ part: 1 }],
    { type: 'recording.deleted', data: { file: `${id}-2.wav` } },
  ]);
  // A file that somebody took away: the list has it still, and what asks for it hears where it was.
  rmSync(join(rig.owner.gateway.dataDir, 'recordings', `${id}.wav`));
  const gone = await rig.rest(rig.other, editor, 'GET', path);
  expect([gone.status, gone.body.message]).toEqual([404, expect.stringContaining(`in the folder of ${hostname()}`)]);
  const listed = (await rig.rest(rig.other, editor, 'GET', '/v1/recordings')).body;
  expect(listed).toMatchObject({ items: [{ parts: [{ part: 1, bytes: null, seconds: null }] }] });
}, 90_000);

it('reaches a number of a carrier by a test call, and says why one is not possible', async () => {
  const placed = await place({ number: carriers });
  expect([placed.status, placed.body]).toMatchObject([202, { called: carriers }]);
  const { id } = placed.body as { id: string };
  expect((await rig.other.api(`/v1/test-calls/${id}`, { method: 'DELETE' })).status).toBe(204);
  await ended(id);
  expect(await place({ number: '+14155550102' })).toMatchObject({ status: 409 });
  expect(await place({ number: '+14155550199' })).toMatchObject({ status: 404 });
  expect(await place({ number: own, keys: 'one' })).toMatchObject({ status: 400 });
  expect(await rig.other.api(`/v1/test-calls/${id}/keys`, { method: 'POST', body: { digits: '1' } })).toMatchObject({
    status: 404,
  });
}, 60_000);

it('is signed in to at either instance, by the one admin token and by the link of the one that made it', async () => {
  const both = [rig.owner.gateway, rig.other];
  const tokens = both.map(({ dataDir }) => readFileSync(join(dataDir, 'admin-token'), 'utf8'));
  expect(tokens[0]).toBe(tokens[1]);
  const codes = both.flatMap((gateway) => /#code=(\S+)/.exec(gateway.output())?.[1] ?? []);
  expect(codes).toHaveLength(1);
  const redeem = (gateway: TestGateway): Promise<Response> =>
    fetch(`${gateway.httpUrl}/console/session/code`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ code: codes[0] }),
    });
  const answer = await redeem(rig.other);
  expect(answer.status).toBe(204);
  for (const gateway of both) expect((await redeem(gateway)).status).toBe(401);
  const [cookie = ''] = answer.headers.get('set-cookie')?.split(';') ?? [];
  for (const gateway of both) {
    const who = await fetch(`${gateway.httpUrl}/console/session`, { headers: { cookie } });
    expect([who.status, await who.json()]).toMatchObject([200, { kind: 'admin-token', role: 'operator' }]);
  }
});

it('shows both instances, and a call that was turned away with its rule', async () => {
  const { body } = await rig.other.api('/v1/system/instances');
  const { items } = body as { items: { here: boolean; state: { version: string; sip: boolean } | null }[] };
  expect(items.map(({ here, state }) => [here, state?.sip]).sort()).toEqual([
    [false, true],
    [true, true],
  ]);
  await dial({ sipPort: rig.owner.gateway.sipPort, called: '+14155550177' }).done;
  const rejected = await until('the refusal', async () => {
    const answer = (await rig.other.api('/v1/system/rejections')).body as { items: Record<string, unknown>[] };
    return answer.items.find(({ requestUri }) => String(requestUri).includes('+14155550177'));
  });
  expect(rejected).toMatchObject({ status: 404, reason: 'call', profile: 'local' });
  expect(rejected.rule).toBe('The called number +14155550177 belongs to no organization.');
}, 60_000);

it('a telephone of ours whose recording cannot be made calls nobody, or hangs up', async () => {
  const { sipPort } = rig.owner.gateway;
  await expect(dial({ sipPort, record: import.meta.filename }).done).rejects.toThrow(/there is a file .* already/);
  const from = '+14155550188';
  const phone = dial({ sipPort, from, record: '/no/such/folder/a.wav' });
  await expect(phone.done).rejects.toThrow(/no\/such\/folder/);
  const session = await until(
    'the end of the call',
    async () => {
      const { body } = await rig.owner.gateway.api('/v1/sessions');
      const { items } = body as {
        items: { status: string; endReason: string | null; caller: { e164: string | null } }[];
      };
      return items.find(({ caller, status }) => caller.e164 === from && status === 'ended');
    },
    30_000,
  );
  expect(session.endReason).toBe('caller-hangup');
}, 60_000);
