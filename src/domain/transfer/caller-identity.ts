import type { CallView, DestinationView, ProfileView, SessionFacts } from './views.js';

/**
 * Why the From of a transfer is what it is: `known` is the caller's own number; `withheld` and `unknown` are the number
 * the caller dialled because theirs must not or cannot be shown; `rule` is the same because the destination or its
 * carrier asks for a number of ours; `refer`: the carrier makes the call and chooses.
 */
export type FromReason = 'known' | 'withheld' | 'unknown' | 'rule' | 'refer';

export type CallerIdentityPlan = {
  /** User part of the From: E.164. */
  readonly from: string;
  readonly reason: FromReason;
  /** User part of P-Asserted-Identity (RFC 3325); null: none is sent. */
  readonly asserted: string | null;
  /** User part of Diversion (RFC 5806); null: none is sent. */
  readonly diverting: string | null;
};

/**
 * Who the destination sees calling (transfer.md T2). A withheld number is used for nothing, even where a carrier has
 * asserted one. A SIP destination always gets the caller's own number when it is known, since a help desk finds the
 * customer by it; for a telephone number the destination decides, else its profile, since trunks demand an owned number.
 */
export const callerIdentity = (
  { called, caller }: Pick<CallView, 'called'> & Pick<SessionFacts, 'caller'>,
  destination: Pick<DestinationView, 'type' | 'callerId'>,
  profile: Pick<ProfileView, 'callerId' | 'assertedIdentity' | 'diversion'>,
): CallerIdentityPlan => {
  const own = caller.withheld ? null : caller.e164;
  const same = (number: string): string | null => (profile.assertedIdentity ? number : null);
  if (own === null) {
    return {
      from: called,
      reason: caller.withheld ? 'withheld' : 'unknown',
      asserted: same(called),
      diverting: null,
    };
  }
  if (destination.type === 'sip') return { from: own, reason: 'known', asserted: same(own), diverting: null };
  const rule = destination.callerId ?? profile.callerId;
  if (rule === 'called') {
    // The only place left for the caller's number, and only where the carrier takes it.
    return { from: called, reason: 'rule', asserted: same(own), diverting: profile.diversion ? own : null };
  }
  // A carrier that sees a number we do not own lets the call pass by the number of ours that diverted it.
  return { from: own, reason: 'known', asserted: same(own), diverting: profile.diversion ? called : null };
};
