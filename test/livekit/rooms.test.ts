import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.js';
import { silentLogger } from '../../src/core/logger.js';
import type { AudioPort } from '../../src/domain/calls/ports.js';
import { createLiveKitAgent, type LiveKitAgent } from '../../src/telephony/agents/livekit/index.js';
import { toneLevel } from '../support/goertzel.js';
import { startAgent, type TestAgent } from '../support/livekit-agent.js';
import {
  apiKey,
  apiSecret,
  hasLiveKitServer,
  type LiveKitTestServer,
  startLiveKitServer,
} from '../support/livekit-server.js';
import { until } from '../support/until.js';

/** A telephone's side of a room leg that keeps the last half second of what the room says. */
const telephone = () => {
  let heard: number[] = [];
  return {
    leg: {
      attach: (port: AudioPort | null) => {
        if (port === null) return;
        port.queued = () => 0;
        port.clear = () => {};
        port.send = (samples) => {
          heard = [...heard, ...samples].slice(-4_000);
        };
      },
    },
    hears: (hz: number) => heard.length === 4_000 && toneLevel(Int16Array.from(heard), hz) > -20,
  };
};

describe.skipIf(!hasLiveKitServer())('telephones in rooms', () => {
  let server: LiveKitTestServer;
  let agent: LiveKitAgent;
  const inRooms: TestAgent[] = [];
  beforeAll(async () => {
    server = await startLiveKitServer();
    agent = createLiveKitAgent({
      server: { url: server.url, apiKey, apiSecret },
      ...{ readyWithin: 10_000, reconnectWithin: 15_000, clock: systemClock, log: silentLogger },
    });
  });
  afterAll(async () => {
    await Promise.all(inRooms.map((one) => one.kill()));
    await agent?.close();
    await server?.stop();
  });
  const agentIn = async (room: string, hz: number): Promise<TestAgent> => {
    const one = await startAgent();
    inRooms.push(one);
    await one.order({ type: 'join', url: server.url, token: await server.agentToken(room, `agent-${hz}`) });
    await one.order({ type: 'publish', sound: { hz } });
    return one;
  };
  const participant = (room: string) => ({
    ...{ room, identity: 'human', name: 'Human', dispatch: null },
    attributes: { 'sip.callStatus': 'active' },
  });

  it('are found by room and identity, and move to another room as the same participant', async () => {
    const phone = telephone();
    const ended: string[] = [];
    const leg = await agent.rooms.join(
      { participant: participant('one'), sessionId: 's', leg: phone.leg, hold: false, log: silentLogger },
      { ended: (end) => ended.push(end) },
    );
    const [first, second] = await Promise.all([agentIn('one', 440), agentIn('two', 1_300)]);
    await until('the first room', () => phone.hears(440));
    expect(agent.rooms.find('one', 'human')).toBe(leg);
    expect(agent.rooms.find('two', 'human')).toBeUndefined();

    await leg.move('two');
    await until('the second room', () => phone.hears(1_300) && !phone.hears(440));
    await first.event('caller-left');
    expect(await second.caller()).toMatchObject({
      ...{ identity: 'human', name: 'Human', kind: 3, attributes: { 'sip.callStatus': 'active' } },
    });
    expect(agent.rooms.find('two', 'human')).toBe(leg);
    expect(leg.room()).toBe('two');
    await leg.leave();
    expect(agent.rooms.find('two', 'human')).toBeUndefined();
    expect(ended).toEqual([]);
  });

  it('whose room is deleted while their voice is being published have left it at once', async () => {
    const ends = await Promise.all(
      ['a', 'b', 'c', 'd', 'e', 'f'].map(async (room) => {
        const ended: string[] = [];
        await agent.rooms.join(
          { participant: participant(room), sessionId: room, leg: telephone().leg, hold: false, log: silentLogger },
          { ended: (end) => ended.push(end) },
        );
        await server.rooms.deleteRoom(room);
        // The library itself waits ten seconds for an answer to what it publishes, and is deaf meanwhile.
        await until('the end', () => ended.length > 0, 8_000);
        return ended;
      }),
    );
    expect(ends).toEqual(Array(6).fill(['room-deleted']));
  });

  it('cannot join with a key that LiveKit does not take: a sentence says so', async () => {
    const stranger = createLiveKitAgent({
      server: { url: server.url, apiKey, apiSecret: 'another-secret-that-is-longer-than-32-characters' },
      ...{ readyWithin: 10_000, reconnectWithin: 15_000, clock: systemClock, log: silentLogger },
    });
    try {
      const joined = stranger.rooms.join(
        { participant: participant('one'), sessionId: 's', leg: telephone().leg, hold: false, log: silentLogger },
        { ended: () => {} },
      );
      await expect(joined).rejects.toThrow(/^LiveKit's room could not be joined/);
      await until(
        'the fault',
        () => stranger.fault() === 'LiveKit does not take LIVEKIT_API_KEY and LIVEKIT_API_SECRET',
      );
    } finally {
      await stranger.close();
    }
  });

  it('are held by a process that is replaced when it has had its number of them and is empty', async () => {
    const own = createLiveKitAgent({
      server: { url: server.url, apiKey, apiSecret },
      ...{ readyWithin: 10_000, reconnectWithin: 15_000, clock: systemClock, log: silentLogger },
      limits: { legsServed: 2 },
    });
    const pids = (legs: number): readonly number[] =>
      own.pool.report().flatMap((child) => (child.legs === legs ? [child.pid] : []));
    const join = (room: string) =>
      own.rooms.join(
        { participant: participant(room), sessionId: room, leg: telephone().leg, hold: false, log: silentLogger },
        { ended: () => {} },
      );
    try {
      const [first, second] = [await join('first'), await join('second')];
      const [full = 0] = pids(2);
      const third = await join('third');
      expect([pids(2), pids(1).length]).toEqual([[full], 1]);
      await first.leave();
      expect(own.pool.report().map(({ pid }) => pid)).toContain(full);
      await second.leave();
      await until('its end', () => !own.pool.report().some(({ pid }) => pid === full));
      expect(() => process.kill(full, 0)).toThrow('ESRCH');
      await third.leave();
    } finally {
      await own.close();
    }
  });

  it('survive a restart of LiveKit: they are in their room again', async () => {
    const phone = telephone();
    const ended: string[] = [];
    const returns: boolean[] = [];
    const leg = await agent.rooms.join(
      { participant: participant('three'), sessionId: 's', leg: phone.leg, hold: false, log: silentLogger },
      { ended: (end) => ended.push(end), reconnected: (anew) => returns.push(anew) },
    );
    await agentIn('three', 440);
    await until('the agent', () => phone.hears(440));
    await server.kill();
    server = await startLiveKitServer(server.ports);
    await agentIn('three', 1_700);
    await until(
      'an agent after the restart',
      () => {
        expect(ended).toEqual([]);
        return phone.hears(1_700);
      },
      30_000,
    );
    expect(ended).toEqual([]);
    // A LiveKit without Redis forgets its rooms: this is another one of the same name.
    expect(returns).toEqual([true]);
    await leg.leave();
  }, 60_000);
});
