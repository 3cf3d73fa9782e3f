import { startBotRig } from '../test/support/bot-rig.js';
import { sine } from '../test/support/goertzel.js';
import type { Caller } from '../test/support/transfer-rig.js';
import { type BotCall, startBot } from '../test/support/ws-bot.js';
import { type Bench, type BenchRow, median, percentile, round } from './bench.js';
import { processTime } from './process-time.js';

const counts = [1, 10, 25] as const;
/** How long each number of calls is measured, ms. */
const span = 10_000;
const clicks = 60;
/** Samples of 20 ms above this are a click. */
const loud = 8_000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const peak = (samples: Int16Array): number => samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
const click = sine(1_000, 20, -3);

type Delays = { readonly toBot: number[]; readonly toCaller: number[] };

/** A click of the caller, which the bot answers by one of its own at once; both ways are timed by one clock. */
const delays = async (caller: Caller, call: BotCall): Promise<Delays> => {
  const found: Delays = { toBot: [], toCaller: [] };
  const { phone } = caller;
  const silence = Buffer.alloc(160, 0xff);
  const knock = Buffer.alloc(160, 0x80);
  let knocked = 0;
  let answered = 0;
  call.socket.on('message', (data: Buffer, binary) => {
    if (!binary || knocked === 0) return;
    if (peak(new Int16Array(new Uint8Array(data).buffer)) < loud) return;
    answered = performance.now();
    found.toBot.push(answered - knocked);
    knocked = 0;
    call.speak(click);
  });
  let frame = 0;
  const begin = performance.now();
  let seen = phone.packets.length;
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      while (frame * 20 <= performance.now() - begin) {
        frame += 1;
        // Now and then, at no multiple of a frame of the bot's.
        const knocks = frame % 23 === 0;
        if (knocks) knocked = performance.now();
        phone.send(knocks ? knock : silence);
      }
      for (; seen < phone.packets.length; seen += 1) {
        const packet = phone.packets[seen];
        if (packet === undefined || answered === 0) continue;
        if (peak(phone.heard(seen).subarray(0, 160)) < loud || packet.at < answered) continue;
        found.toCaller.push(packet.at - answered);
        answered = 0;
      }
      if (found.toCaller.length < clicks) return;
      clearInterval(timer);
      resolve();
    }, 2);
  });
  return found;
};

const row = (what: string, ours: string, goal = '', met: boolean | null = null): BenchRow => ({
  ...{ what, ours, goal, met },
  compared: '',
  ratio: null,
});

/** The AI's leg over a WebSocket: what it adds to the way of a voice, and what a call costs while both speak. */
export const websocketLegBench: Bench = {
  name: 'websocket-leg',
  id: 'P7',
  title: 'AI leg over a WebSocket',
  async run(log) {
    const rig = await startBotRig();
    const bot = await startBot({ audio: 'pcm-8000' });
    const rows: BenchRow[] = [];
    try {
      await rig.point(bot.url);
      const calls: { readonly caller: Caller; readonly call: BotCall }[] = [];
      const join = async (): Promise<void> => {
        const caller = await rig.call();
        calls.push({ caller, call: await bot.call(calls.length) });
      };
      await join();
      const [first] = calls;
      if (first === undefined) throw new Error('there is no call');
      const { toBot, toCaller } = await delays(first.caller, first.call);
      for (const [way, values] of [
        ['caller to bot', toBot],
        ['bot to caller', toCaller],
      ] as const) {
        log(`${way}: median ${round(median(values), 1)} ms, p95 ${round(percentile(values, 95), 1)} ms`);
        rows.push(
          row(
            `delay ${way}, ${values.length} clicks`,
            `median ${round(median(values), 1)} ms, p95 ${round(percentile(values, 95), 1)} ms`,
            'median ≤ 60 ms',
            median(values) <= 60,
          ),
        );
      }
      const idle = processTime(rig.gateway.pid);
      await sleep(span / 2);
      const rest = ((processTime(rig.gateway.pid) - idle) / span) * 2;
      for (const count of counts) {
        while (calls.length < count) await join();
        const stops = calls.map(({ caller }) => caller.phone.tone(1_000));
        const spoken = calls.map(({ call }) => call.live(440, span + 2_000));
        await sleep(1_000);
        const before = processTime(rig.gateway.pid);
        await sleep(span);
        const share = (processTime(rig.gateway.pid) - before) / span;
        await Promise.all(spoken);
        for (const stop of stops) stop();
        log(`${count} calls: ${round(share * 100, 1)} % of a core`);
        rows.push(
          row(
            `CPU of the gateway, ${count} ${count === 1 ? 'call' : 'calls'}, both sides speaking`,
            `${round(share * 100, 1)} % of a core, ${round((share / count) * 100, 2)} % a call`,
          ),
        );
      }
      return {
        id: 'P7',
        title: websocketLegBench.title,
        rows,
        notes: [
          `Bot and callers run in the bench's own process on the same machine; delays hold the jitter buffer, 20 ms of framing and the bot's own event loop. The gateway with one silent call: ${round(rest * 100, 1)} % of a core.`,
        ],
      };
    } finally {
      await rig.tidy();
      await bot.close();
      await rig.close();
    }
  },
};
