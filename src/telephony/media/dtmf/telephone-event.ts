/** The payload of a telephone event (RFC 4733 section 2.3), four octets. */
export type TelephoneEvent = {
  /** 0-15 are the DTMF digits. */
  event: number;
  end: boolean;
  /** Power level, 0 to 63 for 0 to -63 dBm0. */
  volume: number;
  /** Since the event began, in timestamp units; 0-65535. */
  duration: number;
};

export const newTelephoneEvent = (): TelephoneEvent => ({ event: 0, end: false, volume: 0, duration: 0 });

export const telephoneEventLength = 4;

/** The digits by event code (RFC 4733 table 3). */
export const dtmfDigits = '0123456789*#ABCD';

/** The event code of a digit, lower case letters too; null for any other character. */
export const dtmfEventOf = (digit: string): number | null => {
  const event = digit.length === 1 ? dtmfDigits.indexOf(digit.toUpperCase()) : -1;
  return event < 0 ? null : event;
};

/** Reads the event in `bytes[start..end)`. False when it is too short; more octets are redundancy we do not use. */
export const readTelephoneEvent = (bytes: Uint8Array, start: number, end: number, into: TelephoneEvent): boolean => {
  if (end - start < telephoneEventLength || end > bytes.length) return false;
  into.event = bytes[start]!;
  into.end = (bytes[start + 1]! & 0x80) !== 0;
  into.volume = bytes[start + 1]! & 0x3f;
  into.duration = (bytes[start + 2]! << 8) | bytes[start + 3]!;
  return true;
};

export const writeTelephoneEvent = (
  out: Uint8Array,
  at: number,
  event: number,
  end: boolean,
  volume: number,
  duration: number,
): void => {
  out[at] = event;
  out[at + 1] = end ? volume | 0x80 : volume;
  out[at + 2] = duration >> 8;
  out[at + 3] = duration;
};
