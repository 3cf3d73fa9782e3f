import { newToken } from '../../core/ids.js';
import {
  loadScript,
  orgKey,
  type RedisConnection,
  replyFields,
  replyList,
  replyNumber,
  replyText,
  replyTextOrNull,
  replyTexts,
  sharedKey,
} from '../../platform/redis/index.js';
import type { OrganizationSnapshot } from './records.js';

/** A snapshot and its place in the order of writes. */
export type VersionedSnapshot = { readonly version: number; readonly snapshot: OrganizationSnapshot };

/** A number or UUID another organization has claimed. */
export type HeldClaim = {
  readonly field: string;
  readonly owner: string;
  readonly text: string;
  /** ms since it was claimed, by Redis' clock. */
  readonly age: number;
};

/**
 * Directories in Redis. An organization is one value in its own slot, so a reader never sees half of a document.
 * That a number belongs to one organization is kept by claims in one hash; the snapshot says what is so, a claim only
 * who may say it. A gateway that dies between the two leaves a claim without a number, which can be taken over.
 */
export type DirectoryStore = {
  read(orgId: string): Promise<VersionedSnapshot | null>;
  /** Resolves with null when there is another version than `expected` (0: none) now. */
  write(orgId: string, expected: number, snapshot: OrganizationSnapshot): Promise<number | null>;
  /** Takes an organization away; resolves with null when there is another version than `expected` now. */
  remove(orgId: string, expected: number): Promise<number | null>;
  /** Who holds the number, and the version of the organization one knows, in one round trip. */
  probe(number: string | null, orgId: string | null): Promise<{ owner: string | null; version: number }>;
  claim(
    orgId: string,
    fields: readonly string[],
    replaceable: ReadonlyMap<string, string>,
  ): Promise<readonly HeldClaim[]>;
  /** Texts of claims, for `release`. */
  claims(fields: readonly string[]): Promise<ReadonlyMap<string, string>>;
  release(claims: ReadonlyMap<string, string>): Promise<void>;
  organizations(): Promise<readonly string[]>;
  /** Tells every instance that an organization has this version now. */
  announce(orgId: string, version: number): Promise<void>;
  onAnnounce(listener: (orgId: string, version: number) => void): Promise<() => void>;
};

const claimScript = loadScript(import.meta.url, './claim.lua');
const releaseScript = loadScript(import.meta.url, './release.lua');
const writeScript = loadScript(import.meta.url, './write.lua');
const removeScript = loadScript(import.meta.url, './remove.lua');

const claimsKey = sharedKey('directory', 'claims');
const organizationsKey = sharedKey('directory', 'organizations');
const channel = sharedKey('directory', 'changed');
const snapshotKey = (orgId: string): string => orgKey(orgId, 'directory');

export const numberField = (number: string): string => `number:${number}`;
export const uuidField = (uuid: string): string => `uuid:${uuid}`;

const ownerOf = (claim: string | null): string | null => claim?.split(' ', 1)[0] ?? null;

export const createDirectoryStore = (redis: RedisConnection): DirectoryStore => ({
  async read(orgId) {
    const fields = replyFields(await redis.command('HGETALL', snapshotKey(orgId)));
    const [version, text] = [fields.get('version'), fields.get('snapshot')];
    if (version === undefined || text === undefined) return null;
    // What was written before there were certificates in it has none.
    const snapshot: OrganizationSnapshot = { certificates: [], ...JSON.parse(text) };
    return { version: Number(version), snapshot };
  },

  async write(orgId, expected, snapshot) {
    if (expected === 0) await redis.command('SADD', organizationsKey, orgId);
    const reply = await redis.run(writeScript, [snapshotKey(orgId)], [String(expected), JSON.stringify(snapshot)]);
    const version = replyNumber(reply);
    return version === 0 ? null : version;
  },

  async remove(orgId, expected) {
    const version = replyNumber(await redis.run(removeScript, [snapshotKey(orgId)], [String(expected)]));
    if (version === 0) return null;
    await redis.command('SREM', organizationsKey, orgId);
    return version;
  },

  async probe(number, orgId) {
    const [claim, version] = await redis.pipeline([
      ['HGET', claimsKey, number === null ? '' : numberField(number)],
      ['HGET', snapshotKey(orgId ?? ''), 'version'],
    ]);
    for (const outcome of [claim, version]) if (outcome?.ok === false) throw outcome.error;
    return {
      owner: claim?.ok === true ? ownerOf(replyTextOrNull(claim.reply)) : null,
      version: version?.ok === true ? Number(replyTextOrNull(version.reply) ?? 0) : 0,
    };
  },

  async claim(orgId, fields, replaceable) {
    const texts = fields.map((field) => replaceable.get(field) ?? '');
    const reply = await redis.run(claimScript, [claimsKey], [orgId, newToken(9), fields.length, ...fields, ...texts]);
    const list = replyList(reply);
    const held: HeldClaim[] = [];
    for (let at = 0; at + 2 < list.length; at += 3) {
      const text = replyText(list[at + 1]);
      held.push({ field: replyText(list[at]), owner: ownerOf(text) ?? '', text, age: replyNumber(list[at + 2]) });
    }
    return held;
  },

  async claims(fields) {
    if (fields.length === 0) return new Map();
    const texts = replyList(await redis.command('HMGET', claimsKey, ...fields));
    const found = new Map<string, string>();
    for (const [index, field] of fields.entries()) {
      const text = replyTextOrNull(texts[index]);
      if (text !== null) found.set(field, text);
    }
    return found;
  },

  async release(claims) {
    if (claims.size > 0) await redis.run(releaseScript, [claimsKey], [...claims].flat());
  },

  organizations: async () => replyTexts(await redis.command('SMEMBERS', organizationsKey)).sort(),
  announce: async (orgId, version) => void (await redis.publish(channel, `${version} ${orgId}`)),
  onAnnounce: (listener) =>
    redis.subscribe(channel, (message) => {
      const [version = '', orgId = ''] = message.split(' ', 2);
      listener(orgId, Number(version));
    }),
});
