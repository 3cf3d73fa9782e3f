import { beforeAll, describe, expect, it } from 'vitest';
import { startPhone } from '../support/baresip.js';
import { toneLevel } from '../support/goertzel.js';
import { endedSession, sessionsOf } from '../support/listed-sessions.js';
import { hears } from '../support/listening.js';
import type { LiveKitRig } from '../support/livekit-rig.js';
import { until } from '../support/until.js';

/** The key as RFC 4733 numbers it. */
const star = 10;

export const audioCases = (rigOf: () => LiveKitRig): void => {
  describe('a call in a LiveKit room', () => {
    let rig: LiveKitRig;
    beforeAll(async () => {
      rig = rigOf();
      await rig.setUpLeg();
    });

    it('rings until the agent can be heard; then both hear each other and keys go both ways', async () => {
      const { sessionId, room, answered } = await rig.ring();
      const agent = await rig.agentIn(room, { hz: null });
      const caller = await answered;
      expect(caller.sessionId).toBe(sessionId);
      await agent.order({ type: 'publish', sound: { hz: 440 } });
      const stop = caller.phone.tone(1_000);
      await caller.phone.until('the tone of the agent', () => hears(caller.phone, 440));
      await until('the tone of the caller', async () => (await agent.levels(1_000)).tone > -12);
      const { tone, total } = await agent.levels(1_000);
      // The tone and nothing of weight beside it.
      expect(Math.abs(total - tone)).toBeLessThan(1);
      stop();

      await caller.phone.press(5, 120);
      expect(await agent.event('dtmf')).toMatchObject({ code: 5, digit: '5' });
      await agent.order({ type: 'dtmf', code: star, digit: '*' });
      const events = (): boolean =>
        caller.phone.packets.some(({ payloadType, payload }) => {
          return payloadType === 101 && payload[0] === star;
        });
      await caller.phone.until('a key of the agent', events);

      await caller.dialog.bye();
      await agent.event('caller-left');
      const session = await caller.until('the end', ({ status }) => status === 'ended');
      expect(session.endReason).toBe('caller-hangup');
      const types = session.timeline.map(({ type }) => type);
      expect(types.indexOf('call.ringing')).toBeLessThan(types.indexOf('call.answered'));
      expect(types).toContain('agent.started');
    });

    it('presents the caller as LiveKit SIP does', async () => {
      await rig.setUpLeg({ attributes: { team: 'sales' } });
      const { sessionId, room, answered } = await rig.ring();
      const agent = await rig.agentIn(room, { hz: null });
      const ringing = await agent.caller();
      const caller = await answered;
      expect(ringing).toMatchObject({
        identity: 'sip_+14155550123',
        name: 'Phone +14155550123',
        kind: 3,
        metadata: '',
      });
      expect({ ...ringing.attributes, 'sip.callStatus': '' }).toEqual({
        'sip.callID': `SCL_${sessionId.replaceAll('-', '').slice(0, 12)}`,
        'sip.callIDFull': expect.stringMatching(/./),
        'sip.callTag': expect.stringMatching(/./),
        'sip.trunkID': 'acme/support',
        'sip.ruleID': 'SDR_support',
        'sip.phoneNumber': '+14155550123',
        'sip.trunkPhoneNumber': '+14155550100',
        'sip.hostname': '127.0.0.1',
        'sip.callStatus': '',
        team: 'sales',
      });
      await until('the call to be active', async () => {
        const { attributes } = await agent.caller();
        return attributes['sip.callStatus'] === 'active';
      });
      await caller.dialog.bye();
      await agent.event('caller-left');
    });

    it('hides the number where the leg says so', async () => {
      await rig.setUpLeg({ hideNumber: true });
      const { room, answered } = await rig.ring();
      const agent = await rig.agentIn(room, { hz: null });
      const { identity, name, attributes } = await agent.caller();
      expect(identity).toMatch(/^sip_[0-9a-f]{8}$/);
      expect(name).toBe('Phone +XXXXXXX0123');
      expect(JSON.stringify(attributes)).not.toContain('5550');
      await (await answered).dialog.bye();
    });

    it('answers at once where the leg says so, and lets the caller hear ringing until the agent speaks', async () => {
      await rig.setUpLeg({ answer: 'at-once' });
      const { room, answered } = await rig.ring();
      const caller = await answered;
      await caller.phone.until('ringback', () => hears(caller.phone, 440) || hears(caller.phone, 480));
      const agent = await rig.agentIn(room, { hz: 1_300 });
      expect((await agent.caller()).attributes['sip.callStatus']).toBe('active');
      await caller.phone.until('the agent', () => hears(caller.phone, 1_300) && !hears(caller.phone, 480));
      await caller.dialog.bye();
    });

    it('clips no first word, and falls silent at once when the agent does', async () => {
      await rig.setUpLeg();
      // What it says first, a fifth of a second, is said while the call is being answered.
      const { caller, agent } = await rig.talk({ hz: 440, queueMs: 100, opening: { hz: 1_700, ms: 200 } });
      await caller.phone.until('the tone of the agent', () => hears(caller.phone, 440));
      const heard = caller.phone.heard();
      const frames = Array.from({ length: Math.floor(heard.length / 160) }, (_, i) =>
        toneLevel(heard.subarray(i * 160, (i + 1) * 160), 1_700),
      );
      // Nine of ten whole frames: the first and last are cut by the sound's own edges.
      expect(frames.filter((level) => level > -14).length).toBeGreaterThanOrEqual(9);

      await agent.order({ type: 'unpublish' });
      const before = caller.phone.packets.length;
      await caller.phone.until('25 frames more', () => caller.phone.packets.length >= before + 25);
      // What was said before may still arrive; half a second later nothing of it does.
      expect(toneLevel(caller.phone.heard().slice(-1_600), 440)).toBeLessThan(-50);
      await caller.dialog.bye();
    });

    it('of a baresip telephone: it is heard, hears the agent, and keys go both ways', async () => {
      await rig.setUpLeg();
      const phone = await startPhone({
        ...{ transport: 'udp', codec: 'pcmu', user: '+14155550301', tone: { hz: 1_000, level: -10 } },
      });
      try {
        const known = new Set((await sessionsOf(rig.gateway)).map(({ id }) => id));
        await phone.command('dial', `sip:+14155550100@127.0.0.1:${rig.gateway.sipPort};transport=udp`);
        const { id } = await until('the call to ring', async () => {
          return (await sessionsOf(rig.gateway)).find((session) => !known.has(session.id));
        });
        const agent = await rig.agentIn(`call-${id}`, { hz: 440 });
        await phone.event('CALL_ESTABLISHED');
        await until('the tone of the telephone', async () => (await agent.levels(1_000)).tone > -12);
        const { tone, total, frames } = await agent.levels(1_000);
        expect(tone).toBeGreaterThan(-12);
        expect(Math.abs(total - tone)).toBeLessThan(1);
        await phone.command('sndcode', '5');
        expect(await agent.event('dtmf')).toMatchObject({ code: 5, digit: '5' });
        await agent.order({ type: 'dtmf', code: 11, digit: '#' });
        expect((await phone.event('CALL_DTMF_START')).param).toBe('#');
        // Long enough for a fifth of a second without a gap, on a machine that has other things to do.
        await until('two seconds of the call', async () => (await agent.levels(1_000)).frames > frames + 100);
        await phone.command('hangup');
        await phone.event('CALL_CLOSED');
        await endedSession(rig.gateway, (session) => session.id === id);
        const heard = phone.heard();
        const levels = Array.from({ length: Math.floor(heard.length / 1_600) }, (_, i) =>
          toneLevel(heard.subarray(i * 1_600, (i + 1) * 1_600), 440),
        );
        // The agent speaks at -10 dB.
        expect(Math.max(...levels)).toBeGreaterThan(-12);
        expect(Math.max(...levels)).toBeLessThan(-8);
      } finally {
        await phone.stop();
      }
    });
  });
};
