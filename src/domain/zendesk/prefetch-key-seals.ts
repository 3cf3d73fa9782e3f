import type { RedisConnection } from '../../platform/redis/index.js';
import { type SealedValues, sealedHash, type Vault } from '../../platform/vault/index.js';
import { keysKey, recordSchema, scopeOf } from './prefetch-keys.js';

/** The keys of webhook addresses as the rotation of the vault's keys sees them. */
export const sealedPrefetchKeys = (redis: RedisConnection, vault: Vault): SealedValues =>
  sealedHash({
    what: 'keys of webhook addresses',
    redis,
    vault,
    keyOf: keysKey,
    find(orgId, field, text) {
      if (field === 'current') return null;
      const record = recordSchema.parse(JSON.parse(text));
      return {
        scope: scopeOf(orgId, field),
        sealed: record.sealed,
        replaced: (sealed) => JSON.stringify({ ...record, sealed }),
      };
    },
  });
