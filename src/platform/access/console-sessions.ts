import { createHash } from 'node:crypto';
import type { Clock } from '../../core/clock.js';
import { newToken } from '../../core/ids.js';
import { type RedisConnection, replyTextOrNull, sharedKey } from '../redis/index.js';
import type { SealScope, Vault } from '../vault/index.js';

/** How long a console stays signed in, ms. The credential behind it may end earlier. */
const longest = 12 * 3_600_000;
/** How long a link of the first start signs somebody in, ms. */
const codeLife = 15 * 60_000;
const scope = { organization: '', kind: 'console-session', name: 'cookie' } as const;

/**
 * A credential in a browser's cookie. It is sealed, because a cookie also goes to every other port of the same host; and
 * it is no state of this instance, so any instance takes it.
 */
export type ConsoleSessions = {
  /** The value of a cookie for a credential that was accepted, and how long it is good for, s. */
  create(credential: string): { readonly value: string; readonly maxAge: number };
  /** The credential of a cookie; null when it is none of ours or has expired. */
  credential(value: string): string | null;
  /** A code for a link that signs somebody in once, on any instance, within a quarter of an hour. Throws store_unavailable. */
  code(credential: string): Promise<string>;
  /** The credential of a code; null when it was used, is too old or never was. Throws GatewayError store_unavailable. */
  redeem(code: string): Promise<string | null>;
};

const read = (text: string): { readonly credential: string; readonly until: number } | null => {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || !('credential' in value) || !('until' in value)) return null;
  const { credential, until } = value;
  return typeof credential === 'string' && typeof until === 'number' ? { credential, until } : null;
};

/** The store has a digest of the code and a seal of the credential: whoever reads it can use neither. */
const codePlace = (code: string): { readonly key: string; readonly scope: SealScope } => {
  const digest = createHash('sha256').update(code).digest('base64url');
  return { key: sharedKey(`console-code.${digest}`), scope: { organization: '', kind: 'console-code', name: digest } };
};

export const createConsoleSessions = ({
  redis,
  vault,
  clock,
}: {
  readonly redis: Pick<RedisConnection, 'command'>;
  readonly vault: Vault;
  readonly clock: Clock;
}): ConsoleSessions => {
  return {
    async code(credential) {
      const code = newToken();
      const { key, scope: place } = codePlace(code);
      await redis.command('SET', key, vault.seal(place, credential), 'PX', codeLife);
      return code;
    },
    async redeem(code) {
      const { key, scope: place } = codePlace(code);
      const sealed = replyTextOrNull(await redis.command('GETDEL', key));
      return sealed === null ? null : vault.open(place, sealed);
    },
    create: (credential) => ({
      value: Buffer.from(
        vault.seal(scope, JSON.stringify({ credential, until: clock.now() + longest })),
        'utf8',
      ).toString('base64url'),
      maxAge: longest / 1_000,
    }),
    credential(value) {
      try {
        const found = read(vault.open(scope, Buffer.from(value, 'base64url').toString('utf8')));
        return found !== null && found.until > clock.now() ? found.credential : null;
      } catch {
        // Another gateway's, an old key's, or nobody's.
        return null;
      }
    },
  };
};
