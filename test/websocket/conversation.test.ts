import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type BotRig, startBotRig, toneLength } from '../support/bot-rig.js';
import { sine, toneLevel } from '../support/goertzel.js';
import { hears } from '../support/listening.js';
import { callerNumber, dialled } from '../support/transfer-rig.js';
import { until } from '../support/until.js';
import { type BotAudio, rateOf } from '../support/ws-bot.js';

let rig: BotRig;
beforeAll(async () => {
  rig = await startBotRig();
});
afterAll(() => rig.close());
afterEach(() => rig.tidy());

describe('audio', () => {
  it.each<BotAudio>(['pcm-8000', 'pcm-16000', 'mulaw-8000'])('goes both ways as %s', async (audio) => {
    const { call, phone } = await rig.talk({ leg: { audio }, bot: { audio } });
    const rate = rateOf(audio);
    const start = await call.until('the start', (message) => message.type === 'start');
    expect(start.audio).toEqual({
      encoding: audio === 'mulaw-8000' ? 'mulaw' : 'pcm_s16le',
      sampleRate: rate,
      frameMs: 20,
    });
    const stop = phone.tone(1_000);
    await until('the tone of the caller', () => {
      const last = call.heard().slice(-rate / 5);
      return last.length > 0 && toneLevel(last, 1_000, rate) > -12;
    });
    stop();
    call.speak(sine(440, 1_000, -10, rate));
    await phone.until('the tone of the bot', () => toneLevel(phone.heard().slice(-1_600), 440) > -11);
    expect(toneLevel(phone.heard().slice(-1_600), 880)).toBeLessThan(-45);
  });

  it("is not clipped: the bot's first words wait for the caller, the caller's for the bot", async () => {
    const greeting = await rig.talk({
      bot: {
        onCall: (call) => {
          call.say({ type: 'ready' });
          call.speak(sine(440, 600));
        },
      },
    });
    const { phone } = greeting;
    await phone.until('the whole greeting', () => toneLength(phone, 440) >= 580);
    await rig.tidy();

    let admit: () => void = () => {};
    const admitted = new Promise<void>((resolve) => {
      admit = resolve;
    });
    const early = rig.talk({ leg: { answer: 'at-once' }, bot: { before: () => admitted } });
    // The call stands before the bot has been had: what the caller says meanwhile is kept for it.
    const session = await until('an answered call', async () => {
      const { body } = await rig.gateway.api('/v1/sessions?live=true');
      return (body as { items: { status: string }[] }).items.find(({ status }) => status === 'active');
    });
    expect(session).toBeDefined();
    const peer = await until('the phone', () => rig.phones.at(-1));
    await until('the answer at the phone', () => peer.accepted());
    const stop = peer.tone(1_000);
    await peer.until('half a second', () => peer.packets.length > 30);
    stop();
    admit();
    const { call } = await early;
    await until('the first words', () => toneLevel(call.heard(), 1_000) > -40);
    await until('all of them', () => {
      const heard = call.heard();
      let ms = 0;
      for (let at = 0; at + 160 <= heard.length; at += 160) {
        if (toneLevel(heard.subarray(at, at + 160), 1_000) > -20) ms += 20;
      }
      return ms >= 400;
    });
  });

  it('says how far it was played, and is silent at once when the bot is interrupted', async () => {
    const { call, phone } = await rig.talk();
    call.speak(sine(440, 300));
    call.say({ type: 'mark', name: 'short' });
    const short = await call.until('the mark', (message) => message.name === 'short');
    expect(short).toMatchObject({ type: 'marked', cleared: false, playedMs: 300 });

    for (let second = 0; second < 20; second += 1) call.speak(sine(440, 1_000));
    call.say({ type: 'mark', name: 'long' });
    await phone.until('the tone', () => hears(phone, 440));
    call.say({ type: 'clear' });
    call.speak(sine(880, 500));
    const cleared = await call.until('the clearing', (message) => message.type === 'cleared');
    const long = await call.until('the mark', (message) => message.name === 'long');
    await phone.until('what came after', () => toneLength(phone, 880) >= 480);
    expect(long).toMatchObject({ type: 'marked', cleared: true, playedMs: cleared.playedMs });
    expect(cleared.playedMs + cleared.droppedMs).toBe(20_300);
    // All the caller has heard of the first tone is what was said to have been played, within the frames on their way.
    expect(Math.abs(toneLength(phone, 440) - cleared.playedMs)).toBeLessThanOrEqual(60);
  });
});

describe('the start', () => {
  it('tells who calls, what the agent may do and with which credential', async () => {
    const { call, caller } = await rig.talk({
      leg: { parameters: { language: 'en' } },
      bot: { audio: 'pcm-8000' },
    });
    const start = await call.until('the start', (message) => message.type === 'start');
    expect(start).toMatchObject({
      protocol: 'voice-gateway.v1',
      session: caller.sessionId,
      organization: 'acme',
      agent: { id: 'support', name: 'Support' },
      caller: { number: callerNumber, withheld: false },
      called: dialled,
      direction: 'inbound',
      parameters: { language: 'en' },
      muted: false,
      resumed: null,
    });
    expect(start.tools.map(({ name }: { name: string }) => name)).toEqual(['end_call', 'send_dtmf']);
    expect(start.credential).toMatchObject({ token: expect.any(String), apiUrl: rig.gateway.httpUrl });
    expect(call.headers['sec-websocket-protocol']).toBe('voice-gateway.v1');
    expect(call.headers['x-voice-gateway-session']).toBe(caller.sessionId);
  });

  it('does not name a caller who is hidden', async () => {
    const { call } = await rig.talk({ leg: { hideNumber: true } });
    const start = await call.until('the start', (message) => message.type === 'start');
    expect(start.caller).toEqual({ number: null, display: null, withheld: false });
  });

  it('proves who calls: a bearer token and a signature, over TLS', async () => {
    await rig.gateway.apply({ organization: { id: 'acme' }, secrets: { bot_token: 't0ken', bot_key: 'k3y' } });
    const issued = rig.authority.issue({ name: 'bot', hosts: ['localhost'] });
    const { call, caller } = await rig.talk({
      leg: { bearer: 'bot_token', signature: 'bot_key' },
      bot: { tls: { key: issued.privateKey, cert: issued.certificate } },
    });
    expect(call.headers.authorization).toBe('Bearer t0ken');
    const at = String(call.headers['x-voice-gateway-timestamp']);
    const mac = createHmac('sha256', 'k3y').update(`${at}.${caller.sessionId}.${call.path}`).digest('hex');
    expect(call.headers['x-voice-gateway-signature']).toBe(`v1=${mac}`);
    expect(Math.abs(Date.now() / 1_000 - Number(at))).toBeLessThan(60);
  });
});

describe('keys', () => {
  it('go both ways, and a bad one is an error', async () => {
    const { call, phone } = await rig.talk();
    await phone.press(5, 100);
    expect(await call.until('the digit', (message) => message.type === 'dtmf')).toEqual({ type: 'dtmf', digit: '5' });
    call.say({ type: 'dtmf', digits: '4#' });
    await phone.until('both digits', () => {
      const events = phone.packets.filter(({ payloadType }) => payloadType === 101);
      return events.some(({ payload }) => payload[0] === 4) && events.some(({ payload }) => payload[0] === 11);
    });
    call.say({ type: 'dtmf', digits: 'x' });
    expect(await call.until('the error', (message) => message.type === 'error')).toMatchObject({
      code: 'dtmf_refused',
    });
    call.say({ type: 'ping', id: 'p' });
    expect(await call.until('the pong', (message) => message.type === 'pong')).toEqual({ type: 'pong', id: 'p' });
  });
});
