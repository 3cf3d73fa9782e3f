import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../../core/clock.js';

/** How long a nonce may be used, milliseconds. */
export const NONCE_LIFETIME = 60_000;

export type NonceState = 'fresh' | 'stale' | 'foreign';

/**
 * Nonces that prove themselves: time and randomness under a keyed hash, so that an unanswered challenge costs no memory.
 * Only used nonces are remembered, with their highest counter, which makes a captured request worthless (RFC 7616
 * section 5.12). When the memory of used ones is full, every nonce issued before the oldest of them counts as stale.
 */
export type Nonces = {
  issue(realm: string): string;
  /** Whether we issued it for this realm and it is young enough. */
  check(nonce: string, realm: string): NonceState;
  /** Uses the nonce with a counter; false when that counter or a higher one was used before. */
  use(nonce: string, counter: number): boolean;
};

export const createNonces = (clock: Pick<Clock, 'now'>, capacity = 20_000): Nonces => {
  const key = randomBytes(32);
  const used = new Map<string, { counter: number; issuedAt: number }>();
  let floor = 0;
  let lastIssued = 0;
  const seal = (stamp: string, realm: string): string =>
    createHmac('sha256', key).update(`${stamp}|${realm}`).digest('base64url').slice(0, 27);
  const issuedAt = (nonce: string): number => Number.parseInt(nonce.slice(0, 12), 16);
  return {
    issue: (realm) => {
      lastIssued = Math.max(lastIssued, clock.now());
      const stamp = `${lastIssued.toString(16).padStart(12, '0')}${randomBytes(8).toString('hex')}`;
      return `${stamp}${seal(stamp, realm)}`;
    },
    check: (nonce, realm) => {
      const [stamp, mark] = [nonce.slice(0, 28), nonce.slice(28)];
      const expected = Buffer.from(seal(stamp, realm));
      const given = Buffer.from(mark);
      if (given.length !== expected.length || !timingSafeEqual(given, expected)) return 'foreign';
      const at = issuedAt(nonce);
      return at <= floor || clock.now() - at > NONCE_LIFETIME ? 'stale' : 'fresh';
    },
    use: (nonce, counter) => {
      const known = used.get(nonce);
      if (known !== undefined) {
        if (counter <= known.counter) return false;
        known.counter = counter;
        return true;
      }
      // Expired entries go first; they are stale by their age anyway.
      for (const [old, entry] of used) {
        if (clock.now() - entry.issuedAt <= NONCE_LIFETIME && used.size < capacity) break;
        used.delete(old);
        if (clock.now() - entry.issuedAt <= NONCE_LIFETIME) floor = Math.max(floor, entry.issuedAt);
      }
      const at = issuedAt(nonce);
      if (at <= floor) return false;
      used.set(nonce, { counter, issuedAt: at });
      return true;
    },
  };
};
