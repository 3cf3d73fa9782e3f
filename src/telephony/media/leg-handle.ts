import { GatewayError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import type {
  AudioPort,
  LegQuality,
  MediaLeg,
  MediaLegEvents,
  MediaLegOptions,
  Playback,
} from '../../domain/calls/ports.js';
import type { AgreedMedia, RelaySide } from '../../domain/calls/relay-ports.js';
import { type AgentAudio, agentAudio } from './agent-audio.js';
import { originKeeper } from './sdp/origin-keeper.js';
import type { WorkerClient } from './worker-client.js';
import type { LegNotice } from './worker-protocol.js';

/** Default length of a DTMF digit and of the pause behind it, ms: what RFC 4733 section 2.5.2.2 and carriers expect. */
const dtmfDefaults = { durationMs: 160, gapMs: 100 };

/** In a description: keys come as telephone events. An answer of ours has it only where the offer had. */
const telephoneEvents = /^a=rtpmap:\d+ telephone-event\/8000/im;

const noQuality: LegQuality = {
  codec: null,
  packetsSent: 0,
  packetsReceived: 0,
  packetsLost: 0,
  packetsLate: 0,
  packetsDiscarded: 0,
  concealedMs: 0,
  remotePacketsLost: null,
  remoteLoss: null,
  jitterMs: 0,
  roundTripMs: null,
  mos: null,
};

/** A leg on the signalling thread, with what only this module's plane may see of it. */
export type LegHandle = MediaLeg & { readonly number: number; readonly worker: WorkerClient };

/**
 * The handles made here. A set, not a map from a leg to its handle: V8's young generation takes the values of a weak map
 * for alive, and such a value leads to its key, so that every leg, and with it its call, would live on until the next
 * full collection.
 */
const handles = new WeakSet<MediaLeg>();
const isHandle = (leg: MediaLeg): leg is LegHandle => handles.has(leg);

/**
 * The signalling thread's end of a leg whose sockets are open in `worker`. `onClosed` is called once, when the leg's
 * ports are no longer bound.
 */
export const legHandle = (context: {
  readonly number: number;
  readonly options: MediaLegOptions;
  readonly events: MediaLegEvents;
  readonly worker: WorkerClient;
  /** What opening it already brought: our answer to the first offer, and what was noticed meanwhile. */
  readonly opened: { readonly answer: string | null; readonly notices: readonly LegNotice[] };
  readonly log: Logger;
  readonly onClosed: () => void;
}): LegHandle => {
  const { number, worker, events } = context;
  const playing = new Map<
    number,
    { resolve: (how: 'finished' | 'stopped') => void; reject: (error: unknown) => void }
  >();
  let plays = 0;
  let audio: AgentAudio | null = null;
  let last: LegQuality = noQuality;
  let firstAnswer = context.opened.answer;
  let closing: Promise<LegQuality> | null = null;
  let agreed: AgreedMedia | null = null;
  /** Our description that waits for the peer's. */
  let offered: string | null = null;
  let relay: RelaySide | null = null;
  /** Those that have had the peer so far, for their figures. */
  const relays = new Set<RelaySide>();
  const asOurs = originKeeper();

  const settle = (play: number, outcome: 'finished' | 'stopped' | GatewayError): void => {
    const waiting = playing.get(play);
    playing.delete(play);
    if (outcome instanceof GatewayError) waiting?.reject(outcome);
    else waiting?.resolve(outcome);
  };

  const over = (): void => {
    worker.leave(number);
    audio?.detach();
    audio = null;
    for (const play of [...playing.keys()]) settle(play, 'stopped');
    context.onClosed();
  };

  const notice = (what: LegNotice): void => {
    if (closing !== null) return;
    switch (what.type) {
      case 'dtmf':
        events.dtmf({ digit: what.digit, durationMs: what.durationMs });
        break;
      case 'first-packet':
        events.firstPacket();
        break;
      case 'lost':
        events.lost(what.kind);
        break;
      case 'hold':
        events.hold(what.held);
        break;
    }
  };

  worker.join(number, {
    notice,
    played: settle,
    audio: () => audio?.turn(),
    died(reason) {
      const expected = closing !== null;
      over();
      closing ??= Promise.resolve(last);
      if (!expected) events.failed(reason);
    },
  });

  const closed = (): GatewayError => new GatewayError('session_ended', 'The media leg is closed.');
  /** Sends an operation unless the leg is closed. */
  const call: WorkerClient['call'] = (leg, name, args) =>
    closing === null ? worker.call(leg, name, args) : Promise.reject(closed());

  /** For commands that have no promise of their own to fail. */
  const quietly = (work: Promise<unknown>): void => {
    work.catch((error: unknown) => {
      if (closing === null) context.log.debug({ err: error }, 'a command to a media leg was refused');
    });
  };

  /** The relay's answer, where one has the peer; null hands the peer back to the leg. */
  const relayed = async (offer: string): Promise<string | null> => {
    if (relay === null) return null;
    const answer = await relay.answer(offer);
    if (answer === null) await handle.lend(null);
    return answer;
  };
  const answerOurselves = (offer: string): Promise<string> => {
    const ready = firstAnswer;
    firstAnswer = null;
    if (ready !== null && offer === context.options.firstOffer && closing === null) return Promise.resolve(ready);
    return call(number, 'answer', { offer });
  };

  const withRelays = (own: LegQuality): LegQuality => {
    let { packetsSent, packetsReceived } = own;
    for (const { figures } of relays) {
      const counted = figures();
      packetsSent += counted.packetsSent;
      packetsReceived += counted.packetsReceived;
    }
    return relays.size === 0 ? own : { ...own, packetsSent, packetsReceived };
  };

  const handle: LegHandle = {
    id: String(number),
    number,
    worker,
    agreed: () => agreed,
    takesEvents: () => agreed !== null && telephoneEvents.test(agreed.ours) && telephoneEvents.test(agreed.theirs),
    async answer(offer) {
      const ours = asOurs((await relayed(offer)) ?? (await answerOurselves(offer)));
      agreed = { ours, theirs: offer };
      offered = null;
      return ours;
    },
    async offer(options) {
      firstAnswer = null;
      const made = await (relay?.offer() ?? call(number, 'offer', { hold: options?.hold ?? null }));
      offered = asOurs(made);
      return offered;
    },
    async accept(answer, source) {
      await (relay?.accept(answer) ?? call(number, 'accept', { answer, source: source ?? null }));
      const ours = offered ?? agreed?.ours;
      if (ours !== undefined) agreed = { ours, theirs: answer };
      offered = null;
    },
    async lend(to) {
      relay = to;
      if (to !== null) relays.add(to);
      await call(number, 'rest', { resting: to !== null });
    },
    expectMedia() {
      if (closing === null) quietly(call(number, 'expect', {}));
    },
    play(source, options): Playback {
      plays += 1;
      const play = plays;
      const done = new Promise<'finished' | 'stopped'>((resolve, reject) => {
        if (closing !== null) return resolve('stopped');
        playing.set(play, { resolve, reject });
      });
      // Whoever plays without waiting for the end must not be punished for a bad file by an unhandled rejection.
      done.catch(() => {});
      if (closing === null) {
        worker.call(number, 'play', { play, source, loop: options?.loop ?? false }).catch((error: unknown) => {
          settle(play, error instanceof GatewayError && error.code !== 'media_worker_died' ? error : 'stopped');
        });
      }
      return {
        done,
        stop: () => {
          if (playing.has(play)) quietly(call(number, 'stop', { play }));
        },
      };
    },
    async sendDtmf(digits, options) {
      await call(number, 'sendDtmf', {
        digits,
        durationMs: options?.durationMs ?? dtmfDefaults.durationMs,
        gapMs: options?.gapMs ?? dtmfDefaults.gapMs,
      });
      // The leg was closed while they were sent: the peer has not had them all.
      if (closing !== null) throw closed();
    },
    async startRecording(path) {
      await call(number, 'startRecording', { path });
    },
    async stopRecording() {
      await call(number, 'stopRecording', {});
    },
    async pauseRecording(paused) {
      await call(number, 'pauseRecording', { paused });
    },
    async bridge(other) {
      if (!isHandle(other) || other.worker !== worker) {
        throw new GatewayError('internal', 'Only two legs of one session can be bridged.');
      }
      await call(number, 'bridge', { other: other.number });
    },
    async unbridge() {
      await call(number, 'unbridge', {});
    },
    attach(port: AudioPort | null) {
      audio?.detach();
      audio = null;
      if (closing !== null) return;
      audio = port === null ? null : agentAudio(port);
      quietly(call(number, 'attach', { rings: audio?.rings ?? null }));
    },
    async quality() {
      if (closing !== null) return closing;
      last = await worker.call(number, 'quality', {});
      return withRelays(last);
    },
    close() {
      closing ??= worker
        .call(number, 'close', {})
        // A worker that died has told its last word: the figures asked for before.
        .catch(() => last)
        .then(withRelays)
        .finally(over);
      return closing;
    },
  };
  handles.add(handle);
  for (const early of context.opened.notices) notice(early);
  return handle;
};
