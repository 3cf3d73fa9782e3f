/**
 * What calls in LiveKit rooms leave behind: `npm run soak -- [--calls 100] [--minutes 30] [--at-once 10]`. First so many
 * calls one after the other, then so many at once for so long, each of a minute. Prints heap after a collection,
 * descriptors and threads of the gateway, and memory of its LiveKit children, before and after each part.
 */
import { parseArgs } from 'node:util';
import { entryUrl } from '../src/core/entry-path.js';
import { type LiveKitRig, startLiveKitRig } from '../test/support/livekit-rig.js';
import { descriptorsOf, threadsOf } from './process-time.js';
import { memoryOfProcess } from './sipp-load.js';

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '100' },
    minutes: { type: 'string', default: '30' },
    'at-once': { type: 'string', default: '10' },
    'call-seconds': { type: 'string', default: '60' },
  },
});
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const say = (text: string): void => void process.stdout.write(`${text}\n`);

type Look = { readonly heap: number; readonly descriptors: number; readonly threads: number };

const childrenOf = (rig: LiveKitRig): readonly number[] =>
  rig.gateway.log().flatMap(({ msg, pid }) => {
    if (msg !== 'a LiveKit child is ready') return [];
    try {
      process.kill(Number(pid), 0);
      return [Number(pid)];
    } catch {
      return [];
    }
  });

/** The lowest of several looks after collections in all threads is what is kept. */
const look = async (rig: LiveKitRig, what: string): Promise<Look> => {
  let heap = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 8; i += 1) {
    rig.gateway.signal('SIGUSR2');
    await pause(1_000);
    const page = String((await rig.gateway.api('/metrics')).body);
    heap = Math.min(heap, Number(/^(?:\w+_)?nodejs_heap_size_used_bytes (\S+)$/m.exec(page)?.[1]));
  }
  const now = { heap, descriptors: descriptorsOf(rig.gateway.pid), threads: threadsOf(rig.gateway.pid) };
  const children = childrenOf(rig).map((pid) => `${pid}: ${(memoryOfProcess(pid) / 1e6).toFixed(0)} MB`);
  say(
    `${what}: gateway heap ${(now.heap / 1e6).toFixed(1)} MB, ${now.descriptors} descriptors, ${now.threads} threads; children ${children.join(', ')}`,
  );
  return now;
};

const compare = (before: Look, after: Look, calls: number): void => {
  const change = (name: keyof Look): string => `${name} ${((after[name] / before[name] - 1) * 100).toFixed(1)} %`;
  say(`  after ${calls} calls: ${change('heap')}, ${change('descriptors')}, ${change('threads')}`);
};

/** One call from its INVITE to its end, with an agent that speaks. */
const oneCall = async (rig: LiveKitRig, ms: number): Promise<void> => {
  const { caller, agent } = await rig.talk();
  const stop = caller.phone.tone(1_000);
  await caller.phone.until('sound', () => caller.phone.packets.length > 25);
  await pause(ms);
  stop();
  await caller.dialog.bye();
  await agent.kill();
  await caller.phone.close();
};

const rig = await startLiveKitRig({
  env: { NODE_OPTIONS: `--import=${entryUrl(import.meta.url, './collect-garbage-child.js').href}` },
});
try {
  await rig.setUpLeg();
  // Warm: code compiled, pools and bounded memories filled.
  for (let i = 0; i < 5; i += 1) await oneCall(rig, 200);
  const first = await look(rig, 'warm');
  const calls = Number(values.calls);
  for (let i = 0; i < calls; i += 1) await oneCall(rig, 100);
  await pause(70_000);
  const second = await look(rig, `after ${calls} calls one after the other`);
  compare(first, second, calls);

  const end = performance.now() + Number(values.minutes) * 60_000;
  const length = Number(values['call-seconds']) * 1_000;
  let made = 0;
  while (performance.now() < end) {
    const round: Promise<void>[] = [];
    for (let i = 0; i < Number(values['at-once']); i += 1) {
      const { room, answered } = await rig.ring();
      const agent = await rig.agentIn(room, { hz: 440 });
      const caller = await answered;
      const stop = caller.phone.tone(1_000);
      round.push(
        pause(length).then(async () => {
          stop();
          await caller.dialog.bye();
          await agent.kill();
          await caller.phone.close();
        }),
      );
    }
    await Promise.all(round);
    made += round.length;
  }
  await pause(70_000);
  compare(second, await look(rig, `after ${made} calls, ${values['at-once']} at once`), made);
} finally {
  await rig.close();
}
