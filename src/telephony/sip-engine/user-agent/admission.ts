import { field } from '../compose.js';
import { getHeaderList } from '../headers.js';
import type { ParsedSip, SipHeader, SipRequest } from '../message.js';
import { parseUri } from '../uri.js';

/** Methods this engine knows; any other gets 501 (RFC 3261 8.2.1). */
export const knownMethods: ReadonlySet<string> = new Set([
  'INVITE',
  'ACK',
  'BYE',
  'CANCEL',
  'OPTIONS',
  'REGISTER',
  'PRACK',
  'SUBSCRIBE',
  'NOTIFY',
  'PUBLISH',
  'INFO',
  'REFER',
  'MESSAGE',
  'UPDATE',
]);

/**
 * Option tags of the IANA registry. The engine itself does 100rel and timer; whether an application does the others it
 * must know itself, so they reach it. What nobody registered nobody can do.
 */
const registeredOptions = new Set(
  (
    '100rel 199 answermode dnssec early-session eventlist explicitsub from-change geolocation-http geolocation-sip gin ' +
    'gruu histinfo ice join multiple-refer norefersub nosub outbound path policy precondition pref privacy ' +
    'recipient-list-invite recipient-list-message recipient-list-subscribe record-aware replaces resource-priority ' +
    'sdp-anat sec-agree siprec tdialog timer trickle-ice uui'
  ).split(' '),
);

export type Refusal = { status: number; headers?: SipHeader[]; reason?: string };

/** Checks a request before any application sees it (RFC 3261 8.2.1 to 8.2.2); undefined when there is nothing wrong. */
export const refusalOf = (request: ParsedSip<SipRequest>): Refusal | undefined => {
  const { message } = request;
  if (!knownMethods.has(message.method)) return { status: 501 };
  const scheme = parseUri(message.uri)?.scheme;
  if (scheme !== 'sip' && scheme !== 'sips' && scheme !== 'tel') return { status: 416 };
  if (message.method !== 'CANCEL') {
    const unsupported = getHeaderList(message, 'Require').filter((tag) => !registeredOptions.has(tag.toLowerCase()));
    if (unsupported.length > 0) {
      return { status: 420, headers: [{ name: 'Unsupported', value: unsupported.join(', ') }] };
    }
  }
  if (message.method === 'INVITE' && request.toTag === '') {
    if (request.fromTag === '') return { status: 400, reason: 'Missing From tag' };
    if (field(message, 'Contact') === undefined) return { status: 400, reason: 'Missing Contact' };
  }
  if (message.method === 'REGISTER' && field(message, 'Contact')?.trim() === '*') {
    if (Number(field(message, 'Expires')) !== 0) return { status: 400, reason: 'Contact * needs Expires 0' };
  }
  return undefined;
};

/** Requests that only make sense inside a dialog. */
export const needsDialog: ReadonlySet<string> = new Set(['BYE', 'UPDATE', 'PRACK']);
