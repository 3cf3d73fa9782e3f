/** Every key and channel of ours starts with this, so that a shared Redis shows whose they are. */
export const keyPrefix = 'vg:';

const plain = /^[A-Za-z0-9._~-]+$/;

/**
 * Text as one part of a key: what is not a plain character is percent-encoded, so that no value from outside can hold
 * a `:` or a brace and thereby name another key or another slot. Empty text is written `%`.
 */
export const keyPart = (text: string): string => {
  if (plain.test(text)) return text;
  if (text === '') return '%';
  // Through a Buffer, because encodeURIComponent throws on half a surrogate pair.
  const wellFormed = Buffer.from(text).toString();
  return encodeURIComponent(wellFormed).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
};

/**
 * The prefix of an organization's keys. The braces are a hash tag: all keys of one organization live in one slot of a
 * Redis Cluster, so scripts may touch several of them (redis.io, Cluster specification, "Hash tags").
 */
export const orgPrefix = (orgId: string): string => `${keyPrefix}{${keyPart(orgId)}}:`;

/** A key of an organization, for example `orgKey('acme', 'session', id)` = `vg:{acme}:session:<id>`. */
export const orgKey = (orgId: string, ...parts: readonly string[]): string =>
  orgPrefix(orgId) + parts.map(keyPart).join(':');

/**
 * A key that belongs to no organization. `group` is its hash tag: keys of one group share a slot. The `@` keeps groups
 * apart from organizations, whose tags cannot hold one.
 */
export const sharedKey = (group: string, ...parts: readonly string[]): string =>
  `${keyPrefix}{@${keyPart(group)}}${parts.map((part) => `:${keyPart(part)}`).join('')}`;
