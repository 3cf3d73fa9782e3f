import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { hasProgram } from '../../support/given-program.js';
import { firstHeard, heardInTurn, hears } from '../../support/listening.js';
import { type RtpPeer, rtpPeer } from '../../support/rtp-peer.js';
import { type Rtpengine, startRtpengine } from '../../support/rtpengine.js';
import { type Desk, startDesk } from '../../support/sip-in-line.js';
import {
  agentTone,
  type Caller,
  holdTone,
  plainDestination,
  type Session,
  startTransferRig,
  type TransferRig,
} from '../../support/transfer-rig.js';
import { until } from '../../support/until.js';

const callerTone = 600;
const lineTone = 900;

const without = !hasProgram('rtpengine', 'rtpengine-daemon');

let engines: readonly [Rtpengine, Rtpengine];
let rig: TransferRig;
let desk: Desk | null = null;
let phone: RtpPeer;

beforeAll(async () => {
  engines = await Promise.all([startRtpengine(), startRtpengine()]);
  rig = await startTransferRig({ env: { RTPENGINE: engines.map(({ address }) => address).join(',') } });
  await dependencyIs(1);
}, 60_000);
afterAll(async () => {
  await rig?.close();
  await Promise.all((engines ?? []).map((engine) => engine.stop()));
});
afterEach(async () => {
  desk?.close();
  desk = null;
  await phone.close();
});

const page = async (): Promise<string> => (await fetch(`${rig.gateway.httpUrl}/metrics`)).text();
const dependencyIs = (value: 0 | 1): Promise<true> =>
  until(
    `rtpengine as a dependency that is ${value}`,
    async () =>
      new RegExp(`^voice_gateway_dependency_up\\{dependency="rtpengine"\\} ${value}$`, 'm').test(await page()),
    30_000,
  );
const moves = async (result: string): Promise<number> =>
  Number(
    new RegExp(`^voice_gateway_relay_moves_total\\{result="${result}"\\} (\\d+)$`, 'm').exec(await page())?.[1] ?? 0,
  );

const typesOf = ({ timeline }: Session): string[] => timeline.map(({ type }) => type);
const times = (session: Session, type: string): number => typesOf(session).filter((one) => one === type).length;
const dataOf = ({ timeline }: Session, type: string) => timeline.filter((entry) => entry.type === type).at(-1)?.data;

/** A caller and a desk that are connected and both say something. */
const connected = async (
  more: Readonly<Record<string, unknown>> = {},
  options: Parameters<typeof rtpPeer>[0] = {},
  agent: Readonly<Record<string, unknown>> = {},
): Promise<{ caller: Caller; line: Desk }> => {
  phone = await rtpPeer(options);
  desk = await startDesk(phone);
  const destination = {
    ...plainDestination,
    ...{ id: 'zendesk', name: 'Zendesk human agent', type: 'sip', profile: 'zendesk-sip-in' },
    value: `sip:support@127.0.0.1:${desk.port};transport=udp`,
    ...more,
  };
  await rig.setUp([{ play: 'agent.wav' }], [destination], agent);
  const caller = await rig.call();
  caller.phone.tone(callerTone);
  await caller.phone.until('the agent', () => hears(caller.phone, agentTone), 30_000);
  const { body } = await caller.transfer({ destination: 'zendesk' }, { wait: true });
  expect(body).toMatchObject({ outcome: 'connected' });
  phone.tone(lineTone);
  return { caller, line: desk };
};

/** Until rtpengine has the call for the n-th time; which one it is. */
const relayed = async (caller: Caller, count = 1): Promise<Rtpengine> => {
  const session = await caller.until('the move to rtpengine', (s) => times(s, 'media.relayed') === count, 30_000);
  const { relay } = dataOf(session, 'media.relayed') ?? {};
  const engine = engines.find(({ address }) => address === relay);
  if (engine === undefined) throw new Error(`there is no rtpengine ${String(relay)}`);
  return engine;
};

const hearEachOther = async (caller: Caller, line: Desk): Promise<void> => {
  const [atCaller, atLine] = [caller.phone.packets.length, line.phone.packets.length];
  const fresh = (peer: RtpPeer, from: number, hz: number): boolean =>
    peer.packets.length > from + 15 && hears(peer, hz);
  await caller.phone.until('the line', () => fresh(caller.phone, atCaller, lineTone), 30_000);
  await line.phone.until('the caller', () => fresh(line.phone, atLine, callerTone), 30_000);
};

/** The SDP of the INVITEs the line got, in order. */
const offersTo = (line: Desk): string[] =>
  line.received.filter(({ method }) => method === 'INVITE').map(({ text }) => text.split('\r\n\r\n')[1] ?? '');
const originOf = (sdp: string): string[] => (/^o=(.*)$/m.exec(sdp)?.[1] ?? '').trim().split(' ');

const end = async (caller: Caller): Promise<Session> => {
  await caller.dialog.bye();
  return caller.until('the end', (s) => s.status === 'ended', 30_000);
};

describe.skipIf(without)('the media of a connected call', () => {
  it('is moved to rtpengine without a break, and everything of the call still works', async () => {
    const { caller, line } = await connected();
    const engine = await relayed(caller);
    expect(await engine.calls()).toEqual([expect.stringContaining(caller.sessionId)]);
    await hearEachOther(caller, line);
    // Neither the agent nor silence in between: each heard the other from the 200 on.
    expect(heardInTurn(line.phone, { agent: agentTone, caller: callerTone })).toEqual(['caller']);
    expect(heardInTurn(caller.phone, { agent: agentTone, line: lineTone })).toEqual(['agent', 'line']);

    const [first = '', second = '', ...further] = offersTo(line);
    expect(further).toEqual([]);
    expect([engine.has(first), engine.has(second)]).toEqual([false, true]);
    const [before, after] = [originOf(first), originOf(second)];
    expect(after).toEqual(before.with(2, String(Number(before[2]) + 1)));

    await caller.phone.press(5, 120);
    await line.phone.until('the key', () =>
      line.phone.packets.some((p) => p.payloadType === 101 && p.payload[0] === 5),
    );
    await caller.dialog.info('application/dtmf-relay', 'Signal=5\r\nDuration=160\r\n');
    await line.until('INFO');

    // A refresh repeats what is agreed on, and so does its answer.
    const refreshed = await line.request('INVITE', { body: line.phone.sdp() });
    expect(refreshed.text.split('\r\n\r\n')[1]).toBe(second);
    expect(await caller.dialog.modify(caller.phone.sdp())).toMatch(/^m=audio \d+ RTP\/AVP 0 101\r$/m);
    expect(times(await caller.session(), 'media.returned')).toBe(0);

    const session = await end(caller);
    expect(session.endReason).toBe('caller-hangup');
    expect(await engine.calls()).toEqual([]);
    const quality = dataOf(session, 'media.quality') as Record<
      string,
      { packetsReceived: number; packetsSent: number }
    >;
    const sent = line.phone.packets.length;
    expect(quality.destination?.packetsSent).toBeGreaterThan(0.8 * sent);
    expect(quality.caller?.packetsReceived).toBeGreaterThan(0.8 * sent);
  });

  it('has SRTP towards the line and plain RTP towards the caller there, too', async () => {
    const { caller, line } = await connected({ secureMedia: true }, { srtp: true });
    await relayed(caller);
    await hearEachOther(caller, line);
    expect(offersTo(line)[1]).toMatch(/^m=audio \d+ RTP\/SAVP /m);
    await end(caller);
  });

  it('is back in the gateway for the hold audio while a side holds, and at rtpengine again after it', async () => {
    const { caller, line } = await connected({ holdAudio: 'hold.wav' });
    await relayed(caller);
    const held = await line.request('INVITE', { body: line.phone.sdp({ direction: 'sendonly' }) });
    expect(held.text).toMatch(/a=recvonly/);
    await caller.phone.until('hold audio', () => hears(caller.phone, holdTone), 30_000);
    expect(times(await caller.session(), 'media.returned')).toBe(1);
    const resumed = await line.request('INVITE', { body: line.phone.sdp() });
    line.phone.accept(resumed.text.split('\r\n\r\n')[1] ?? '');
    await relayed(caller, 2);
    await hearEachOther(caller, line);
    expect(await caller.dialog.modify(caller.phone.sdp({ direction: 'sendonly' }))).toMatch(/a=recvonly/);
    await line.phone.until('hold audio', () => hears(line.phone, holdTone), 30_000);
    caller.phone.accept(await caller.dialog.modify(caller.phone.sdp()));
    await relayed(caller, 3);
    await hearEachOther(caller, line);
    await end(caller);
  });

  it('stays in the gateway where the two need it: to be recorded, or to speak the same codec', async () => {
    const recorded = await connected({}, {}, { record: true });
    const kept = (caller: Caller): Promise<Session> =>
      caller.until('the reason to stay', (s) => typesOf(s).includes('media.kept'), 30_000);
    expect(dataOf(await kept(recorded.caller), 'media.kept')).toEqual({ reason: 'recorded' });
    await end(recorded.caller);
    desk?.close();
    await phone.close();

    const other = await connected({}, { codec: 'PCMA' }, { record: false });
    expect(dataOf(await kept(other.caller), 'media.kept')).toMatchObject({
      reason: 'unfit',
      detail: 'they have no codec in common',
    });
    await hearEachOther(other.caller, other.line);
    expect(offersTo(other.line)).toHaveLength(1);
    await end(other.caller);
  });
});

describe.skipIf(without)('an rtpengine that is killed in a call', () => {
  it('is replaced by another one, and by the gateway when it was the last', async () => {
    const { caller, line } = await connected();
    const first = await relayed(caller);
    const second = engines.find((engine) => engine !== first);
    await first.kill();
    expect(await relayed(caller, 2)).toBe(second);
    await hearEachOther(caller, line);
    expect(dataOf(await caller.session(), 'media.lost')).toEqual({
      ...{ kind: 'relay', relay: first.address, reason: 'unreachable' },
    });

    const killed = performance.now();
    const packets = caller.phone.packets.length;
    await second?.kill();
    const session = await caller.until('the return', (s) => times(s, 'media.returned') === 1, 30_000);
    expect(dataOf(session, 'media.returned')).toEqual({ relay: second?.address, reason: 'unreachable' });
    expect(session.status).toBe('transferred');
    await hearEachOther(caller, line);
    const back = caller.phone.packets
      .slice(packets)
      .findLast((packet, at, all) => packet.at - (all[at - 1]?.at ?? killed) > 200);
    console.info(`sound again ${Math.round((back?.at ?? killed) - killed)} ms after rtpengine was killed`);
    expect(firstHeard(caller.phone, lineTone, packets)).not.toBeNull();
    expect(await moves('lost')).toBe(2);
    await dependencyIs(0);
    await end(caller);
  });

  it('is not missed by the next call, which has its media in the gateway and says so', async () => {
    const { caller, line } = await connected();
    const session = await caller.until('the reason to stay', (s) => typesOf(s).includes('media.kept'), 30_000);
    expect(dataOf(session, 'media.kept')).toMatchObject({ reason: 'unreachable' });
    await hearEachOther(caller, line);
    expect(await moves('unreachable')).toBeGreaterThan(0);
    await end(caller);
  });

  it('is used again once it is back; one that has come back without its calls gives them up', async () => {
    const [engine] = engines;
    await engine.start();
    await dependencyIs(1);
    const { caller, line } = await connected();
    expect(await relayed(caller)).toBe(engine);
    // As after a restart that was too short for a ping to miss.
    const [callId = ''] = await engine.calls();
    await engine.ask('delete', { 'call-id': callId, 'from-tag': 'caller', 'delete delay': 0 });
    const session = await caller.until('the loss', (s) => typesOf(s).includes('media.lost'), 30_000);
    expect(dataOf(session, 'media.lost')).toMatchObject({ reason: 'forgotten' });
    await relayed(caller, 2);
    await hearEachOther(caller, line);
    await end(caller);
  });
});
