import type { TransferDestination } from '../directory/records.js';
import type { ProfileRules } from './ports.js';
import type { TransferDeps, TransferProfile } from './transfer-ports.js';

const twilioHost = /@[^@;]*\.twilio\.com(?=[:;]|$)/i;
const loopbackHost = /@(?:127\.[\d.]+|\[::1\]|localhost)(?=[:;]|$)/i;

/** The profile of a destination that names none, by what it is. */
const defaultName = ({ type, value }: TransferDestination): string => {
  if (type === 'phone') return 'generic-trunk';
  if (twilioHost.test(value)) return 'zendesk-sip-in';
  return loopbackHost.test(value) ? 'local' : 'generic-trunk';
};

/** When even that profile is gone, calls are placed with its bare minimum, and the SIP side says that it is missing. */
const bare = (name: string): TransferProfile => ({
  name,
  callerId: 'caller',
  assertedIdentity: false,
  diversion: false,
  ticketHeaders: [],
  sendsRefer: false,
  rules: {
    name,
    country: 'US',
    codecs: ['PCMU', 'PCMA'],
    mediaSecurity: 'none',
    mediaRanges: [],
    firstPacketTimeout: 0,
    idleTimeout: 0,
    forwardHold: false,
    dtmf: 'rfc4733',
    comfortNoise: false,
    inbandDtmf: false,
  },
});

export const profileOf = (deps: Pick<TransferDeps, 'profile'>, destination: TransferDestination): TransferProfile => {
  const name = destination.profile ?? defaultName(destination);
  return deps.profile(name) ?? bare(name);
};

/** Keys are offered where they are asked for only: in clear signalling they would protect nothing. */
export const securityOf = (
  { secureMedia }: Pick<TransferDestination, 'secureMedia'>,
  rules: ProfileRules,
): 'required' | 'none' => (secureMedia || rules.mediaSecurity === 'required' ? 'required' : 'none');

/** Lines behind Zendesk and Twilio admit calls by source address alone and drop all others without a word. */
export const isAllowListed = (destination: TransferDestination, profile: TransferProfile): boolean =>
  profile.name === 'zendesk-sip-in' || profile.name === 'twilio' || twilioHost.test(destination.value);
