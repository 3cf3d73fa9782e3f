import { createHash } from 'node:crypto';
import type { Config } from './config.js';

/** What may differ between instances, or must not be told in any form. */
const leftOut: ReadonlySet<string> = new Set([
  // Of each machine its own.
  ...['dataDir', 'http.listen', 'sip.listen', 'sip.publicAddress', 'sip.tls', 'sip.profiles'],
  ...['rtp.address', 'rtp.ports', 'rtp.publicAddress', 'rtp.workers', 'homer.id'],
  ...['drachtio.host', 'drachtio.port', 'drachtio.listen', 'drachtio.peers', 'drachtio.authorities'],
  'egress.authorities',
  // Credentials, and what holds them: a short digest of a short password would give it away.
  ...['redis', 'drachtio.secret', 'livekit.apiKey', 'livekit.apiSecret', 'twilio.authToken', 'dashboard.jwtSecret'],
  ...['encryptionKeys', 'traces.headers', 'homer.key'],
]);

/** Keys in one order, so that the order in a file means nothing. */
const shared = (value: unknown, path: string): unknown => {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((each) => shared(each, path));
  return Object.entries(value)
    .map(([key, inner]) => [key, inner, path === '' ? key : `${path}.${key}`] as const)
    .filter(([, inner, place]) => inner !== undefined && !leftOut.has(place))
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
