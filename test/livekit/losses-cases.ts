import { beforeAll, describe, expect, it } from 'vitest';
import type { LiveKitRig } from '../support/livekit-rig.js';
import { rtpPeer } from '../support/rtp-peer.js';
import { answering, type SipInLine, startLine } from '../support/sip-in-line.js';
import { type Caller, plainDestination, type Session } from '../support/transfer-rig.js';
import { until } from '../support/until.js';

const reasonOf = (session: Session, type: string): unknown =>
  session.timeline.find((entry) => entry.type === type)?.data.reason;

const hasFailed = ({ timeline }: Session): boolean => timeline.some(({ type }) => type === 'agent.failed');

/** A call whose agent was killed. LiveKit takes 20 s to notice, so it is to be made early and looked at late. */
export const doomedCall = async (rig: LiveKitRig): Promise<Caller> => {
  await rig.setUpLeg({ onLost: { left: 'message' }, message: 'Goodbye.' });
  const { caller, agent } = await rig.talk();
  await agent.kill();
  return caller;
};

/** LiveKit itself is killed by the last of them. */
export const lossesCases = (rigOf: () => LiveKitRig, doomedOf: () => Caller): void => {
  describe('an agent that is lost', () => {
    let rig: LiveKitRig;
    beforeAll(() => {
      rig = rigOf();
    });

    /** A destination that answers, for the fall-back. */
    const withLine = async (work: (line: SipInLine, destination: unknown) => Promise<void>): Promise<void> => {
      const phone = await rtpPeer();
      const line = await startLine(answering(phone.sdp()));
      try {
        await work(line, {
          ...plainDestination,
          id: 'desk',
          name: 'Desk',
          type: 'sip',
          value: `sip:d@127.0.0.1:${line.port}`,
        });
      } finally {
        await line.stop();
        await phone.close();
      }
    };

    it('that never joins within its time: the call is answered and goes to the fall-back destination', async () => {
      await withLine(async (_line, destination) => {
        await rig.setUpLeg({ readyWithin: 1 }, [destination], { fallback: 'desk' });
        const caller = await (await rig.ring()).answered;
        const session = await caller.until('the transfer', ({ status }) => status === 'transferred');
        expect(reasonOf(session, 'agent.failed')).toBe('the agent could not be heard in time');
        await caller.dialog.bye();
        await caller.until('the end', ({ status }) => status === 'ended');
      });
    });

    it('that never joins: with hangup the ringing call is refused with 480', async () => {
      await rig.setUpLeg({ readyWithin: 1, onLost: { neverJoined: 'hangup' } });
      const { sessionId, answered } = await rig.ring();
      await expect(answered).rejects.toThrow(/480/);
      const { body } = await rig.gateway.api(`/v1/sessions/${sessionId}`);
      expect(reasonOf(body as Session, 'agent.failed')).toBe('the agent could not be heard in time');
    });

    it('that disconnects: the fall-back destination is called', async () => {
      await withLine(async (_line, destination) => {
        await rig.setUpLeg({}, [destination], { fallback: 'desk' });
        const { caller, agent } = await rig.talk();
        await agent.order({ type: 'leave' });
        const session = await caller.until('the transfer', ({ status }) => status === 'transferred');
        expect(reasonOf(session, 'agent.failed')).toBe('the agent left the room (CLIENT_INITIATED)');
        await caller.dialog.bye();
        await caller.until('the end', ({ status }) => status === 'ended');
      });
    });

    it('that disconnects: with message the caller hears it, and the call ends', async () => {
      await rig.setUpLeg({ onLost: { left: 'message' }, message: 'Goodbye.' });
      const { caller, agent } = await rig.talk();
      await agent.order({ type: 'leave' });
      await caller.ended;
      const session = await caller.until('the end', ({ status }) => status === 'ended');
      expect(session.timeline.find(({ type }) => type === 'agent.said')?.data).toMatchObject({ text: 'Goodbye.' });
    });

    it('that deletes the room has hung up: BYE', async () => {
      await rig.setUpLeg();
      const { caller, room } = await rig.talk();
      await rig.livekit.rooms.deleteRoom(room);
      expect((await caller.ended).by).toBe('remote');
      const session = await caller.until('the end', ({ status }) => status === 'ended');
      expect(session.endReason).toBe('agent-hangup');
      expect(reasonOf(session, 'agent.left')).toBe('the room was deleted');
    });

    it('a caller who is removed from the room: BYE, or the message where the leg says so', async () => {
      await rig.setUpLeg({ onLost: { removed: 'message' }, message: 'Goodbye.' });
      const { caller, room } = await rig.talk();
      await rig.livekit.rooms.removeParticipant(room, 'sip_+14155550123');
      await caller.ended;
      const session = await caller.until('the end', ({ status }) => status === 'ended');
      expect(reasonOf(session, 'agent.failed')).toBe('the caller was removed from the room');
      expect(session.timeline.find(({ type }) => type === 'agent.said')?.data).toMatchObject({ text: 'Goodbye.' });
    });

    it('whose process was killed without leaving: LiveKit notices, and the message follows', async () => {
      const doomed = doomedOf();
      const session = await doomed.until('the loss', hasFailed, 40_000);
      expect(reasonOf(session, 'agent.failed')).toBe('the agent left the room (CONNECTION_TIMEOUT)');
      await doomed.ended;
    }, 60_000);

    it('together with LiveKit itself: /readyz and metrics say so, and new calls go to the fall-back', async () => {
      await rig.setUpLeg({ onLost: { unreachable: 'message' }, message: 'Goodbye.' });
      const { caller, agent } = await rig.talk();
      await Promise.all([rig.livekit.kill(), agent.kill()]);
      const session = await caller.until('the loss', hasFailed, 30_000);
      expect(reasonOf(session, 'agent.failed')).toMatch(/LiveKit/);
      await caller.ended;

      await until('readiness to say so', async () => {
        const { status, body } = await rig.gateway.api('/readyz');
        const { checks } = body as { checks: { name: string; ok: boolean; reason?: string }[] };
        const check = checks.find(({ name }) => name === 'livekit');
        // Calls are taken all the same: they get the fall-back.
        return status === 200 && check?.reason === 'LiveKit does not answer';
      });
      const { body: metrics } = await rig.gateway.api('/metrics');
      expect(metrics).toMatch(/voice_gateway_dependency_up\{dependency="livekit"\} 0/);

      const next = await (await rig.ring()).answered;
      const failed = await next.until('its loss', hasFailed, 30_000);
      expect(reasonOf(failed, 'agent.failed')).toMatch(/LiveKit/);
      await next.ended;
    }, 80_000);
  });
};
