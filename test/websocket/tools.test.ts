import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type BotRig, startBotRig, toneLength } from '../support/bot-rig.js';
import { sine } from '../support/goertzel.js';
import { hears } from '../support/listening.js';
import { rtpPeer } from '../support/rtp-peer.js';
import { type Desk, refusing, type SipInLine, startDesk, startLine } from '../support/sip-in-line.js';
import { plainDestination } from '../support/transfer-rig.js';
import type { BotCall } from '../support/ws-bot.js';

let rig: BotRig;
let line: SipInLine | null = null;
let desk: Desk | null = null;
beforeAll(async () => {
  rig = await startBotRig();
});
afterAll(() => rig.close());
afterEach(async () => {
  await rig.tidy();
  await line?.stop();
  desk?.close();
  [line, desk] = [null, null];
});

let asked = 0;
/** Uses a tool and waits for its answer. */
const use = async (call: BotCall, name: string, args?: unknown) => {
  asked += 1;
  const id = `t${asked}`;
  call.say({ type: 'tool', id, name, ...(args === undefined ? {} : { arguments: args }) });
  return call.until(`the answer of ${name}`, (message) => message.type === 'tool_result' && message.id === id);
};

const destination = (id: string, port: number) => ({
  ...plainDestination,
  id,
  name: `Line ${id}`,
  type: 'sip',
  value: `sip:${id}@127.0.0.1:${port};transport=udp`,
  profile: 'zendesk-sip-in',
});

describe('the tools of a bot', () => {
  it('are listed, run an action, fail to transfer, transfer, and leave when the caller is with the human', async () => {
    rig.shop.respond = (_request, response) =>
      void response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"on its way"}');
    await rig.gateway.apply({
      organization: { id: 'acme' },
      actions: [
        {
          name: 'Order status',
          method: 'GET',
          url: `${rig.shop.origin}/orders/{order_id}`,
          parameters: { type: 'object', properties: { order_id: { type: 'string' } }, required: ['order_id'] },
          response: { '2xx': { outputs: { order_state: 'status' } } },
        },
      ],
    });
    const phone = await rtpPeer();
    desk = await startDesk(phone);
    line = await startLine(refusing('486 Busy Here', { ringFor: 200 }), { transport: 'udp' });
    const { call, caller } = await rig.talk({
      agent: { actions: ['order_status'] },
      destinations: [destination('busy', line.port), destination('human', desk.port)],
    });

    const listed = await use(call, 'list_tools');
    expect(listed.value.map(({ name }: { name: string }) => name)).toEqual([
      'transfer_call',
      'end_call',
      'send_dtmf',
      'order_status',
    ]);
    expect(await use(call, 'order_status', { order_id: '4711' })).toMatchObject({
      ok: true,
      value: { success: true, statusCode: 200, outputs: { order_state: 'on its way' } },
    });
    expect(await use(call, 'make_coffee')).toMatchObject({ ok: false, error: { code: 'unknown_tool' } });
    expect(await use(call, 'send_dtmf', { digits: 7 })).toMatchObject({ ok: false, error: { code: 'bad_arguments' } });

    expect(await use(call, 'transfer_call', { destination: 'busy' })).toMatchObject({
      ok: true,
      value: { outcome: 'busy', sipStatus: 486 },
    });
    await call.until('the muting', (message) => message.type === 'muted');
    await call.until('the return of the caller', (message) => message.type === 'unmuted');
    call.speak(sine(440, 400));
    await caller.phone.until('the bot again', () => hears(caller.phone, 440));

    expect(await use(call, 'transfer_call', { destination: 'human', summary: 'Wants a person.' })).toMatchObject({
      ok: true,
      value: { outcome: 'connected', sipStatus: 200 },
    });
    expect(await call.until('the stop', (message) => message.type === 'stop')).toEqual({
      type: 'stop',
      reason: 'transferred',
    });
    expect(call.messages.at(-1)).toMatchObject({ type: 'stop' });
    await caller.until('the human', (session) => session.status === 'transferred');
    const stop = phone.tone(620);
    await caller.phone.until('the human', () => hears(caller.phone, 620));
    stop();
    await phone.close();
  });

  it('end the call, and what the bot has said before is heard when it closes by itself', async () => {
    const first = await rig.talk();
    expect(await use(first.call, 'end_call', { reason: 'done' })).toMatchObject({ ok: true });
    expect(await first.caller.ended).toMatchObject({ by: 'remote' });
    await first.call.until('the stop', (message) => message.type === 'stop' && message.reason === 'call-ended');
    expect((await first.caller.until('the end', (s) => s.status === 'ended')).endReason).toBe('agent-hangup');

    const second = await rig.talk();
    second.call.speak(sine(440, 700));
    second.call.socket.close(1000, 'goodbye');
    await second.caller.ended;
    expect(toneLength(second.phone, 440)).toBeGreaterThanOrEqual(660);
    expect((await second.caller.until('the end', (s) => s.status === 'ended')).endReason).toBe('agent-hangup');
  });
});
