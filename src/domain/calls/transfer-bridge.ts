import type { Logger } from '../../core/logger.js';
import { parseDtmfInfo } from './dtmf-info.js';
import { byInfo, type Key, pressKeys } from './keys.js';
import type { Dialog, MediaLeg, Playback, ProfileRules, PromptSource } from './ports.js';
import { comfortBeep } from './transfer-hearing.js';
import type { TransferLeg } from './transfer-leg.js';

/**
 * Two legs of a connected call. Each leg is its own dialog: offers and session timers are answered on their own leg; what
 * passes from one to the other is audio (the media plane's bridge), holds, INFO and keys (transfer.md T2).
 */
export type ConnectedCall = {
  callerHeld(held: boolean): void;
  destinationHeld(held: boolean): void;
  callerInfo(contentType: string, body: string): void;
  destinationInfo(contentType: string, body: string): void;
  /** A key that came in the media of a side, where the bridge passes it on if the other side takes telephone events. */
  callerKey(key: Key): void;
  destinationKey(key: Key): void;
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
    await to.media.accept(await other.modify(() => to.media.offer({ hold: held })));
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

  const passOn = (to: Side, contentType: string, body: string): void => {
    to.dialog()
      ?.info(contentType, body)
      .catch((error: unknown) => log.info({ err: error, contentType }, 'an INFO could not be passed on'));
  };

  /** A side that agreed on telephone events sends its keys as these, which pass in the media; its INFO stays what it is. */
  const sendsKeysByInfo = ({ media: leg, profile: rules }: Side): boolean =>
    rules.dtmf === 'info' || !leg.takesEvents();

  const info =
    (from: Side, to: Side) =>
    (contentType: string, body: string): void => {
      const key = sendsKeysByInfo(from) && !byInfo(to) ? parseDtmfInfo(contentType, body) : null;
      if (key === null) passOn(to, contentType, body);
      // While it holds, or a relay has its media, the INFO is all that reaches it.
      else to.media.sendDtmf(key.digit, { durationMs: key.durationMs }).catch(() => passOn(to, contentType, body));
    };

  const key =
    (from: Side, to: Side) =>
    (pressed: Key): void => {
      if (to.media.takesEvents()) return;
      // What was heard in the audio is heard by the other side too: tones again would be a second key.
      if (!byInfo(to) && !from.media.takesEvents()) return;
      pressKeys(to, pressed.digit, pressed.durationMs).catch((error: unknown) => {
        log.info({ err: error }, 'a key could not be passed on to the other leg');
      });
    };

  return {
    callerHeld: holding(options.caller, destination),
    destinationHeld: holding(destination, options.caller),
    callerInfo: info(options.caller, destination),
    destinationInfo: info(destination, options.caller),
    callerKey: key(options.caller, destination),
    destinationKey: key(destination, options.caller),
  };
};
