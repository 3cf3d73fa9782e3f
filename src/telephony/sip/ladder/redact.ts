import { BULLETS } from '../../../core/redaction.js';

/**
 * A SIP message without what must not be written down: credentials (their user name and realm stay, they help to find
 * faults), keys of SDES and ICE, and digits sent by INFO, which may be a card number.
 */
export const redactMessage = (text: string): string =>
  text
    .replace(
      /^((?:proxy-)?authorization[ \t]*:)([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)/gim,
      (_whole, name: string, value: string) => {
        const kept = [...value.matchAll(/\b(username|realm|algorithm)="?[^",\r\n]*"?/gi)].map((match) => match[0]);
        return `${name} Digest ${[...kept, `response="${BULLETS}"`].join(', ')}`;
      },
    )
    .replace(/^(a=crypto:[^\r\n]*?inline:)[^\s|;\r\n]+/gim, `$1${BULLETS}`)
    .replace(/^(a=ice-pwd:)[^\r\n]*/gim, `$1${BULLETS}`)
    .replace(/^(k=)[^\r\n]*/gim, `$1${BULLETS}`)
    .replace(/^(Signal[ \t]*=[ \t]*)[^\r\n]+/gim, `$1${BULLETS}`);
