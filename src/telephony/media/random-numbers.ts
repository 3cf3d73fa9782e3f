import { randomFillSync } from 'node:crypto';

/** Asking the system for random bytes costs the same for 4 and for 4,096: they are fetched ahead, and used once. */
const pool = Buffer.alloc(4_096);
let used = pool.length;

const take = (bytes: number): number => {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return used - bytes;
};

/** 0 to 2³² − 1: synchronisation sources and first timestamps (RFC 3550 section 5.1). */
export const randomUint32 = (): number => pool.readUInt32BE(take(4));

/** 0 to 65,535: first sequence numbers. */
export const randomUint16 = (): number => pool.readUInt16BE(take(2));

/** 0 to 2⁴⁸ − 1: session numbers in SDP (RFC 8866 section 5.2). */
export const randomUint48 = (): number => pool.readUIntBE(take(6), 6);

/** A name that says nothing, of 16 characters: the canonical name of RTCP (RFC 7022 section 4.2). */
export const randomName = (): string => {
  const from = take(12);
  return pool.toString('base64url', from, from + 12);
};
