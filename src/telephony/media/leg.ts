import { performance } from 'node:perf_hooks';
import { GatewayError } from '../../core/errors.js';
import type { LegQuality } from '../../domain/calls/ports.js';
import { type NoiseShape, readComfortNoise } from './codecs/comfort-noise.js';
import { type FrameCodec, frameCodec } from './codecs/frame-codec.js';
import { keyTones } from './dtmf/key-tones.js';
import { codecsByPayloadType, type LegSecurity, legAgreement } from './leg-agreement.js';
import { legListening } from './leg-listening.js';
import { legOutput } from './leg-output.js';
import { legReceiver } from './leg-receiver.js';
import { legRtcp } from './leg-rtcp.js';
import { legSender } from './leg-sender.js';
import { openLegSockets } from './leg-sockets.js';
import { addressRanges, mediaLatch, plainAddress } from './media-latch.js';
import { mediaTimeouts } from './media-timeouts.js';
import { outStream } from './out-stream.js';
import { openPrompt } from './prompt-source.js';
import { randomName, randomUint16, randomUint32 } from './random-numbers.js';
import { reportTarget } from './report-target.js';
import { isRtcp, type RtpHeader } from './rtp-packet.js';
import { mayReceive, maySend, type NegotiatedMedia } from './sdp/negotiation.js';
import { srtpOverhead } from './srtp/srtp.js';
import type { Leg, LegContext } from './worker-leg.js';

/** Frames that a leg lets pass when all it does is forward packets: looking in then would cost a tenth of a relay. */
const restFrames = 3;

const wallClock = (): number => performance.timeOrigin + performance.now();

/** Opens a leg on `port` and the port above it; null when one of them is held by somebody else. */
export const openLeg = async (context: LegContext): Promise<Leg | null> => {
  const { options, tuning, notify } = context;
  const latch = mediaLatch({
    signallingAddress: options.signallingAddress,
    ranges: addressRanges(options.mediaRanges),
    lossMs: tuning.latchLossMs,
    learnMs: tuning.latchLearnMs,
  });
  const timeouts = mediaTimeouts(options.firstPacketTimeout, options.idleTimeout);
  const stream = outStream(8_000, {
    ssrc: randomUint32(),
    sequence: randomUint16(),
    timestamp: randomUint32(),
  });

  let agreed: NegotiatedMedia | null = null;
  let security: LegSecurity | null = null;
  let codecIn = frameCodec('PCMU');
  let held = false;
  let resting = false;
  let heardAny = false;
  let peer: Leg | null = null;
  /** The peer has described its silence and not spoken since. */
  let silence: NoiseShape | null = null;
  let closing: Promise<LegQuality> | null = null;
  let wake: () => void = () => {};
  /** Port the peer's reports come from, once one has come. */
  let rtcpPort = 0;

  const onRtcp = (message: Buffer, address: string, port: number): void => {
    const plain = plainAddress(address);
    const known = latch.address === null ? null : plainAddress(latch.address);
    if (agreed === null || (plain !== known && plain !== agreed.remote.rtcpAddress)) return;
    let length = message.length;
    if (security !== null) length = security.receiver.unprotectRtcp(message, length);
    if (length < 0) return;
    if (plain === known) rtcpPort = port;
    rtcp.received(message, length);
  };

  const sockets = await openLegSockets(context.rtpAddress, context.port, {
    rtp: (message, address, port) => {
      if (isRtcp(message, message.length)) onRtcp(message, address, port);
      else receiver.packet(message, address, port, performance.now());
    },
    rtcp: onRtcp,
  });
  if (sockets === null) return null;

  const sender = legSender({ stream, sockets, slots: context.slots });
  const listening = legListening({
    onDigit: (digit, durationMs) => notify({ type: 'dtmf', digit, durationMs }),
    onAgentAudio: context.onAgentAudio,
    onTrouble: context.onTrouble,
  });
  const output = legOutput({
    sender,
    bridgeGapMs: tuning.bridgeGapMs,
    onFrame: listening.said,
    onPlayed: context.onPlayed,
  });

  const heard = (now: number): void => {
    timeouts.heard(now);
    if (heardAny) return;
    heardAny = true;
    notify({ type: 'first-packet' });
  };

  const wanted = (): boolean => listening.wanted() || peer?.inner.recordsBridge() === true;

  const receiver = legReceiver(latch, {
    audio(message: Buffer, header: RtpHeader, now: number) {
      heard(now);
      if (silence !== null) {
        silence = null;
        peer?.inner.bridgeNoise(null);
      }
      listening.audio(message, header, now, wanted());
      if (peer !== null && codecIn !== null && peer.inner.forwards()) {
        peer.inner.sender.forwardAudio(message, header, codecIn, now);
      }
    },
    codec(codec: FrameCodec) {
      codecIn = codec;
      listening.configure(codec);
    },
    event(message: Buffer, header: RtpHeader, now: number) {
      heard(now);
      listening.event(message, header, now);
      if (peer?.inner.forwards()) peer.inner.sender.forwardEvent(message, header, now);
    },
    noise(message: Buffer, header: RtpHeader, now: number) {
      heard(now);
      const shape = readComfortNoise(message, header.payloadStart, header.payloadEnd);
      listening.noise(header, shape, now, wanted());
      if (shape === null) return;
      silence = shape;
      peer?.inner.bridgeNoise(shape);
    },
    latched: (address, port) => sender.aim(address, port),
  });

  const sendRtcp = (packet: Buffer): void => {
    if (agreed === null) return;
    const { address, port } = reportTarget(agreed, latch, rtcpPort);
    if (port === 0 || port > 65_535) return;
    let bytes = packet;
    if (security !== null) {
      const room = Buffer.alloc(packet.length + srtpOverhead);
      room.set(packet);
      bytes = room.subarray(0, security.sender.protectRtcp(room, packet.length));
    }
    if (agreed.rtcpMux) sockets.sendRtp(bytes, port, address);
    else sockets.sendRtcp(bytes, port, address);
  };

  const rtcp = legRtcp({
    stream,
    cname: randomName(),
    intervalMs: tuning.rtcpIntervalMs,
    wallClock,
    random: () => randomUint16() / 0x10000,
    reception: listening.report,
    send: sendRtcp,
  });

  const expect = (now: number): void => {
    timeouts.expect(agreed !== null && !resting && mayReceive(agreed.direction) && !agreed.held, now);
  };

  const apply = (next: NegotiatedMedia, nextSecurity: LegSecurity | null): void => {
    const now = performance.now();
    const codec = frameCodec(next.codec.name);
    if (codec === null) return;
    const before = agreed;
    agreed = next;
    security = nextSecurity;
    codecIn = codec;
    const { remote } = next;
    const reachable = remote.port !== 0 && !next.held;
    if (remote.port !== 0) latch.describe({ address: remote.address, port: remote.port });
    sender.configure({
      codec,
      payloadType: next.codec.payloadType,
      ptime: next.codec.ptime,
      telephoneEvent: next.telephoneEvent?.payloadType ?? null,
      allowed: maySend(next.direction) && reachable,
      srtp: nextSecurity,
    });
    if (latch.address === null) sender.aim(remote.address, remote.port);
    receiver.configure({
      codec,
      payloadType: next.codec.receivePayloadType,
      alternatives: codecsByPayloadType(next.alternatives),
      telephoneEvent: next.telephoneEvent?.receivePayloadType ?? null,
      comfortNoise: next.comfortNoise,
      srtp: nextSecurity?.receiver ?? null,
    });
    listening.configure(codec);
    const hearKeys = options.inbandDtmf === true && next.telephoneEvent === null;
    listening.hearKeys(hearKeys);
    if (hearKeys) wake();
    const asBefore =
      before?.remote.address === remote.address &&
      before.remote.port === remote.port &&
      before.rtcpMux === next.rtcpMux;
    if (!asBefore) rtcpPort = 0;
    expect(now);
    if (next.held !== held) {
      held = next.held;
      notify({ type: 'hold', held });
    }
  };
  const agreement = legAgreement({
    options,
    publicAddress: context.publicAddress,
    rtpPort: context.port,
    apply,
  });

  const quality = (): LegQuality =>
    listening.quality({
      codec: agreed?.codec.name ?? null,
      packetsSent: stream.packets,
      roundTripMs: rtcp.roundTripMs(),
      remoteLoss: rtcp.remoteLoss(),
      remotePacketsLost: rtcp.remotePacketsLost(),
    });

  /** The prompt whose file is still being read: stopped, replaced or bridged over meanwhile, it must never sound. */
  let opening: number | null = null;
  const dropOpening = (): void => {
    if (opening === null) return;
    const play = opening;
    opening = null;
    context.onPlayed(play, 'stopped');
  };

  const leg: Leg = {
    tick(now) {
      const samples = listening.turn(now, peer?.inner.recordsBridge() === true);
      if (samples !== null) peer?.inner.recordBridge(samples, now);
      if (agreed === null) return 0;
      if (resting) return restFrames;
      output.tick(now);
      rtcp.tick(now);
      const lost = timeouts.check(now);
      if (lost !== null) notify({ type: 'lost', kind: lost });
      return output.rests(now) && !listening.wanted() && peer?.inner.recording() !== true ? restFrames : 0;
    },
    seated(wakeUp) {
      wake = wakeUp;
    },
    answer: (offer) => agreement.answer(offer),
    offer: (hold) => agreement.offer(hold),
    accept: (answer, source) => {
      if (source !== null) latch.signalledFrom(source);
      agreement.accept(answer);
    },
    expectMedia: () => timeouts.begin(performance.now()),
    async play(play, source, loop) {
      dropOpening();
      opening = play;
      const reader = await openPrompt(source, options.country);
      if (closing !== null) dropOpening();
      if (opening !== play) return;
      opening = null;
      output.play(play, reader, loop);
      wake();
    },
    stop(play) {
      if (opening !== play) return output.stop(play);
      dropOpening();
      // What it was to replace does not sound on either.
      output.stopPrompt();
    },
    async sendDtmf(digits, durationMs, gapMs) {
      if (resting) {
        throw new GatewayError('conflict', 'The media of the call is at a relay, where no keys can be added to it.');
      }
      if (!sender.ready()) {
        throw new GatewayError('conflict', 'Nothing can be sent to the peer now: it holds, or media is not agreed on.');
      }
      wake();
      if (sender.takesEvents()) await output.sendDtmf(digits, { durationMs, gapMs });
      else await output.sendTones(keyTones(digits, durationMs, gapMs));
    },
    async startRecording(path) {
      await listening.startRecording(path);
      wake();
      peer?.inner.wake();
    },
    stopRecording: () => listening.stopRecording(),
    pauseRecording: (paused) => listening.pauseRecording(paused),
    bridge(other) {
      leg.unbridge();
      other.unbridge();
      leg.inner.join(other);
      other.inner.join(leg);
    },
    unbridge() {
      const other = peer;
      leg.inner.join(null);
      other?.inner.join(null);
    },
    attach(rings) {
      listening.attach(rings?.toAgent ?? null);
      output.attach(rings?.toPeer ?? null);
      wake();
    },
    rest(next) {
      const now = performance.now();
      if (resting && !next) agreement.resume();
      resting = next;
      expect(now);
      output.begin(now);
      wake();
    },
    quality,
    close() {
      closing ??= (async () => {
        leg.unbridge();
        output.end();
        const last = quality();
        // Whoever has the peer ends its reports.
        if (agreed !== null && !resting) rtcp.bye(performance.now());
        await listening.stopRecording();
        await sockets.close();
        return last;
      })();
      return closing;
    },
    inner: {
      sender,
      forwards: () => output.forwards(),
      silence: () => silence,
      bridgeNoise(shape) {
        output.bridgeNoise(shape);
        if (shape !== null) wake();
      },
      join(other) {
        peer = other;
        // The bridge takes the place of whatever was being played; parting goes on with what comes next.
        if (other !== null) {
          dropOpening();
          output.stopPrompt();
        }
        output.setBridged(other !== null);
        output.bridgeNoise(other?.inner.silence() ?? null);
        wake();
      },
      recordsBridge: () => listening.recording() && output.forwards(),
      recordBridge: (samples, now) => listening.said(samples, now),
      recording: () => listening.recording(),
      wake: () => wake(),
    },
  };
  return leg;
};
