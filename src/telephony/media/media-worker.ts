/** Entry of a media thread: the legs of its sessions, one timer for all of them, and the port to the signalling thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../core/clock.js';
import { isGatewayError } from '../../core/errors.js';
import { audioRing } from './audio-ring.js';
import { openLeg } from './leg.js';
import { pacer } from './pacer.js';
import { packetSlots } from './packet-slots.js';
import type { Leg } from './worker-leg.js';
import {
  audioPending,
  beat,
  type LegNotice,
  type LegOperations,
  type MediaWorkerData,
  type WireError,
  type WorkerMessage,
  type WorkerRequest,
} from './worker-protocol.js';

if (parentPort === null) throw new Error('media-worker.js runs as a worker thread of the media plane only');
const port = parentPort;
const data: MediaWorkerData = workerData;
const counters = new Int32Array(data.shared);
const post = (message: WorkerMessage): void => port.postMessage(message);

/** Errors of the catalogue pass as they are; others are faults of ours, whose text is for the log. */
const toWire = (error: unknown): WireError =>
  isGatewayError(error)
    ? { code: error.code, message: error.message, details: error.details }
    : { code: 'internal', message: error instanceof Error ? error.message : String(error), details: [] };

const trouble = (leg: number | null, error: unknown): void => {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  post({ type: 'trouble', leg, message });
};

const legs = new Map<number, { readonly leg: Leg; readonly leave: () => void }>();
const slots = packetSlots();
const wheel = pacer({
  clock: systemClock,
  frameMs: 20,
  phases: 4,
  maxCatchUp: 5,
  onError: (error) => trouble(null, error),
});

let agentAudio = false;
wheel.onSlotEnd(() => {
  if (!agentAudio) return;
  agentAudio = false;
  // One message at a time: while the other thread is busy, audio waits in the rings, not in its queue.
  if (Atomics.compareExchange(counters, audioPending, 0, 1) === 0) post({ type: 'audio' });
});

const find = (number: number): Leg => {
  const entry = legs.get(number);
  if (entry === undefined) throw new Error(`leg ${number} is not open in this worker`);
  return entry.leg;
};

const open = async (number: number, args: LegOperations['open']['args']): Promise<LegOperations['open']['result']> => {
  const notices: LegNotice[] = [];
  let heard = false;
  const leg = await openLeg({
    rtpAddress: data.rtpAddress,
    publicAddress: data.publicAddress,
    port: args.port,
    options: args.options,
    tuning: data.tuning,
    slots,
    notify: (notice) => {
      if (heard) post({ type: 'notice', leg: number, notice });
      else notices.push(notice);
    },
    onPlayed: (play, outcome) => post({ type: 'played', leg: number, play, outcome }),
    onAgentAudio: () => {
      agentAudio = true;
    },
    onTrouble: (message) => post({ type: 'trouble', leg: number, message }),
  });
  if (leg === null) return 'port-in-use';
  const { firstOffer } = args.options;
  let answer: string | null = null;
  try {
    if (firstOffer !== undefined) answer = leg.answer(firstOffer);
  } catch (error) {
    await leg.close();
    throw error;
  }
  const seat = wheel.add(leg);
  leg.seated(seat.wake);
  legs.set(number, { leg, leave: seat.leave });
  heard = true;
  return { answer, notices };
};

const close = async (number: number): Promise<LegOperations['close']['result']> => {
  const leg = find(number);
  legs.get(number)?.leave();
  legs.delete(number);
  return leg.close();
};

const perform = async (request: WorkerRequest): Promise<LegOperations[keyof LegOperations]['result']> => {
  if (request.name === 'open') return open(request.leg, request.args);
  if (request.name === 'close') return close(request.leg);
  const leg = find(request.leg);
  switch (request.name) {
    case 'answer':
      return leg.answer(request.args.offer);
    case 'offer':
      return leg.offer(request.args.hold);
    case 'accept':
      leg.accept(request.args.answer, request.args.source);
      return null;
    case 'expect':
      leg.expectMedia();
      return null;
    case 'play':
      await leg.play(request.args.play, request.args.source, request.args.loop);
      return null;
    case 'stop':
      leg.stop(request.args.play);
      return null;
    case 'sendDtmf':
      await leg.sendDtmf(request.args.digits, request.args.durationMs, request.args.gapMs);
      return null;
    case 'startRecording':
      await leg.startRecording(request.args.path);
      return null;
    case 'stopRecording':
      await leg.stopRecording();
      return null;
    case 'pauseRecording':
      leg.pauseRecording(request.args.paused);
      return null;
    case 'bridge':
      leg.bridge(find(request.args.other));
      return null;
    case 'unbridge':
      leg.unbridge();
      return null;
    case 'attach': {
      const { rings } = request.args;
      leg.attach(rings === null ? null : { toAgent: audioRing(rings.toAgent), toPeer: audioRing(rings.toPeer) });
      return null;
    }
    case 'rest':
      leg.rest(request.args.resting);
      return null;
    case 'quality':
      return leg.quality();
  }
};

port.on('message', (request: WorkerRequest) => {
  perform(request).then(
    (result) => post({ type: 'done', id: request.id, result }),
    (error: unknown) => post({ type: 'refused', id: request.id, error: toWire(error) }),
  );
});

setInterval(() => Atomics.add(counters, beat, 1), 250);
post({ type: 'ready' });
