import { createHash } from 'node:crypto';
import type { Config } from './config.js';
import { isSecret } from './config-secrets.js';

/** What may differ between instances. Credentials are left out too: a short digest of a short password would give it away. */
const leftOut: ReadonlySet<string> = new Set([
  // Of each machine its own.
  ...['dataDir', 'http.listen', 'sip.listen', 'sip.publicAddress', 'sip.tls', 'sip.profiles'],
  ...['rtp.address', 'rtp.ports', 'rtp.publicAddress', 'rtp.workers', 'homer.id'],
  ...['drachtio.host', 'drachtio.port', 'drachtio.listen', 'drachtio.peers', 'drachtio.authorities'],
  'egress.authorities',
  // Goes with a credential, and may hold one.
  ...['livekit.apiKey', 'redis'],
]);

/** Keys in one order, so that the order in a file means nothing. */
const shared = (value: unknown, path: string): unknown => {
  // Networks are kept as whole numbers of 128 bits.
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((each) => shared(each, path));
  return Object.entries(value)
    .map(([key, inner]) => [key, inner, path === '' ? key : `${path}.${key}`] as const)
    .filter(([, inner, place]) => inner !== undefined && !leftOut.has(place) && !isSecret(place))
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, inner, place]) => [key, shared(inner, place)]);
};

/**
 * Twelve hexadecimal digits that are the same on instances with the same settings, as far as these should be the same
 * everywhere: addresses, folders and sizes of one machine do not count, and no credential does.
 */
export const configDigest = (config: Config): string =>
  createHash('sha256')
    .update(JSON.stringify(shared(config, '')))
    .digest('hex')
    .slice(0, 12);
