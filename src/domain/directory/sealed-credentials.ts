import { countKeys, rewrapped, type SealedValues, type Vault } from '../../platform/vault/index.js';
import type { DirectoryStore } from './directory-store.js';
import type { OrganizationSnapshot } from './records.js';
import { sealsOf } from './sealer.js';

const ATTEMPTS = 8;

/** The snapshot with other seals in place of those named; a seal is random text that stands nowhere else. */
const withSeals = (snapshot: OrganizationSnapshot, seals: ReadonlyMap<string, string>): OrganizationSnapshot =>
  JSON.parse(JSON.stringify(snapshot), (_name, value: unknown) =>
    typeof value === 'string' ? (seals.get(value) ?? value) : value,
  );

/** The credentials in the directory as the rotation of keys sees them. `changed` hears of each new version. */
export const sealedCredentials = (
  store: Pick<DirectoryStore, 'read' | 'write'>,
  vault: Vault,
  changed: (orgId: string, version: number) => Promise<void>,
): SealedValues => ({
  what: 'variables, secrets and credentials of the document',
  async count(orgId) {
    const found = await store.read(orgId);
    return countKeys(found === null ? [] : sealsOf(found.snapshot).map(([, sealed]) => sealed));
  },
  async rewrap(orgId) {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const found = await store.read(orgId);
      if (found === null) break;
      let unreadable = 0;
      const moved = new Map<string, string>();
      for (const [scope, sealed] of sealsOf(found.snapshot)) {
        const next = rewrapped(vault, scope, sealed);
        if (next === null) unreadable += 1;
        else if (next !== sealed) moved.set(sealed, next);
      }
      if (moved.size === 0) return { moved: 0, unreadable };
      const version = await store.write(orgId, found.version, withSeals(found.snapshot, moved));
      if (version === null) continue;
      await changed(orgId, version);
      return { moved: moved.size, unreadable };
    }
    return { moved: 0, unreadable: 0 };
  },
});
