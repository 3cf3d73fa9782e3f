import type { Clock } from '../../core/clock.js';
import { isGatewayError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import type { DialHooks, DialResult, TransferPlan } from '../transfer/index.js';
import { userOf } from '../transfer/index.js';
import type { Dialog, DialogEvents, MediaLeg, SentInvite, Signalling } from './ports.js';

export type LegPlacing = {
  readonly signalling: Signalling;
  readonly clock: Clock;
  /** Open already; closed by whoever opened it. */
  readonly media: MediaLeg;
  readonly plan: Pick<TransferPlan, 'target' | 'from' | 'headers' | 'ringTimeout'>;
  /** Name of the SIP profile. */
  readonly profile: string;
  /** The operator named the host that is called, not the tenant. */
  readonly operatorHost: boolean;
  readonly digest: { readonly username: string; readonly password: string } | null;
  /** Call-ID of the INVITE; left out, the SIP server makes one. */
  readonly sipCallId?: string;
  /** Call-ID of a dialog whose SIP server shall place this call too, where there are several. */
  readonly beside?: string;
  readonly hooks: DialHooks & {
    onSent(sipCallId: string): void;
    /** The first 18x or the 200 came, this many ms after the INVITE. */
    onRang(delayMs: number): void;
    /** The other side plays something before it answers (183 with SDP). */
    onEarly?(media: MediaLeg): void;
  };
  readonly events: DialogEvents;
  readonly log: Logger;
};

const sentOf = (sent: SentInvite | null): { from: string; viaReceived: string | null } | null =>
  sent === null ? null : { from: sent.from.replace(/;\s*tag=[^;]*/i, ''), viaReceived: sent.viaReceived };

/**
 * Calls somebody by an INVITE of ours with this media, and takes the answer. A line that answered and could not be used
 * has got its BYE when this resolves. Rejects with GatewayError when the INVITE could never be sent.
 */
export const placeLeg = async (placing: LegPlacing): Promise<DialResult<Dialog>> => {
  const { media, plan, hooks, events, digest, sipCallId } = placing;
  const begun = placing.clock.monotonic();
  let rang = false;
  const heardOf = (): void => {
    if (rang) return;
    rang = true;
    hooks.onRang(placing.clock.monotonic() - begun);
  };
  /** The last SDP we took, and the taking of it: an answer must not overtake an early one. */
  let taken: string | null = null;
  let taking: Promise<void> = Promise.resolve();
  const take = (sdp: string, source: string): Promise<void> => {
    if (sdp === taken) return taking;
    taken = sdp;
    taking = taking.then(() => media.accept(sdp, source));
    return taking;
  };
  let ready: () => void = () => {};
  const settled = new Promise<void>((resolve) => {
    ready = resolve;
  });
  try {
    const result = await placing.signalling.place({
      uri: plan.target,
      ...{ profile: placing.profile, operatorHost: placing.operatorHost },
      from: { user: userOf(plan.from), display: null, privacy: false },
      headers: plan.headers,
      offer: await media.offer(),
      ...(digest === null ? {} : { digest }),
      ...(sipCallId === undefined ? {} : { sipCallId }),
      ...(placing.beside === undefined ? {} : { beside: placing.beside }),
      ringTimeout: plan.ringTimeout,
      signal: hooks.signal,
      onSent: hooks.onSent,
      onProvisional: ({ status, reason, sdp, source }) => {
        if (status >= 180) heardOf();
        if (sdp === null || status < 180) return hooks.onProgress(status, reason);
        // Told after its early media is there, so that no ringback sounds in the moments before.
        take(sdp, source)
          .then(
            () => {
              if (!hooks.signal.aborted) hooks.onEarly?.(media);
            },
            (error: unknown) => {
              // It is a preview only: the answer decides.
              taking = Promise.resolve();
              placing.log.info({ err: error }, 'early media of a destination could not be taken');
            },
          )
          .finally(() => hooks.onProgress(status, reason));
      },
      events: {
        ...events,
        // The peer may offer anew as soon as it has our ACK, which is before its answer was taken.
        offered: async (offer) => {
          await settled;
          return events.offered(offer);
        },
      },
    });
    if (result.outcome === 'failed') return { answered: false, end: result, sent: sentOf(result.sent) };
    heardOf();
    try {
      await take(result.sdp, result.dialog.remote.address);
    } catch (error) {
      await result.dialog.bye();
      const reason = isGatewayError(error) ? error.message : 'the answer could not be taken';
      return { answered: false, end: { status: 488, reason, local: false, gaveUp: null }, sent: sentOf(result.sent) };
    }
    if (hooks.signal.aborted) {
      // Given up between the 200 and now: the line believes in a call that nobody wants any more.
      await result.dialog.bye();
      const end = { status: null, reason: 'given up', local: false, gaveUp: 'aborted' } as const;
      return { answered: false, end, sent: sentOf(result.sent) };
    }
    return { answered: true, leg: result.dialog, sipStatus: 200, sent: sentOf(result.sent) };
  } finally {
    ready();
  }
};
