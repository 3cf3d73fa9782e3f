import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { entryUrl } from '../src/core/entry-path.js';
import { sharedEnvironment } from '../test/support/instances.js';
import { startTestRedis } from '../test/support/redis.js';
import { startRingingLine } from '../test/support/ringing-line.js';
import { plainDestination, startTransferRig, type TransferRig } from '../test/support/transfer-rig.js';
import { type Bench, type BenchRow, median, percentile, round } from './bench.js';
import type { BrowsersCommand, BrowsersMessage } from './browsers-messages.js';
import { sippCalls } from './sipp-load.js';

const sessions = 100_000;
const browsers = 100;
const listRequests = 300;
const atOnce = 4;
const rounds = 5;
/** Transfers of one round, each refused so that the next can follow. */
const transfers = 40;
/** Calls a second whose events the browsers follow. */
const callRate = 5;

const agent = new Agent({ keepAlive: true, maxSockets: atOnce });

const get = (url: string, token: string): Promise<{ readonly ms: number; readonly body: string }> =>
  new Promise((resolve, reject) => {
    const begun = performance.now();
    const sent = request(url, { agent, headers: { authorization: `Bearer ${token}` } }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () => {
        if (response.statusCode === 200) resolve({ ms: performance.now() - begun, body });
        else reject(new Error(`${url} answered ${response.statusCode}: ${body.slice(0, 300)}`));
      });
    });
    sent.on('error', reject);
    sent.end();
  });

const tell = async (child: ChildProcess, command: BrowsersCommand): Promise<BrowsersMessage> => {
  child.send(command);
  const [answer] = (await once(child, 'message')) as [BrowsersMessage];
  return answer;
};

export const apiBench: Bench = {
  name: 'api',
  id: 'P9',
  title: 'API: the list of 100,000 sessions, events to 100 browsers',
  async run(log) {
    const redis = await startTestRedis();
    const env = { ...sharedEnvironment(`unix://${redis.socketPath}`), LOG_LEVEL: 'warn', RTP_PORTS: '20000-29999' };
    const run = (file: string, ...args: readonly string[]): ChildProcess =>
      fork(fileURLToPath(entryUrl(import.meta.url, file)), args);
    const children: ChildProcess[] = [];
    let rig: TransferRig | null = null;
    const line = await startRingingLine({ rings: false });
    try {
      rig = await startTransferRig({ env });
      const { gateway } = rig;
      const value = `sip:support@127.0.0.1:${line.port};transport=udp`;
      await rig.setUp([{ play: 'agent.wav' }], [{ ...plainDestination, id: 'line', name: 'Line', type: 'sip', value }]);
      const filler = run('./sessions-child.js', redis.socketPath, 'acme', String(sessions));
      children.push(filler);
      await once(filler, 'message');
      log(`${sessions} sessions are in the store`);
      const token = readFileSync(join(gateway.dataDir, 'admin-token'), 'utf8').trim();
      const base = `${gateway.httpUrl}/v1/sessions?organization=acme&limit=50`;

      const rows: BenchRow[] = [];
      const list = async (what: string, urlOf: (n: number) => string): Promise<void> => {
        const times: number[] = [];
        let next = -atOnce * 10;
        const worker = async (): Promise<void> => {
          for (let n = next++; n < listRequests; n = next++) {
            const { ms } = await get(urlOf(Math.abs(n)), token);
            if (n >= 0) times.push(ms);
          }
        };
        await Promise.all(Array.from({ length: atOnce }, worker));
        const p95 = percentile(times, 95);
        log(`${what}: median ${round(median(times), 1)} ms, p95 ${round(p95, 1)} ms`);
        rows.push({
          what: `list of ${sessions.toLocaleString('en')}: ${what}`,
          ours: `median ${round(median(times), 1)} ms, p95 ${round(p95, 1)} ms`,
          compared: `${listRequests} requests, ${atOnce} at once`,
          ratio: null,
          goal: 'p95 ≤ 50 ms',
          met: p95 <= 50,
        });
      };
      let deep = '';
      for (let page = 0; page < 40; page += 1) {
        const at = deep === '' ? '' : `&cursor=${encodeURIComponent(deep)}`;
        const { body } = await get(`${gateway.httpUrl}/v1/sessions?organization=acme&limit=500${at}`, token);
        deep = (JSON.parse(body) as { next: string }).next;
      }
      await list('the first page of 50', () => base);
      await list('the page behind 20,000 others', () => `${base}&cursor=${encodeURIComponent(deep)}`);
      await list('the live ones', () => `${base}&live=true`);
      await list('of one caller', (n) => `${base}&caller=%2B1${2_125_000_000 + n}`);
      await list('by how they ended', () => `${base}&endReason=error`);

      const caller = await rig.call();
      const wire = new Agent({ keepAlive: true, maxSockets: 1 });
      const trigger = (): { readonly at: number; readonly answer: Promise<unknown> } => {
        const text = JSON.stringify({ destination: 'line' });
        const headers = {
          ...{ authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          'content-length': Buffer.byteLength(text),
        };
        const at = performance.now();
        const answer = new Promise((resolve, reject) => {
          const url = `${gateway.httpUrl}/v1/sessions/${caller.sessionId}/transfer?wait=1`;
          const sent = request(url, { method: 'POST', agent: wire, headers }, (response) => {
            response.resume().on('end', () => resolve(null));
          });
          sent.on('error', reject);
          sent.end(text);
        });
        return { at, answer };
      };
      const transferTimes = async (): Promise<number[]> => {
        const times: number[] = [];
        for (let n = 0; n < transfers; n += 1) {
          line.forget();
          const { at, answer } = trigger();
          await line.until('INVITE');
          times.push(line.invitedAt() - at);
          await line.refuse('486 Busy Here');
          await answer;
        }
        return times;
      };
      const watchers = run('./browsers-child.js', gateway.httpUrl, 'acme', env.DASHBOARD_JWT_SECRET);
      children.push(watchers);
      const alone: number[] = [];
      const followed: number[] = [];
      const delays: number[] = [];
      const counts: number[] = [];
      let unequal = 0;
      const load = () =>
        sippCalls({ sipPort: gateway.sipPort, rate: callRate, seconds: 4, holdMs: 500, called: '+14155550100' });
      for (let n = -1; n < rounds; n += 1) {
        const calls = load();
        const without = await transferTimes();
        await calls;
        await tell(watchers, { kind: 'follow', browsers });
        const more = load();
        const withThem = await transferTimes();
        await more;
        await caller.session();
        const left = await tell(watchers, { kind: 'leave' });
        if (n < 0 || left.kind !== 'left') continue;
        alone.push(...without);
        followed.push(...withThem);
        delays.push(...left.delays);
        counts.push(median(left.counts));
        if (Math.min(...left.counts) < Math.max(...left.counts)) unequal += 1;
        log(`round ${n + 1}: ${round(median(without), 2)} ms, followed ${round(median(withThem), 2)} ms`);
      }
      wire.destroy();
      await caller.dialog.bye();
      rows.push({
        what: `an event at each of ${browsers} browsers`,
        ours: `median ${round(median(delays), 0)} ms, p95 ${round(percentile(delays, 95), 0)} ms`,
        compared: `${round(median(counts), 0)} events a round to each; rounds in which one browser had fewer: ${unequal}`,
        ratio: null,
        goal: 'p95 ≤ 50 ms',
        met: percentile(delays, 95) <= 50,
      });
      const ratio = median(followed) / median(alone);
      rows.push({
        what: `P3, request of a transfer → INVITE, with ${browsers} browsers that follow`,
        ours: `median ${round(median(followed), 1)} ms, p99 ${round(percentile(followed, 99), 1)} ms`,
        compared: `without them: median ${round(median(alone), 1)} ms, p99 ${round(percentile(alone, 99), 1)} ms`,
        ratio,
        goal: '≤ 1.1 of the median',
        met: ratio <= 1.1,
      });
      return {
        id: 'P9',
        title: apiBench.title,
        rows,
        notes: [
          `${sessions.toLocaleString('en')} sessions of one organization over four weeks, one in a hundred live, 20,000 callers; made by the session store, in a redis-server of its own.`,
          `Beside the transfers ${callRate} calls a second come and go, in both halves of a round; ${rounds} rounds of ${transfers} transfers, alternating. Browsers (server-sent events of the whole organization, each with its own JWT), callers, line and gateway share two processors.`,
          'The delay of an event is measured by the clock of the machine in whole ms, from the timeline entry to its arrival.',
        ],
      };
    } finally {
      for (const child of children) child.disconnect();
      agent.destroy();
      line.close();
      await rig?.close();
      await redis.stop();
    }
  },
};
