import type { Clock } from '../../core/clock.js';
import { newToken } from '../../core/ids.js';
import type { Vault } from '../vault/index.js';

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
  /** A code for a link that signs somebody in once, on this instance, within a quarter of an hour. */
  code(credential: string): string;
  /** The credential of a code; null when it was used, is too old or never was. */
  redeem(code: string): string | null;
};

const read = (text: string): { readonly credential: string; readonly until: number } | null => {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || !('credential' in value) || !('until' in value)) return null;
  const { credential, until } = value;
  return typeof credential === 'string' && typeof until === 'number' ? { credential, until } : null;
};

export const createConsoleSessions = ({ vault, clock }: { vault: Vault; clock: Clock }): ConsoleSessions => {
  const codes = new Map<string, { readonly credential: string; readonly until: number }>();
  return {
    code: (credential) => {
      const code = newToken();
      codes.set(code, { credential, until: clock.now() + codeLife });
      return code;
    },
    redeem(code) {
      const found = codes.get(code);
      codes.delete(code);
      return found !== undefined && found.until > clock.now() ? found.credential : null;
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
