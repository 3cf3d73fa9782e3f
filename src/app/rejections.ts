import type { RejectionView } from '../api/index.js';
import type { Clock } from '../core/clock.js';
import type { RejectedCall } from '../telephony/sip/index.js';

/** How many are kept: a scanner's flood must not push memory, and nobody reads more. */
const most = 200;

export type Rejections = {
  add(reason: string, profile: string | null, call: RejectedCall): void;
  /** Newest first. */
  list(): readonly RejectionView[];
  /** Why the call with this Call-ID was turned away; null when it was not. */
  of(sipCallId: string): RejectedCall | null;
};

/** The latest calls this instance turned away, with the rule that did. */
export const createRejections = (clock: Clock): Rejections => {
  const kept: (RejectedCall & { readonly at: number; readonly reason: string; readonly profile: string | null })[] = [];
  return {
    add: (reason, profile, call) => {
      kept.push({ at: clock.now(), reason, profile, ...call });
      if (kept.length > most) kept.shift();
    },
    list: () => kept.map(({ at, ...rest }) => ({ at: new Date(at).toISOString(), ...rest })).reverse(),
    of: (sipCallId) => kept.findLast((each) => each.sipCallId === sipCallId) ?? null,
  };
};
