import { readFileSync } from 'node:fs';
import { Agent, request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { silentLogger } from '../src/core/logger.js';
import { connectRedis } from '../src/platform/redis/index.js';
import { firstHeard, hears } from '../test/support/listening.js';
import { startRawPeer } from '../test/support/raw-peer.js';
import { startRingingLine } from '../test/support/ringing-line.js';
import { type RtpPeer, rtpPeer } from '../test/support/rtp-peer.js';
import {
  agentTone,
  type Caller,
  plainDestination,
  startTransferRig,
  type TransferRig,
} from '../test/support/transfer-rig.js';
import { type Bench, type BenchRow, median, percentile, round } from './bench.js';

const triggers = 500;
/** Transfers of one call after another: each is refused, and the caller is back with the agent. */
const perCall = 10;
const connections = 30;
const failures = 5;
const callerTone = 600;
const lineTone = 900;

/** Every final response of transfer.md T4's table, and what else ends a transfer without a call. */
const refusals = [
  '486 Busy Here',
  '600 Busy Everywhere',
  '480 Temporarily Unavailable',
  '408 Request Timeout',
  '603 Decline',
  '607 Unwanted',
  '500 Server Internal Error',
  '503 Service Unavailable',
  '403 Forbidden',
  '404 Not Found',
  '302 Moved Temporarily',
  '401 Unauthorized',
  '488 Not Acceptable Here',
  '513 Message Too Large',
] as const;

const agent = new Agent({ keepAlive: true, maxSockets: 4 });

/** One request with the admin token; resolves with the time it was sent at and its answer. */
const send = (
  rig: TransferRig,
  method: 'POST' | 'DELETE',
  path: string,
  body?: unknown,
): { readonly at: number; readonly answer: Promise<unknown> } => {
  const token = readFileSync(join(rig.gateway.dataDir, 'admin-token'), 'utf8').trim();
  const text = body === undefined ? '' : JSON.stringify(body);
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  };
  const at = performance.now();
  const answer = new Promise<unknown>((resolve, reject) => {
    const sent = httpRequest(rig.gateway.httpUrl + path, { method, agent, headers }, (response) => {
      let received = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        received += chunk;
      });
      response.on('end', () => resolve(JSON.parse(received)));
    });
    sent.on('error', reject);
    sent.end(text);
  });
  return { at, answer };
};
const transferPath = (caller: Caller, wait = false): string =>
  `/v1/sessions/${caller.sessionId}/transfer${wait ? '?wait=1' : ''}`;

const to = (port: number, more: Readonly<Record<string, unknown>> = {}) => ({
  ...plainDestination,
  ...{ id: 'line', name: 'Line', type: 'sip', profile: 'zendesk-sip-in' },
  value: `sip:support@127.0.0.1:${port};transport=udp`,
  ...more,
});

const calling = async (rig: TransferRig): Promise<Caller> => {
  const caller = await rig.call();
  await caller.phone.until('the agent', () => hears(caller.phone, agentTone));
  return caller;
};
const withAgent = async (rig: TransferRig, ...destinations: readonly unknown[]): Promise<Caller> => {
  await rig.setUp([{ play: 'agent.wav' }], destinations);
  return calling(rig);
};
const end = async (caller: Caller): Promise<void> => {
  await caller.dialog.bye();
  await caller.until('its end', ({ status }) => status === 'ended');
};

/** ms from the request of a transfer to its INVITE at the line, and beside it those of one read of the session. */
const triggerTimes = async (rig: TransferRig): Promise<{ invite: number[]; store: number[] }> => {
  const [, socketPath = ''] = readFileSync(join(rig.gateway.dataDir, 'redis', 'server.pid'), 'utf8').split('\n');
  const redis = connectRedis({ socketPath, log: silentLogger });
  await redis.ready(5_000);
  const [invite, store]: [number[], number[]] = [[], []];
  const line = await startRingingLine({ rings: false });
  await rig.setUp([{ play: 'agent.wav' }], [to(line.port)]);
  try {
    // The first calls are for the compiler.
    for (let call = -5; call < triggers / perCall; call += 1) {
      const caller = await calling(rig);
      const key = `vg:{acme}:session:${caller.sessionId}`;
      for (let n = 0; n < perCall; n += 1) {
        line.forget();
        const before = performance.now();
        await redis.command('HGETALL', key);
        const read = performance.now() - before;
        const { at, answer } = send(rig, 'POST', transferPath(caller, true), { destination: 'line' });
        await line.until('INVITE');
        const took = line.invitedAt() - at;
        await line.refuse('486 Busy Here');
        await answer;
        if (call < 0) continue;
        invite.push(took);
        store.push(read);
      }
      await end(caller);
    }
  } finally {
    line.close();
    await redis.close();
  }
  return { invite, store };
};

/** A stream that is denser than sound and recognised packet by packet, so that a relay is seen to the millisecond. */
const dense = (peer: RtpPeer, octet: number): (() => void) => {
  const payload = Buffer.alloc(160, octet);
  const timer = setInterval(() => peer.send(payload), 2);
  return () => clearInterval(timer);
};
const firstOf = (peer: RtpPeer, octet: number, from: number): number | null =>
  peer.packets.slice(from).find(({ payload }) => payload.length === 160 && payload.every((each) => each === octet))
    ?.at ?? null;

type Connected = {
  readonly joined: number;
  readonly audio: number;
  readonly byLine: number;
  readonly byCaller: number;
};

/** One call that is connected, seen to be joined by dense streams or heard by tones, and hung up by one side or the other. */
const connect = async (
  rig: TransferRig,
  streams: 'dense' | 'tones',
  hangsUp: 'line' | 'caller',
): Promise<Connected> => {
  const line = await startRingingLine();
  const desk = await rtpPeer();
  const caller = await withAgent(rig, to(line.port));
  const { answer } = send(rig, 'POST', transferPath(caller, true), { destination: 'line' });
  const invite = await line.until('INVITE');
  desk.accept(invite.text.split('\r\n\r\n')[1] ?? '');
  const stop =
    streams === 'dense'
      ? [dense(caller.phone, 0x31), dense(desk, 0x2d)]
      : [caller.phone.tone(callerTone), desk.tone(lineTone)];
  await caller.phone.until('ringback', () => hears(caller.phone, 440));
  const from = caller.phone.packets.length;
  const at = await line.answer(desk.sdp());
  const heard = (): [number | null, number | null] =>
    streams === 'dense'
      ? [firstOf(desk, 0x31, 0), firstOf(caller.phone, 0x2d, from)]
      : [firstHeard(desk, callerTone), firstHeard(caller.phone, lineTone, from)];
  await caller.phone.until('both to hear the other', () => heard().every((one) => one !== null));
  const took = Math.max(...heard().map((one) => one ?? Number.NaN)) - at;
  for (const each of stop) each();
  await answer;
  const hungUp = performance.now();
  let over = Number.NaN;
  if (hangsUp === 'line') {
    await line.request('BYE');
    await caller.ended;
    over = performance.now() - hungUp;
  } else {
    void caller.dialog.bye();
    await line.until('BYE');
    over = performance.now() - hungUp;
  }
  await caller.until('its end', ({ status }) => status === 'ended');
  line.close();
  await desk.close();
  const none = Number.NaN;
  return {
    joined: streams === 'dense' ? took : none,
    audio: streams === 'tones' ? took : none,
    byLine: hangsUp === 'line' ? over : none,
    byCaller: hangsUp === 'caller' ? over : none,
  };
};

/** ms until the caller hears the agent again, by how the transfer failed; its last 20 ms packet counts as it arrives. */
const returns = async (rig: TransferRig): Promise<ReadonlyMap<string, number[]>> => {
  const times = new Map<string, number[]>();
  const note = async (what: string, caller: Caller, from: number, since: number): Promise<void> => {
    await caller.phone.until('the agent again', () => firstHeard(caller.phone, agentTone, from) !== null);
    const at = firstHeard(caller.phone, agentTone, from) ?? Number.NaN;
    times.set(what, [...(times.get(what) ?? []), at - since]);
    await end(caller);
  };
  const ringing = async (
    more: Readonly<Record<string, unknown>> = {},
  ): Promise<{ line: Awaited<ReturnType<typeof startRingingLine>>; caller: Caller; answer: Promise<unknown> }> => {
    const line = await startRingingLine();
    const caller = await withAgent(rig, to(line.port, more));
    const { answer } = send(rig, 'POST', transferPath(caller, true), { destination: 'line' });
    await caller.phone.until('ringback', () => hears(caller.phone, 440));
    return { line, caller, answer };
  };
  for (let n = 0; n < failures; n += 1) {
    for (const status of refusals) {
      const { line, caller, answer } = await ringing();
      const from = caller.phone.packets.length;
      const since = await line.refuse(status);
      await answer;
      await note(status, caller, from, since);
      line.close();
    }
    const timeout = await ringing({ ringTimeout: 1 });
    await timeout.line.until('CANCEL');
    const cancelAt = performance.now();
    await timeout.answer;
    await note('ring timeout: 487 after our CANCEL', timeout.caller, timeout.caller.phone.packets.length, cancelAt);
    timeout.line.close();

    const cancelled = await ringing();
    const from = cancelled.caller.phone.packets.length;
    const deleted = send(rig, 'DELETE', transferPath(cancelled.caller));
    await deleted.answer;
    await note('cancelled: from the request', cancelled.caller, from, deleted.at);
    cancelled.line.close();

    const early = await ringing({ returnWithin: 30 });
    const desk = await rtpPeer({ learn: true });
    await early.line.answer(desk.sdp());
    await early.caller.until('the line', ({ status }) => status === 'transferred');
    const [seen, byeAt] = [early.caller.phone.packets.length, performance.now()];
    await early.line.request('BYE');
    await note('BYE within returnWithin', early.caller, seen, byeAt);
    await early.answer;
    early.line.close();
    await desk.close();

    const silent = await startRawPeer();
    const caller = await withAgent(rig, to(silent.port, { ringTimeout: 1, holdAudio: 'hold.wav' }));
    const wait = send(rig, 'POST', transferPath(caller, true), { destination: 'line' });
    await caller.phone.until('hold audio', () => hears(caller.phone, 1_700));
    const heldFrom = caller.phone.packets.length;
    await wait.answer;
    const failed = (await caller.session()).timeline.find(({ type }) => type === 'transfer.failed');
    const failedAt = Date.parse(failed?.at ?? '') - performance.timeOrigin;
    await note('silence, with hold audio: from the end of the wait', caller, heldFrom, failedAt);
    silent.close();
  }
  return times;
};

const worst = (values: readonly number[]): number => Math.max(...values);

export const transferBench: Bench = {
  name: 'transfer',
  id: 'P3',
  title: 'transfer: trigger → INVITE, 200 → joined, failure → back with the agent',
  async run(log) {
    const rig = await startTransferRig({ env: { LOG_LEVEL: 'warn', RTP_PORTS: '20000-29999' } });
    try {
      const { invite, store } = await triggerTimes(rig);
      const [inviteP99, storeP99] = [percentile(invite, 99), percentile(store, 99)];
      log(`trigger → INVITE: median ${round(median(invite), 1)} ms, p99 ${round(inviteP99, 1)} ms`);
      const made: Connected[] = [];
      for (let n = 0; n < connections; n += 1) {
        made.push(await connect(rig, 'dense', n % 2 === 0 ? 'line' : 'caller'));
        made.push(await connect(rig, 'tones', n % 2 === 0 ? 'caller' : 'line'));
      }
      const of = (name: keyof Connected): number[] => made.map((one) => one[name]).filter((one) => !Number.isNaN(one));
      const row = (what: string, values: readonly number[], most: number, goal = `≤ ${most} ms`): BenchRow => {
        log(`${what}: median ${round(median(values), 1)} ms, worst ${round(worst(values), 1)} ms of ${values.length}`);
        return {
          what,
          ours: `median ${round(median(values), 1)} ms, worst ${round(worst(values), 1)} ms`,
          compared: `${values.length} times`,
          ratio: null,
          goal,
          met: worst(values) <= most,
        };
      };
      const rows: BenchRow[] = [
        {
          what: 'request of a transfer → INVITE at the line',
          ours: `median ${round(median(invite), 1)} ms, p99 ${round(inviteP99, 1)} ms`,
          compared: `one read of the session: median ${round(median(store), 1)} ms, p99 ${round(storeP99, 1)} ms`,
          ratio: null,
          goal: 'p99 ≤ the read + 5 ms',
          met: inviteP99 <= storeP99 + 5,
        },
        row('200 of the line → both media paths joined', of('joined'), 20),
        row('200 of the line → both sides hear the other (packets every 20 ms)', of('audio'), 60),
        row('BYE of the line → the caller is hung up', of('byLine'), 200),
        row('BYE of the caller → BYE at the line', of('byCaller'), 200),
      ];
      for (const [what, values] of await returns(rig)) {
        rows.push(row(`${what} → the caller hears the agent`, values, 500));
      }
      return {
        id: 'P3',
        title: transferBench.title,
        rows,
        notes: [
          `${triggers} transfers over the HTTP API, from the moment the request is sent; ${connections} connected calls of each kind, ${failures} of each failure. A gateway of its own with an embedded Redis; telephones, lines and gateway share the machine.`,
          'Joined: streams with a packet every 2 ms each way, recognised by their content. Times of a failure are those from the sending of the final response to the arrival of the first packet with the tone of the agent in it.',
        ],
      };
    } finally {
      agent.destroy();
      await rig.close();
    }
  },
};
