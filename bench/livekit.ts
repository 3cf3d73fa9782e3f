import { encodePcmu } from '../src/telephony/media/codecs/g711.js';
import { hears } from '../test/support/listening.js';
import type { TestAgent } from '../test/support/livekit-agent.js';
import { type LiveKitRig, startLiveKitRig } from '../test/support/livekit-rig.js';
import { hasLiveKitServer } from '../test/support/livekit-server.js';
import type { RtpPeer } from '../test/support/rtp-peer.js';
import type { Caller } from '../test/support/transfer-rig.js';
import { type Bench, type BenchRow, median, percentile, round } from './bench.js';
import { type ComparedTalk, givenLiveKitSip, startLiveKitSip } from './livekit-sip.js';
import { idlePercent, processTime } from './process-time.js';

const sizes = [1, 5, 10] as const;
const measureMs = 8_000;
const clicks = 60;
const clickEveryMs = 250;
/** A click that is heard later than this belongs to another one. */
const longest = clickEveryMs - 20;

type Talk = { readonly caller: Caller; readonly agent: TestAgent; readonly room: string };

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const childrenOf = (rig: LiveKitRig): readonly number[] =>
  rig.gateway.log().flatMap(({ msg, pid }) => (msg === 'a LiveKit child is ready' ? [Number(pid)] : []));

/** Percent of one processor, over `measureMs`. */
const load = async (pids: readonly number[]): Promise<number> => {
  const sum = (): number => pids.reduce((total, pid) => total + processTime(pid), 0);
  const [before, start] = [sum(), performance.now()];
  await pause(measureMs);
  return ((sum() - before) / (performance.now() - start)) * 100;
};

const ulaw = (samples: Int16Array): Buffer => {
  const bytes = Buffer.alloc(samples.length);
  encodePcmu(samples, 0, samples.length, bytes, 0);
  return bytes;
};
const silence = ulaw(new Int16Array(160));
const loud = ulaw(
  Int16Array.from({ length: 160 }, (_, i) => (i < 80 ? 24_000 * Math.sin((2 * Math.PI * 1_000 * i) / 8_000) : 0)),
);

/** Clicks of a telephone; resolves with when each was sent. */
const clickByPhone = async (phone: RtpPeer): Promise<readonly number[]> => {
  const times: number[] = [];
  const start = performance.now();
  const steps = (clicks * clickEveryMs) / 20 + 25;
  for (let step = 0; step < steps; step += 1) {
    const sends = step > 0 && step % Math.round(clickEveryMs / 20) === 0 && times.length < clicks;
    if (sends) times.push(performance.timeOrigin + performance.now());
    phone.send(sends ? loud : silence);
    const wait = start + (step + 1) * 20 - performance.now();
    if (wait > 0) await pause(wait);
  }
  return times;
};

/** When a telephone heard clicks. A packet is heard from when it came. */
const clicksAt = (phone: RtpPeer, from: number): readonly number[] => {
  const times: number[] = [];
  let quietFor = 10;
  for (const { at, payload } of phone.packets.slice(from)) {
    // Loud in PCMU: the magnitude's complement has its high bits clear.
    const isLoud = payload.length === 160 && payload.some((byte) => (~byte & 0x7f) > 0x68);
    if (isLoud && quietFor >= 5) times.push(performance.timeOrigin + at);
    quietFor = isLoud ? 0 : quietFor + 1;
  }
  return times;
};

const delays = (sent: readonly number[], heard: readonly number[]): readonly number[] =>
  sent.flatMap((time) => {
    const first = heard.find((at) => at >= time);
    return first !== undefined && first - time <= longest ? [first - time] : [];
  });

const heardBy = async (agent: TestAgent): Promise<readonly number[]> =>
  (await agent.order({ type: 'clicks' })) as readonly number[];

/** What LiveKit alone takes between two participants in one room. */
const direct = async (rig: LiveKitRig): Promise<readonly number[]> => {
  const [from, to] = [await rig.agentIn('direct', undefined, 'from'), await rig.agentIn('direct', undefined, 'to')];
  const sent = (await from.order({ type: 'click', count: clicks, everyMs: clickEveryMs })) as readonly number[];
  const result = delays(sent, await heardBy(to));
  await Promise.all([from.kill(), to.kill()]);
  return result;
};

const delayRow = (
  what: string,
  values: readonly number[],
  base: readonly number[],
  theirs: readonly number[] | undefined,
): BenchRow => {
  const added = median(values) - median(base);
  const bridge = theirs === undefined ? '' : `; livekit/sip: ${round(median(theirs), 0)} ms`;
  return {
    what,
    ours: `median ${round(median(values), 0)} ms, p95 ${round(percentile(values, 95), 0)} ms (${values.length} clicks)`,
    compared: `LiveKit alone: ${round(median(base), 0)} ms, p95 ${round(percentile(base, 95), 0)} ms; added ${round(added, 0)} ms${bridge}`,
    ratio: median(values) / median(base),
    goal: 'adds ≤ 60 ms',
    met: added <= 60,
  };
};

/** The delays of clicks between a telephone and an agent who say nothing else, ms. */
const bothWays = async (
  phone: RtpPeer,
  agent: TestAgent,
): Promise<{ readonly toAgent: readonly number[]; readonly toCaller: readonly number[] }> => {
  const sent = await clickByPhone(phone);
  const toAgent = delays(sent, await heardBy(agent));
  const from = phone.packets.length;
  const said = (await agent.order({ type: 'click', count: clicks, everyMs: clickEveryMs })) as readonly number[];
  return { toAgent, toCaller: delays(said, clicksAt(phone, from)) };
};

type Compared = {
  readonly toAgent: readonly number[];
  readonly toCaller: readonly number[];
  /** Percent of one processor for each of so many calls. */
  readonly load: ReadonlyMap<number, number>;
};

/** The same calls through livekit/sip. */
const compare = async (program: string, log: (line: string) => void): Promise<Compared> => {
  const sip = await startLiveKitSip(program);
  const talks: ComparedTalk[] = [];
  try {
    const first = await sip.talk({ hz: null });
    const way = await bothWays(first.phone, first.agent);
    await first.end();
    await pause(1_000);
    const loads = new Map<number, number>();
    for (const size of sizes) {
      while (talks.length < size) {
        const talk = await sip.talk({ hz: 440, sampleRate: 8_000 });
        talk.phone.tone(1_000);
        talks.push(talk);
      }
      await pause(1_500);
      loads.set(size, (await load([sip.pid])) / size);
      const unheard = talks.filter(({ phone }) => !hears(phone, 440)).length;
      if (unheard > 0) throw new Error(`${unheard} of ${size} callers of livekit/sip do not hear their agent`);
      log(`${size} calls of livekit/sip: ${round(loads.get(size) ?? Number.NaN, 1)} % a call`);
    }
    return { ...way, load: loads };
  } finally {
    await Promise.all(talks.map((talk) => talk.end()));
    await sip.close();
  }
};

export const livekitBench: Bench = {
  name: 'livekit',
  id: 'P7',
  title: "the AI's leg in a LiveKit room",
  async run(log) {
    if (!hasLiveKitServer()) throw new Error('livekit-server is not installed: scripts/setup.sh bench');
    const program = givenLiveKitSip();
    const theirs = program === null ? null : await compare(program, log);
    const rig = await startLiveKitRig();
    const rows: BenchRow[] = [];
    const talks: Talk[] = [];
    try {
      await rig.setUpLeg();
      const base = await direct(rig);
      const first = await rig.talk({ hz: null });
      const ours = await bothWays(first.caller.phone, first.agent);
      rows.push(
        delayRow('one way, caller to agent', ours.toAgent, base, theirs?.toAgent),
        delayRow('one way, agent to caller', ours.toCaller, base, theirs?.toCaller),
      );
      for (const row of rows) log(`${row.what}: ${row.ours}; ${row.compared}`);
      await first.caller.dialog.bye();
      await first.agent.kill();

      await pause(1_000);
      const idle = await load([rig.gateway.pid, ...childrenOf(rig)]);
      for (const size of sizes) {
        while (talks.length < size) {
          const talk = await rig.talk({ hz: 440, sampleRate: 8_000 });
          talk.caller.phone.tone(1_000);
          talks.push(talk);
        }
        await pause(1_500);
        const [idleShare, gateway, children, server] = await Promise.all([
          idlePercent(measureMs),
          load([rig.gateway.pid]),
          load(childrenOf(rig)),
          load([rig.livekit.pid]),
        ]);
        const unheard = talks.filter(({ caller }) => !hears(caller.phone, 440)).length;
        if (unheard > 0) throw new Error(`${unheard} of ${size} callers do not hear their agent`);
        const per = (value: number): string => `${round(value / size, 1)} %`;
        const [mine, their] = [(gateway + children) / size, theirs?.load.get(size)];
        rows.push({
          what: `processor a call at ${size}, both speak`,
          ours: `gateway ${per(gateway)}, LiveKit child ${per(children)} of one processor`,
          compared: `${their === undefined ? '' : `livekit/sip ${round(their, 1)} %; `}livekit-server itself ${per(server)}; machine ${round(idleShare, 0)} % idle`,
          ratio: their === undefined ? null : mine / their,
          goal: their === undefined ? '' : '≤ livekit/sip',
          met: their === undefined ? null : mine <= their,
        });
        log(
          `${size} calls: gateway ${per(gateway)}, child ${per(children)}, livekit-server ${per(server)} a call; ${round(idleShare, 0)} % idle`,
        );
      }
      return {
        id: 'P7',
        title: livekitBench.title,
        rows,
        notes: [
          `Real livekit-server; ${clicks} clicks each way on one call, LiveKit alone between two participants of the same library in one room.`,
          `Processor time over ${measureMs / 1_000} s with tones both ways; idle, gateway and children together use ${round(idle, 1)} %.`,
          theirs === null
            ? 'livekit/sip was not given (LIVEKIT_SIP, the path of its program), so its cost a call is not compared.'
            : 'livekit/sip with a livekit-server and a Redis of its own, before ours; without its jitter buffer, which is off unless switched on, as its other settings are.',
        ],
      };
    } finally {
      await rig.close();
    }
  },
};
