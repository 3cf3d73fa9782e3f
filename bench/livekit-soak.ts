/**
 * What calls in LiveKit rooms leave behind: `npm run soak -- [--calls 100] [--minutes 30] [--at-once 10]`. First so many
 * calls one after the other, then so many at once for so long. Prints heap after a collection, descriptors and threads of
 * the gateway, and memory and descriptors of its LiveKit children, before and after each part; a call that fails is told
 * and counted, and the run goes on. Exits with 1 when a part grew by more than 5 %.
 */
import { parseArgs } from 'node:util';
import { entryUrl } from '../src/core/entry-path.js';
import type { TestAgent } from '../test/support/livekit-agent.js';
import { type LiveKitRig, startLiveKitRig } from '../test/support/livekit-rig.js';
import type { Caller } from '../test/support/transfer-rig.js';
import { descriptorsOf, memoryOfProcess, threadsOf } from './process-time.js';

const { values } = parseArgs({
  options: {
    /** Calls before the first look: code is compiled, pools and bounded memories are filled. */
    warm: { type: 'string', default: '30' },
    calls: { type: 'string', default: '100' },
    minutes: { type: 'string', default: '30' },
    'at-once': { type: 'string', default: '10' },
    'call-seconds': { type: 'string', default: '60' },
  },
});
const mostGrowth = 5;
/** Longer than anything is remembered of a call that has ended, ms. */
const settle = 70_000;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const say = (text: string): void => void process.stdout.write(`${text}\n`);

type Look = { readonly heap: number; readonly descriptors: number; readonly threads: number };
type ChildLook = { readonly pid: number; readonly memory: number; readonly descriptors: number };

const childrenOf = (rig: LiveKitRig): readonly ChildLook[] =>
  rig.gateway.log().flatMap(({ msg, pid }) => {
    if (msg !== 'a LiveKit child is ready') return [];
    try {
      return [{ pid: Number(pid), memory: memoryOfProcess(Number(pid)), descriptors: descriptorsOf(Number(pid)) }];
    } catch {
      return [];
    }
  });

/** The lowest of several looks after collections in all threads is what is kept. */
const look = async (rig: LiveKitRig, what: string): Promise<Look & { readonly children: readonly ChildLook[] }> => {
  let heap = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 8; i += 1) {
    rig.gateway.signal('SIGUSR2');
    await pause(1_000);
    const page = String((await rig.gateway.api('/metrics')).body);
    heap = Math.min(heap, Number(/^(?:\w+_)?nodejs_heap_size_used_bytes (\S+)$/m.exec(page)?.[1]));
  }
  const { pid } = rig.gateway;
  const now = { heap, descriptors: descriptorsOf(pid), threads: threadsOf(pid), children: childrenOf(rig) };
  const children = now.children.map((c) => `${c.pid}: ${(c.memory / 1e6).toFixed(0)} MB, ${c.descriptors} descriptors`);
  say(
    `${what}: gateway heap ${(heap / 1e6).toFixed(2)} MB, ${now.descriptors} descriptors, ${now.threads} threads; children ${children.join('; ')}`,
  );
  return now;
};

type FullLook = Awaited<ReturnType<typeof look>>;

/** True when nothing of the gateway grew beyond the limit. */
const compare = (before: FullLook, after: FullLook, calls: number): boolean => {
  const grown = (name: keyof Look): number => (after[name] / before[name] - 1) * 100;
  const told = (['heap', 'descriptors', 'threads'] as const).map((name) => `${name} ${grown(name).toFixed(1)} %`);
  const children = after.children.flatMap((child) => {
    const earlier = before.children.find(({ pid }) => pid === child.pid);
    if (earlier === undefined) return [];
    return [`${child.pid} ${((child.memory - earlier.memory) / calls / 1_024).toFixed(0)} KiB a call`];
  });
  say(`  after ${calls} calls: ${told.join(', ')}; children that were there before: ${children.join(', ')}`);
  return (['heap', 'descriptors', 'threads'] as const).every((name) => grown(name) <= mostGrowth);
};

/** What the legs in rooms complained of, each kind with how often. */
const troubles = (rig: LiveKitRig): string => {
  const counts = new Map<string, number>();
  for (const { trouble } of rig.gateway.log()) {
    if (typeof trouble === 'string') counts.set(trouble, (counts.get(trouble) ?? 0) + 1);
  }
  return counts.size === 0 ? 'none' : [...counts].map(([what, times]) => `${times} x ${what}`).join('; ');
};

let failures = 0;
/** Calls are placed one at a time: which session is whose is told by what is new. */
let placing: Promise<unknown> = Promise.resolve();
const place = (rig: LiveKitRig): ReturnType<LiveKitRig['talk']> => {
  const talk = placing.then(() => rig.talk());
  placing = talk.catch(() => {});
  return talk;
};

/** One call from its INVITE to its end, with an agent that speaks; says so when something of it went wrong. */
const oneCall = async (rig: LiveKitRig, ms: number): Promise<void> => {
  let talk: { readonly caller: Caller; readonly agent: TestAgent } | null = null;
  try {
    talk = await place(rig);
    const { phone } = talk.caller;
    const stop = phone.tone(1_000);
    await phone.until('sound', () => phone.packets.length > 25);
    await pause(ms);
    stop();
    if (talk.caller.endedBy() !== null) throw new Error('the gateway has hung up');
    await talk.caller.dialog.bye();
  } catch (error) {
    failures += 1;
    say(`  ${new Date().toISOString()} a call failed: ${String(error)}`);
  } finally {
    await talk?.agent.kill();
    await talk?.caller.phone.close();
  }
};

const rig = await startLiveKitRig({
  env: { NODE_OPTIONS: `--import=${entryUrl(import.meta.url, './collect-garbage-child.js').href}` },
});
try {
  await rig.setUpLeg();
  for (let i = 0; i < Number(values.warm); i += 1) await oneCall(rig, 100);
  await pause(settle);
  const first = await look(rig, 'warm');
  const calls = Number(values.calls);
  for (let i = 0; i < calls; i += 1) await oneCall(rig, 100);
  await pause(settle);
  const second = await look(rig, `after ${calls} calls one after the other`);
  let within = compare(first, second, calls);

  const end = performance.now() + Number(values.minutes) * 60_000;
  let made = 0;
  const line = async (): Promise<void> => {
    while (performance.now() < end) {
      await oneCall(rig, Number(values['call-seconds']) * 1_000);
      made += 1;
    }
  };
  await Promise.all(Array.from({ length: Number(values['at-once']) }, line));
  await pause(settle);
  const third = await look(rig, `after ${made} calls, ${values['at-once']} at once`);
  within = compare(second, third, made) && within;
  say(
    `${failures} calls failed; troubles in rooms: ${troubles(rig)}; within ${mostGrowth} %: ${within ? 'yes' : 'no'}`,
  );
  if (!within) process.exitCode = 1;
} finally {
  await rig.close();
}
