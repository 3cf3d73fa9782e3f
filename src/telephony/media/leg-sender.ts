import type { FrameCodec, FrameEncoder, PayloadConverter } from './codecs/frame-codec.js';
import { payloadConverter } from './codecs/frame-codec.js';
import type { LegSockets } from './leg-sockets.js';
import type { OutStream } from './out-stream.js';
import type { PacketSlots } from './packet-slots.js';
import type { RtpHeader } from './rtp-packet.js';
import { rtpHeaderLength } from './rtp-packet.js';
import type { SrtpSender } from './srtp/srtp.js';

/** Samples of 20 ms at 8 kHz. */
export const frameSamples = 160;
const noSamples = new Int16Array(frameSamples);

/** What the negotiation says about sending. */
export type SendingRules = {
  readonly codec: FrameCodec;
  readonly payloadType: number;
  /** Packet length the peer wants, ms. */
  readonly ptime: number;
  readonly telephoneEvent: number | null;
  /** False on hold: then nothing leaves but RTCP. */
  readonly allowed: boolean;
  readonly srtp: { readonly sender: SrtpSender; readonly tagLength: number } | null;
};

/** Makes the packets of one leg's outgoing stream and sends them to where its peer listens. */
export type LegSender = {
  configure(rules: SendingRules): void;
  /** Where the peer listens: the SDP's address, later the address its packets come from. */
  aim(address: string, port: number): void;
  /** True when media may go out and there is somewhere to send it. */
  ready(): boolean;
  /** The codec in use, null before the negotiation. */
  codec(): FrameCodec | null;
  takesEvents(): boolean;
  /** 20 ms of audio; null is silence. `now` is the moment it is due, ms. */
  frame(samples: Int16Array | null, now: number): void;
  beginEvent(now: number): void;
  /** A telephone-event payload of four octets. */
  event(payload: Uint8Array, marker: boolean, duration: number, now: number): void;
  /** Another leg's audio packet, without SRTP; `message` is rewritten. */
  forwardAudio(message: Buffer, header: RtpHeader, from: FrameCodec, now: number): void;
  /** Another leg's telephone-event packet; dropped when the peer here does not take events. */
  forwardEvent(message: Buffer, header: RtpHeader, now: number): void;
  /** Moment of the last packet of another leg, ms; 0 before the first. */
  lastForwardedAt(): number;
  /** Moment of the last telephone event of another leg, ms; 0 before the first. */
  lastEventAt(): number;
};

export const legSender = (context: {
  readonly stream: OutStream;
  readonly sockets: LegSockets;
  readonly slots: PacketSlots;
}): LegSender => {
  const { stream, sockets, slots } = context;
  let rules: SendingRules | null = null;
  let encoder: FrameEncoder | null = null;
  let srtp: SrtpSender | null = null;
  let tagLength = 0;
  let address: string | null = null;
  let port = 0;
  const times = new Float64Array(2);
  const FORWARDED = 0;
  const EVENT = 1;
  /** Samples that wait for a packet longer than a frame to fill up. */
  const gathered = new Int16Array(640);
  let gatheredCount = 0;
  let converterFrom: FrameCodec | null = null;
  let converter: PayloadConverter | null = null;

  const ready = (): boolean => address !== null && port !== 0 && rules?.allowed === true;

  /** Sends a packet that lies in a slot of exactly its length plus the tag SRTP adds. */
  const transmit = (packet: Buffer, length: number): void => {
    if (srtp !== null) srtp.protect(packet, length);
    sockets.sendRtp(packet, port, address as string);
  };

  const slot = (length: number): Buffer => slots.next(length + tagLength);

  const audioPacket = (samples: Int16Array, start: number, count: number, silent: boolean, now: number): void => {
    const { codec, payloadType } = rules as SendingRules;
    const packet = slot(rtpHeaderLength + count);
    if (silent && codec.silence !== null) packet.fill(codec.silence, rtpHeaderLength, rtpHeaderLength + count);
    else encoder?.encode(samples, start, start + count, packet, rtpHeaderLength);
    stream.stamp(packet, payloadType, count, count, now);
    transmit(packet, rtpHeaderLength + count);
  };

  /** Packet lengths other than 20 ms: frames are gathered and cut anew. */
  const recut = (samples: Int16Array | null, packetSamples: number, now: number): void => {
    if (samples === null) gathered.fill(0, gatheredCount, gatheredCount + frameSamples);
    else gathered.set(samples, gatheredCount);
    gatheredCount += frameSamples;
    let from = 0;
    while (gatheredCount - from >= packetSamples) {
      audioPacket(gathered, from, packetSamples, false, now);
      from += packetSamples;
    }
    gathered.copyWithin(0, from, gatheredCount);
    gatheredCount -= from;
  };

  /** Sends a rewritten packet of another leg: as it lies when nothing is to be added, else from a slot. */
  const pass = (message: Buffer, length: number, now: number): void => {
    times[FORWARDED] = now;
    if (srtp === null && message.length === length) {
      sockets.sendRtp(message, port, address as string);
      return;
    }
    const packet = slot(length);
    message.copy(packet, 0, 0, length);
    transmit(packet, length);
  };

  return {
    configure(next) {
      // The peer's decoder goes on from what it has heard, whatever else a new offer has changed.
      if (next.codec !== rules?.codec) encoder = next.codec.encoder();
      rules = next;
      srtp = next.srtp?.sender ?? null;
      tagLength = next.srtp?.tagLength ?? 0;
      gatheredCount = 0;
      converterFrom = null;
    },
    aim(toAddress, toPort) {
      address = toAddress;
      port = toPort;
    },
    ready,
    codec: () => rules?.codec ?? null,
    takesEvents: () => rules !== null && rules.telephoneEvent !== null,
    frame(samples, now) {
      if (!ready()) return;
      const packetSamples = (rules as SendingRules).ptime * 8;
      if (packetSamples !== frameSamples) recut(samples, packetSamples, now);
      else audioPacket(samples ?? noSamples, 0, frameSamples, samples === null, now);
    },
    beginEvent(now) {
      stream.beginEvent(now);
    },
    event(payload, marker, duration, now) {
      const type = rules?.telephoneEvent ?? null;
      if (!ready() || type === null) return;
      const packet = slot(rtpHeaderLength + payload.length);
      packet.set(payload, rtpHeaderLength);
      stream.stampEvent(packet, type, marker, duration, payload.length, now);
      transmit(packet, rtpHeaderLength + payload.length);
    },
    forwardAudio(message, header, from, now) {
      if (!ready()) return;
      const { codec, payloadType } = rules as SendingRules;
      if (from !== converterFrom) {
        converterFrom = from;
        converter = payloadConverter(from, codec);
      }
      const { payloadStart, payloadEnd } = header;
      const samples = payloadEnd - payloadStart;
      if (!stream.forward(message, payloadType, samples, samples, now)) return;
      if (converter !== null) converter(message, payloadStart, payloadEnd, message, payloadStart);
      // Padding stays behind: its bit is cleared and the packet cut where the payload ends.
      message[0] = (message[0] as number) & 0xdf;
      pass(message, payloadEnd, now);
    },
    forwardEvent(message, header, now) {
      const type = rules?.telephoneEvent ?? null;
      if (!ready() || type === null) return;
      const { payloadStart, payloadEnd } = header;
      if (payloadEnd - payloadStart < 4) return;
      const duration = ((message[payloadStart + 2] as number) << 8) | (message[payloadStart + 3] as number);
      if (!stream.forward(message, type, duration, payloadEnd - payloadStart, now)) return;
      times[EVENT] = now;
      message[0] = (message[0] as number) & 0xdf;
      pass(message, payloadEnd, now);
    },
    lastForwardedAt: () => times[FORWARDED] as number,
    lastEventAt: () => times[EVENT] as number,
  };
};
