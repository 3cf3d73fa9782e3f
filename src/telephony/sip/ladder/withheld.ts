import { BULLETS } from '../../../core/redaction.js';
import { isSentinel, withholdsNumber } from '../admission/parties.js';

/** The user parts of URIs that name a caller who withheld their number; empty when none was told. */
export type Withheld = ReadonlySet<string>;

const naming = /^(?:from|f|p-asserted-identity|p-preferred-identity|remote-party-id)$/;
const masked =
  /^((?:p-asserted-identity|p-preferred-identity|remote-party-id|diversion)[ \t]*:)([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)/gim;
/** Bounded, for the text comes from outside and a pattern must not look ahead for the rest of it at every `sip:`. */
const sipUser = /(\bsips?:)([^@\s<>]{1,256})(?=@)/gi;
/** What stands before the brackets of an address, quoted or not. */
const displayName = /"(?:[^"\\]|\\.){0,256}"(?=\s{0,4}<)|(?<![^<>",;:])[^<>",;:]+(?=<)/g;
const telUser = /(\btel:)([^;>,\s]{1,64})/gi;

const bare = (user: string): string => user.split(';')[0] ?? '';

const headersOf = (text: string): Map<string, string> => {
  const end = text.indexOf('\r\n\r\n');
  const head = (end < 0 ? text : text.slice(0, end)).replace(/\r\n[ \t]+/g, ' ');
  const headers = new Map<string, string>();
  for (const line of head.split('\r\n').slice(1)) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const name = line.slice(0, colon).trim().toLowerCase();
    const known = headers.get(name);
    const value = line.slice(colon + 1).trim();
    headers.set(name, known === undefined ? value : `${known}, ${value}`);
  }
  return headers;
};

/** Who the caller of an INVITE is, when it says that this is to be withheld; null when it does not, or is no INVITE. */
export const withheldIn = (text: string): Withheld | null => {
  if (!text.startsWith('INVITE ')) return null;
  const headers = headersOf(text);
  const header = (name: string): string | undefined =>
    headers.get(name) ?? (name === 'from' ? headers.get('f') : undefined);
  if (!withholdsNumber({ header })) return null;
  const users = new Set<string>();
  for (const [name, value] of headers) {
    const numbersOnly = name === 'contact' || name === 'm';
    if (!numbersOnly && !naming.test(name)) continue;
    for (const pattern of [sipUser, telUser]) {
      for (const [, , user = ''] of value.matchAll(pattern)) {
        // A Contact may be called after the machine it is of.
        if (!isSentinel(bare(user)) && (!numbersOnly || /^\+?\d{3,}$/.test(bare(user)))) users.add(bare(user));
      }
    }
  }
  return users;
};

/**
 * A message of a call whose caller withheld their number, without it: not where headers assert it, nor in any other URI
 * of the call, such as the To of what we send to that caller.
 */
export const maskWithheld = (text: string, users: Withheld): string => {
  const hide =
    (always: boolean) =>
    (whole: string, scheme: string, user: string): string =>
      (always && !isSentinel(bare(user))) || users.has(bare(user)) ? `${scheme}${BULLETS}` : whole;
  const asserted = (_whole: string, name: string, value: string): string =>
    name +
    value
      .replace(sipUser, hide(true))
      .replace(telUser, hide(true))
      .replace(displayName, (display) => (display.trim() === '' ? display : `"${BULLETS}"`));
  return text.replace(masked, asserted).replace(sipUser, hide(false)).replace(telUser, hide(false));
};
