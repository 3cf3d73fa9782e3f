import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type BotRig, startBotRig, toneLength } from '../support/bot-rig.js';
import { sine, toneLevel } from '../support/goertzel.js';
import { hears } from '../support/listening.js';
import { callerNumber, dialled } from '../support/transfer-rig.js';
import { until } from '../support/until.js';
import { type BotMessage, decoded, encoded } from '../support/ws-bot.js';

let rig: BotRig;
beforeAll(async () => {
  rig = await startBotRig();
});
afterAll(() => rig.close());
afterEach(() => rig.tidy());

/** A bot that knows only what Twilio's page on Media Streams' messages says. */
it('a bot made for Twilio Media Streams works unchanged', async () => {
  await rig.gateway.apply({ organization: { id: 'acme' }, secrets: { twilio_auth_token: 'auth-t0ken' } });
  const { call, phone, caller, bot } = await rig.talk({
    leg: { dialect: 'twilio', signature: 'twilio_auth_token', parameters: { FirstName: 'Jane' } },
    bot: { onCall: () => {} },
  });
  const [connected, start] = [
    await call.until('connected', (message) => message.event === 'connected'),
    await call.until('start', (message) => message.event === 'start'),
  ];
  expect(call.messages.indexOf(connected)).toBe(0);
  expect(call.messages.indexOf(start)).toBe(1);
  expect(connected).toEqual({ event: 'connected', protocol: 'Call', version: '1.0.0' });
  const { streamSid } = start;
  expect(streamSid).toMatch(/^MZ[0-9a-f]{32}$/);
  expect(start).toEqual({
    event: 'start',
    sequenceNumber: '1',
    start: {
      streamSid,
      accountSid: expect.stringMatching(/^AC[0-9a-f]{32}$/),
      callSid: `CA${caller.sessionId.replaceAll('-', '')}`,
      tracks: ['inbound'],
      mediaFormat: { encoding: 'audio/x-mulaw', sampleRate: 8_000, channels: 1 },
      customParameters: {
        FirstName: 'Jane',
        from: callerNumber,
        to: dialled,
        sessionId: caller.sessionId,
        token: expect.any(String),
        apiUrl: rig.gateway.httpUrl,
      },
    },
    streamSid,
  });
  expect(call.headers['x-twilio-signature']).toBe(createHmac('sha1', 'auth-t0ken').update(bot.url).digest('base64'));

  const stop = phone.tone(1_000);
  const media = (): BotMessage[] => call.messages.filter((message) => message.event === 'media');
  const heard = (): Int16Array =>
    decoded(Buffer.concat(media().map((message) => Buffer.from(message.media.payload, 'base64'))), 'mulaw-8000');
  await until('the caller', () => toneLevel(heard().slice(-1_600), 1_000) > -12);
  stop();
  const [first, second] = media();
  expect(first).toMatchObject({ streamSid, media: { track: 'inbound', chunk: '1', timestamp: '0' } });
  expect(second).toMatchObject({ media: { chunk: '2', timestamp: '20' } });
  expect(Number(second.sequenceNumber)).toBe(Number(first.sequenceNumber) + 1);

  const say = (samples: Int16Array): void =>
    call.say({ event: 'media', streamSid, media: { payload: encoded(samples, 'mulaw-8000').toString('base64') } });
  say(sine(440, 400));
  call.say({ event: 'mark', streamSid, mark: { name: 'said' } });
  const said = await call.until('the mark', (message) => message.event === 'mark');
  expect(said).toMatchObject({ streamSid, mark: { name: 'said' } });
  expect(toneLength(phone, 440)).toBeGreaterThanOrEqual(340);

  for (let second = 0; second < 10; second += 1) say(sine(880, 1_000));
  call.say({ event: 'mark', streamSid, mark: { name: 'never' } });
  await phone.until('the long tone', () => hears(phone, 880));
  call.say({ event: 'clear', streamSid });
  await call.until('the mark of what was cleared', (message) => message.mark?.name === 'never');
  await phone.until('silence', () =>
    phone
      .heard()
      .slice(-1_600)
      .every((sample) => Math.abs(sample) < 100),
  );

  await phone.press(3, 100);
  expect(await call.until('the digit', (message) => message.event === 'dtmf')).toMatchObject({
    streamSid,
    dtmf: { track: 'inbound_track', digit: '3' },
  });

  await caller.dialog.bye();
  expect(await call.until('the stop', (message) => message.event === 'stop')).toMatchObject({
    streamSid,
    stop: { accountSid: start.start.accountSid, callSid: start.start.callSid },
  });
  await until('the end of the connection', () => call.closed());
});
