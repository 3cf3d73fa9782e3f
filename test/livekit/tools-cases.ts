import { beforeAll, describe, expect, it } from 'vitest';
import { hears } from '../support/listening.js';
import type { RpcAnswer } from '../support/livekit-agent.js';
import type { LiveKitRig } from '../support/livekit-rig.js';
import { rtpPeer } from '../support/rtp-peer.js';
import { orderStatus, type Shop } from '../support/shop.js';
import { answering, refusing, startLine } from '../support/sip-in-line.js';
import { callerNumber, plainDestination } from '../support/transfer-rig.js';
import { until } from '../support/until.js';
import { startZendeskServer, voiceTicket } from '../support/zendesk-server.js';
import { renderTrigger, sendWebhook } from '../support/zendesk-webhook.js';

const desk = (port: number) => ({
  ...plainDestination,
  ...{ id: 'desk', name: 'Desk', type: 'sip', value: `sip:desk@127.0.0.1:${port}` },
});
const saidBy = (answer: RpcAnswer): unknown => (answer.ok ? JSON.parse(answer.payload) : answer);

export const toolsCases = (rigOf: () => LiveKitRig, shopOf: () => Shop): void => {
  describe('an agent in the room', () => {
    let rig: LiveKitRig;
    let shop: Shop;
    beforeAll(() => {
      rig = rigOf();
      shop = shopOf();
    });

    it('lists its tools, transfers the caller and learns of it', async () => {
      const human = await rtpPeer();
      const line = await startLine(answering(human.sdp(), { ringFor: 400 }));
      await rig.setUpLeg({}, [desk(line.port)]);
      const { caller, agent } = await rig.talk();
      const tools = saidBy(await agent.rpc('list_tools')) as { name: string }[];
      expect(tools.map(({ name }) => name)).toEqual(['transfer_call', 'end_call', 'send_dtmf']);
      expect(JSON.stringify(tools)).toContain('desk (Desk)');
      await caller.phone.until('the agent', () => hears(caller.phone, 440));

      const result = await agent.rpc('transfer_call', { destination: 'desk' }, 20_000);
      expect(saidBy(result)).toMatchObject({ outcome: 'connected', sipStatus: 200 });
      await agent.event('caller-left');
      const session = await caller.until('the transfer', ({ status }) => status === 'transferred');
      await caller.dialog.bye();
      const { invites } = await line.stop();
      await human.close();
      expect(invites).toHaveLength(1);
      expect(invites[0]?.header('From')).toContain('+14155550123@');
      expect(invites[0]?.header('X-OPENCX-SESSION-ID')).toBe(session.id);
      expect(invites[0]?.header('X-OPENCX-AGENT-ID')).toBe('support');
      expect(invites[0]?.header('X-OPENCX-TRANSFER')).toBe('true');
    });

    it('runs an action over HTTPS', async () => {
      await rig.gateway.apply({ organization: { id: 'acme' }, actions: [orderStatus(shop.origin)] });
      await rig.setUpLeg({}, [], { actions: ['order_status'] });
      const { caller, agent } = await rig.talk({ hz: null });
      const run = (order: string) =>
        agent.rpc('execute_action', { name: 'order_status', arguments: { order_id: order } });
      expect(saidBy(await run('4711'))).toMatchObject({
        ...{ success: true, statusCode: 200 },
        outputs: { order_state: 'on its way to the moon' },
      });
      expect(saidBy(await run('1'))).toMatchObject({ success: false, statusCode: 404 });
      expect(shop.requests.map(({ method, url }) => [method, url])).toEqual([
        ['GET', '/orders/4711'],
        ['GET', '/orders/1'],
      ]);
      await caller.dialog.bye();
    });

    it("transfers with the caller's ticket on the INVITE", async () => {
      const zendesk = await startZendeskServer();
      const human = await rtpPeer();
      const line = await startLine(answering(human.sdp()));
      try {
        zendesk.tickets.set('4711', voiceTicket(4_711));
        const { email, token } = zendesk.credentials;
        await rig.gateway.apply({
          organization: {
            id: 'acme',
            zendesk: {
              baseUrl: zendesk.url,
              auth: { type: 'apiToken', email, token },
              notes: false,
              createTicket: false,
            },
          },
        });
        const value = `${desk(line.port).value};transport=udp`;
        await rig.setUpLeg({}, [{ ...desk(line.port), value, profile: 'zendesk-sip-in' }]);
        const { caller, agent } = await rig.talk({ hz: null });
        const { body } = await rig.gateway.api('/backend/zendesk-v2/voice-prefetch-url');
        const { pathname } = new URL((body as { webhookUrl: string }).webhookUrl);
        const stamped = await sendWebhook(
          rig.gateway.httpUrl + pathname,
          renderTrigger({ id: 4_711, caller: callerNumber }),
        );
        expect(stamped.body).toMatchObject({ success: true, sessionId: caller.sessionId });
        const result = await agent.rpc('transfer_call', { destination: 'desk' }, 20_000);
        expect(saidBy(result)).toMatchObject({ outcome: 'connected' });
        await caller.dialog.bye();
        const { invites } = await line.stop();
        expect(invites[0]?.header('X-OPENCX-ZENDESK-TICKET-ID')).toBe('4711');
        expect(invites[0]?.header('X-OPENCX-SESSION-ID')).toBe(caller.sessionId);
      } finally {
        await rig.gateway.apply({ organization: { id: 'acme', zendesk: null } });
        await line.stop();
        await human.close();
        await zendesk.close();
      }
    });

    it('stays, muted both ways, while a transfer rings, and has the caller back with outcome and status when it fails', async () => {
      const line = await startLine(refusing('486 Busy Here', { ringFor: 1_500 }));
      await rig.setUpLeg({}, [desk(line.port)]);
      const { caller, agent } = await rig.talk({ hz: 1_300 });
      const stop = caller.phone.tone(1_000);
      await caller.phone.until('the agent', () => hears(caller.phone, 1_300));
      await until('the caller to be heard', async () => (await agent.levels(1_000)).tone > -20);
      const result = agent.rpc('transfer_call', { destination: 'Desk' }, 20_000);
      await caller.until('the transfer', ({ status }) => status === 'transferring');
      await caller.phone.until('no agent while it rings', () => {
        const last = caller.phone.heard().slice(-800);
        return last.length === 800 && !hears(caller.phone, 1_300) && hears(caller.phone, 480);
      });
      await until('the caller not to be heard', async () => (await agent.levels(1_000)).tone < -60);
      expect(saidBy(await result)).toMatchObject({ outcome: 'busy', sipStatus: 486 });
      await caller.phone.until('the agent again', () => hears(caller.phone, 1_300) && !hears(caller.phone, 480));
      await until('the caller to be heard again', async () => (await agent.levels(1_000)).tone > -20);
      stop();
      await caller.dialog.bye();
      await line.stop();
    });

    it('sends keys, reads the headers of the INVITE and hangs up', async () => {
      await rig.setUpLeg();
      const { caller, agent } = await rig.talk({ hz: null });
      expect(saidBy(await agent.rpc('send_dtmf', { digits: '7' }))).toEqual({});
      const seven = (): boolean =>
        caller.phone.packets.some(({ payloadType, payload }) => payloadType === 101 && payload[0] === 7);
      await caller.phone.until('the key', seven);
      expect(saidBy(await agent.rpc('lk.sip.GetRemoteHeaders', { include: ['X-None'] }))).toEqual({ headers: {} });
      expect(saidBy(await agent.rpc('lk.sip.EndCall', {}))).toEqual({});
      await caller.ended;
      const session = await caller.until('the end', ({ status }) => status === 'ended');
      expect(session.endReason).toBe('agent-hangup');
    });

    it('is told in a sentence what it did wrong', async () => {
      await rig.setUpLeg();
      const { caller, agent } = await rig.talk({ hz: null });
      expect(await agent.rpc('execute_action', { name: 'no_such_tool' })).toMatchObject({ ok: false });
      expect(await agent.rpc('transfer_call', { to: 'desk' })).toMatchObject({
        code: 400,
        message: expect.stringContaining('destination'),
      });
      expect(await agent.rpc('no_such_method', {})).toMatchObject({ code: 1400 });
      const text = await agent.order({ type: 'rpc', method: 'list_tools', payload: '{' });
      expect(text).toMatchObject({ code: 400, message: 'The payload is not JSON.' });
      await caller.dialog.bye();
    });

    it('cannot harm another call: ten megabytes, a thousand calls a second, floods of keys and tracks, a wrong rate, silence', async () => {
      await rig.setUpLeg();
      const good = await rig.talk({ hz: 440 });
      const bad = await rig.talk({ hz: 1_300, sampleRate: 11_025 });
      const big = (await bad.agent.order({ type: 'rpc', method: 'list_tools', size: 10_000_000 })) as RpcAnswer;
      expect(big.ok).toBe(false);
      const codes = (await bad.agent.order({
        ...{ type: 'flood', method: 'list_tools', payload: '{}', perSecond: 1_000, forMs: 1_500 },
      })) as Record<string, number>;
      // Thirty at once and ten a second are answered; the rest is told to slow down.
      expect(codes.ok ?? 0).toBeLessThan(120);
      expect(codes['429'] ?? 0).toBeGreaterThan(codes.ok ?? 0);
      await bad.agent.order({ type: 'keys', count: 500 });
      await bad.agent.order({ type: 'tracks', count: 9 });
      for (const complaint of [/^keys come faster/, /^a track was passed over/])
        await rig.gateway.waitForLog(({ trouble }) => complaint.test(String(trouble)));
      const from = good.caller.phone.packets.length;
      await good.caller.phone.until(
        'a second more of the good call',
        () => good.caller.phone.packets.length > from + 50,
      );
      expect(hears(good.caller.phone, 440)).toBe(true);
      expect(saidBy(await good.agent.rpc('list_tools'))).toBeInstanceOf(Array);
      await Promise.all([good.caller.dialog.bye(), bad.caller.dialog.bye()]);
    }, 60_000);
  });
};
