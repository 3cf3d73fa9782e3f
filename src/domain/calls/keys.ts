import { GatewayError } from '../../core/errors.js';
import { dtmfRelayContentType, formatDtmfInfo } from './dtmf-info.js';
import type { Dialog, MediaLeg, ProfileRules } from './ports.js';

/** One side of a call, as far as keys go to it. */
export type KeySide = {
  readonly media: Pick<MediaLeg, 'sendDtmf' | 'takesEvents'>;
  /** Null before there is one. */
  readonly dialog: () => Pick<Dialog, 'info'> | null;
  readonly profile: Pick<ProfileRules, 'dtmf'>;
};

export type Key = { readonly digit: string; readonly durationMs: number };

/** Whether a side gets its keys by SIP INFO: its profile says so, or leaves it open and it takes no telephone events. */
export const byInfo = ({ media, profile }: KeySide): boolean =>
  profile.dtmf === 'info' || (profile.dtmf === 'both' && !media.takesEvents());

/**
 * Sends keys (0-9, *, #, A-D) the way the side takes them. Rejects with GatewayError as `sendDtmf` and `info` do, and with
 * conflict while there is no dialog for an INFO.
 */
export const pressKeys = async (side: KeySide, digits: string, durationMs?: number): Promise<void> => {
  if (!byInfo(side)) return side.media.sendDtmf(digits, durationMs === undefined ? {} : { durationMs });
  const dialog = side.dialog();
  if (dialog === null) throw new GatewayError('conflict', 'The call is not answered yet, and its keys go by SIP INFO.');
  // Each waits for its answer: INFOs have no order but that.
  for (const digit of digits) await dialog.info(dtmfRelayContentType, formatDtmfInfo(digit, durationMs));
};

/** A key that came both ways is one key if the second came within this of the first, ms. */
const doubleWithin = 3_000;

/**
 * Some telephones send each key by INFO and in the media. Returns false for the second of such a pair; a key pressed twice
 * comes twice by each way, so each is the double of one.
 */
export const keyDoubles = (now: () => number): ((key: Pick<Key, 'digit'>, way: 'media' | 'info') => boolean) => {
  let single: { readonly digit: string; readonly way: string; readonly at: number }[] = [];
  return ({ digit }, way) => {
    const at = now();
    single = single.filter((key) => at - key.at < doubleWithin);
    const pair = single.findIndex((key) => key.digit === digit && key.way !== way);
    if (pair >= 0) single.splice(pair, 1);
    else single.push({ digit, way, at });
    return pair < 0;
  };
};
