import { isE164, toE164 } from '../../../core/e164.js';
import type { IncomingCall, RemoteParty } from '../../../domain/calls/ports.js';
import { parseNameAddr } from '../../sip-engine/header-values.js';
import { parseUri } from '../../sip-engine/uri.js';
import type { Profile } from '../profiles/profile.js';
import type { calledPlaces, callingPlaces, numberFormats } from '../profiles/schema.js';
import { headerList, plainText, type RequestView } from '../request-view.js';

type Format = (typeof numberFormats)[number];

/** A party as a header names it. */
type Party = { readonly user: string; readonly host: string; readonly display: string };

/**
 * What carriers write instead of a withheld number: words, and the words' digits on a telephone's keypad
 * (266696687 spells ANONYMOUS), all seen in Twilio's caller ids.
 */
const sentinelWords = new Set(['anonymous', 'unknown', 'restricted', 'private', 'unavailable', 'blocked']);
const sentinelNumbers = new Set(['266696687', '86282452253', '8656696', '2562533', '7378742833']);

/** True when a user part says that the number is withheld. */
export const isSentinel = (user: string): boolean =>
  sentinelWords.has(user.toLowerCase()) || sentinelNumbers.has(user.replace(/^\+/, ''));

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

const partyOfUri = (text: string, display: string): Party | null => {
  const uri = parseUri(text.trim());
  if (uri === undefined || uri.opaque !== undefined) return null;
  // Parameters inside the user part (`+1415;npdi;rn=…@`, RFC 4694) belong to number portability, not to the number.
  const [bare = ''] = decoded(uri.user ?? '').split(';');
  const context = uri.params.get('phone-context') ?? '';
  // A local number of a tel URI is completed by its context when that is a number prefix (RFC 3966 section 5.1.5).
  const user = uri.scheme === 'tel' && !bare.startsWith('+') && /^\+\d+$/.test(context) ? `${context}${bare}` : bare;
  return { user: plainText(user), host: uri.host, display: plainText(display) };
};

const partyOfAddress = (value: string): Party | null => {
  const address = parseNameAddr(value);
  return address === undefined ? null : partyOfUri(address.uri, address.display);
};

/** Reads a user part as E.164 under a profile's rules; null when it is no telephone number. */
export const readNumber = (user: string, format: Format, country: string): string | null => {
  // Letters would be read as keypad digits by a lenient parser; `alice` must stay `alice`.
  const bare = user.replace(/[\s().-]/g, '');
  if (!/^\+?\d{3,18}$/.test(bare)) return null;
  if (bare.startsWith('+')) return toE164(bare);
  const international = (): string | null => {
    const number = toE164(`+${bare}`);
    return number !== null && isE164(number) ? number : null;
  };
  if (format === 'e164') return international();
  return toE164(bare, country) ?? (format === 'auto' ? international() : null);
};

const partiesAt = (
  request: RequestView,
  place: (typeof calledPlaces)[number] | (typeof callingPlaces)[number],
): readonly Party[] => {
  if (place === 'request-uri') {
    const party = partyOfUri(request.uri, '');
    return party === null ? [] : [party];
  }
  return headerList(request, place)
    .map(partyOfAddress)
    .filter((party): party is Party => party !== null);
};

export type Called = { readonly number: string | null; readonly raw: string };

/** The called party by the profile's places: the first place with a readable number, else the first place's text. */
export const readCalled = (request: RequestView, profile: Profile): Called => {
  const { from, format, stripPrefix } = profile.inbound.called;
  const parties = from.flatMap((place) => partiesAt(request, place));
  let number: string | null = null;
  for (const party of parties) {
    const user = party.user.startsWith(stripPrefix) ? party.user.slice(stripPrefix.length) : party.user;
    number = readNumber(user, format, profile.country);
    if (number !== null) break;
  }
  const raw = parties.find((party) => party.user !== '')?.user ?? plainText(request.uri);
  return { number, raw };
};

/** True when the caller asked for privacy of the identity (RFC 3323 section 4.2, RFC 3325 section 9.3). */
const asksForPrivacy = (request: Pick<RequestView, 'header'>): boolean => {
  const value = request.header('privacy');
  if (value === undefined) return false;
  // The grammar separates by semicolons; joined header lines and sloppy senders bring commas.
  const tokens = value.split(/[;,\s]+/).map((token) => token.toLowerCase());
  return tokens.some((token) => token === 'id' || token === 'user' || token === 'header');
};

/** Remote-Party-ID, PAI's predecessor, carries its own request for privacy (draft-ietf-sip-privacy-04 section 5.1). */
const remotePartyIsPrivate = (request: Pick<RequestView, 'header'>): boolean =>
  /;\s*privacy\s*=\s*"?(full|uri)\b/i.test(request.header('remote-party-id') ?? '');

const isAnonymous = (from: Party | null): boolean =>
  from === null ||
  from.user === '' ||
  isSentinel(from.user) ||
  from.host === 'anonymous.invalid' ||
  from.display.toLowerCase() === 'anonymous';

/** True when a request says of itself, by Privacy, Remote-Party-ID or From, that the caller's number is withheld. */
export const withholdsNumber = (request: Pick<RequestView, 'header'>): boolean => {
  const from = request.header('from');
  return (
    asksForPrivacy(request) ||
    remotePartyIsPrivate(request) ||
    isAnonymous(from === undefined ? null : partyOfAddress(from))
  );
};

/**
 * The caller by the profile's places. Withheld wins over everything: a number that a trusted header asserts beside a
 * request for privacy is for emergency services, not for us (RFC 3325 section 7), and is used for nothing.
 */
export const readCaller = (request: RequestView, profile: Profile): IncomingCall['caller'] => {
  const { from: places, format } = profile.inbound.calling;
  const fromValue = request.header('from');
  const from = fromValue === undefined ? null : partyOfAddress(fromValue);
  const parties = places.flatMap((place) => partiesAt(request, place)).filter((party) => party.user !== '');
  if (withholdsNumber(request) || parties.some((party) => isSentinel(party.user))) {
    const raw = from?.user ?? '';
    return { e164: null, raw: isSentinel(raw) ? raw : '', display: null, withheld: true };
  }
  const numbered = parties.find((party) => readNumber(party.user, format, profile.country) !== null);
  const party = numbered ?? parties[0] ?? from;
  const display = (party?.display || from?.display) ?? '';
  return {
    e164: numbered === undefined ? null : readNumber(numbered.user, format, profile.country),
    raw: party?.user ?? '',
    display: display === '' ? null : display,
    withheld: false,
  };
};

/** The caller's side of the dialog, as its From has it; withheld or not, it says nothing of the caller's number. */
export const readRemote = (request: RequestView): RemoteParty => {
  const from = request.header('from');
  const address = from === undefined ? undefined : parseNameAddr(from);
  const tag = address?.params.get('tag');
  return {
    host: plainText(address === undefined ? '' : (parseUri(address.uri)?.host ?? '')),
    tag: tag === undefined || tag === '' ? null : plainText(tag),
  };
};

/** How many X- and User-to-User headers are handed on, and how long each may be. */
const MAX_HEADERS = 64;
const MAX_VALUE = 1024;

/** Headers of the INVITE that start with X- or are User-to-User, by lower-case name, fit for records and agents. */
export const readCustomHeaders = (headers: Readonly<Record<string, string>>): ReadonlyMap<string, string> => {
  const found = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    if (!lower.startsWith('x-') && lower !== 'user-to-user') continue;
    if (found.size === MAX_HEADERS) break;
    if (!found.has(lower)) found.set(lower, plainText(value, MAX_VALUE));
  }
  return found;
};
