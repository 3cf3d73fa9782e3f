import type { LegQuality } from '../../domain/calls/ports.js';
import type { AudioRing } from './audio-ring.js';
import type { NoiseShape } from './codecs/comfort-noise.js';
import type { FrameCodec, FrameDecoder } from './codecs/frame-codec.js';
import { createDtmfReceiver } from './dtmf/dtmf-receiver.js';
import { createToneDetector, type ToneDetector } from './dtmf/tone-detector.js';
import { createJitterBuffer, type JitterBuffer } from './jitter/jitter-buffer.js';
import { frameSamples } from './leg-sender.js';
import { estimateMos } from './quality.js';
import { createReception, type ReceptionReport } from './reception.js';
import { openRecorder, type Recorder } from './recorder.js';
import type { RtpHeader } from './rtp-packet.js';

/** What a leg makes of its peer's packets: figures always, digits always, audio only when somebody listens. */
export type LegListening = {
  configure(codec: FrameCodec): void;
  /** Whether keys are heard in the audio, too. */
  hearKeys(hear: boolean): void;
  /** An audio packet; its samples are decoded when `wanted`. */
  audio(message: Buffer, header: RtpHeader, now: number, wanted: boolean): void;
  event(message: Buffer, header: RtpHeader, now: number): void;
  /** Comfort noise; `shape` null when the packet does not describe it. It is kept when `wanted`, like audio. */
  noise(header: RtpHeader, shape: NoiseShape | null, now: number, wanted: boolean): void;
  /** Does the agent, the recording or the search for keys here need the peer's audio? */
  wanted(): boolean;
  /**
   * Once in 20 ms: hands the peer's next frame to agent and recording and returns it, or null when nobody listens.
   * `others` when somebody else wants it.
   */
  turn(now: number, others: boolean): Int16Array | null;
  /** A frame that the peer was told; null is silence. */
  said(samples: Int16Array | null, now: number): void;
  attach(ring: AudioRing | null): void;
  startRecording(path: string): Promise<void>;
  /** Resolves when the file is complete; harmless when nothing is recorded. */
  stopRecording(): Promise<void>;
  /** Harmless when nothing is recorded. */
  pauseRecording(paused: boolean): void;
  recording(): boolean;
  /** For RTCP; null before the first packet. */
  report(): ReceptionReport | null;
  quality(
    known: Pick<LegQuality, 'codec' | 'packetsSent' | 'roundTripMs' | 'remoteLoss' | 'remotePacketsLost'>,
  ): LegQuality;
};

/** The longest packet that is decoded: 120 ms at 8 kHz. */
const longestPacket = 960;

export const legListening = (context: {
  readonly onDigit: (digit: string, durationMs: number) => void;
  readonly onAgentAudio: () => void;
  readonly onTrouble: (message: string) => void;
}): LegListening => {
  const reception = createReception(8_000);
  const dtmf = createDtmfReceiver({ onDigit: context.onDigit });
  const frame = new Int16Array(frameSamples);
  const decoded = new Int16Array(longestPacket);
  // Made when first needed: most legs of a bridge never listen, and the buffer is most of a leg's memory.
  let buffer: JitterBuffer | null = null;
  let listening = false;
  let codec: FrameCodec | null = null;
  let decoder: FrameDecoder | null = null;
  let ring: AudioRing | null = null;
  let recorder: Recorder | null = null;
  let detector: ToneDetector | null = null;
  let opening: Promise<void> | null = null;
  /** SSRC of the telephone events; -1 before the first. */
  let eventSource = -1;

  return {
    configure(next) {
      if (next === codec) return;
      codec = next;
      decoder = next.decoder();
    },
    audio(message, header, now, wanted) {
      reception.packet(header.ssrc, header.sequence, header.timestamp, now);
      if (!wanted || decoder === null) return;
      const count = header.payloadEnd - header.payloadStart;
      if (count > longestPacket) return;
      decoder.decode(message, header.payloadStart, header.payloadEnd, decoded, 0);
      buffer ??= createJitterBuffer();
      buffer.push(header.ssrc, header.timestamp, decoded, count, now);
    },
    event(message, header, now) {
      reception.packet(header.ssrc, header.sequence, null, now);
      // Its timestamps begin anywhere: next to those before, a key may look like a straggler of the last one.
      if (header.ssrc !== eventSource) dtmf.reset();
      eventSource = header.ssrc;
      dtmf.packet(message, header.payloadStart, header.payloadEnd, header.timestamp, header.marker, now);
    },
    noise(header, shape, now, wanted) {
      reception.packet(header.ssrc, header.sequence, null, now);
      if (!wanted || shape === null) return;
      buffer ??= createJitterBuffer();
      buffer.noise(header.ssrc, header.timestamp, shape, now);
    },
    hearKeys(hear) {
      if (hear) detector ??= createToneDetector(context.onDigit);
      else {
        detector?.reset();
        detector = null;
      }
    },
    wanted: () => ring !== null || recorder !== null || detector !== null,
    turn(now, others) {
      dtmf.tick(now);
      if (ring === null && recorder === null && detector === null && !others) {
        // What lies in the buffer is old by the time somebody listens again.
        if (listening) buffer?.reset();
        listening = false;
        return null;
      }
      listening = true;
      if (buffer === null) frame.fill(0);
      else buffer.pull(frame, now);
      recorder?.left(frame, now);
      detector?.samples(frame);
      if (ring !== null) {
        ring.write(frame);
        context.onAgentAudio();
      }
      return frame;
    },
    said(samples, now) {
      recorder?.right(samples, now);
    },
    attach(next) {
      ring = next;
    },
    async startRecording(path) {
      await opening?.catch(() => {});
      await recorder?.close();
      recorder = null;
      opening = openRecorder(path, context.onTrouble).then((opened) => {
        recorder = opened;
      });
      await opening;
    },
    async stopRecording() {
      await opening?.catch(() => {});
      const ending = recorder;
      recorder = null;
      await ending?.close();
    },
    pauseRecording(paused) {
      if (paused) recorder?.pause();
      else recorder?.resume();
    },
    recording: () => recorder !== null,
    report: () => reception.report(),
    quality(known) {
      const { received, lost, late, jitterMs } = reception.figures();
      const { late: packetsDiscarded, concealedMs } = buffer?.stats() ?? { late: 0, concealedMs: 0 };
      const missing = (lost + packetsDiscarded) / (received + lost);
      const mos = received === 0 ? null : estimateMos({ loss: missing, jitterMs, roundTripMs: known.roundTripMs });
      return {
        ...known,
        ...{ packetsReceived: received, packetsLost: lost, packetsLate: late, packetsDiscarded },
        ...{ concealedMs: Math.round(concealedMs), jitterMs, mos },
      };
    },
  };
};
