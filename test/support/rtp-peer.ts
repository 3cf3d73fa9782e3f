/** A telephone's media end for tests: real UDP sockets, its own SDP, packets exactly as it is told to send them. */
import dgram from 'node:dgram';
import { decodePcma, decodePcmu, encodePcma, encodePcmu } from '../../src/telephony/media/codecs/g711.js';
import { createG722Decoder, createG722Encoder } from '../../src/telephony/media/codecs/g722.js';
import { parseRtcp, type RtcpPacket } from '../../src/telephony/media/rtcp.js';
import { newRtpHeader, parseRtp, writeRtpHeader } from '../../src/telephony/media/rtp-packet.js';
import {
  createSrtpReceiver,
  createSrtpSender,
  type SrtpReceiver,
  type SrtpSender,
} from '../../src/telephony/media/srtp/srtp.js';
import { sine } from './goertzel.js';

export type PeerPacket = {
  readonly at: number;
  readonly payloadType: number;
  readonly marker: boolean;
  readonly sequence: number;
  readonly timestamp: number;
  readonly ssrc: number;
  readonly payload: Buffer;
};

export type RtpPeer = {
  readonly address: string;
  readonly port: number;
  /** Everything received so far, in order of arrival. */
  readonly packets: PeerPacket[];
  readonly rtcp: RtcpPacket[];
  /** Packets that SRTP did not authenticate. */
  readonly rejected: () => number;
  /** A session description with these properties; as offer or answer. */
  sdp(options?: {
    readonly direction?: 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';
    readonly address?: string;
    readonly port?: number;
    readonly ptime?: number;
    readonly telephoneEvent?: number | null;
  }): string;
  /** True once it knows where to send. */
  accepted(): boolean;
  /** Reads where and how to send from the other side's description. */
  accept(description: string): void;
  /** Sends one RTP packet; sequence and timestamp continue by themselves unless given. */
  send(
    payload: Uint8Array,
    options?: { readonly payloadType?: number; readonly marker?: boolean; readonly timestamp?: number },
  ): void;
  /** Sends a tone in real time until the returned function is called. */
  tone(hz: number): () => void;
  /** Sends these samples in real time, once; the result says when all of them are on their way. */
  play(samples: Iterable<number>): { readonly done: () => boolean };
  /** Sends whole key presses as telephone events in real time. */
  press(digit: number, durationMs: number): Promise<void>;
  sendRtcp(bytes: Buffer): void;
  /** A new SSRC with numbers of its own, as after a restart. */
  restart(ssrc: number): void;
  /** Resolves when `condition` holds; looks after every packet. Rejects after `ms`, naming `what`. */
  until(what: string, condition: () => boolean, ms?: number): Promise<void>;
  /** The audio received, decoded; `from` skips packets. */
  heard(from?: number): Int16Array;
  close(): Promise<void>;
};

type PeerCodec = 'PCMU' | 'PCMA' | 'G722';
const audioTypes: Readonly<Record<PeerCodec, number>> = { PCMU: 0, PCMA: 8, G722: 9 };

/** A second of a tone, one octet a sample of the RTP clock; a second of a whole number of waves joins onto itself. */
const toneOctets = (codec: PeerCodec, hz: number): Buffer => {
  const encoded = Buffer.alloc(8_000);
  if (codec === 'G722') createG722Encoder(16_000).encode(sine(hz, 1_000, -10, 16_000), 0, 16_000, encoded, 0);
  else (codec === 'PCMU' ? encodePcmu : encodePcma)(sine(hz, 1_000), 0, 8_000, encoded, 0);
  return encoded;
};

/** How payloads of one stream become samples at 8 kHz. */
const payloadReader = (codec: PeerCodec): typeof decodePcmu => {
  if (codec === 'G722') return createG722Decoder(8_000).decode;
  return codec === 'PCMU' ? decodePcmu : decodePcma;
};

const key = (): Buffer => Buffer.from(Array.from({ length: 30 }, (_, i) => (i * 37 + Date.now()) & 0xff));

const bind = (address: string, port: number): Promise<dgram.Socket> =>
  new Promise((resolve, reject) => {
    const socket = dgram.createSocket('udp4');
    socket.once('error', reject);
    socket.bind(port, address, () => {
      socket.off('error', reject);
      socket.on('error', () => {});
      resolve(socket);
    });
  });

/** An even port with its odd neighbour, both free. */
const bindPair = async (address: string): Promise<[dgram.Socket, dgram.Socket]> => {
  for (;;) {
    const rtp = await bind(address, 0);
    const { port } = rtp.address();
    try {
      if (port % 2 === 0) return [rtp, await bind(address, port + 1)];
    } catch {
      // The neighbour is taken: another pair.
    }
    rtp.close();
  }
};

export const rtpPeer = async (
  options: {
    readonly codec?: PeerCodec;
    readonly srtp?: boolean;
    readonly address?: string;
    readonly ssrc?: number;
    /** Send to where the first packet comes from, for a peer whose signalling is somebody else's. */
    readonly learn?: boolean;
  } = {},
): Promise<RtpPeer> => {
  const codec = options.codec ?? 'PCMU';
  const address = options.address ?? '127.0.0.1';
  const audioType = audioTypes[codec];
  const [rtp, rtcp] = await bindPair(address);
  const { port } = rtp.address();
  const localKey = options.srtp === true ? key() : null;
  let sender: SrtpSender | null = null;
  let receiver: SrtpReceiver | null = null;
  let theirKey = '';
  let remote: { address: string; port: number } | null = null;
  let eventType = 101;
  let ssrc = options.ssrc ?? 0x1234_5678;
  let sequence = 65_500;
  let timestamp = 0xffff_f000;
  let rejected = 0;
  const packets: PeerPacket[] = [];
  const reports: RtcpPacket[] = [];
  const waiting = new Set<() => void>();
  const timers = new Set<NodeJS.Timeout>();
  const header = newRtpHeader();

  rtp.on('message', (message, from) => {
    if (options.learn === true) remote ??= { address: from.address, port: from.port };
    const length = receiver === null ? message.length : receiver.unprotect(message, message.length);
    if (length < 0 || !parseRtp(message, length, header)) rejected += 1;
    else {
      packets.push({
        at: performance.now(),
        payloadType: header.payloadType,
        marker: header.marker,
        sequence: header.sequence,
        timestamp: header.timestamp,
        ssrc: header.ssrc,
        payload: Buffer.from(message.subarray(header.payloadStart, header.payloadEnd)),
      });
    }
    for (const look of [...waiting]) look();
  });
  rtcp.on('message', (message) => {
    const length = receiver === null ? message.length : receiver.unprotectRtcp(message, message.length);
    if (length > 0) reports.push(...(parseRtcp(message, length) ?? []));
    for (const look of [...waiting]) look();
  });

  const every20 = (work: () => boolean): (() => void) => {
    const start = performance.now();
    let done = 0;
    const timer = setInterval(() => {
      // Made up by the clock, so that a busy machine delays packets but loses none.
      while (done * 20 <= performance.now() - start) {
        done += 1;
        if (!work()) return stop();
      }
    }, 5);
    const stop = (): void => {
      clearInterval(timer);
      timers.delete(timer);
    };
    timers.add(timer);
    return stop;
  };

  let closed: Promise<void> | null = null;
  const peer: RtpPeer = {
    address,
    port,
    packets,
    rtcp: reports,
    rejected: () => rejected,
    sdp({ direction = 'sendrecv', ptime = 20, telephoneEvent = 101, ...where } = {}) {
      eventType = telephoneEvent ?? 101;
      const host = where.address ?? address;
      return [
        'v=0',
        `o=phone 1 1 IN IP4 ${address}`,
        's=-',
        `c=IN IP4 ${host}`,
        't=0 0',
        `m=audio ${where.port ?? port} RTP/${localKey === null ? 'AVP' : 'SAVP'} ${audioType}${telephoneEvent === null ? '' : ` ${telephoneEvent}`}`,
        `a=rtpmap:${audioType} ${codec}/8000`,
        ...(telephoneEvent === null ? [] : [`a=rtpmap:${telephoneEvent} telephone-event/8000`]),
        ...(localKey === null ? [] : [`a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${localKey.toString('base64')}`]),
        `a=ptime:${ptime}`,
        `a=${direction}`,
        '',
      ].join('\r\n');
    },
    accepted: () => remote !== null,
    accept(description) {
      const host = /^c=IN IP4 (\S+)/m.exec(description)?.[1];
      const line = /^m=audio (\d+) /m.exec(description)?.[1];
      if (host === undefined || line === undefined) throw new Error(`no media in ${description}`);
      remote = { address: host, port: Number(line) };
      const event = /^a=rtpmap:(\d+) telephone-event/m.exec(description)?.[1];
      if (event !== undefined) eventType = Number(event);
      if (localKey !== null) {
        const theirs = /^a=crypto:\d+ AES_CM_128_HMAC_SHA1_80 inline:(\S+)/m.exec(description)?.[1];
        if (theirs === undefined) throw new Error(`no key in ${description}`);
        sender ??= createSrtpSender('AES_CM_128_HMAC_SHA1_80', localKey);
        if (theirs !== theirKey) {
          theirKey = theirs;
          receiver = createSrtpReceiver('AES_CM_128_HMAC_SHA1_80', Buffer.from(theirs, 'base64'));
        }
      }
    },
    send(payload, { payloadType = audioType, marker = false, timestamp: at } = {}) {
      if (remote === null) throw new Error('nothing has been agreed on');
      const packet = Buffer.alloc(12 + payload.length + 14);
      writeRtpHeader(packet, payloadType, marker, sequence, at ?? timestamp, ssrc);
      packet.set(payload, 12);
      sequence = (sequence + 1) & 0xffff;
      if (at === undefined) timestamp = (timestamp + payload.length) >>> 0;
      const length = sender === null ? 12 + payload.length : sender.protect(packet, 12 + payload.length);
      rtp.send(packet.subarray(0, length), remote.port, remote.address);
    },
    tone(hz) {
      const encoded = toneOctets(codec, hz);
      let at = 0;
      return every20(() => {
        peer.send(encoded.subarray(at, at + 160));
        at = (at + 160) % encoded.length;
        return true;
      });
    },
    play(samples) {
      const whole = Int16Array.from(samples);
      const encoded = Buffer.alloc(whole.length);
      (codec === 'PCMA' ? encodePcma : encodePcmu)(whole, 0, whole.length, encoded, 0);
      let at = 0;
      every20(() => {
        peer.send(encoded.subarray(at, at + 160));
        at += 160;
        return at < encoded.length;
      });
      return { done: () => at >= encoded.length };
    },
    press(digit, durationMs) {
      const steps = Math.ceil(durationMs / 20);
      const start = timestamp;
      let step = 0;
      return new Promise((resolve) => {
        every20(() => {
          step += 1;
          const duration = Math.min(step, steps) * 160;
          const payload = Buffer.from([digit, step >= steps ? 0x8a : 0x0a, duration >> 8, duration & 0xff]);
          peer.send(payload, { payloadType: eventType, marker: step === 1, timestamp: start });
          if (step < steps + 2) return true;
          timestamp = (start + (steps + 2) * 160) >>> 0;
          resolve();
          return false;
        });
      });
    },
    sendRtcp(bytes) {
      if (remote === null) throw new Error('nothing has been agreed on');
      rtcp.send(bytes, remote.port + 1, remote.address);
    },
    restart(next) {
      ssrc = next;
      sequence = 10;
      timestamp = 99;
    },
    until(what, condition, ms = 10_000) {
      if (condition()) return Promise.resolve();
      return new Promise((resolve, reject) => {
        const finish = (error?: Error): void => {
          clearTimeout(limit);
          clearInterval(poll);
          waiting.delete(look);
          if (error === undefined) resolve();
          else reject(error);
        };
        const look = (): void => {
          if (condition()) finish();
        };
        const limit = setTimeout(() => finish(new Error(`in ${ms} ms: not ${what}`)), ms);
        // For conditions on something else than this peer's packets.
        const poll = setInterval(look, 10);
        waiting.add(look);
      });
    },
    heard(from = 0) {
      const audio = packets.slice(from).filter((packet) => packet.payloadType === audioType);
      const samples = new Int16Array(audio.reduce((sum, packet) => sum + packet.payload.length, 0));
      const read = payloadReader(codec);
      let at = 0;
      for (const { payload } of audio) {
        read(payload, 0, payload.length, samples, at);
        at += payload.length;
      }
      return samples;
    },
    close() {
      for (const timer of timers) clearInterval(timer);
      closed ??= Promise.all(
        [rtp, rtcp].map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))),
      ).then(() => {});
      return closed;
    },
  };
  return peer;
};
