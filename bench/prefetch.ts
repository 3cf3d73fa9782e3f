import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { fileURLToPath } from 'node:url';
import { entryUrl } from '../src/core/entry-path.js';
import { silentLogger } from '../src/core/logger.js';
import { connectRedis, type RedisCommand } from '../src/platform/redis/index.js';
import { startTestRedis } from '../test/support/redis.js';
import { type Bench, type BenchRow, median, percentile, round } from './bench.js';
import { benchOrganization, callerOf, type PrefetchSubjectMessage } from './prefetch-messages.js';

const concurrency = 16;
const rounds = 9;
const perRound = 3_000;
/** Rounds of each side before anything counts: generator, gateway and Redis get faster for some seconds. */
const warmUp = 4;
const sizes = [10, 1_000, 100_000] as const;

const agent = new Agent({ keepAlive: true, maxSockets: concurrency });

/** One POST; resolves with ms, rejects unless the answer says success. */
const post = (url: string, body: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const begun = performance.now();
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const sent = httpRequest(url, { method: 'POST', agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => {
        if (response.statusCode === 200 && text.includes('"success":true')) resolve(performance.now() - begun);
        else reject(new Error(`the subject answered ${response.statusCode}: ${text}`));
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });

type Measured = {
  readonly perSecond: number;
  readonly p99: number;
  /** Processor time of the gateway's process a request, ms. */
  readonly cpu: number;
};

export const prefetchBench: Bench = {
  name: 'prefetch',
  id: 'P4',
  title: 'prefetch: webhook → ticket stamped on the live session of its caller',
  async run(log) {
    const server = await startTestRedis();
    const redis = connectRedis({ socketPath: server.socketPath, log: silentLogger, commandTimeout: 30_000 });
    await redis.ready(10_000);
    const key = randomBytes(32).toString('base64');
    const start = () =>
      fork(fileURLToPath(entryUrl(import.meta.url, './prefetch-subject-child.js')), [server.socketPath, key]);
    const child = start();
    let owner: ChildProcess | null = null;
    try {
      const [ready] = (await once(child, 'message')) as [PrefetchSubjectMessage];
      // One gateway never owns 100,000 calls: the many belong to another instance on the same store.
      owner = start();
      await once(owner, 'message');
      if (ready.kind !== 'ready') throw new Error('the subject did not start');
      const ids: string[] = [];
      let ticket = 0;

      /** As before the batch, so that each request stamps a session without a ticket. */
      const unstamp = async (from: number, to: number, tickets: readonly number[]): Promise<void> => {
        const prefix = `vg:{${benchOrganization}}:`;
        const commands: RedisCommand[] = [];
        for (let n = from; n < to; n += 1) {
          commands.push(['HDEL', `${prefix}session:${ids[n]}`, 'zendeskTicketId', 'ticketMatch', 'enrichment']);
          commands.push(['HDEL', `vg:{bare}:session:${callerOf(n)}`, 'zendeskTicketId']);
        }
        commands.push(['DEL', `${prefix}zendesk-work`]);
        for (const each of tickets) commands.push(['DEL', `${prefix}by-ticket:${each}`]);
        await redis.pipeline(commands);
      };

      const cpu = async (): Promise<number> => {
        child.send({ kind: 'cpu' });
        const [told] = (await once(child, 'message')) as [PrefetchSubjectMessage];
        return told.kind === 'cpu' ? told.spent : Number.NaN;
      };

      const measure = async (url: string, live: number): Promise<Measured> => {
        let spent = 0;
        let spentCpu = 0;
        const times: number[] = [];
        for (let done = 0; done < perRound; ) {
          const size = Math.min(live, 500, perRound - done);
          const first = live > size ? Math.floor(Math.random() * (live - size)) : 0;
          const tickets = Array.from({ length: size }, (_, n) => ticket + n + 1);
          ticket += size;
          let next = 0;
          const cpuBefore = await cpu();
          const begun = performance.now();
          const worker = async (): Promise<void> => {
            for (let n = next++; n < size; n = next++) {
              const body = { ticket_id: tickets[n], caller_phone: callerOf(first + n), subject: 'Phone call' };
              times.push(await post(url, JSON.stringify(body)));
            }
          };
          await Promise.all(Array.from({ length: concurrency }, worker));
          spent += performance.now() - begun;
          spentCpu += (await cpu()) - cpuBefore;
          await unstamp(first, first + size, tickets);
          done += size;
        }
        return { perSecond: (perRound / spent) * 1_000, p99: percentile(times, 99), cpu: spentCpu / perRound };
      };

      const rows: BenchRow[] = [];
      const ours = new Map<number, number>();
      for (const live of sizes) {
        const holder = live > 1_000 ? owner : child;
        holder.send({ kind: 'create', from: ids.length, to: live });
        const [created] = (await once(holder, 'message')) as [PrefetchSubjectMessage];
        if (created.kind === 'created') ids.push(...created.ids);
        const both = { mine: [] as Measured[], bare: [] as Measured[] };
        for (let n = -warmUp; n < rounds; n += 1) {
          // Who goes first takes turns, so that what changes with time falls on both.
          const order = n % 2 === 0 ? (['mine', 'bare'] as const) : (['bare', 'mine'] as const);
          for (const side of order) {
            const measured = await measure(side === 'mine' ? ready.webhookUrl : ready.bareUrl, live);
            if (n >= 0) both[side].push(measured);
          }
        }
        const { mine, bare } = both;
        const of = (name: keyof Measured, side: readonly Measured[]): number => median(side.map((each) => each[name]));
        const ratios = mine.map(({ perSecond }, n) => perSecond / (bare[n]?.perSecond ?? Number.NaN));
        const [rate, bareRate, ratio] = [of('perSecond', mine), of('perSecond', bare), median(ratios)];
        const spread = `${round(percentile(ratios, 25))} to ${round(percentile(ratios, 75))}`;
        ours.set(live, rate);
        log(
          `${live} live sessions: ${round(rate, 0)}/s, bare ${round(bareRate, 0)}/s, ratio ${round(ratio)} (${spread})`,
        );
        const told = (side: readonly Measured[]): string =>
          `${round(of('perSecond', side), 0)}/s, p99 ${round(of('p99', side), 1)} ms, ${round(of('cpu', side))} ms processor time`;
        rows.push({
          what: `webhooks stamped with ${live.toLocaleString('en')} live sessions`,
          ours: told(mine),
          compared: `${told(bare)}; half of the rounds: ${spread}`,
          ratio,
          goal: '≥ 0.6',
          met: ratio >= 0.6,
        });
      }
      const flat = (ours.get(100_000) ?? 0) / (ours.get(10) ?? Number.NaN);
      rows.push({
        what: 'rate with 100,000 live sessions against that with 10',
        ours: round(flat),
        compared: '1 would be flat',
        ratio: flat,
        goal: '≥ 0.9',
        met: flat >= 0.9,
      });
      return {
        id: 'P4',
        title: prefetchBench.title,
        rows,
        notes: [
          'Compared with an express route in the same process that parses the same JSON and runs one Redis script with one HSET.',
          `${concurrency} connections; each request stamps a session that has no ticket, with timeline entry, index and queued enrichment; ${rounds} rounds of ${perRound} after ${warmUp} to warm up, who goes first takes turns; medians, the ratio of rates that of the rounds side by side.`,
          'Sessions beyond the first 1,000 belong to a second instance on the same store.',
          'Load, gateway and Redis share the machine; the enrichment that follows the answer is not worked off meanwhile.',
        ],
      };
    } finally {
      child.disconnect();
      owner?.disconnect();
      agent.destroy();
      await redis.close();
      await server.stop();
    }
  },
};
