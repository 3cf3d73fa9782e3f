import { describe, expect, it } from 'vitest';
import { callerIdentity } from './caller-identity.js';

const called = '+14155550100';
const known = { e164: '+14155550123', withheld: false };
/** A carrier may assert a number although the caller withholds it. */
const withheld = { e164: '+14155550123', withheld: true };
const unreadable = { e164: null, withheld: false };
const profiles = {
  zendesk: { callerId: 'caller', assertedIdentity: false, diversion: false },
  trunk: { callerId: 'caller', assertedIdentity: true, diversion: false },
  twilio: { callerId: 'called', assertedIdentity: true, diversion: true },
  shy: { callerId: 'called', assertedIdentity: false, diversion: false },
} as const;

const rows = [
  // caller, destination type, callerId, profile, From, reason, asserted, diverting
  [known, 'sip', null, 'zendesk', known.e164, 'known', null, null],
  [known, 'sip', 'called', 'zendesk', known.e164, 'known', null, null],
  [known, 'sip', null, 'trunk', known.e164, 'known', known.e164, null],
  [withheld, 'sip', null, 'zendesk', called, 'withheld', null, null],
  [withheld, 'sip', null, 'trunk', called, 'withheld', called, null],
  [unreadable, 'sip', null, 'zendesk', called, 'unknown', null, null],
  [known, 'phone', null, 'trunk', known.e164, 'known', known.e164, null],
  [known, 'phone', 'called', 'trunk', called, 'rule', known.e164, null],
  [known, 'phone', null, 'twilio', called, 'rule', known.e164, known.e164],
  [known, 'phone', 'caller', 'twilio', known.e164, 'known', known.e164, called],
  [known, 'phone', null, 'shy', called, 'rule', null, null],
  [withheld, 'phone', 'caller', 'twilio', called, 'withheld', called, null],
] as const;

describe('who the destination sees calling', () => {
  it.each(rows)('%j to a %s destination (callerId %s, profile %s) shows %s (%s)', (...row) => {
    const [caller, type, callerId, profile, from, reason, asserted, diverting] = row;
    expect(callerIdentity({ caller, called }, { type, callerId }, profiles[profile])).toEqual({
      from,
      reason,
      asserted,
      diverting,
    });
  });

  it('never lets a withheld number out, whatever destination and profile ask for', () => {
    for (const type of ['sip', 'phone'] as const) {
      for (const callerId of [null, 'caller', 'called'] as const) {
        for (const profile of Object.values(profiles)) {
          const plan = callerIdentity({ caller: withheld, called }, { type, callerId }, profile);
          expect(JSON.stringify(plan)).not.toContain(withheld.e164);
        }
      }
    }
  });
});
