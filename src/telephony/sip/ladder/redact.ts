import { BULLETS } from '../../../core/redaction.js';
import { maskWithheld, type Withheld } from './withheld.js';

const keysAlone = /^(?:content-type|c)[ \t]*:[ \t]*application\/dtmf[ \t]*(?:;|\r|$)/im;

/** The body of an INFO may be a key and nothing else (application/dtmf). */
const withoutKeys = (text: string): string => {
  const end = text.indexOf('\r\n\r\n') + 4;
  return end < 4 || end === text.length || !keysAlone.test(text.slice(0, end)) ? text : text.slice(0, end) + BULLETS;
};

/**
 * A SIP message without what must not be written down: credentials (their user name and realm stay, they help to find
 * faults), keys of SDES and ICE, and digits sent by INFO, which may be a card number. `withheld`: the call's caller must
 * not be read either; null when the number was not withheld.
 */
export const redactMessage = (text: string, withheld: Withheld | null): string =>
  withoutKeys(withheld === null ? text : maskWithheld(text, withheld))
    .replace(
      /^((?:proxy-)?authorization[ \t]*:)([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)/gim,
      (_whole, name: string, value: string) => {
        const kept = [...value.matchAll(/\b(username|realm|algorithm)="?[^",\r\n]*"?/gi)].map((match) => match[0]);
        return `${name} Digest ${[...kept, `response="${BULLETS}"`].join(', ')}`;
      },
    )
    .replace(/^a=crypto:[^\r\n]*/gim, (line) => line.replace(/(inline:)[^\s|;]+/gi, `$1${BULLETS}`))
    .replace(/^(a=ice-pwd:)[^\r\n]*/gim, `$1${BULLETS}`)
    .replace(/^(k=)[^\r\n]*/gim, `$1${BULLETS}`)
    .replace(/^(Signal[ \t]*=[ \t]*)[^\r\n]+/gim, `$1${BULLETS}`);
