import type { TransferDestination } from '../directory/records.js';
import type { DialHooks, DialResult, TransferPlan } from '../transfer/index.js';
import type { Key } from './keys.js';
import { placeLeg } from './place-leg.js';
import type { Dialog, DialogEnd, MediaLeg, ProfileRules } from './ports.js';
import type { TransferContext, TransferDeps, TransferProfile } from './transfer-ports.js';
import { securityOf } from './transfer-profile.js';

/** The destination's side of a connected call. */
export type TransferLeg = {
  readonly media: MediaLeg;
  readonly dialog: Dialog;
  readonly profile: ProfileRules;
  readonly destination: TransferDestination;
};

/** What the owner of the leg hears of it once it is connected. */
export type LegEvents = {
  ended(end: DialogEnd): void;
  held(held: boolean): void;
  info(contentType: string, body: string): void;
  /** A key in the media. The bridge passes it on by itself where both sides take telephone events. */
  key(key: Key): void;
  mediaLost(kind: 'first-packet' | 'idle'): void;
  mediaFailed(reason: string): void;
  /** The line plays something before it answers (183 with SDP). */
  early(media: MediaLeg): void;
};

const openMedia = (
  deps: TransferDeps,
  context: TransferContext,
  destination: TransferDestination,
  rules: ProfileRules,
  events: LegEvents,
): Promise<MediaLeg> =>
  deps.media.open(
    {
      sessionId: context.session.id,
      role: 'destination',
      codecs: rules.codecs,
      security: securityOf(destination, rules),
      signallingAddress: null,
      mediaRanges: rules.mediaRanges,
      firstPacketTimeout: rules.firstPacketTimeout,
      idleTimeout: rules.idleTimeout,
      country: context.callerProfile.country,
      comfortNoise: rules.comfortNoise,
    },
    {
      dtmf: events.key,
      firstPacket: () => {},
      lost: events.mediaLost,
      hold: events.held,
      failed: events.mediaFailed,
    },
  );

/** With several SIP servers, the caller's places the call: its address is the one the line knows and allows. */
const beside = ({ callerDialog }: TransferContext): { beside?: string } => {
  const dialog = callerDialog();
  return dialog === null ? {} : { beside: dialog.sipCallId };
};

/**
 * Calls the destination by an INVITE of our own. Everything that was opened for a call that did not come about is closed
 * again before it resolves. Rejects with GatewayError when the INVITE could never be sent.
 */
export const dialInvite = async (
  deps: TransferDeps,
  context: TransferContext,
  target: { readonly destination: TransferDestination; readonly profile: TransferProfile; readonly plan: TransferPlan },
  hooks: DialHooks,
  events: LegEvents,
): Promise<DialResult<TransferLeg>> => {
  const { destination, profile, plan } = target;
  const media = await openMedia(deps, context, destination, profile.rules, events);
  try {
    const result = await placeLeg({
      signalling: deps.signalling(),
      clock: deps.clock,
      ...{ media, plan },
      profile: profile.name,
      operatorHost: destination.operatorTrunk === true,
      digest: deps.digest(destination),
      ...beside(context),
      hooks: {
        ...hooks,
        onSent: (sipCallId) => deps.bindLadder(sipCallId, context.session.id),
        onRang: (delayMs) => deps.metrics.rang(profile.name, delayMs),
        onEarly: events.early,
      },
      events: {
        ended: events.ended,
        offered: (offer) => (offer === null ? media.offer() : media.answer(offer)),
        answered: (sdp) => {
          media.accept(sdp).catch((error: unknown) => {
            context.log.warn({ err: error }, 'an answer of a destination in its ACK could not be taken');
          });
        },
        info: events.info,
      },
      log: context.log,
    });
    if (result.answered) {
      return { ...result, leg: { media, dialog: result.leg, profile: profile.rules, destination } };
    }
    await media.close();
    return result;
  } catch (error) {
    await media.close();
    throw error;
  }
};

/**
 * Asks the caller's carrier to make the call itself (REFER, RFC 3515) and follows its reports. The leg is null: what
 * comes about is the carrier's.
 */
export const dialRefer = async (
  deps: Pick<TransferDeps, 'clock' | 'profile'>,
  context: TransferContext,
  plan: TransferPlan,
  hooks: DialHooks,
): Promise<DialResult<null>> => {
  const failed = (reason: string, gaveUp: 'timeout' | 'aborted' | null = null): DialResult<null> => ({
    answered: false,
    end: { status: null, reason, local: false, gaveUp },
    sent: null,
  });
  const dialog = context.callerDialog();
  if (dialog === null) return failed('the caller has no dialog');
  if (deps.profile(context.callerProfile.name)?.sendsRefer !== true) {
    return failed(`the profile ${context.callerProfile.name} of the caller takes no REFER`);
  }
  const begun = deps.clock.monotonic();
  const result = await dialog.refer(
    plan.target,
    {},
    { timeout: plan.ringTimeout, signal: hooks.signal, onProgress: (status) => hooks.onProgress(status, 'reported') },
  );
  const reason = result.reason ?? '';
  if (result.final === null && result.accepted < 300) {
    // A BYE ends the wait for reports in the same turn in which the call is told of it: let it be told first.
    await new Promise<void>((resolve) => deps.clock.after(0, resolve));
  }
  if (hooks.signal.aborted) return failed(reason, 'aborted');
  const refused = result.accepted >= 300 ? result.accepted : null;
  const status = refused ?? result.final;
  if (status === null) {
    // Timers may fire a moment early.
    return failed(reason, deps.clock.monotonic() - begun >= plan.ringTimeout - 20 ? 'timeout' : null);
  }
  if (refused === null && status < 300) return { answered: true, leg: null, sipStatus: status, sent: null };
  return { answered: false, end: { status, reason, local: false, gaveUp: null }, sent: null };
};
