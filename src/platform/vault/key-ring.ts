import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { GatewayError } from '../../core/errors.js';
import { secretFile } from './secret-file.js';

/** Key-encryption keys by id; `active` seals, all of them open. */
export type KeyRing = {
  readonly active: string;
  readonly ids: readonly string[];
  key(kid: string): Buffer | undefined;
};

const KEY_BYTES = 32;
const kidForm = /^[A-Za-z0-9_-]{1,32}$/;
const base64Form = /^[A-Za-z0-9+/_-]+={0,2}$/;

/**
 * Reads `kid:base64,kid:base64` (ENCRYPTION_KEYS). The first key seals. Throws GatewayError config_invalid with a
 * sentence that names the entry by position and id, never by its bytes.
 */
export const parseKeyRing = (text: string): KeyRing => {
  const keys = new Map<string, Buffer>();
  for (const [index, entry] of text.split(',').entries()) {
    const at = entry.indexOf(':');
    const kid = entry.slice(0, Math.max(0, at)).trim();
    const where = `ENCRYPTION_KEYS entry ${index + 1}`;
    if (!kidForm.test(kid)) {
      throw new GatewayError(
        'config_invalid',
        `${where} must be kid:base64, with a kid of 1 to 32 letters, digits, - or _.`,
      );
    }
    const material = entry.slice(at + 1).trim();
    const key = base64Form.test(material) ? Buffer.from(material, 'base64') : Buffer.alloc(0);
    if (key.length !== KEY_BYTES) {
      throw new GatewayError('config_invalid', `${where} (${kid}) must be the base64 of exactly ${KEY_BYTES} bytes.`);
    }
    if (keys.has(kid)) throw new GatewayError('config_invalid', `${where} repeats the key id ${kid}.`);
    keys.set(kid, key);
  }
  const ids = [...keys.keys()];
  return { active: ids[0] ?? '', ids, key: (kid) => keys.get(kid) };
};

/** A ring of one new random key; its id is the first characters of the key's hash, so that two of them differ. */
const generateKeyRing = (): string => {
  const key = randomBytes(KEY_BYTES);
  const kid = `k-${createHash('sha256').update(key).digest('hex').slice(0, 8)}`;
  return `${kid}:${key.toString('base64')}`;
};

/**
 * The ring of this gateway: `configured` (ENCRYPTION_KEYS), else the one in `dataDir/encryption-keys` (0600), made at
 * the first start. With a shared store (`sharedStore`, REDIS_URL is set) a generated ring is refused: every instance
 * needs the same keys. Throws GatewayError config_invalid.
 */
export const loadKeyRing = (options: {
  readonly configured: string | null;
  readonly dataDir: string;
  readonly sharedStore: boolean;
}): { readonly ring: KeyRing; readonly created: boolean; readonly path: string | null } => {
  if (options.configured !== null && options.configured.trim() !== '') {
    return { ring: parseKeyRing(options.configured), created: false, path: null };
  }
  if (options.sharedStore) {
    throw new GatewayError(
      'config_invalid',
      'REDIS_URL is set and ENCRYPTION_KEYS is not: every instance needs the same keys, so set ENCRYPTION_KEYS to kid:base64 (32 random bytes, for example from `openssl rand -base64 32`).',
    );
  }
  const path = join(options.dataDir, 'encryption-keys');
  const { value, created } = secretFile(path, generateKeyRing);
  return { ring: parseKeyRing(value), created, path };
};
