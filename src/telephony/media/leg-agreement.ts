import { randomBytes } from 'node:crypto';
import type { CodecName, MediaLegOptions } from '../../domain/calls/ports.js';
import { frameCodec } from './codecs/frame-codec.js';
import type { NegotiatedMedia } from './sdp/negotiation.js';
import { createSdpSession } from './sdp/sdp-session.js';
import { createSrtpReceiver, createSrtpSender, type SrtpReceiver, type SrtpSender } from './srtp/srtp.js';
import { srtpKeyLength, srtpTagLength } from './srtp/suite.js';

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
};

const ptime = 20;

export const legAgreement = (context: {
  readonly options: MediaLegOptions;
  readonly publicAddress: string;
  readonly rtpPort: number;
  /** Called when something new has been agreed on. */
  readonly apply: (agreed: NegotiatedMedia, security: LegSecurity | null) => void;
}): LegAgreement => {
  const { options } = context;
  let onHold = false;
  let inUse: { readonly keys: string; readonly security: LegSecurity } | null = null;

  const session = createSdpSession({
    // A number that no other session of this address has (RFC 8866 section 5.2).
    sessionId: String(randomBytes(6).readUIntBE(0, 6)),
    address: context.publicAddress,
    rtpPort: context.rtpPort,
    rtcpPort: context.rtpPort + 1,
    rtcpMux: true,
    codecs: options.codecs.filter((name: CodecName) => frameCodec(name) !== null),
    security: options.security,
    ptime,
    newKey: () => new Uint8Array(randomBytes(srtpKeyLength)),
  });

  const securityOf = (srtp: NegotiatedMedia['srtp']): LegSecurity | null => {
    if (srtp === null) {
      inUse = null;
      return null;
    }
    const keys = `${srtp.suite} ${Buffer.concat([srtp.localKey, srtp.remoteKey]).toString('base64')}`;
    if (inUse?.keys !== keys) {
      inUse = {
        keys,
        security: {
          sender: createSrtpSender(srtp.suite, srtp.localKey),
          receiver: createSrtpReceiver(srtp.suite, srtp.remoteKey),
          tagLength: srtpTagLength[srtp.suite],
        },
      };
    }
    return inUse.security;
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
  };
};
