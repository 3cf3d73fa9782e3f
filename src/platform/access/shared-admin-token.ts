import { newToken } from '../../core/ids.js';
import { type RedisConnection, replyText, scriptOf, sharedKey } from '../redis/index.js';
import { keepSecretFile, keyIdOf, readSecretFile, type Vault } from '../vault/index.js';

const key = sharedKey('admin-token');
const scope = { organization: '', kind: 'admin-token', name: 'token' } as const;

const offer = scriptOf(
  'offer-admin-token',
  "redis.call('SET', KEYS[1], ARGV[1], 'NX') return redis.call('GET', KEYS[1])",
);
/** Unless another instance was quicker. */
const replace = scriptOf(
  'replace-admin-token',
  "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2]) end return 0",
);

export const newAdminToken = (): string => `vga_${newToken(32)}`;

/**
 * The one admin token of all instances on a Redis: that of the first to come, which offers the one in its file or a new
 * one. It is kept sealed, so that whoever reads the store is nobody, and each instance keeps it in its own `file` too
 * (0600), where people look for it. A start seals it anew under the key that is active by then, so none that was retired
 * is needed. `created`: there was none anywhere. Throws GatewayError store_unavailable, or credential_unreadable when what
 * the store has is no seal of ours.
 */
export const sharedAdminToken = async (
  file: string,
  { redis, vault }: { readonly redis: RedisConnection; readonly vault: Vault },
): Promise<{ readonly value: string; readonly created: boolean }> => {
  const own = readSecretFile(file) || null;
  const offered = vault.seal(scope, own ?? newAdminToken());
  const kept = replyText(await redis.run(offer, [key], [offered]));
  const value = vault.open(scope, kept);
  keepSecretFile(file, value);
  if (keyIdOf(kept) !== vault.activeKeyId) await redis.run(replace, [key], [kept, vault.rewrap(scope, kept)]);
  return { value, created: kept === offered && own === null };
};
