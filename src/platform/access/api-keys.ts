import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../core/clock.js';
import { GatewayError } from '../../core/errors.js';
import { newToken } from '../../core/ids.js';
import type { Logger } from '../../core/logger.js';
import { orgKey, type RedisConnection, replyFields, replyTexts, scriptOf, sharedKey } from '../redis/index.js';
import type { CredentialReader } from './access.js';
import { type Action, permissions } from './authorize.js';
import type { Role } from './principal.js';

/** An API key of an organization as it may be shown: never the key itself. Times in ms since the epoch. */
export type ApiKey = {
  readonly id: string;
  readonly orgId: string;
  readonly name: string;
  /** `resource:action` or `resource:*`. */
  readonly scopes: readonly string[];
  readonly createdAt: number;
  readonly createdBy: string;
  readonly expiresAt: number | null;
  /** To the minute. */
  readonly lastUsedAt: number | null;
};

export type ApiKeys = {
  /** `key` is shown this once. Throws GatewayError conflict (too many), store_unavailable. */
  create(
    request: Pick<ApiKey, 'orgId' | 'name' | 'scopes' | 'createdBy' | 'expiresAt'>,
  ): Promise<{ readonly apiKey: ApiKey; readonly key: string }>;
  /** Newest first. */
  list(orgId: string): Promise<readonly ApiKey[]>;
  /** The key opens nothing from now on. False when there is none of this id in the organization. */
  revoke(orgId: string, id: string): Promise<boolean>;
  readonly reader: CredentialReader;
};

const keyForm = /^ocx_live_([A-Za-z0-9_-]{12})_([A-Za-z0-9_-]{43})$/;
const mostKeys = 200;
/** ms between two notes of a key's use: a busy key must not write at every request. */
const useNoted = 60_000;

/** What a key may be given: what an administrator may do, except to make further keys. */
export const grantable: readonly Action[] = (Object.keys(permissions) as Action[]).filter((action) => {
  const roles: readonly Role[] = permissions[action];
  return roles.includes('admin') && action !== 'api-keys:write';
});

/** Names under which OpenCX documents scopes (docs.open.cx, "Authentication"), and what they come to here. */
const documented: Readonly<Record<string, readonly Action[]>> = {
  'phone:read': ['sessions:read', 'transfers:read', 'agents:read', 'numbers:read'],
  'phone:write': ['sessions:hangup', 'sessions:transfer', 'sessions:dtmf', 'agents:write', 'numbers:write'],
  'sip:read': ['destinations:read', 'agents:read'],
  'sip:write': ['destinations:write', 'agents:write'],
};

export const isScope = (scope: string): boolean =>
  Object.hasOwn(documented, scope) ||
  grantable.some((action) => action === scope || `${action.split(':')[0]}:*` === scope);

const expanded = (scopes: readonly string[]): readonly string[] => [
  ...new Set(
    scopes.flatMap((scope) => {
      if (Object.hasOwn(documented, scope)) return documented[scope] ?? [];
      return grantable.filter((action) => action === scope || `${action.split(':')[0]}:*` === scope);
    }),
  ),
];

/** A key for each record, so that a Cluster spreads them and a credential is found without its organization. */
const recordKey = (id: string): string => sharedKey(`api-key.${id}`);
const indexKey = (orgId: string): string => orgKey(orgId, 'api-keys');
const digest = (secret: string): Buffer => createHash('sha256').update(secret).digest();

/** A key that was revoked meanwhile must not come back as a record of its use alone. */
const noteUse = scriptOf(
  'api-key-used',
  "if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'lastUsedAt', ARGV[1]) end return 0",
);

const apiKeyOf = (id: string, fields: ReadonlyMap<string, string>): ApiKey | null => {
  const orgId = fields.get('org');
  if (orgId === undefined) return null;
  const time = (name: string): number | null => {
    const text = fields.get(name) ?? '';
    return text === '' ? null : Number(text);
  };
  return {
    ...{ id, orgId, name: fields.get('name') ?? '', scopes: (fields.get('scopes') ?? '').split(' ').filter(Boolean) },
    ...{ createdAt: time('createdAt') ?? 0, createdBy: fields.get('createdBy') ?? '' },
    ...{ expiresAt: time('expiresAt'), lastUsedAt: time('lastUsedAt') },
  };
};

/** API keys in Redis: the secret half as a digest, so that what is stored lets nobody in. */
export const createApiKeys = ({
  redis,
  clock,
  log,
}: {
  readonly redis: RedisConnection;
  readonly clock: Clock;
  readonly log: Logger;
}): ApiKeys => {
  const read = async (id: string): Promise<ReadonlyMap<string, string>> =>
    replyFields(await redis.command('HGETALL', recordKey(id)));

  const list = async (orgId: string): Promise<readonly ApiKey[]> => {
    const ids = replyTexts(await redis.command('SMEMBERS', indexKey(orgId)));
    const found = await Promise.all(ids.map(async (id) => apiKeyOf(id, await read(id))));
    return found
      .flatMap((key) => (key === null || key.orgId !== orgId ? [] : [key]))
      .sort((one, other) => other.createdAt - one.createdAt);
  };

  return {
    async create({ orgId, name, scopes, createdBy, expiresAt }) {
      if ((await list(orgId)).length >= mostKeys) {
        throw new GatewayError('conflict', `There are ${mostKeys} API keys already: revoke those that are not used.`);
      }
      const id = newToken(9);
      const secret = newToken(32);
      const createdAt = clock.now();
      const fields = {
        ...{ org: orgId, name, scopes: scopes.join(' '), createdBy, createdAt: String(createdAt) },
        ...{ expiresAt: expiresAt === null ? '' : String(expiresAt), digest: digest(secret).toString('base64url') },
      };
      await redis.command('HSET', recordKey(id), ...Object.entries(fields).flat());
      // Listed last: a key that is listed is there.
      await redis.command('SADD', indexKey(orgId), id);
      const apiKey = { id, orgId, name, scopes, createdAt, createdBy, expiresAt, lastUsedAt: null };
      return { apiKey, key: `ocx_live_${id}_${secret}` };
    },
    list,
    async revoke(orgId, id) {
      const apiKey = apiKeyOf(id, await read(id));
      if (apiKey === null || apiKey.orgId !== orgId) return false;
      await redis.command('DEL', recordKey(id));
      await redis.command('SREM', indexKey(orgId), id);
      return true;
    },
    async reader(credential) {
      if (!credential.startsWith('ocx_')) return null;
      const [, id, secret] = keyForm.exec(credential) ?? [];
      const refused = new GatewayError('unauthorized', 'The API key is not valid: it was revoked, or never was one.');
      if (id === undefined || secret === undefined) throw refused;
      const fields = await read(id);
      const apiKey = apiKeyOf(id, fields);
      const known = Buffer.from(fields.get('digest') ?? '', 'base64url');
      const given = digest(secret);
      if (apiKey === null || known.length !== given.length || !timingSafeEqual(known, given)) throw refused;
      const now = clock.now();
      if (apiKey.expiresAt !== null && apiKey.expiresAt <= now) {
        throw new GatewayError('unauthorized', 'The API key has expired.');
      }
      if (now - (apiKey.lastUsedAt ?? 0) >= useNoted) {
        redis
          .run(noteUse, [recordKey(id)], [now])
          .catch((err: unknown) => log.warn({ err, apiKey: id }, 'The use of an API key could not be noted.'));
      }
      const scopes = expanded(apiKey.scopes);
      return { kind: 'api-key', orgId: apiKey.orgId, role: 'admin', scopes, sub: `api-key:${id}` };
    },
  };
};
