import { GatewayError } from '../../core/errors.js';
import { keyIdOf, open, rewrap, type SealScope, seal } from './envelope.js';
import type { KeyRing } from './key-ring.js';

/** Encryption at rest for what must not be read from the store: variables, secrets, credentials, signing keys. */
export type Vault = {
  readonly activeKeyId: string;
  seal(scope: SealScope, plain: string): string;
  /** Throws GatewayError credential_unreadable. */
  open(scope: SealScope, sealed: string): string;
  sealBytes(scope: SealScope, plain: Buffer): string;
  openBytes(scope: SealScope, sealed: string): Buffer;
  /** The same content under the active key. */
  rewrap(scope: SealScope, sealed: string): string;
};

/** `onOpen` hears every text that is opened: the log's redactor learns in this way what must not be written. */
export const createVault = (ring: KeyRing, onOpen: (plain: string) => void = () => {}): Vault => ({
  activeKeyId: ring.active,
  seal: (scope, plain) => seal(ring, scope, Buffer.from(plain, 'utf8')),
  open(scope, sealed) {
    const plain = open(ring, scope, sealed).toString('utf8');
    onOpen(plain);
    return plain;
  },
  sealBytes: (scope, plain) => seal(ring, scope, plain),
  openBytes: (scope, sealed) => open(ring, scope, sealed),
  rewrap: (scope, sealed) => rewrap(ring, scope, sealed),
});

/** Where the check values of the ring are kept: one for each key id that has ever sealed, shared by all instances. */
export type RingCheckStore = {
  all(): Promise<Readonly<Record<string, string>>>;
  /** Writes `value` for `kid` unless there is one; resolves with the one that is there. */
  add(kid: string, value: string): Promise<string>;
  /** A start without this key is fine from now on. */
  remove(kid: string): Promise<void>;
};

const CHECK = 'voice-gateway key check';
const checkScope = (kid: string): SealScope => ({ organization: '', kind: 'ring-check', name: kid });

/**
 * Refuses a ring that does not fit the store: a key that sealed something is missing, or the same id stands for other
 * bytes. A gateway that went on would answer calls and fail at the first credential it has to open. Throws
 * GatewayError config_invalid.
 */
export const checkRing = async (ring: KeyRing, store: RingCheckStore): Promise<void> => {
  const verify = (kid: string, value: string): void => {
    if (ring.key(kid) === undefined) {
      throw new GatewayError(
        'config_invalid',
        `The store holds values sealed with key ${JSON.stringify(kid)}, which the key ring does not have: add it to ENCRYPTION_KEYS, or put the file encryption-keys back into DATA_DIR.`,
      );
    }
    try {
      if (keyIdOf(value) === kid && open(ring, checkScope(kid), value).toString('utf8') === CHECK) return;
    } catch (cause) {
      throw new GatewayError(
        'config_invalid',
        `Key ${JSON.stringify(kid)} of the key ring is not the key of that id that sealed the values in the store.`,
        { cause },
      );
    }
    throw new GatewayError('config_invalid', `The check value of key ${JSON.stringify(kid)} in the store is damaged.`);
  };
  for (const [kid, value] of Object.entries(await store.all())) verify(kid, value);
  const mine = seal(ring, checkScope(ring.active), Buffer.from(CHECK, 'utf8'));
  verify(ring.active, await store.add(ring.active, mine));
};
