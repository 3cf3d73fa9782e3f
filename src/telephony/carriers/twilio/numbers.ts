import { GatewayError } from '../../../core/errors.js';
import type { TwilioAccount } from './account.js';
import { askTwilio } from './failures.js';

export type NumberKind = 'local' | 'mobile' | 'tollFree';

export type NumberSearch = {
  /** ISO 3166-1 alpha-2. */
  readonly country: string;
  readonly kind: NumberKind;
  readonly areaCode?: number;
  /** Digits, letters and `*`. */
  readonly contains?: string;
  readonly limit: number;
};

export type OfferedNumber = {
  readonly number: string;
  readonly name: string;
  readonly place: string | null;
  readonly country: string;
  readonly voice: boolean;
  /** none, any, local or foreign: which address the country demands of the buyer. */
  readonly address: string;
};

export type OwnedNumber = {
  readonly number: string;
  readonly sid: string;
  readonly name: string;
  /** The trunk it is on; its calls come by SIP then, whatever the webhook says. */
  readonly trunkSid: string | null;
  readonly voiceUrl: string | null;
};

export type NumberPurchase = {
  readonly number: string;
  readonly name?: string;
  /** By trunk, or by webhook. */
  readonly way: { readonly trunkSid: string } | { readonly voiceUrl: string };
  readonly addressSid?: string;
  readonly bundleSid?: string;
};

export type VerificationRequest = {
  readonly number: string;
  readonly name?: string;
  /** Seconds until Twilio calls, at most 60. */
  readonly callDelay: number;
  /** Digits to press when the call is answered by a switchboard. */
  readonly extension?: string;
  readonly statusCallback?: string;
};

/** How Twilio knows a number: bought here, verified as a caller id, or not at all. */
export type NumberStanding = 'owned' | 'verified' | 'unknown';

/** What the package makes of each kind of number on offer. */
type Offer = {
  readonly phoneNumber: string;
  readonly friendlyName: string;
  readonly locality: string;
  readonly region: string;
  readonly isoCountry: string;
  readonly capabilities: { readonly voice?: boolean };
  readonly addressRequirements: string;
};

/** All of an account: more numbers than this are for another tool. */
const MOST = 10_000;

const view = (record: {
  readonly phoneNumber: string;
  readonly sid: string;
  readonly friendlyName: string;
  readonly trunkSid: string | null;
  readonly voiceUrl: string | null;
}): OwnedNumber => ({
  number: record.phoneNumber,
  sid: record.sid,
  name: record.friendlyName,
  trunkSid: record.trunkSid || null,
  voiceUrl: record.voiceUrl || null,
});

export type TwilioNumbers = {
  /** Name and state of the account: `active`, `suspended` or `closed`. */
  account(): Promise<{ readonly name: string; readonly status: string }>;
  search(search: NumberSearch): Promise<readonly OfferedNumber[]>;
  list(): Promise<readonly OwnedNumber[]>;
  /** Null when the account does not have it. */
  find(number: string): Promise<OwnedNumber | null>;
  buy(purchase: NumberPurchase): Promise<OwnedNumber>;
  /** Gives a number back. Throws GatewayError not_found. */
  release(number: string): Promise<void>;
  /** Has Twilio call the number and ask for the code, six digits, that this resolves with. */
  verify(request: VerificationRequest): Promise<{ readonly code: string; readonly callSid: string }>;
  standing(number: string): Promise<NumberStanding>;
};

/** Telephone numbers of the account. Every function throws GatewayError: twilio_refused, twilio_unavailable, not_found. */
export const twilioNumbers = (account: TwilioAccount): TwilioNumbers => {
  const find = async (number: string): Promise<OwnedNumber | null> => {
    // The filter finds parts of numbers too.
    const found = await askTwilio(() => account.incomingPhoneNumbers.list({ phoneNumber: number, limit: 20 }));
    const exact = found.find((record) => record.phoneNumber === number);
    return exact === undefined ? null : view(exact);
  };
  return {
    find,
    async account() {
      const { friendlyName, status } = await askTwilio(() => account.api.v2010.accounts(account.accountSid).fetch());
      return { name: friendlyName, status };
    },
    async search({ country, kind, areaCode, contains, limit }) {
      const options = {
        voiceEnabled: true,
        limit,
        pageSize: limit,
        ...(areaCode === undefined ? {} : { areaCode }),
        ...(contains === undefined ? {} : { contains }),
      };
      const offers = account.availablePhoneNumbers(country);
      const found = await askTwilio<readonly Offer[]>(() => {
        if (kind === 'mobile') return offers.mobile.list(options);
        return kind === 'tollFree' ? offers.tollFree.list(options) : offers.local.list(options);
      });
      return found.map((record) => ({
        number: record.phoneNumber,
        name: record.friendlyName,
        place: [record.locality, record.region].filter((part) => part).join(', ') || null,
        country: record.isoCountry,
        voice: record.capabilities.voice === true,
        address: record.addressRequirements,
      }));
    },
    async list() {
      const found = await askTwilio(() => account.incomingPhoneNumbers.list({ limit: MOST, pageSize: 1_000 }));
      return found.map(view);
    },
    async buy({ number, name, way, addressSid, bundleSid }) {
      const bought = await askTwilio(() =>
        account.incomingPhoneNumbers.create({
          phoneNumber: number,
          ...('trunkSid' in way ? { trunkSid: way.trunkSid } : { voiceUrl: way.voiceUrl, voiceMethod: 'POST' }),
          ...(name === undefined ? {} : { friendlyName: name }),
          ...(addressSid === undefined ? {} : { addressSid }),
          ...(bundleSid === undefined ? {} : { bundleSid }),
        }),
      );
      return view(bought);
    },
    async release(number) {
      const owned = await find(number);
      if (owned === null) throw new GatewayError('not_found', `${number} is not a number of the Twilio account.`);
      await askTwilio(() => account.incomingPhoneNumbers(owned.sid).remove());
    },
    async verify({ number, name, callDelay, extension, statusCallback }) {
      const { validationCode, callSid } = await askTwilio(() =>
        account.validationRequests.create({
          phoneNumber: number,
          callDelay,
          ...(name === undefined ? {} : { friendlyName: name }),
          ...(extension === undefined ? {} : { extension }),
          ...(statusCallback === undefined ? {} : { statusCallback, statusCallbackMethod: 'POST' }),
        }),
      );
      return { code: validationCode, callSid };
    },
    async standing(number) {
      if ((await find(number)) !== null) return 'owned';
      const known = await askTwilio(() => account.outgoingCallerIds.list({ phoneNumber: number, limit: 20 }));
      return known.some((record) => record.phoneNumber === number) ? 'verified' : 'unknown';
    },
  };
};
