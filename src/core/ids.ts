import { randomBytes, randomInt, randomUUID } from 'node:crypto';

/** A random UUID, version 4 (RFC 9562 section 5.4). */
export const newUuid = (): string => randomUUID();

/** A random token of `bytes` bytes, base64url without padding. */
export const newToken = (bytes = 32): string => randomBytes(bytes).toString('base64url');

/** A random whole number in [from, to). */
export const randomBetween = (from: number, to: number): number => randomInt(from, to);
