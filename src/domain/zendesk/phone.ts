import { toE164 } from '../../core/e164.js';

/**
 * What carriers and Zendesk write in place of a number that is not known or not shown: words, and the words typed on a
 * telephone keypad (`+266696687` is ANONYMOUS).
 */
const anonymousWords = new Set([
  ...['anonymous', 'unknown', 'restricted', 'private', 'unavailable', 'blocked', 'withheld'],
  ...['266696687', '86282452253', '8656696', '2562533', '7378742833'],
]);

const extension = /(?:;ext=|\s*(?:extension|ext\.?|x|#))\s*\d{1,11}\s*$/i;

/** True for the stand-ins of a withheld number. */
export const isAnonymousPhone = (text: string): boolean =>
  anonymousWords.has(text.trim().toLowerCase().replace(/^\+/, ''));

/** The number of a webhook or a Zendesk user in E.164, without its extension; null when there is none to match by. */
export const usablePhone = (text: string | null | undefined, country: string | null): string | null => {
  if (text === null || text === undefined || text.length > 128) return null;
  const bare = text.trim().replace(extension, '');
  if (bare === '' || isAnonymousPhone(bare)) return null;
  const e164 = toE164(bare, country);
  return e164 === null || isAnonymousPhone(e164) ? null : e164;
};

const anonymousNames =
  /^(?:anonymous|unknown|restricted|private|unavailable|blocked|withheld)(?:\s+(?:caller|user|number))?$/i;

/**
 * True when a Zendesk user stands for a caller nobody knows: Talk makes a new one for each anonymous call
 * (support.zendesk.com 4408845588250), so it is nobody's identity.
 */
export const isAnonymousUser = (user: {
  readonly name: string | null;
  readonly email: string | null;
  readonly phone: string | null;
}): boolean => {
  if (user.phone !== null && isAnonymousPhone(user.phone)) return true;
  if (user.email !== null || usablePhone(user.phone, null) !== null) return false;
  return user.name !== null && (anonymousNames.test(user.name.trim()) || isAnonymousPhone(user.name));
};
