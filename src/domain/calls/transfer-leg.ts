import { isGatewayError } from '../../core/errors.js';
import type { TransferDestination } from '../directory/records.js';
import type { DialHooks, DialResult, TransferPlan } from '../transfer/index.js';
import { userOf } from '../transfer/index.js';
import type { Dialog, DialogEnd, MediaLeg, ProfileRules, SentInvite } from './ports.js';
import type { TransferContext, TransferDeps, TransferProfile } from './transfer-ports.js';

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
      // Keys are offered where they are asked for only: in clear signalling they would protect nothing.
      security: destination.secureMedia || rules.mediaSecurity === 'required' ? 'required' : 'none',
      signallingAddress: null,
      mediaRanges: rules.mediaRanges,
      firstPacketTimeout: rules.firstPacketTimeout,
      idleTimeout: rules.idleTimeout,
      country: context.callerProfile.country,
    },
    {
      // Key presses pass through the bridge by themselves (RFC 4733).
      dtmf: () => {},
      firstPacket: () => {},
      lost: events.mediaLost,
      hold: events.held,
      failed: events.mediaFailed,
    },
  );

const sentOf = (sent: SentInvite | null): { from: string; viaReceived: string | null } | null =>
  sent === null ? null : { from: sent.from.replace(/;\s*tag=[^;]*/i, ''), viaReceived: sent.viaReceived };

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
  const begun = deps.clock.monotonic();
  let rang = false;
  const heardOf = (): void => {
    if (rang) return;
    rang = true;
    deps.metrics.rang(profile.name, deps.clock.monotonic() - begun);
  };
  /** The last SDP we took, and the taking of it: an answer must not overtake an early one. */
  let taken: string | null = null;
  let taking: Promise<void> = Promise.resolve();
  const take = (sdp: string): Promise<void> => {
    if (sdp === taken) return taking;
    taken = sdp;
    taking = taking.then(() => media.accept(sdp));
    return taking;
  };
  let ready: () => void = () => {};
  const settled = new Promise<void>((resolve) => {
    ready = resolve;
  });
  const closeMedia = async (): Promise<void> => {
    await media.close();
  };
  try {
    const digest = deps.digest(destination);
    const result = await deps.signalling().place({
      uri: plan.target,
      profile: profile.name,
      from: { user: userOf(plan.from), display: null, privacy: false },
      headers: plan.headers,
      offer: await media.offer(),
      ...(digest === null ? {} : { digest }),
      ringTimeout: plan.ringTimeout,
      signal: hooks.signal,
      ...beside(context),
      onSent: (sipCallId) => deps.bindLadder(sipCallId, context.session.id),
      onProvisional: ({ status, reason, sdp }) => {
        if (status >= 180) heardOf();
        if (sdp === null || status < 180) return hooks.onProgress(status, reason);
        // Told after its early media is there, so that no ringback sounds in the moments before.
        take(sdp)
          .then(
            () => {
              if (!hooks.signal.aborted) events.early(media);
            },
            (error: unknown) => {
              // It is a preview only: the answer decides.
              taking = Promise.resolve();
              context.log.info({ err: error }, 'early media of a destination could not be taken');
            },
          )
          .finally(() => hooks.onProgress(status, reason));
      },
      events: {
        ended: events.ended,
        offered: async (offer) => {
          await settled;
          return offer === null ? media.offer() : media.answer(offer);
        },
        answered: (sdp) => {
          media.accept(sdp).catch((error: unknown) => {
            context.log.warn({ err: error }, 'an answer of a destination in its ACK could not be taken');
          });
        },
        info: events.info,
      },
    });
    if (result.outcome === 'failed') {
      await closeMedia();
      return { answered: false, end: result, sent: sentOf(result.sent) };
    }
    heardOf();
    const leg: TransferLeg = { media, dialog: result.dialog, profile: profile.rules, destination };
    try {
      await take(result.sdp);
    } catch (error) {
      await Promise.all([result.dialog.bye(), closeMedia()]);
      const reason = isGatewayError(error) ? error.message : 'the answer could not be taken';
      return { answered: false, end: { status: 488, reason, local: false, gaveUp: null }, sent: sentOf(result.sent) };
    }
    if (hooks.signal.aborted) {
      // Given up between the 200 and now: the line believes in a call that nobody wants any more.
      await Promise.all([result.dialog.bye(), closeMedia()]);
      const end = { status: null, reason: 'given up', local: false, gaveUp: 'aborted' } as const;
      return { answered: false, end, sent: sentOf(result.sent) };
    }
    return { answered: true, leg, sipStatus: 200, sent: sentOf(result.sent) };
  } catch (error) {
    await closeMedia();
    throw error;
  } finally {
    ready();
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
