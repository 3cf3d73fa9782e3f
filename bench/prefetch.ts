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
const rounds = 5;
const perRound = 2_000;
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

type Measured = { readonly perSecond: number; readonly p99: number };

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

      const measure = async (url: string, live: number): Promise<Measured> => {
        let spent = 0;
        const times: number[] = [];
        for (let done = 0; done < perRound; ) {
          const size = Math.min(live, 500, perRound - done);
          const first = live > size ? Math.floor(Math.random() * (live - size)) : 0;
          const tickets = Array.from({ length: size }, (_, n) => ticket + n + 1);
          ticket += size;
          let next = 0;
          const begun = performance.now();
          const worker = async (): Promise<void> => {
            for (let n = next++; n < size; n = next++) {
              const body = { ticket_id: tickets[n], caller_phone: callerOf(first + n), subject: 'Phone call' };
              times.push(await post(url, JSON.stringify(body)));
            }
          };
          await Promise.all(Array.from({ length: concurrency }, worker));
          spent += performance.now() - begun;
          await unstamp(first, first + size, tickets);
          done += size;
        }
        return { perSecond: (perRound / spent) * 1_000, p99: percentile(times, 99) };
      };

      const rows: BenchRow[] = [];
      const ours = new Map<number, number>();
      for (const live of sizes) {
        const holder = live > 1_000 ? owner : child;
        holder.send({ kind: 'create', from: ids.length, to: live });
        const [created] = (await once(holder, 'message')) as [PrefetchSubjectMessage];
        if (created.kind === 'created') ids.push(...created.ids);
        await measure(ready.webhookUrl, live);
        await measure(ready.bareUrl, live);
        const [mine, bare]: [Measured[], Measured[]] = [[], []];
        for (let n = 0; n < rounds; n += 1) {
          mine.push(await measure(ready.webhookUrl, live));
          bare.push(await measure(ready.bareUrl, live));
        }
        const rate = median(mine.map(({ perSecond }) => perSecond));
        const bareRate = median(bare.map(({ perSecond }) => perSecond));
        ours.set(live, rate);
        log(`${live} live sessions: ${round(rate, 0)}/s, bare ${round(bareRate, 0)}/s`);
        const p99 = (side: readonly Measured[]): string => round(median(side.map((each) => each.p99)), 1);
        rows.push({
          what: `webhooks stamped with ${live.toLocaleString('en')} live sessions`,
          ours: `${round(rate, 0)}/s, p99 ${p99(mine)} ms`,
          compared: `${round(bareRate, 0)}/s, p99 ${p99(bare)} ms`,
          ratio: rate / bareRate,
          goal: '≥ 0.6',
          met: rate / bareRate >= 0.6,
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
          `${concurrency} connections; each request stamps a session that has no ticket, with timeline entry, index and queued enrichment; ${rounds} rounds of ${perRound}, medians.`,
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
