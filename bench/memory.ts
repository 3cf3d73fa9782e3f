import { entryUrl } from '../src/core/entry-path.js';
import type { TestGateway } from '../test/support/gateway.js';
import { type Bench, round } from './bench.js';
import { memoryOfProcess } from './process-time.js';
import { benchGateway } from './signalling.js';
import { sippCalls } from './sipp-load.js';

const called = '+14155550100';
const live = 300;
const many = 12_000;
/** Ladders of ended calls are kept for a while, within a bound: so many calls reach it, and from there on nothing may grow. */
const filling = 10_500;
const rate = 150;

type Memory = { readonly heap: number; readonly resident: number };

/** Heap of the main thread and resident memory of the process. */
const memory = async (gateway: TestGateway): Promise<Memory> => {
  const page = String((await gateway.api('/metrics')).body);
  const heap = Number(/^(?:\w+_)?nodejs_heap_size_used_bytes (\S+)$/m.exec(page)?.[1] ?? Number.NaN);
  return { heap, resident: memoryOfProcess(gateway.pid) };
};

/** Answered transactions are kept for 32 s (RFC 3261 section 17.2.2), what tells repetitions for twice that, ms. */
const forgotten = 70_000;

/** After collections in all threads, which give pages back little by little: the lowest of several looks is what is kept. */
const settled = async (gateway: TestGateway): Promise<Memory> => {
  let lowest: Memory = { heap: Number.POSITIVE_INFINITY, resident: Number.POSITIVE_INFINITY };
  for (let look = 0; look < 12; look += 1) {
    gateway.signal('SIGUSR2');
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const now = await memory(gateway);
    lowest = { heap: Math.min(lowest.heap, now.heap), resident: Math.min(lowest.resident, now.resident) };
  }
  return lowest;
};

const waitLive = async (gateway: TestGateway, wanted: number): Promise<void> => {
  for (let look = 0; look < 400; look += 1) {
    const page = String((await gateway.api('/metrics')).body);
    if (Number(/^voice_gateway_sessions_live (\d+)$/m.exec(page)?.[1] ?? -1) === wanted) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`the gateway did not come to ${wanted} live calls`);
};

export const memoryBench: Bench = {
  name: 'memory',
  id: 'P8',
  title: 'memory',
  async run(log) {
    const gateway = await benchGateway({
      NODE_OPTIONS: `--import=${entryUrl(import.meta.url, './collect-garbage-child.js').href}`,
    });
    try {
      // Warm: code compiled, pools and bounded memories filled.
      await sippCalls({ sipPort: gateway.sipPort, rate, seconds: filling / rate, holdMs: 0, called });
      await waitLive(gateway, 0);
      const idle = await settled(gateway);
      log(`idle: ${round(idle.resident / 1e6, 1)} MB resident, ${round(idle.heap / 1e6, 1)} MB heap`);

      const calls = sippCalls({ sipPort: gateway.sipPort, rate: 60, seconds: live / 60, holdMs: 25_000, called });
      await waitLive(gateway, live);
      const busy = await settled(gateway);
      const result = await calls;
      await waitLive(gateway, 0);
      const perCall = (busy.resident - idle.resident) / live;
      const heapPerCall = (busy.heap - idle.heap) / live;
      log(
        `${live} live calls: ${round(perCall / 1e3, 0)} kB resident a call, ${round(heapPerCall / 1e3, 0)} kB heap of the main thread`,
      );

      // Two rounds of the same, as the process gives pages back for minutes after a load.
      const soak = async (): Promise<Memory & { readonly failed: number }> => {
        const { failed } = await sippCalls({ sipPort: gateway.sipPort, rate, seconds: many / rate, holdMs: 0, called });
        await waitLive(gateway, 0);
        await new Promise((resolve) => setTimeout(resolve, forgotten));
        return { ...(await settled(gateway)), failed };
      };
      const before = await soak();
      const after = await soak();
      const growth = after.resident / before.resident - 1;
      log(`${many} calls later: ${round(growth * 100, 1)} % more resident`);
      return {
        id: 'P8',
        title: memoryBench.title,
        rows: [
          {
            what: 'main-thread heap a live session',
            ours: `${round(heapPerCall / 1e3, 0)} kB`,
            compared: '',
            ratio: null,
            goal: '≤ 50 kB',
            met: heapPerCall <= 50_000,
          },
          {
            what: 'resident memory a call with media',
            ours: `${round(perCall / 1e3, 0)} kB`,
            compared: '',
            ratio: null,
            goal: '≤ 400 kB',
            met: perCall <= 400_000,
          },
          {
            what: `resident after ${many} more calls`,
            ours: `${round(after.resident / 1e6, 1)} MB`,
            compared: `before: ${round(before.resident / 1e6, 1)} MB`,
            ratio: after.resident / before.resident,
            goal: 'within 5 %',
            met: growth <= 0.05,
          },
          {
            what: `main-thread heap after ${many} more calls`,
            ours: `${round(after.heap / 1e6, 1)} MB`,
            compared: `before: ${round(before.heap / 1e6, 1)} MB`,
            ratio: after.heap / before.heap,
            goal: '',
            met: null,
          },
        ],
        notes: [
          `${live} calls held at once (${result.failed} failed), then twice ${many} calls at ${rate} calls/s (${before.failed + after.failed} failed); sipp, silent agent.`,
        ],
      };
    } finally {
      await gateway.stop();
    }
  },
};
