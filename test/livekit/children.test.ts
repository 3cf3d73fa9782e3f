import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hears } from '../support/listening.js';
import { type LiveKitRig, startLiveKitRig } from '../support/livekit-rig.js';
import { hasLiveKitServer } from '../support/livekit-server.js';
import type { Caller } from '../support/transfer-rig.js';
import { until } from '../support/until.js';

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe.skipIf(!hasLiveKitServer())('the processes that hold the rooms', () => {
  let rig: LiveKitRig;
  beforeAll(async () => {
    rig = await startLiveKitRig({ config: { livekit: { callsPerChild: 10 } } });
  });
  afterAll(() => rig?.close());

  /** The child that holds a call, from the log. */
  const childOf = async (sessionId: string): Promise<number> => {
    const line = await rig.gateway.waitForLog(
      ({ msg, room }) => msg === 'a call joins a LiveKit room' && room === `call-${sessionId}`,
    );
    return Number(line.child);
  };
  const ready = (): readonly number[] =>
    rig.gateway.log().flatMap(({ msg, pid }) => (msg === 'a LiveKit child is ready' ? [Number(pid)] : []));

  it('killed with ten calls: these go to their fall-back, no other call notices, and the child is replaced', async () => {
    await rig.setUpLeg({ answer: 'at-once', onLost: { unreachable: 'message' }, message: 'Goodbye.' });
    const callers: Caller[] = [];
    for (let i = 0; i < 10; i += 1) callers.push(await (await rig.ring()).answered);
    const children = new Set(await Promise.all(callers.map(({ sessionId }) => childOf(sessionId))));
    expect(children.size).toBe(1);
    const [child = 0] = children;
    await rig.setUpLeg();
    const other = await rig.talk();
    expect(await childOf(other.caller.sessionId)).not.toBe(child);
    await other.caller.phone.until('the agent', () => hears(other.caller.phone, 440));
    const before = ready().length;

    process.kill(child, 'SIGKILL');
    const sessions = await Promise.all(
      callers.map(async (caller) => {
        await caller.ended;
        return caller.until('the end', ({ status }) => status === 'ended');
      }),
    );
    for (const { timeline } of sessions) {
      const failed = timeline.find(({ type }) => type === 'agent.failed');
      expect(failed?.data.reason).toMatch(/The LiveKit child ended \(SIGKILL\)\.$/);
      expect(timeline.find(({ type }) => type === 'agent.said')?.data.text).toBe('Goodbye.');
    }
    await until('another child', () => ready().length > before);
    const from = other.caller.phone.packets.length;
    await other.caller.phone.until('more of the other call', () => other.caller.phone.packets.length > from + 25);
    expect(hears(other.caller.phone, 440)).toBe(true);
    await other.caller.dialog.bye();
  }, 60_000);

  it('end with the gateway, also when that is killed', async () => {
    const children = ready().filter(alive);
    expect(children.length).toBeGreaterThan(0);
    const redis = rig.gateway.log().find(({ msg }) => msg === 'redis-server runs.')?.pid;
    rig.gateway.signal('SIGKILL');
    await until('their end', () => children.every((child) => !alive(child)));
    // It outlives its gateway on purpose, for the next one to find; here there is none.
    process.kill(Number(redis), 'SIGTERM');
    await until('the end of its Redis', () => !alive(Number(redis)));
  }, 60_000);
});
