import { randomBytes, randomUUID } from 'node:crypto';

/**
 * Random identifiers. They come from the system's generator in blocks, so that one call costs no system call; tags and
 * branches hold at least 64 random bits, which also keeps strangers from guessing a dialog (RFC 3261 19.3, 26.3).
 */
const pool = { bytes: Buffer.alloc(0), at: 0 };

const hex = (bytes: number): string => {
  if (pool.at + bytes > pool.bytes.length) {
    pool.bytes = randomBytes(4096);
    pool.at = 0;
  }
  const text = pool.bytes.toString('hex', pool.at, pool.at + bytes);
  pool.at += bytes;
  return text;
};

/** The cookie that marks branches of RFC 3261 (8.1.1.7). */
export const branchCookie = 'z9hG4bK';

export const newBranch = (): string => branchCookie + hex(10);
export const newTag = (): string => hex(8);
export const newCallId = (): string => randomUUID();
/** Ids of transactions and frames on the admin connection. */
export const newId = (): string => randomUUID();
/** A first CSeq number; below 2^31 with room to count up (RFC 3261 8.1.1.5). */
export const newCSeq = (): number => Number.parseInt(hex(4), 16) >>> 4;
