/** Content type of the key presses that some carriers send by SIP INFO; no RFC, but all write it the same way. */
export const dtmfRelayContentType = 'application/dtmf-relay';

/** By the numbers that telephone events have for them (RFC 4733 table 3). */
const keys = '0123456789*#ABCD';
const defaultDurationMs = 160;
const longestDurationMs = 10_000;

/**
 * Reads a key press from the body of a SIP INFO: `application/dtmf-relay` (`Signal=5`, `Duration=160`) or
 * `application/dtmf` (the digit alone). Null when it is neither.
 */
export const parseDtmfInfo = (
  contentType: string,
  body: string,
): { readonly digit: string; readonly durationMs: number } | null => {
  const type = contentType.split(';', 1)[0]!.trim().toLowerCase();
  if (body.length > 512) return null;
  if (type === 'application/dtmf') return pressOf(body.trim(), null);
  if (type !== dtmfRelayContentType) return null;
  const signal = /^[ \t]*signal[ \t]*=[ \t]*([^\r\n]*)$/im.exec(body);
  if (signal === null) return null;
  const duration = /^[ \t]*duration[ \t]*=[ \t]*(\d{1,5})[ \t]*$/im.exec(body);
  return pressOf(signal[1]!.trim(), duration === null ? null : Number(duration[1]));
};

const pressOf = (signal: string, duration: number | null): { digit: string; durationMs: number } | null => {
  // Some write the event's number: 10 is the star, 11 the hash.
  const digit = /^1[0-5]$/.test(signal) ? keys[Number(signal)] : signal.toUpperCase();
  if (digit?.length !== 1 || !keys.includes(digit)) return null;
  return { digit, durationMs: Math.min(duration ?? defaultDurationMs, longestDurationMs) };
};

/** The body of a SIP INFO with one key press. */
export const formatDtmfInfo = (digit: string, durationMs = defaultDurationMs): string =>
  `Signal=${digit.toUpperCase()}\r\nDuration=${durationMs}\r\n`;
