import twilio from 'twilio';
import { GatewayError, isGatewayError } from '../../../core/errors.js';

/**
 * What the codes of Twilio mean for whoever runs this gateway, and what to do. Each was held against its page,
 * https://www.twilio.com/docs/api/errors/<code>: those that the REST API answers the requests of this gateway with, and
 * those that a status callback or the debugger names for calls by trunk, by TwiML and to SIP domains. Codes that are not
 * here keep Twilio's own sentence.
 */
export const twilioErrors: Readonly<Record<number, string>> = {
  11200: 'Twilio got no answer from a webhook of the gateway: PUBLIC_URL must lead to it from the internet.',
  11205: 'Twilio cannot connect to a webhook of the gateway: PUBLIC_URL must lead to it from the internet.',
  11750: 'What a webhook answered was larger than the 64 kB of TwiML that Twilio takes.',
  13223: 'The number that was dialled is not written in E.164.',
  13224: 'Twilio does not support calls to this number, or it does not exist.',
  13252: 'The name of a SIP header in the TwiML is not allowed.',
  13255: 'Twilio does not dial its own SIP domains (sip.twilio.com): place such calls from the gateway itself.',
  20003: 'Twilio does not accept the credentials: check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN.',
  20005: 'The Twilio account is not active.',
  20008: "These are Twilio's test credentials, which cannot do this.",
  20404: 'Twilio has no such thing in this account.',
  20429: 'Twilio was asked too often: wait a moment and try again.',
  21210: 'The caller id is not a number of the account: buy it, or verify it with `numbers verify`.',
  21215: "Calls to this country are switched off in Twilio's geographic permissions.",
  21216: "Twilio has blocked the call: the number is on its block list, or is one of the account's own trunk.",
  21219: 'The number that was called is not verified: do it with `numbers verify`, or upgrade the trial account.',
  21227: 'The headers in a SIP address are longer than the 1024 characters Twilio takes.',
  21229: 'The value of a SIP header has a character that Twilio does not take.',
  21244: 'The account has as many trunks as Twilio allows: remove one, or name one that is there (--name).',
  21245: 'Twilio does not take the trunk so: its domain may be that of another trunk, or a list may be on it already.',
  21248: 'The domain of the trunk belongs to somebody else: choose another one (--domain).',
  21421: 'Twilio does not take this as a telephone number: write it in E.164.',
  21422: 'The number is no longer for sale: search again and take another one.',
  21449: 'The number is one of the account already: it needs no verification.',
  21450: 'The number is verified in this account already.',
  21451: 'There is no such area code.',
  21452: 'There is no number for sale in this area code: search another one.',
  21615: "The number demands a local address: add one in Twilio's console and give its sid (--address).",
  21631: "The number demands an address: add one in Twilio's console and give its sid (--address).",
  21649: 'The number demands a regulatory bundle: have it approved at Twilio and give its sid (--bundle).',
  32010: 'The trunk has no origination address: run `trunk setup twilio`.',
  32011:
    "Twilio does not reach the gateway's SIP, or was refused: check the trunk's origination, firewall and TLS 1.2.",
  32100: 'A trial account may call verified numbers only: verify it with `numbers verify`, or upgrade the account.',
  32112: 'The value of a SIP header has a character that Twilio does not take; the header was left out.',
  32113: 'Twilio does not take this SIP header: names must begin with X-, and not with X-Twilio; it was left out.',
  32201:
    "The gateway's address is not on the access list of the trunk or SIP domain: add the address its SIP comes from.",
  32202: "Twilio does not accept the gateway's user name or password: they must be as in the trunk's credential list.",
  32203: 'Twilio has blocked the call: the number is on its block list.',
  32204: 'The caller id is not a number of the account: buy it, or verify it with `numbers verify`.',
  32205: "Calls to this country are switched off in Twilio's geographic permissions.",
  32208: 'The trunk takes encrypted media only: the call must offer SRTP.',
  32209: 'The trunk takes encrypted calls only: SIP must come by TLS.',
  32214: 'Twilio dials SIP domains of the same account only: place calls to others from the gateway itself.',
  32219:
    "Twilio could not follow a redirect: the target is no public SIP address, or a domain of Twilio's own. Place the call from the gateway itself.",
  32223: 'Twilio refuses calls between its own SIP domains: place them from the gateway itself.',
};

/** The sentence for a code, null when it is not one of ours. */
export const explainTwilioError = (code: number | null | undefined): string | null =>
  code === null || code === undefined ? null : (twilioErrors[code] ?? null);

const sentenceOf = (code: number | undefined, status: number, own: string): string => {
  const known = explainTwilioError(code);
  const number = code === undefined ? `HTTP ${status}` : `error ${code}`;
  if (known !== null) return `${known} (Twilio ${number})`;
  const said = own.trim().replace(/\.+$/, '');
  return `Twilio refused: ${said === '' ? 'no reason given' : said} (${number}; www.twilio.com/docs/errors).`;
};

/** What the package threw, as an error of ours with a sentence: whose fault it is and what to do. */
export const asTwilioFailure = (error: unknown): GatewayError => {
  if (isGatewayError(error)) return error;
  if (error instanceof twilio.RestException) {
    const { status, code, message } = error;
    const sentence = sentenceOf(code, status, message ?? '');
    if (status === 429 || status >= 500) return new GatewayError('twilio_unavailable', sentence, { cause: error });
    if (status === 404) return new GatewayError('not_found', sentence, { cause: error });
    return new GatewayError('twilio_refused', sentence, { cause: error });
  }
  // Its answers are read by the package: one that is no JSON ends here.
  return new GatewayError('twilio_unavailable', 'What Twilio answered cannot be read.', { cause: error });
};

/** Runs requests to Twilio; whatever goes wrong is a GatewayError with a sentence. */
export const askTwilio = async <Answer>(ask: () => Promise<Answer>): Promise<Answer> => {
  try {
    return await ask();
  } catch (error) {
    throw asTwilioFailure(error);
  }
};
