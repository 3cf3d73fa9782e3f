import { randomBytes } from 'node:crypto';
import type { CodecName, MediaLegOptions } from '../../domain/calls/ports.js';
import { type FrameCodec, frameCodec } from './codecs/frame-codec.js';
import { randomUint48 } from './random-numbers.js';
import type { NegotiatedMedia } from './sdp/negotiation.js';
import { createSdpSession } from './sdp/sdp-session.js';
import { createSrtpReceiver, createSrtpSender, type SrtpReceiver, type SrtpSender } from './srtp/srtp.js';
import { type SrtpSuite, srtpKeyLength, srtpTagLength } from './srtp/suite.js';

/** The SRTP state of a leg; it must outlive a re-INVITE with the same keys (RFC 3711 section 3.3.1). */
export type LegSecurity = {
  readonly sender: SrtpSender;
  readonly receiver: SrtpReceiver;
  readonly tagLength: number;
};

/** What a leg and its peer have agreed on, offer by offer. */
export type LegAgreement = {
  /** Each throws what the SDP session throws; then what was agreed before stands. */
  answer(offer: string): string;
  /** `hold`: whether the peer is to send nothing; null leaves that as it is. */
  offer(hold: boolean | null): string;
  accept(answer: string): void;
  /** The peer was somebody else's for a while: a new key of ours, and its packets may have counted on. */
  resume(): void;
};

const ptime = 20;

/** The codecs that the peer may change to without asking, by the number it sends them under. */
export const codecsByPayloadType = (agreed: NegotiatedMedia['alternatives']): ReadonlyMap<number, FrameCodec> => {
  const codecs = new Map<number, FrameCodec>();
  for (const { name, receivePayloadType } of agreed) {
    const codec = frameCodec(name);
    if (codec !== null) codecs.set(receivePayloadType, codec);
  }
  return codecs;
};

type Keyed<Context> = { readonly suite: SrtpSuite; readonly key: Uint8Array; readonly context: Context };

const sameKey = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

export const legAgreement = (context: {
  readonly options: MediaLegOptions;
  readonly publicAddress: string;
  readonly rtpPort: number;
  /** Called when something new has been agreed on. */
  readonly apply: (agreed: NegotiatedMedia, security: LegSecurity | null) => void;
}): LegAgreement => {
  const { options } = context;
  let onHold = false;
  let sending: Keyed<SrtpSender> | null = null;
  let receiving: Keyed<SrtpReceiver> | null = null;

  const session = createSdpSession({
    // A number that no other session of this address has (RFC 8866 section 5.2).
    sessionId: String(randomUint48()),
    address: context.publicAddress,
    rtpPort: context.rtpPort,
    rtcpPort: context.rtpPort + 1,
    rtcpMux: true,
    codecs: options.codecs.filter((name: CodecName) => frameCodec(name) !== null),
    comfortNoise: options.comfortNoise === true,
    security: options.security,
    ptime,
    newKey: () => new Uint8Array(randomBytes(srtpKeyLength)),
  });

  /**
   * Each direction keeps its state as long as its key stays: with a new counter under an old key, packets would be
   * encrypted with a key stream that was used before.
   */
  const securityOf = (srtp: NegotiatedMedia['srtp']): LegSecurity | null => {
    if (srtp === null) return null;
    const { suite, localKey, remoteKey } = srtp;
    if (sending?.suite !== suite || !sameKey(sending.key, localKey)) {
      sending = { suite, key: localKey, context: createSrtpSender(suite, localKey) };
    }
    if (receiving?.suite !== suite || !sameKey(receiving.key, remoteKey)) {
      const fresh = createSrtpReceiver(suite, remoteKey);
      // A new key does not make the peer's count of rollovers begin anew (RFC 3711 section 3.3.1), though some let it.
      if (receiving !== null) fresh.resume();
      receiving = { suite, key: remoteKey, context: fresh };
    }
    return { sender: sending.context, receiver: receiving.context, tagLength: srtpTagLength[suite] };
  };

  const direction = () => (onHold ? 'sendonly' : 'sendrecv');
  const settle = (agreed: NegotiatedMedia): void => context.apply(agreed, securityOf(agreed.srtp));

  return {
    answer(offer) {
      const { sdp, negotiated } = session.answer(offer, direction());
      settle(negotiated);
      return sdp;
    },
    offer(hold) {
      // An offer of ours that nobody answered is void as soon as there is a newer one.
      session.withdraw();
      if (hold !== null) onHold = hold;
      return session.offer(direction());
    },
    accept(answer) {
      settle(session.accept(answer));
    },
    resume() {
      session.renewKey();
      receiving?.context.resume();
    },
  };
};
