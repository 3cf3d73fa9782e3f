import { type IpRange, mostSpecific } from '../ip-range.js';
import { loadProfiles, type ProfileFolders } from './loader.js';
import type { Profile } from './profile.js';

/** The profiles in force. A reload replaces all of them at once, or none when one is wrong. */
export type ProfileRegistry = {
  get(name: string): Profile | undefined;
  all(): readonly Profile[];
  /** The profile whose range holds the address with the longest prefix. */
  bySource(address: string): Profile | undefined;
  /** Reads the folders again. Rejects with GatewayError config_invalid; the profiles stay as they were. */
  reload(): Promise<void>;
  /** Called after each successful reload. Returns the function that ends it. */
  onReload(listener: () => void): () => void;
};

type Claim = IpRange & { readonly profile: Profile };

/** A registry of given profiles; `load` is what `reload` calls. */
export const profileRegistry = (
  initial: ReadonlyMap<string, Profile>,
  load: () => Promise<ReadonlyMap<string, Profile>> = async () => initial,
): ProfileRegistry => {
  let profiles = initial;
  let claims: readonly Claim[] = [];
  const listeners = new Set<() => void>();
  const index = (): void => {
    claims = [...profiles.values()].flatMap((profile) => profile.sources.map((range) => ({ ...range, profile })));
  };
  index();
  return {
    get: (name) => profiles.get(name),
    all: () => [...profiles.values()],
    bySource: (address) => mostSpecific(claims, address)?.profile,
    reload: async () => {
      profiles = await load();
      index();
      for (const listener of listeners) listener();
    },
    onReload: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
};

/** Loads the folders into a registry that reads them again on `reload`. Rejects with GatewayError config_invalid. */
export const openProfiles = async (folders: ProfileFolders): Promise<ProfileRegistry> =>
  profileRegistry(await loadProfiles(folders), () => loadProfiles(folders));
