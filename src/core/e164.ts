import { isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js/min';

/** Longest text looked at: no telephone number with its punctuation is longer, and parsing stays cheap. */
const MAX_LENGTH = 64;

/**
 * Reads a telephone number in any usual notation and writes it in E.164 (`+` and at most 15 digits, ITU-T E.164
 * section 6). Numbers without `+` are read as dialled in `country` (ISO 3166-1 alpha-2), its international prefix
 * included. Null when the text is not a number that could exist there: too short, too long, no such country code.
 * The number need not be assigned: ranges reserved for tests and fiction count.
 */
export const toE164 = (text: string, country: string | null = null): string | null => {
  const trimmed = text.trim();
  if (trimmed.length === 0 || trimmed.length > MAX_LENGTH) return null;
  if (northAmerican.test(trimmed)) return trimmed;
  const key = `${country ?? ''} ${trimmed}`;
  const known = recent.get(key) ?? earlier.get(key);
  if (known !== undefined) return known;
  const number = readE164(trimmed, country);
  if (recent.size >= REMEMBERED) {
    earlier = recent;
    recent = new Map();
  }
  recent.set(key, number);
  return number;
};

/** Under +1 a number of ten digits that does not begin with 0 or 1 could exist (NANP), and is written as it is read. */
const northAmerican = /^\+1[2-9]\d{9}$/;

/** Reading takes 0.1 ms, and the same few numbers come again with every call: the latest are remembered, in two halves that take turns. */
const REMEMBERED = 2_000;
let recent = new Map<string, string | null>();
let earlier = new Map<string, string | null>();

const readE164 = (trimmed: string, country: string | null): string | null => {
  const parsed =
    country !== null && isSupportedCountry(country)
      ? parsePhoneNumberFromString(trimmed, { defaultCountry: country, extract: false })
      : parsePhoneNumberFromString(trimmed, { extract: false });
  if (parsed === undefined || parsed.ext !== undefined || !parsed.isPossible()) return null;
  return parsed.number;
};

/** True for an ISO 3166-1 alpha-2 code whose telephone numbering is known. */
export const isCountry = (code: string): boolean => isSupportedCountry(code);

/** True when the text is already E.164: `+`, a first digit that is not 0, 7 to 15 digits. */
export const isE164 = (text: string): boolean => /^\+[1-9]\d{6,14}$/.test(text);
