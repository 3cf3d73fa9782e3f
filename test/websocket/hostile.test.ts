import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type BotRig, startBotRig, toneLength } from '../support/bot-rig.js';
import { sine } from '../support/goertzel.js';
import { hears } from '../support/listening.js';
import type { Caller } from '../support/transfer-rig.js';
import { until } from '../support/until.js';
import type { BotCall } from '../support/ws-bot.js';

let rig: BotRig;
beforeAll(async () => {
  rig = await startBotRig();
});
afterAll(() => rig.close());

/** A call that goes well, beside which another bot misbehaves. */
let good: { caller: Caller; call: BotCall };
let bad: { caller: Caller; call: BotCall };
beforeEach(async () => {
  const { caller, call, bot } = await rig.talk();
  good = { caller, call };
  const other = await rig.call();
  bad = { caller: other, call: await bot.call(1) };
});
afterEach(() => rig.tidy());

/** What the good call sounds like while `work` goes on: all that is said is heard. */
const meanwhile = async (work: () => Promise<void>): Promise<void> => {
  const { call, caller } = good;
  const from = caller.phone.packets.length;
  const spoken = call.live(440, 1_500);
  await work();
  await spoken;
  await until('all of the good call', () => toneLength(caller.phone, 440, from) >= 1_440);
};

const failed = async (): Promise<unknown> => {
  const session = await bad.caller.until('the failure', ({ timeline }) =>
    timeline.some(({ type }) => type === 'agent.failed'),
  );
  return session.timeline.find(({ type }) => type === 'agent.failed')?.data.reason;
};
const errorOf = (code: string) => bad.call.messages.find((message) => message.code === code);
const closed = () => until('the end of the connection', () => bad.call.closed());

describe('a bot that misbehaves harms its own call only', () => {
  it('with a message of 10 MB: it is not taken in, and the connection closed with 1009', async () => {
    await meanwhile(async () => {
      bad.call.socket.send(Buffer.alloc(10_000_000));
      expect(await closed()).toMatchObject({ code: 1009 });
      expect(await failed()).toBe('The bot sent a message of more than 65536 bytes.');
    });
  });

  it('with text that is no message: each is an error, too many close the connection with 1008', async () => {
    await meanwhile(async () => {
      bad.call.socket.send('{"type":');
      expect(await bad.call.until('the error', (message) => message.type === 'error')).toMatchObject({
        code: 'bad_message',
        message: 'A text message must be JSON.',
      });
      bad.call.say({ type: 'sing' });
      await bad.call.until('the second error', (message) => message.message?.includes('is one of ready'));
      for (let sent = 0; sent < 40; sent += 1) bad.call.socket.send('garbage');
      expect(await closed()).toMatchObject({ code: 1008 });
      expect(await failed()).toMatch(/^The bot made too many mistakes/);
    });
  });

  it('with a thousand tools at once', async () => {
    await meanwhile(async () => {
      for (let sent = 0; sent < 1_000; sent += 1) {
        bad.call.say({ type: 'tool', id: `t${sent}`, name: 'make_coffee', arguments: {} });
      }
      expect(await closed()).toMatchObject({ code: 1008 });
      const answers = bad.call.messages.filter((message) => message.type === 'tool_result');
      expect(answers.length).toBeLessThanOrEqual(110);
      expect(answers.every(({ ok, error }) => !ok && ['unknown_tool', 'too_many'].includes(error.code))).toBe(true);
      expect(bad.call.messages.some((message) => message.type === 'error' && message.code === 'too_many')).toBe(true);
    });
  });

  it('with more audio than can be played: what is too far ahead is dropped, said and counted, and clear still works', async () => {
    const memory = (): number =>
      Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${rig.gateway.pid}/status`, 'utf8'))?.[1]) / 1_024;
    const before = memory();
    await meanwhile(async () => {
      // Fifteen minutes of audio.
      const piece = sine(880, 1_000);
      for (let sent = 0; sent < 900; sent += 1) bad.call.speak(piece);
      await bad.call.until('the error', (message) => message.code === 'audio_overflow');
      bad.call.say({ type: 'clear' });
      bad.call.speak(sine(620, 600));
      const cleared = await bad.call.until('the clearing', (message) => message.type === 'cleared');
      expect(cleared.droppedMs).toBeGreaterThan(40_000);
      expect(cleared.playedMs + cleared.droppedMs).toBeLessThanOrEqual(75_000);
      await bad.caller.phone.until('what came after', () => hears(bad.caller.phone, 620));
    });
    expect(memory() - before).toBeLessThan(100);
    const { body } = await rig.gateway.api('/metrics');
    const counted = /bot_audio_dropped_seconds_total\{direction="from-bot"\} (\d+)/.exec(String(body))?.[1];
    expect(Number(counted)).toBeGreaterThan(600);
  });

  it('with audio at another rate than agreed on: it is told', async () => {
    // Samples of 16 kHz, live, where 8 kHz were agreed on: twice as much as time goes by.
    await Promise.race([bad.call.live(440, 20_000, 16_000), until('the error', () => errorOf('audio_rate'))]);
    expect(errorOf('audio_rate')?.message).toMatch(/^The audio comes at (1\.9|2\.0)\d times the agreed rate/);
    expect((await bad.caller.session()).status).toBe('active');
  });

  it('with half a sample', async () => {
    bad.call.socket.send(Buffer.alloc(321));
    expect(await bad.call.until('the error', (message) => message.type === 'error')).toMatchObject({
      code: 'bad_audio',
      message: 'An audio message must hold whole samples of two bytes.',
    });
  });
});
