/** What the relay bench measures: a bare echo, or bridged legs of the media plane. */
import dgram from 'node:dgram';
import { PerformanceObserver } from 'node:perf_hooks';
import v8 from 'node:v8';
import type { Worker } from 'node:worker_threads';
import { systemClock } from '../src/core/clock.js';
import type { MediaLeg, MediaLegEvents, MediaLegOptions } from '../src/domain/calls/ports.js';
import { createMediaPlane } from '../src/telephony/media/index.js';
import { openLeg } from '../src/telephony/media/leg.js';
import { pacer } from '../src/telephony/media/pacer.js';
import { packetSlots } from '../src/telephony/media/packet-slots.js';
import type { Leg } from '../src/telephony/media/worker-leg.js';
import { defaultTuning } from '../src/telephony/media/worker-protocol.js';
import type { SubjectCommand, SubjectMessage } from './relay-messages.js';

const say = (message: SubjectMessage): void => {
  process.send?.(message);
};

const workers: Worker[] = [];
process.on('worker', (worker) => workers.push(worker));

// Below the ports the system hands out by itself, of which the load takes some.
const firstPort = 30_000;
const lastPort = 32_767;

const fail = (error: unknown): void => {
  throw error;
};

const quiet: MediaLegEvents = {
  dtmf: () => {},
  firstPacket: () => {},
  lost: () => {},
  hold: () => {},
  failed: (reason) => {
    throw new Error(reason);
  },
};

const optionsOf = (call: number, role: string): MediaLegOptions => ({
  sessionId: `call-${call}`,
  role,
  codecs: ['PCMU'],
  security: 'none',
  signallingAddress: '127.0.0.1',
  mediaRanges: [],
  firstPacketTimeout: 30_000,
  idleTimeout: 60_000,
  country: 'US',
});

const sdpOf = (port: number): string =>
  `v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio ${port} RTP/AVP 0 101\r\n` +
  'a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n';

const portOf = (sdp: string): number => Number(/^m=audio (\d+) /m.exec(sdp)?.[1]);

/** The simplest program that can answer: a socket for each peer, `send` with nothing but defaults. */
const openEcho = (peers: readonly number[]): Promise<number[]> =>
  Promise.all(
    peers.map(async () => {
      const socket = dgram.createSocket({ type: 'udp4' });
      socket.on('message', (message, from) => socket.send(message, from.port, from.address));
      await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
      return socket.address().port;
    }),
  );

const openRelay = async (peers: readonly number[], count: number): Promise<number[]> => {
  const plane = createMediaPlane({
    rtpAddress: '127.0.0.1',
    ports: { first: firstPort, last: lastPort },
    workers: count,
  });
  const ports: number[] = [];
  let first: MediaLeg | null = null;
  for (const [index, peer] of peers.entries()) {
    const call = Math.floor(index / 2);
    const leg = await plane.open(optionsOf(call, index % 2 === 0 ? 'caller' : 'destination'), quiet);
    ports.push(portOf(await leg.answer(sdpOf(peer))));
    if (index % 2 === 0) first = leg;
    else if (first !== null) await leg.bridge(first);
  }
  return ports;
};

const openInline = async (peers: readonly number[]): Promise<number[]> => {
  const wheel = pacer({
    clock: systemClock,
    frameMs: 20,
    phases: 4,
    maxCatchUp: 5,
    onError: fail,
  });
  const slots = packetSlots();
  const ports: number[] = [];
  let first: Leg | null = null;
  let port = firstPort;
  const openOne = async (index: number): Promise<Leg> => {
    const leg = await openLeg({
      rtpAddress: '127.0.0.1',
      publicAddress: '127.0.0.1',
      port,
      options: optionsOf(Math.floor(index / 2), 'caller'),
      tuning: defaultTuning,
      slots,
      notify: () => {},
      onPlayed: () => {},
      onAgentAudio: () => {},
      onTrouble: () => {},
    });
    port += 2;
    if (leg !== null) return leg;
    if (port > lastPort) throw new Error(`no port of ${firstPort}-${lastPort} is free`);
    return openOne(index);
  };
  for (const [index, peer] of peers.entries()) {
    const leg = await openOne(index);
    leg.seated(wheel.add(leg).wake);
    ports.push(portOf(leg.answer(sdpOf(peer))));
    if (index % 2 === 0) first = leg;
    else if (first !== null) leg.bridge(first);
  }
  return ports;
};

let collections = 0;
new PerformanceObserver((list) => {
  collections += list.getEntries().length;
}).observe({ entryTypes: ['gc'] });

let cpu = process.cpuUsage();
let began = performance.now();
let heap = 0;
let collectionsBefore = 0;
let inline = true;
let loops: ReturnType<Worker['performance']['eventLoopUtilization']>[] = [];

const open = async (command: Extract<SubjectCommand, { type: 'open' }>): Promise<void> => {
  inline = command.mode !== 'relay';
  const { mode, peers } = command;
  const ports =
    mode === 'echo'
      ? await openEcho(peers)
      : mode === 'relay'
        ? await openRelay(peers, command.workers)
        : await openInline(peers);
  say({ type: 'opened', ports });
};

const measure = async (): Promise<void> => {
  globalThis.gc?.();
  // The entry of this collection is delivered in a later turn and must not count.
  await new Promise((resolve) => setTimeout(resolve, 100));
  collectionsBefore = collections;
  loops = workers.map((worker) => worker.performance.eventLoopUtilization());
  cpu = process.cpuUsage();
  began = performance.now();
  heap = v8.getHeapStatistics().used_heap_size;
  say({ type: 'measuring' });
};

const report = (): void => {
  const grown = v8.getHeapStatistics().used_heap_size - heap;
  const used = process.cpuUsage(cpu);
  const wallMs = performance.now() - began;
  const busy = workers.map((worker, i) => worker.performance.eventLoopUtilization(loops[i]).utilization);
  // Entries of collections are delivered in a later turn.
  setTimeout(() => {
    const collected = collections - collectionsBefore > 0;
    say({
      type: 'report',
      report: { cpuUs: used.user + used.system, wallMs, heapBytes: inline && !collected ? grown : null, busy },
    });
  }, 50);
};

process.on('message', (command: SubjectCommand) => {
  switch (command.type) {
    case 'open':
      void open(command);
      break;
    case 'measure':
      void measure();
      break;
    case 'report':
      report();
      break;
  }
});
process.on('disconnect', () => process.exit(0));
