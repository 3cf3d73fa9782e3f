import type { Clock } from '../../core/clock.js';
import { GatewayError, isGatewayError } from '../../core/errors.js';
import { orgKey, type RedisConnection, replyFields, replyNumber, replyTextOrNull } from '../../platform/redis/index.js';
import { type SealedValues, type SealScope, sealedHash, type Vault } from '../../platform/vault/index.js';
import { MaterialError } from './certificate/material-error.js';
import type { CertificateUpload, NormalisedCertificate } from './certificate/normalise.js';
import type { CertificateNormaliser } from './certificate/upload.js';
import type { CertificateReader } from './ports.js';

/** A client certificate as it may be shown: everything but the private key. */
export type CertificateRecord = Omit<NormalisedCertificate, 'privateKey'> & {
  readonly name: string;
  /** Changes with each upload; counts up. */
  readonly version: number;
  /** Milliseconds since the epoch. */
  readonly uploadedAt: number;
};

/** The client certificates of all organizations. Private keys are sealed and leave only towards the executor. */
export type CertificateStore = CertificateReader & {
  /** Stores an upload under a name, in place of what was there. Throws GatewayError bad_request, store_unavailable. */
  put(orgId: string, name: string, upload: CertificateUpload): Promise<CertificateRecord>;
  list(orgId: string): Promise<readonly CertificateRecord[]>;
  /** True when there was one of that name. */
  remove(orgId: string, name: string): Promise<boolean>;
  /** The private keys, for the rotation of keys. */
  readonly keys: SealedValues;
};

type Stored = CertificateRecord & { readonly sealedKey: string };

const certificatesKey = (orgId: string): string => orgKey(orgId, 'certificates');
const scopeOf = (orgId: string, { name, version }: Pick<Stored, 'name' | 'version'>): SealScope => ({
  organization: orgId,
  kind: 'certificate',
  name,
  version,
});

const recordOf = ({ sealedKey: _key, ...record }: Stored): CertificateRecord => record;
const parsed = (text: string): Stored => JSON.parse(text);
/** What stays usable from memory while Redis is away. */
const mostRemembered = 1_000;

export const createCertificateStore = (options: {
  readonly redis: RedisConnection;
  readonly vault: Vault;
  readonly normaliser: CertificateNormaliser;
  readonly clock: Clock;
}): CertificateStore => {
  const { redis, vault, normaliser, clock } = options;
  const remembered = new Map<string, string>();

  const remember = (key: string, text: string): void => {
    remembered.delete(key);
    remembered.set(key, text);
    const [oldest] = remembered.keys();
    if (remembered.size > mostRemembered && oldest !== undefined) remembered.delete(oldest);
  };

  /** The stored form; while Redis is away what this instance read last. */
  const load = async (orgId: string, name: string): Promise<string | null> => {
    const key = `${orgId} ${name}`;
    try {
      const text = replyTextOrNull(await redis.command('HGET', certificatesKey(orgId), name));
      if (text === null) remembered.delete(key);
      else remember(key, text);
      return text;
    } catch (error) {
      const last = remembered.get(key);
      if (last === undefined || !isGatewayError(error, 'store_unavailable')) throw error;
      return last;
    }
  };

  const all = async (orgId: string): Promise<Stored[]> =>
    [...replyFields(await redis.command('HGETALL', certificatesKey(orgId))).values()].map(parsed);

  const normalised = async (upload: CertificateUpload): Promise<NormalisedCertificate> => {
    try {
      return await normaliser.normalise(upload);
    } catch (error) {
      if (!(error instanceof MaterialError)) throw error;
      throw new GatewayError('bad_request', error.message, { details: [{ path: error.kind, message: error.message }] });
    }
  };

  return {
    async read(orgId, name) {
      const text = await load(orgId, name);
      if (text === null) return undefined;
      const stored = parsed(text);
      return {
        version: String(stored.version),
        certificateChain: stored.certificateChain,
        privateKey: vault.open(scopeOf(orgId, stored), stored.sealedKey),
        notAfter: stored.notAfter,
      };
    },
    async put(orgId, name, upload) {
      const { privateKey, ...shown } = await normalised(upload);
      const before = replyTextOrNull(await redis.command('HGET', certificatesKey(orgId), name));
      // Of two uploads at once the later one stays; either way the pair of chain and key is whole.
      const version = Math.max(clock.now(), before === null ? 0 : parsed(before).version + 1);
      const record: CertificateRecord = { ...shown, name, version, uploadedAt: clock.now() };
      const stored: Stored = { ...record, sealedKey: vault.seal(scopeOf(orgId, record), privateKey) };
      await redis.command('HSET', certificatesKey(orgId), name, JSON.stringify(stored));
      return record;
    },
    list: async (orgId) => (await all(orgId)).map(recordOf).sort((a, b) => (a.name < b.name ? -1 : 1)),
    async remove(orgId, name) {
      remembered.delete(`${orgId} ${name}`);
      return replyNumber(await redis.command('HDEL', certificatesKey(orgId), name)) === 1;
    },
    keys: sealedHash({
      what: 'private keys of certificates',
      redis,
      vault,
      keyOf: certificatesKey,
      find(orgId, _field, text) {
        const stored = parsed(text);
        return {
          scope: scopeOf(orgId, stored),
          sealed: stored.sealedKey,
          replaced: (sealedKey) => JSON.stringify({ ...stored, sealedKey }),
        };
      },
    }),
  };
};
