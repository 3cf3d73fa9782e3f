import type { AudioRing } from './audio-ring.js';
import { createNoiseSource, type NoiseShape, type NoiseSource } from './codecs/comfort-noise.js';
import { createDtmfSender, type DtmfSender } from './dtmf/dtmf-sender.js';
import { frameSamples, type LegSender } from './leg-sender.js';
import { arrayReader, type PcmReader } from './pcm-reader.js';

/**
 * What a leg says to its peer, chosen anew every 20 ms: keys before a prompt, a prompt before the bridge, the bridge
 * before the agent, and silence when there is nothing, because a peer that hears nothing at all may hang up and a NAT
 * on the way may forget the flow.
 */
export type LegOutput = {
  /** Starts a prompt; the one before it ends as `stopped`. */
  play(play: number, reader: PcmReader, loop: boolean): void;
  /** Ends that prompt if it is still the one playing. */
  stop(play: number): void;
  stopPrompt(): void;
  /** Ends whatever plays and throws away digits that wait. */
  end(): void;
  /** Queues digits; resolves when they have been sent. */
  sendDtmf: DtmfSender['send'];
  /** Sends keys as sound, for a peer that takes no telephone events; resolves when they have been said. */
  sendTones(samples: Int16Array): Promise<void>;
  attach(ring: AudioRing | null): void;
  setBridged(bridged: boolean): void;
  /** Frames are asked for again after a rest: the bridge is given its time before silence takes its place. */
  begin(now: number): void;
  /**
   * The bridged leg's peer is silent with this background, of which the peer here is sent audio: nothing is asked of what
   * it understands, and its way stays open. Null: it speaks again.
   */
  bridgeNoise(shape: NoiseShape | null): void;
  /** True while packets of the bridged leg may pass. */
  forwards(): boolean;
  /** True when the bridge speaks for itself: there is nothing to do here for the next few frames. */
  rests(now: number): boolean;
  tick(now: number): void;
};

/** An agent's audio is played out after it has waited for this long, so that its small irregularities are not heard. */
const agentLeadFrames = 2;

export const legOutput = (context: {
  readonly sender: LegSender;
  readonly bridgeGapMs: number;
  /** Called with every frame made here, null for silence; for the recording. */
  readonly onFrame: (samples: Int16Array | null, now: number) => void;
  readonly onPlayed: (play: number, outcome: 'finished' | 'stopped') => void;
}): LegOutput => {
  const { sender, onFrame } = context;
  let prompt: { readonly play: number; readonly reader: PcmReader; readonly loop: boolean } | null = null;
  let ring: AudioRing | null = null;
  let agentSpeaks = false;
  let agentWaited = 0;
  let bridged = false;
  let bridgedAt = 0;
  let noise: NoiseShape | null = null;
  // Made when a peer first sends some: most never do.
  let noiseSource: NoiseSource | null = null;
  /** Moment of the frame being made, and whether a digit took it. */
  let moment = 0;
  let digitTakesFrame = false;
  const dtmf = createDtmfSender({
    begin: () => sender.beginEvent(moment),
    event: (payload, marker, duration) => sender.event(payload, marker, duration, moment),
  });
  const tones: { readonly reader: PcmReader; readonly done: () => void }[] = [];
  const frame = new Int16Array(frameSamples);

  const emit = (samples: Int16Array | null, now: number): void => {
    sender.frame(samples, now);
    onFrame(samples, now);
  };

  const finish = (outcome: 'finished' | 'stopped'): void => {
    const { play } = prompt ?? { play: 0 };
    prompt = null;
    context.onPlayed(play, outcome);
  };

  const stopPrompt = (): void => {
    if (prompt !== null) finish('stopped');
  };

  const playOn = (current: NonNullable<typeof prompt>, now: number): void => {
    let count = current.reader.read(frame, 0);
    while (count < frameSamples && current.loop) {
      current.reader.rewind();
      const more = current.reader.read(frame, count);
      if (more === 0) break;
      count += more;
    }
    if (count === 0) {
      finish('finished');
      // The frame is due all the same: it belongs to whatever comes next.
      speak(now);
      return;
    }
    frame.fill(0, count);
    emit(frame, now);
    if (count < frameSamples) finish('finished');
  };

  /** A frame of the agent if it has one to say. */
  const agentFrame = (from: AudioRing): boolean => {
    const waiting = from.readable();
    if (waiting === 0) {
      agentSpeaks = false;
      agentWaited = 0;
      return false;
    }
    if (!agentSpeaks) {
      agentWaited += 1;
      if (agentWaited < agentLeadFrames && waiting < agentLeadFrames * frameSamples) return false;
      agentSpeaks = true;
    }
    const count = from.read(frame);
    frame.fill(0, count);
    if (count < frameSamples) {
      agentSpeaks = false;
      agentWaited = 0;
    }
    return count > 0;
  };

  /** A frame of keys as sound. As of telephone events, the recording has nothing of it. */
  const sayTones = ({ reader, done }: (typeof tones)[number], now: number): void => {
    const count = reader.read(frame, 0);
    frame.fill(0, count);
    sender.frame(frame, now);
    onFrame(null, now);
    if (count === frameSamples) return;
    tones.shift();
    done();
  };

  const speak = (now: number): void => {
    if (prompt !== null) {
      playOn(prompt, now);
      return;
    }
    if (bridged && noise !== null) {
      // Noise amid the packets of a key would make each of them the beginning of another key: all of one share a
      // timestamp, and only packets of one source in a row do.
      if (sender.lastEventAt() !== 0 && now - sender.lastEventAt() < context.bridgeGapMs) return;
      noiseSource ??= createNoiseSource();
      noiseSource.fill(frame, 0, frameSamples, noise);
      sender.frame(frame, now);
      return;
    }
    if (bridged) {
      const since = Math.max(sender.lastForwardedAt(), bridgedAt);
      if (now - since >= context.bridgeGapMs) sender.frame(null, now);
      return;
    }
    emit(ring !== null && agentFrame(ring) ? frame : null, now);
  };

  return {
    play(play, reader, loop) {
      stopPrompt();
      prompt = { play, reader, loop };
    },
    stop(play) {
      if (prompt?.play === play) finish('stopped');
    },
    stopPrompt,
    end() {
      stopPrompt();
      dtmf.clear();
      for (const { done } of tones.splice(0)) done();
    },
    attach(next) {
      ring = next;
      agentSpeaks = false;
      agentWaited = 0;
    },
    setBridged(next) {
      bridged = next;
      bridgedAt = moment;
    },
    bridgeNoise(shape) {
      noise = shape;
    },
    begin(now) {
      moment = now;
      bridgedAt = now;
    },
    sendDtmf: (digits, options) => dtmf.send(digits, options),
    sendTones: (samples) =>
      new Promise((done) => {
        tones.push({ reader: arrayReader(samples), done });
      }),
    forwards: () => bridged && prompt === null && !digitTakesFrame && tones.length === 0,
    rests: (now) =>
      bridged &&
      prompt === null &&
      noise === null &&
      !dtmf.pending() &&
      tones.length === 0 &&
      now - sender.lastForwardedAt() < context.bridgeGapMs / 2,
    tick(now) {
      moment = now;
      digitTakesFrame = dtmf.pending() && dtmf.tick();
      if (digitTakesFrame) onFrame(null, now);
      else if (tones[0] !== undefined) sayTones(tones[0], now);
      else speak(now);
    },
  };
};
