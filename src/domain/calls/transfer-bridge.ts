import type { Logger } from '../../core/logger.js';
import type { Dialog, MediaLeg, Playback, ProfileRules, PromptSource } from './ports.js';
import { comfortBeep } from './transfer-hearing.js';
import type { TransferLeg } from './transfer-leg.js';

/**
 * Two legs of a connected call. Each leg is its own dialog: offers and session timers are answered on their own leg; what
 * passes from one to the other is audio (the media plane's bridge), holds and INFO (transfer.md T2).
 */
export type ConnectedCall = {
  callerHeld(held: boolean): void;
  destinationHeld(held: boolean): void;
  callerInfo(contentType: string, body: string): void;
  destinationInfo(contentType: string, body: string): void;
};

type Side = { readonly media: MediaLeg; readonly dialog: () => Dialog | null; readonly profile: ProfileRules };

export const connectedCall = (options: {
  readonly caller: Side;
  readonly destination: TransferLeg;
  readonly holdAudio: PromptSource | null;
  /** Resolves when no other offer of ours to either side is under way. */
  readonly settled: () => Promise<void>;
  readonly log: Logger;
}): ConnectedCall => {
  const { log } = options;
  const { media, dialog, profile } = options.destination;
  const destination: Side = { media, dialog: () => dialog, profile };

  /** Passes a hold on as re-INVITE; the other side's answer says what it makes of it. */
  const forward = async (to: Side, held: boolean): Promise<void> => {
    const other = to.dialog();
    if (other === null) return;
    await options.settled();
    await to.media.accept(await other.modify(await to.media.offer({ hold: held })));
  };

  /** A hold of one side, as the other one notices it. */
  const holding = (by: Side, other: Side): ((held: boolean) => void) => {
    let playing: Playback | null = null;
    return (held) => {
      if (by.profile.forwardHold) {
        forward(other, held).catch((error: unknown) => {
          log.warn({ err: error, held }, 'a hold could not be passed on to the other leg');
        });
        return;
      }
      playing?.stop();
      playing = held ? other.media.play(options.holdAudio ?? comfortBeep, { loop: true }) : null;
    };
  };

  const info =
    (to: Side) =>
    (contentType: string, body: string): void => {
      to.dialog()
        ?.info(contentType, body)
        .catch((error: unknown) => log.info({ err: error, contentType }, 'an INFO could not be passed on'));
    };

  return {
    callerHeld: holding(options.caller, destination),
    destinationHeld: holding(destination, options.caller),
    callerInfo: info(destination),
    destinationInfo: info(options.caller),
  };
};
