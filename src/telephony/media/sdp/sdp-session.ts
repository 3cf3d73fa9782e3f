import { GatewayError } from '../../../core/errors.js';
import { answerOffer } from './answer-offer.js';
import type { SentOffer } from './create-offer.js';
import { acceptAnswer, createOffer } from './create-offer.js';
import type { Direction } from './description.js';
import type { LocalMedia, NegotiatedMedia } from './negotiation.js';

export type SdpSessionOptions = Omit<LocalMedia, 'direction' | 'origin' | 'previous'> & {
  /** Number for the `o=` line, a numeric string (RFC 8866 section 5.2 recommends an NTP time). */
  readonly sessionId: string;
};

/** The offers and answers of one leg, one after the other. */
export type SdpSession = {
  /** Makes an offer. It stays open until `accept`, `withdraw`, or an offer of the peer. */
  offer(direction?: Direction): string;
  /**
   * Takes the peer's answer to the open offer, or another answer to the last one: after forking, the final answer may be
   * another branch's than the early one (RFC 3261 section 13.2.2.4). Throws like `acceptAnswer`; then nothing changes.
   */
  accept(answer: string): NegotiatedMedia;
  /** Our offer was refused or never answered: what was agreed before stands (RFC 3264 section 8). */
  withdraw(): void;
  /** Answers the peer's offer. Throws like `answerOffer`; then what was agreed before stands. */
  answer(offer: string, direction?: Direction): { readonly sdp: string; readonly negotiated: NegotiatedMedia };
  /**
   * The next description carries a new key of ours: whoever sends from another address than before must not go on under
   * the old one (RFC 4568 section 7.1.4).
   */
  renewKey(): void;
  /** What is agreed now. */
  current(): NegotiatedMedia | null;
};

/** Keeps what one negotiation leaves for the next: version of the `o=` line, payload numbers, keys, order of lines. */
export const createSdpSession = (options: SdpSessionOptions): SdpSession => {
  const { sessionId } = options;
  let version = 1;
  let lastSdp: string | null = null;
  let agreed: NegotiatedMedia | null = null;
  type OwnOffer = { readonly local: LocalMedia; readonly offer: SentOffer };
  let open: OwnOffer | null = null;
  let answered: OwnOffer | null = null;

  const localAt = (direction: Direction): LocalMedia => ({
    ...options,
    direction,
    origin: { sessionId, version },
    previous: agreed,
  });

  /** The version of the `o=` line counts changes of the description (RFC 3264 section 8). */
  const settle = <T extends { readonly sdp: string }>(
    direction: Direction,
    make: (local: LocalMedia) => T,
  ): [T, LocalMedia] => {
    let local = localAt(direction);
    // Keys are drawn once, or the same description would differ from itself.
    const keys: Uint8Array[] = [];
    const draw = (): (() => Uint8Array) => {
      let next = 0;
      return () => {
        const index = next++;
        keys[index] ??= options.newKey();
        return keys[index];
      };
    };
    let made = make({ ...local, newKey: draw() });
    if (lastSdp !== null && made.sdp !== lastSdp) {
      version++;
      local = localAt(direction);
      made = make({ ...local, newKey: draw() });
    }
    lastSdp = made.sdp;
    return [made, local];
  };

  return {
    offer(direction = 'sendrecv') {
      const [offer, local] = settle(direction, createOffer);
      open = { local, offer };
      answered = null;
      return offer.sdp;
    },
    accept(answer) {
      const sent = open ?? answered;
      if (sent === null)
        throw new GatewayError('sdp_invalid', 'The peer sent an answer although no offer of ours is open.');
      agreed = acceptAnswer(sent.local, sent.offer, answer);
      answered = sent;
      open = null;
      return agreed;
    },
    withdraw() {
      open = null;
    },
    answer(offer, direction = 'sendrecv') {
      const [answer] = settle(direction, (local) => answerOffer(local, offer));
      open = null;
      answered = null;
      agreed = answer.negotiated;
      return answer;
    },
    renewKey() {
      if (agreed?.srtp) agreed = { ...agreed, srtp: { ...agreed.srtp, localKey: options.newKey() } };
    },
    current: () => agreed,
  };
};
