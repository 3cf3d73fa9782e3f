import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { GatewayError } from '../../core/errors.js';
import type { KeyRing } from './key-ring.js';

/** What a sealed value belongs to. It is bound into the seal: a value moved to another place does not open. */
export type SealScope = {
  readonly organization: string;
  /** `variable`, `secret`, `zendesk`, `digest`… */
  readonly kind: string;
  readonly name: string;
  /** Number of the record's version when old versions must not be put back; 0 when the record has none. */
  readonly version?: number;
};

const FORMAT = 'v1';
const ALGORITHM = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;

/** A JSON array cannot be read in two ways, so no two scopes share one text. */
const boundTo = (purpose: 'data' | 'wrap', kid: string, scope: SealScope): Buffer =>
  Buffer.from(
    JSON.stringify([FORMAT, purpose, kid, scope.organization, scope.kind, scope.name, scope.version ?? 0]),
    'utf8',
  );

const encrypt = (key: Buffer, plain: Buffer, aad: Buffer): Buffer => {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, iv, { authTagLength: TAG_BYTES }).setAAD(aad);
  return Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
};

const decrypt = (key: Buffer, box: Buffer, aad: Buffer): Buffer => {
  if (box.length < IV_BYTES + TAG_BYTES) throw new Error('too short');
  // Without authTagLength Node accepts a tag cut down to four bytes (measured on Node 20).
  const decipher = createDecipheriv(ALGORITHM, key, box.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(aad).setAuthTag(box.subarray(box.length - TAG_BYTES));
  const body = decipher.update(box.subarray(IV_BYTES, box.length - TAG_BYTES));
  return Buffer.concat([body, decipher.final()]);
};

type Envelope = { readonly kid: string; readonly wrapped: Buffer; readonly body: Buffer };

const parse = (sealed: string): Envelope | null => {
  const [format, kid, wrapped, body, ...rest] = sealed.split('.');
  if (format !== FORMAT || kid === undefined || wrapped === undefined || body === undefined || rest.length > 0) {
    return null;
  }
  return { kid, wrapped: Buffer.from(wrapped, 'base64url'), body: Buffer.from(body, 'base64url') };
};

const unreadable = (scope: SealScope, why: string, cause?: unknown): GatewayError =>
  new GatewayError(
    'credential_unreadable',
    `The sealed ${scope.kind} ${JSON.stringify(scope.name)} of organization ${scope.organization} does not open: ${why}.`,
    cause === undefined ? {} : { cause },
  );

/**
 * Seals a value: AES-256-GCM under a data key of its own, which is wrapped under the ring's active key. The result is
 * text, `v1.<kid>.<wrapped data key>.<iv, ciphertext, tag>`, base64url.
 */
export const seal = (ring: KeyRing, scope: SealScope, plain: Buffer): string => {
  const kek = ring.key(ring.active);
  if (kek === undefined) throw new GatewayError('config_invalid', 'The key ring has no key that seals.');
  const dataKey = randomBytes(KEY_BYTES);
  const wrapped = encrypt(kek, dataKey, boundTo('wrap', ring.active, scope));
  const body = encrypt(dataKey, plain, boundTo('data', '', scope));
  dataKey.fill(0);
  return [FORMAT, ring.active, wrapped.toString('base64url'), body.toString('base64url')].join('.');
};

const unwrap = (ring: KeyRing, scope: SealScope, envelope: Envelope): Buffer => {
  const kek = ring.key(envelope.kid);
  if (kek === undefined) throw unreadable(scope, `the key ring has no key ${JSON.stringify(envelope.kid)}`);
  try {
    return decrypt(kek, envelope.wrapped, boundTo('wrap', envelope.kid, scope));
  } catch (cause) {
    throw unreadable(scope, 'it was sealed with another key or for another place', cause);
  }
};

/** Opens what `seal` made for the same scope. Throws GatewayError credential_unreadable. */
export const open = (ring: KeyRing, scope: SealScope, sealed: string): Buffer => {
  const envelope = parse(sealed);
  if (envelope === null) throw unreadable(scope, 'it is not in the form this version writes');
  const dataKey = unwrap(ring, scope, envelope);
  try {
    return decrypt(dataKey, envelope.body, boundTo('data', '', scope));
  } catch (cause) {
    throw unreadable(scope, 'it was changed', cause);
  } finally {
    dataKey.fill(0);
  }
};

/** Wraps the data key under the active key, without touching the content; the same text when it already is. */
export const rewrap = (ring: KeyRing, scope: SealScope, sealed: string): string => {
  const envelope = parse(sealed);
  if (envelope === null) throw unreadable(scope, 'it is not in the form this version writes');
  if (envelope.kid === ring.active) return sealed;
  const kek = ring.key(ring.active);
  if (kek === undefined) throw new GatewayError('config_invalid', 'The key ring has no key that seals.');
  const dataKey = unwrap(ring, scope, envelope);
  const wrapped = encrypt(kek, dataKey, boundTo('wrap', ring.active, scope));
  dataKey.fill(0);
  return [FORMAT, ring.active, wrapped.toString('base64url'), envelope.body.toString('base64url')].join('.');
};

/** Id of the key a sealed text needs; null when it is not a sealed text. */
export const keyIdOf = (sealed: string): string | null => parse(sealed)?.kid ?? null;
