import { CreateSIPParticipantRequest, SIPParticipantInfo, TransferSIPParticipantRequest } from '@livekit/protocol';
import { AccessToken, RoomServiceClient, type ServerError, SipCallError, SipClient } from 'livekit-server-sdk';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { getSession } from '../support/api-views.js';
import { type Callees, startCallees } from '../support/callee.js';
import { startGateway, type TestGateway } from '../support/gateway.js';
import { hears } from '../support/listening.js';
import { type LiveKitProxy, startLiveKitProxy } from '../support/livekit-proxy.js';
import { type LiveKitRig, startLiveKitRig } from '../support/livekit-rig.js';
import { apiKey, apiSecret, hasLiveKitServer } from '../support/livekit-server.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { type Caller, callerNumber, dialled, plainDestination } from '../support/transfer-rig.js';
import { until } from '../support/until.js';

const answers = '+12025550101';
const busy = '+12025550102';
const rings = '+12025550103';
const manners = { busy: 'busy', [busy]: 'busy', [rings]: 'rings' } as const;

describe.skipIf(!hasLiveKitServer())("LiveKit's SIP API at the gateway, by LiveKit's own clients", () => {
  let rig: LiveKitRig;
  let redis: TestRedis;
  /** Another instance on the same Redis. */
  let other: TestGateway;
  let people: Callees;
  let proxy: LiveKitProxy;
  let sip: SipClient;
  let rooms: RoomServiceClient;
  const calls: Caller[] = [];

  const policy = (changes: Readonly<Record<string, unknown>> = {}) =>
    rig.gateway.api('/v1/organizations/acme/outbound', {
      method: 'PUT',
      body: { numbers: ['+1202555'], trunk: `sip:127.0.0.1:${people.port}`, profile: 'local', ...changes },
    });
  const lineUri = (user: string): string => `sip:${user}@127.0.0.1:${people.port};transport=udp`;
  const line = (user: string) => ({
    ...{ ...plainDestination, id: user, name: `Line ${user}`, type: 'sip', profile: 'zendesk-sip-in' },
    value: lineUri(user),
  });

  beforeAll(async () => {
    redis = await startTestRedis();
    const env = {
      REDIS_URL: `unix://${redis.socketPath}`,
      ENCRYPTION_KEYS: `test:${Buffer.alloc(32, 7).toString('base64')}`,
      DASHBOARD_JWT_SECRET: 'a secret that only these tests know, long enough',
    };
    [rig, people] = await Promise.all([
      startLiveKitRig({ env }),
      startCallees((user) => manners[user as keyof typeof manners] ?? 'answers'),
    ]);
    const another = startGateway({ env: { ...env, ...rig.livekit.env } });
    proxy = await startLiveKitProxy({ gateway: rig.gateway.httpUrl, livekit: rig.livekit.url });
    sip = new SipClient(proxy.httpUrl, apiKey, apiSecret);
    rooms = new RoomServiceClient(proxy.httpUrl, apiKey, apiSecret);
    await rig.setUpLeg({}, [line('support'), line('busy')]);
    await rig.gateway.apply({ organization: { id: 'acme', zendesk: { subdomain: 'acme' } } });
    other = await another;
    // Two gateways with LiveKit children and a livekit-server, on a machine that may be busy.
  }, 90_000);
  afterAll(async () => {
    await proxy?.close();
    await people?.close();
    await Promise.all([rig?.close(), other?.stop()]);
    await redis?.stop();
  });
  beforeEach(async () => {
    expect((await policy()).status).toBe(200);
  });
  afterEach(async () => {
    await Promise.all(calls.splice(0).map((caller) => caller.dialog.bye()));
    await rig.rest();
  });

  const talk = async () => {
    const talking = await rig.talk();
    calls.push(talking.caller);
    const { identity } = await talking.agent.caller();
    return { ...talking, identity };
  };
  const failure = async (work: Promise<unknown>): Promise<ServerError> =>
    work.then(
      () => {
        throw new Error('it was not refused');
      },
      (error: ServerError) => error,
    );
  const lastInvite = () => people.invites().at(-1);

  describe('TransferSIPParticipant', () => {
    it('transfers to an assigned destination by its URI, with From, headers and ticket of a transfer', async () => {
      const { room, identity, caller } = await talk();
      const { webhookUrl } = (await rig.gateway.api('/backend/zendesk-v2/voice-prefetch-url')).body as {
        webhookUrl: string;
      };
      const stamped = await fetch(rig.gateway.httpUrl + new URL(webhookUrl).pathname, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ticket_id: '4711', caller_phone: callerNumber }),
      });
      expect(await stamped.json()).toMatchObject({ success: true, sessionId: caller.sessionId });
      await sip.transferSipParticipant(room, identity, `sip:support@127.0.0.1:${people.port}`, {
        headers: { 'X-Reason': 'angry', From: 'sip:mallory@evil.example' },
        playDialtone: true,
      });
      const invite = lastInvite();
      expect(invite?.lines('From')[0]).toContain(`<sip:${callerNumber}@`);
      expect(invite?.lines('X-OPENCX-TRANSFER')[0]).toContain('true');
      expect(invite?.lines('X-OPENCX-SESSION-ID')[0]).toContain(caller.sessionId);
      expect(invite?.lines('X-Reason')[0]).toContain('angry');
      expect(invite?.lines('X-Zendesk-Ticket-Id')).toEqual(['X-Zendesk-Ticket-Id: 4711']);
      const session = await caller.until('the transfer', ({ status }) => status === 'transferred');
      expect(session.transfer).toMatchObject({ outcome: 'connected', destination: { id: 'support' } });
      const stop = people.phone.tone(700);
      await caller.phone.until('the line', () => hears(caller.phone, 700));
      stop();
    });

    it('tells the SIP status of a failure, and the caller is with the agent again', async () => {
      const { room, identity, caller, agent } = await talk();
      const error = await failure(sip.transferSipParticipant(room, identity, 'busy'));
      expect(error).toBeInstanceOf(SipCallError);
      expect((error as SipCallError).sipStatusCode).toBe(486);
      expect(error.metadata).toMatchObject({ outcome: 'busy' });
      await caller.until('the agent', ({ status }) => status === 'active');
      await caller.phone.until('the agent', () => hears(caller.phone, 440));
      await until('the caller in the room', async () => (await agent.levels(440)).frames > 0);
    });

    it('refuses a target that is nobody’s destination, until the operator lists it', async () => {
      const { room, identity, caller } = await talk();
      await policy({ numbers: [] });
      const before = people.invites().length;
      for (const to of [`tel:${answers}`, lineUri('anybody'), 'sip:support@127.0.0.1:9']) {
        const error = await failure(sip.transferSipParticipant(room, identity, to));
        expect([to, error.code, error.status]).toEqual([to, 'permission_denied', 403]);
      }
      expect(people.invites().length).toBe(before);
      await policy();
      await sip.transferSipParticipant(room, identity, `tel:${answers}`);
      await caller.until('the transfer', ({ status }) => status === 'transferred');
      expect(lastInvite()?.text).toContain(`INVITE sip:${answers}@`);
    });

    it('keeps to the ringing timeout of the request', async () => {
      const { room, identity } = await talk();
      const error = await failure(sip.transferSipParticipant(room, identity, `tel:${rings}`, { ringingTimeout: 1 }));
      expect(error).toMatchObject({ code: 'deadline_exceeded', metadata: { outcome: 'no-answer' } });
    });

    it('reaches the instance that has the call, whichever is asked', async () => {
      const { room, identity, caller } = await talk();
      const elsewhere = new SipClient(other.httpUrl, apiKey, apiSecret);
      const error = await failure(elsewhere.transferSipParticipant(room, identity, 'busy'));
      expect((error as SipCallError).sipStatusCode).toBe(486);
      await elsewhere.transferSipParticipant(room, identity, 'support');
      await caller.until('the transfer', ({ status }) => status === 'transferred');
    });

    it('asks for the grants that livekit-server asks for', async () => {
      const { room, identity } = await talk();
      const message = new TransferSIPParticipantRequest({
        ...{ roomName: room, participantIdentity: identity, transferTo: 'support' },
      });
      const post = async (grant: (token: AccessToken) => void, secret = apiSecret, ttl = '1m') => {
        const token = new AccessToken(apiKey, secret, { ttl });
        grant(token);
        const response = await fetch(`${proxy.httpUrl}/twirp/livekit.SIP/TransferSIPParticipant`, {
          method: 'POST',
          headers: { authorization: `Bearer ${await token.toJwt()}`, 'content-type': 'application/json' },
          body: message.toJsonString(),
        });
        return [response.status, ((await response.json()) as { code: string }).code];
      };
      const admin = { roomAdmin: true, room };
      expect(await post((token) => token.addGrant(admin))).toEqual([403, 'permission_denied']);
      expect(await post((token) => token.addSIPGrant({ call: true }))).toEqual([403, 'permission_denied']);
      const foreign = (token: AccessToken): void => {
        token.addSIPGrant({ call: true, admin: true });
        token.addGrant({ roomAdmin: true, room: 'another' });
      };
      expect(await post(foreign)).toEqual([403, 'permission_denied']);
      const full = (token: AccessToken): void => {
        token.addSIPGrant({ call: true });
        token.addGrant(admin);
      };
      expect(await post(full, 'another-secret-that-is-longer-than-32-characters')).toEqual([401, 'unauthenticated']);
      expect(await post(full, apiSecret, '-1m')).toEqual([401, 'unauthenticated']);
      const nobody = await failure(sip.transferSipParticipant('no-such-room', 'nobody', 'support'));
      expect(nobody.code).toBe('not_found');
      expect((await failure(sip.transferSipParticipant(room, 'agent', 'support'))).code).toBe('not_found');
    });
  });

  describe('CreateSIPParticipant', () => {
    it('calls somebody into a room, where everybody hears them', async () => {
      const room = 'a-meeting';
      const agent = await rig.agentIn(room);
      const info = await sip.createSipParticipant('acme/support', answers, room, {
        ...{
          participantIdentity: 'guest',
          participantName: 'A guest',
          participantMetadata: 'm',
          waitUntilAnswered: true,
        },
        ...{ participantAttributes: { 'my.key': 'v', 'sip.phoneNumber': '+1' }, headers: { 'X-Why': 'meeting' } },
      });
      expect(info).toMatchObject({ participantIdentity: 'guest', roomName: room });
      await agent.order({ type: 'publish', sound: { hz: 440 } });
      expect(info.participantId).toMatch(/^PA_/);
      expect(info.sipCallId).toMatch(/^SCL_/);
      const invite = lastInvite();
      expect(invite?.lines('From')[0]).toContain(`<sip:${dialled}@`);
      expect(invite?.lines('X-Why')[0]).toContain('meeting');
      const guest = await agent.caller();
      expect(guest).toMatchObject({ identity: 'guest', name: 'A guest', metadata: 'm', kind: 3 });
      expect(guest.attributes).toMatchObject({
        ...{ 'my.key': 'v', 'sip.phoneNumber': answers, 'sip.trunkPhoneNumber': dialled, 'sip.callID': info.sipCallId },
      });
      await until('the status', async () => (await agent.caller()).attributes['sip.callStatus'] === 'active');
      expect(guest.attributes['sip.ruleID']).toBeUndefined();
      await people.phone.until('the room', () => hears(people.phone, 440));
      const stop = people.phone.tone(1_000);
      await until('the guest in the room', async () => (await agent.levels(1_000)).tone > -15);
      stop();
      const id = /X-OPENCX-SESSION-ID: (\S+)/i.exec(invite?.text ?? '')?.[1] ?? '';
      expect(await getSession(rig.gateway, id)).toMatchObject({
        direction: 'outbound',
        status: 'active',
        agentId: 'support',
      });
      if (invite !== undefined) await people.hangUp(invite);
      await agent.event('caller-left');
      await until('the end', async () => (await getSession(rig.gateway, id)).endReason === 'caller-hangup');
    });

    it('presses keys when it is answered, hides numbers and ends in time, where it is asked to', async () => {
      const before = people.phone.packets.length;
      await sip.createSipParticipant('acme', answers, 'with-options', {
        ...{ dtmf: '1w2', hidePhoneNumber: true, maxCallDuration: 3, waitUntilAnswered: true },
        participantIdentity: 'keys',
      });
      const keys = new Set(
        people.phone.packets
          .slice(before)
          .flatMap(({ payloadType, payload }) => (payloadType === 101 ? [payload[0]] : [])),
      );
      expect([...keys]).toEqual([1, 2]);
      const found = await rooms.getParticipant('with-options', 'keys');
      expect(found.attributes['sip.phoneNumber'] ?? found.attributes['sip.trunkPhoneNumber']).toBeUndefined();
      expect(found.name).not.toContain(answers);
      const id = /X-OPENCX-SESSION-ID: (\S+)/i.exec(lastInvite()?.text ?? '')?.[1] ?? '';
      await until('the end', async () => (await getSession(rig.gateway, id)).endReason === 'max-duration');
    });

    it('tells why nobody came', async () => {
      const error = await failure(
        sip.createSipParticipant('acme', busy, 'nobody-comes', { participantIdentity: 'x', waitUntilAnswered: true }),
      );
      expect(error).toBeInstanceOf(SipCallError);
      expect((error as SipCallError).sipStatusCode).toBe(486);
      for (const [trunk, to, code] of [
        ['other/support', answers, 'not_found'],
        ['acme/nobody', answers, 'not_found'],
        ['acme', '+19005550100', 'permission_denied'],
        ['acme', 'mother', 'invalid_argument'],
      ] as const) {
        expect([trunk, to, (await failure(sip.createSipParticipant(trunk, to, 'room'))).code]).toEqual([
          trunk,
          to,
          code,
        ]);
      }
    });

    it('holds the cap on calls at once, and speaks protobuf', async () => {
      await policy({ maxCalls: 3 });
      const token = new AccessToken(apiKey, apiSecret);
      token.addSIPGrant({ call: true });
      const authorization = `Bearer ${await token.toJwt()}`;
      const post = (index: number) =>
        fetch(`${proxy.httpUrl}/twirp/livekit.SIP/CreateSIPParticipant`, {
          method: 'POST',
          headers: { authorization, 'content-type': 'application/protobuf' },
          body: new CreateSIPParticipantRequest({
            ...{ sipTrunkId: 'acme', sipCallTo: rings, roomName: 'crowd', participantIdentity: `p${index}` },
          }).toBinary() as Uint8Array<ArrayBuffer>,
        });
      const replies = await Promise.all(Array.from({ length: 100 }, (_, index) => post(index)));
      const taken = replies.filter(({ status }) => status === 200);
      expect([taken.length, replies.filter(({ status }) => status === 429).length]).toEqual([3, 97]);
      const [first] = taken;
      expect(first?.headers.get('content-type')).toBe('application/protobuf');
      const info = SIPParticipantInfo.fromBinary(new Uint8Array((await first?.arrayBuffer()) ?? new ArrayBuffer(0)));
      expect(info).toMatchObject({ roomName: 'crowd' });
      // A room that is deleted is how agents hang up: what rings is cancelled.
      await rooms.deleteRoom('crowd');
      await until('the calls to end', async () => {
        const { body } = await rig.gateway.api('/v1/organizations/acme/outbound');
        return (body as { usage: { calls: number } }).usage.calls === 0;
      });
    });

    it('reads no body that is too large or no message', async () => {
      const token = new AccessToken(apiKey, apiSecret);
      token.addSIPGrant({ call: true });
      const authorization = `Bearer ${await token.toJwt()}`;
      const post = async (body: string | Uint8Array<ArrayBuffer>, type: string) => {
        const path = `${rig.gateway.httpUrl}/twirp/livekit.SIP/CreateSIPParticipant`;
        const headers = { authorization, 'content-type': type };
        const response = await fetch(path, { method: 'POST', headers, body });
        expect(response.headers.get('content-type')).toBe('application/json');
        return ((await response.json()) as { code: string }).code;
      };
      expect(await post('x'.repeat(2_000_000), 'application/json')).toBe('invalid_argument');
      expect(await post('{', 'application/json')).toBe('malformed');
      expect(await post('{"room_name":7}', 'application/json')).toBe('malformed');
      expect(await post(new Uint8Array([255, 255, 255]), 'application/protobuf')).toBe('malformed');
      expect(await post('{}', 'text/plain')).toBe('malformed');
      expect(await post('{}', 'application/json')).toBe('invalid_argument');
      const named = { room_name: 'r', sip_call_to: '+14155550188', sip_trunk_id: 'eyJ-'.repeat(10_000) };
      expect(await post(JSON.stringify(named), 'application/json')).toBe('invalid_argument');
    });
  });

  describe('a warm transfer', () => {
    it('joins caller and human: a room for the human, a call into it, and the human moved to the caller', async () => {
      const { room, caller, agent } = await talk();
      const humanRoom = `${room}-human-agent`;
      const briefing = await rig.agentIn(humanRoom);
      const info = await sip.createSipParticipant('', answers, humanRoom, {
        ...{ participantIdentity: 'human-agent-sip', waitUntilAnswered: true },
      });
      await briefing.order({ type: 'publish', sound: { hz: 523 } });
      const invite = lastInvite();
      await people.phone.until('the briefing', () => hears(people.phone, 523));
      // By the other instance, which has to find where the telephone is.
      const elsewhere = new RoomServiceClient(other.httpUrl, apiKey, apiSecret);
      await elsewhere.moveParticipant(humanRoom, info.participantIdentity, room);
      await agent.order({ type: 'hush' });
      const toHuman = caller.phone.tone(1_000);
      await people.phone.until('the caller', () => hears(people.phone, 1_000));
      toHuman();
      const toCaller = people.phone.tone(700);
      await caller.phone.until('the human', () => hears(caller.phone, 700));
      toCaller();
      await Promise.all([agent.order({ type: 'leave' }), briefing.order({ type: 'leave' })]);
      // Without the agent the two go on; the one who is left alone at last is hung up.
      const again = caller.phone.tone(1_200);
      await people.phone.until('the caller', () => hears(people.phone, 1_200));
      again();
      expect((await caller.session()).status).toBe('active');
      if (invite !== undefined) await people.hangUp(invite);
      await caller.ended;
    }, 60_000);

    it('moves telephones of ours only, and by the grants for both rooms', async () => {
      const { room, identity } = await talk();
      expect((await failure(rooms.moveParticipant(room, 'agent', 'elsewhere'))).code).toBe('not_found');
      const token = new AccessToken(apiKey, apiSecret);
      token.addGrant({ roomAdmin: true, room });
      const narrow = await fetch(`${proxy.httpUrl}/twirp/livekit.RoomService/MoveParticipant`, {
        method: 'POST',
        headers: { authorization: `Bearer ${await token.toJwt()}`, 'content-type': 'application/json' },
        body: JSON.stringify({ room, identity, destination_room: 'elsewhere' }),
      });
      expect([narrow.status, await narrow.json()]).toMatchObject([403, { code: 'permission_denied' }]);
    });
  });

  it('POST /v1/calls puts a LiveKit agent together with who is called, as an outbound call', async () => {
    const placed = await rig.gateway.api('/v1/calls', { method: 'POST', body: { agent: 'support', to: answers } });
    const { id } = placed.body as { id: string };
    const agent = await rig.agentIn(`call-${id}`);
    const { attributes } = await agent.caller();
    expect(attributes).toMatchObject({ 'sip.phoneNumber': answers, 'sip.trunkPhoneNumber': dialled });
    // Agents take a call without this for one of their own, and one that is active for one that is answered.
    expect([attributes['sip.ruleID'], attributes['sip.callStatus']]).toEqual([undefined, 'active']);
    await agent.order({ type: 'publish', sound: { hz: 440 } });
    await people.phone.until('the agent', () => hears(people.phone, 440));
    await agent.rpc('end_call', {});
    await until('the end', async () => (await getSession(rig.gateway, id)).endReason === 'agent-hangup');
  });

  it('leaves everything else to livekit-server, WebSockets too', async () => {
    const room = 'by-proxy';
    await rig.agentIn(room, undefined, 'worker', proxy.url);
    expect((await rooms.listParticipants(room)).map(({ identity }) => identity)).toEqual(['worker']);
  });
});
