import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../../core/clock.js';
import { GatewayError } from '../../core/errors.js';
import { newToken } from '../../core/ids.js';
import { claimedKey, signPrefetchToken, verifyPrefetchToken } from '../../platform/access/index.js';
import { loadScript, orgKey, type RedisConnection, replyText, replyTextOrNull } from '../../platform/redis/index.js';
import type { SealScope, Vault } from '../../platform/vault/index.js';

const keysScript = loadScript(import.meta.url, './scripts/keys.lua');
const day = 86_400_000;
/** A new address is handed out this long before the current one expires, so that there is time to paste it. */
const RENEW_BEFORE = 30 * day;
const MOST_REMEMBERED = 1_000;

/** Path of the webhook; its token follows. */
export const prefetchPath = '/backend/zendesk-v2/voice-prefetch';
export const prefetchUrl = (publicUrl: string, token: string): string => `${publicUrl}${prefetchPath}/${token}`;

export const recordSchema = z.object({ sealed: z.string(), issuedAt: z.number(), expiresAt: z.number() });
type KeyRecord = z.output<typeof recordSchema>;

export const keysKey = (orgId: string): string => orgKey(orgId, 'prefetch-keys');
export const scopeOf = (orgId: string, keyId: string): SealScope => ({
  organization: orgId,
  kind: 'prefetch-key',
  name: keyId,
});

/** What a webhook address proves. `guard` names the hash field that is there until the address is revoked. */
export type PrefetchIdentity = {
  readonly orgId: string;
  readonly guard: { readonly key: string; readonly field: string };
};

export type PrefetchKeys = {
  /** The token of the current address of an organization; made when there is none or it is about to expire. */
  currentToken(orgId: string): Promise<{ token: string; expiresAt: number }>;
  /** A new address; every older one stops working at once. */
  regenerate(orgId: string): Promise<{ token: string; expiresAt: number }>;
  /**
   * Whose address this is. Throws GatewayError unauthorized, store_unavailable. A revoked one may still pass here from
   * memory: whoever acts on it checks the guard in the same step.
   */
  verify(token: string): Promise<PrefetchIdentity>;
  /** True while the address is not revoked. */
  stands(identity: PrefetchIdentity): Promise<boolean>;
};

/**
 * Keys that sign webhook addresses: one for each address of an organization, sealed in the store. A new address signs
 * with a new key while the older keys verify until their tokens expire, or are dropped by `regenerate`.
 */
export const createPrefetchKeys = (options: {
  readonly redis: RedisConnection;
  readonly vault: Vault;
  readonly clock: Clock;
  /** ms an address is good for; default 365 days. */
  readonly lifetime?: number;
}): PrefetchKeys => {
  const { redis, vault, clock } = options;
  const lifetime = options.lifetime ?? 365 * day;
  /** Tokens that were verified, so that a webhook costs no second look at its signature; the guard still decides. */
  const verified = new Map<string, PrefetchIdentity & { readonly expiresAt: number }>();

  const recordOf = async (orgId: string, keyId: string): Promise<KeyRecord | null> => {
    // The one field that is no key: a forged token may name it.
    if (keyId === 'current') return null;
    const text = replyTextOrNull(await redis.command('HGET', keysKey(orgId), keyId));
    return text === null ? null : recordSchema.parse(JSON.parse(text));
  };

  const tokenOf = async (orgId: string, keyId: string, record: KeyRecord) => {
    const { issuedAt, expiresAt } = record;
    const key = vault.openBytes(scopeOf(orgId, keyId), record.sealed);
    return { token: await signPrefetchToken({ orgId, keyId, issuedAt, expiresAt }, key), expiresAt };
  };

  const replace = async (orgId: string, expected: string, revoke: boolean) => {
    const now = clock.now();
    const keyId = newToken(12);
    const record: KeyRecord = {
      sealed: vault.sealBytes(scopeOf(orgId, keyId), randomBytes(32)),
      issuedAt: now,
      expiresAt: now + lifetime,
    };
    const current = replyText(
      await redis.run(keysScript, [keysKey(orgId)], [expected, keyId, JSON.stringify(record), revoke ? '1' : '0', now]),
    );
    const winner = current === keyId ? record : await recordOf(orgId, current);
    if (winner === null) throw new GatewayError('conflict', 'The webhook address is being changed; try again.');
    return tokenOf(orgId, current, winner);
  };

  return {
    async currentToken(orgId) {
      const keyId = replyTextOrNull(await redis.command('HGET', keysKey(orgId), 'current')) ?? '';
      const record = keyId === '' ? null : await recordOf(orgId, keyId);
      // Short lifetimes would otherwise never be current.
      const ahead = Math.min(RENEW_BEFORE, lifetime / 12);
      if (record === null || record.expiresAt - clock.now() <= ahead) return replace(orgId, keyId, false);
      return tokenOf(orgId, keyId, record);
    },
    regenerate: (orgId) => replace(orgId, '', true),
    async verify(token) {
      const known = verified.get(token);
      if (known !== undefined && known.expiresAt > clock.now()) return known;
      verified.delete(token);
      const { orgId, keyId } = claimedKey(token);
      const record = await recordOf(orgId, keyId);
      if (record === null) {
        throw new GatewayError(
          'unauthorized',
          'The webhook address is not valid: it was replaced, or never given out. Copy the current one from the dashboard.',
        );
      }
      const key = vault.openBytes(scopeOf(orgId, keyId), record.sealed);
      const expiresAt = await verifyPrefetchToken(token, key, clock.now());
      const identity = { orgId, guard: { key: keysKey(orgId), field: keyId }, expiresAt };
      const [oldest] = verified.keys();
      if (verified.size >= MOST_REMEMBERED && oldest !== undefined) verified.delete(oldest);
      verified.set(token, identity);
      return identity;
    },
    stands: async ({ guard }) => (await redis.command('HEXISTS', guard.key, guard.field)) === 1,
  };
};
