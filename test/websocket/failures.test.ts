import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createCertificateAuthority } from '../../src/core/x509.js';
import { type BotRig, startBotRig } from '../support/bot-rig.js';
import { sine } from '../support/goertzel.js';
import { hears } from '../support/listening.js';
import { dial } from '../support/phone.js';
import { freePort } from '../support/ports.js';

import { until } from '../support/until.js';
import { startBot, type TestBot } from '../support/ws-bot.js';

let rig: BotRig;
let bot: TestBot | null = null;
beforeAll(async () => {
  rig = await startBotRig();
});
afterAll(() => rig.close());
afterEach(async () => {
  await rig.tidy();
  await bot?.close();
  bot = null;
});

/** What the timeline says of an agent that cannot be had; the caller is answered by the fall-back all the same. */
const failureOf = async (url: string, leg: Readonly<Record<string, unknown>> = {}): Promise<unknown> => {
  await rig.point(url, leg);
  const caller = await rig.call();
  const session = await caller.until('the fall-back', ({ timeline }) =>
    timeline.some(({ type, data }) => type === 'agent.started' && data.leg === 'builtin'),
  );
  return session.timeline.find(({ type }) => type === 'agent.failed')?.data.reason;
};

describe('a bot that cannot be had', () => {
  it('because nothing listens', async () => {
    const port = await freePort();
    expect(await failureOf(`ws://127.0.0.1:${port}/agent`)).toBe(
      '127.0.0.1 refused the connection: nothing listens on that port.',
    );
  });

  it('because it refuses the handshake', async () => {
    bot = await startBot({ refuse: () => 403 });
    expect(await failureOf(bot.url)).toBe(`The bot at localhost:${bot.port} refused the handshake: 403 Refused.`);
  });

  it('because it speaks another protocol', async () => {
    bot = await startBot({ subprotocol: null });
    expect(await failureOf(bot.url)).toBe(
      `The bot at localhost:${bot.port} does not speak the subprotocol voice-gateway.v1.`,
    );
  });

  it('because it shows a certificate nobody trusts', async () => {
    const issued = createCertificateAuthority('Stranger').issue({ name: 'bot', hosts: ['localhost'] });
    bot = await startBot({ tls: { key: issued.privateKey, cert: issued.certificate } });
    expect(await failureOf(bot.url)).toMatch(/^localhost shows a certificate .* not trusted/);
  });

  it('because it never says that it is ready', async () => {
    bot = await startBot({ onCall: () => {} });
    expect(await failureOf(bot.url, { readyTimeout: 1 })).toBe(
      `The bot at localhost:${bot.port} did not say that it is ready within 1 s.`,
    );
    await until('the end of the connection', () => bot?.calls[0]?.closed());
  });

  it('because it never answers the handshake', async () => {
    bot = await startBot({ before: () => new Promise(() => {}) });
    expect(await failureOf(bot.url, { readyTimeout: 1, answer: 'at-once' })).toBe(
      `The bot at localhost:${bot.port} did not answer within 1 s.`,
    );
  });

  it('because it closes before it is ready', async () => {
    bot = await startBot({ onCall: (call) => call.socket.close(1013, 'full') });
    expect(await failureOf(bot.url)).toMatch(/^The bot closed the connection with code 1013: full\./);
  });

  it('in time for a caller who hangs up while it rings: the bot is told and left', async () => {
    bot = await startBot({ onCall: () => {} });
    await rig.point(bot.url);
    const phone = dial({ sipPort: rig.gateway.sipPort });
    const call = await bot.call(0);
    const start = await call.until('the start', (message) => message.type === 'start');
    phone.hangUp();
    await call.until('the stop', (message) => message.type === 'stop' && message.reason === 'call-ended');
    expect(await until('the end of the connection', () => call.closed())).toMatchObject({ code: 1000 });
    const { body } = await rig.gateway.api(`/v1/sessions/${start.session}`);
    expect(body).toMatchObject({ endReason: 'cancelled' });
    await phone.done.catch(() => {});
  });

  it('because its address is forbidden', async () => {
    expect(await failureOf('wss://10.9.8.7/agent')).toMatch(/^10\.9\.8\.7 leads to 10\.9\.8\.7, a private network;/);
  });
});

describe('a leg that is saved', () => {
  it.each([
    [{ url: 'http://bot.example/agent' }, 'url must begin with wss://'],
    [{ url: 'ws://bot.example/agent' }, "url must begin with wss://; ws:// is for a bot on the gateway's own machine"],
    [{ url: 'wss://user:password@bot.example/' }, 'url must not hold a user or a password; use bearer'],
    [{ url: 'wss://bot.example/', audio: 'mp3' }, 'audio must be one of pcm-8000, pcm-16000, mulaw-8000'],
    [
      { url: 'wss://bot.example/', dialect: 'twilio', audio: 'pcm-8000' },
      "audio must be mulaw-8000 in Twilio's dialect",
    ],
    [{ url: 'wss://bot.example/', reconnectWindow: 90 }, 'reconnectWindow must be at most 60 s'],
    [{ url: 'wss://bot.example/', bearer: 'nowhere' }, 'bearer names the secret \\"nowhere\\", which does not exist'],
    [{ url: 'wss://bot.example/', tokn: 'x' }, 'tokn is not a known field'],
  ])('with the fault in %j is refused', async (leg, sentence) => {
    await expect(rig.point('', leg)).rejects.toThrow(`agents[0].leg.${sentence.split(' ')[0]}`);
    await expect(rig.point('', leg)).rejects.toThrow(sentence.slice(sentence.indexOf(' ') + 1));
  });
});

describe('a connection that is lost in a call', () => {
  it('is dialled again, and the call goes on where it was', async () => {
    let down = false;
    const { caller, call, phone, bot: server } = await rig.talk({ bot: { refuse: () => (down ? 503 : null) } });
    down = true;
    call.socket.terminate();
    await caller.until('the loss', ({ timeline }) => timeline.some(({ type }) => type === 'agent.lost'));
    await phone.press(7, 100);
    await caller.until('the digit', ({ timeline }) => timeline.some(({ type }) => type === 'dtmf.received'));
    down = false;
    const second = await server.call(1);
    const start = await second.until('the start', (message) => message.type === 'start');
    expect(start.session).toBe(caller.sessionId);
    expect(start.resumed.gapMs).toBeGreaterThan(0);
    expect(await second.until('the digit of the gap', (message) => message.type === 'dtmf')).toMatchObject({
      digit: '7',
    });
    second.speak(sine(440, 400));
    await phone.until('the bot again', () => hears(phone, 440));
    const { timeline, status } = await caller.session();
    expect(status).toBe('active');
    expect(timeline.filter(({ type }) => type.startsWith('agent.')).map(({ type }) => type)).toEqual([
      'agent.started',
      'agent.lost',
      'agent.resumed',
    ]);
  });

  it('and not had again within its window gives the caller to the fall-back', async () => {
    const { caller, call, bot: server } = await rig.talk({ leg: { reconnectWindow: 1 } });
    await server.close();
    const session = await caller.until('the failure', ({ timeline }) =>
      timeline.some(({ type }) => type === 'agent.failed'),
    );
    expect(call.closed()).not.toBeNull();
    expect(session.timeline.find(({ type }) => type === 'agent.failed')?.data.reason).toBe(
      'The connection to the bot broke. It could not be had again within 1 s: ' +
        'localhost refused the connection: nothing listens on that port.',
    );
    await caller.until('the fall-back', ({ timeline }) =>
      timeline.some(({ type, data }) => type === 'agent.started' && data.leg === 'builtin'),
    );
  });
});
