import type { Clock } from '../../core/clock.js';
import { isGatewayError } from '../../core/errors.js';
import type { DirectoryStore, VersionedSnapshot } from './directory-store.js';
import type { Agent, Directory, OrganizationSnapshot, PhoneNumberRecord, TransferDestination } from './records.js';

/** ms a cached organization is believed without asking: messages of changes come at once, but may be lost. */
const FRESH = 5_000;
/** ms a read for a call in progress waits for Redis before it takes what the instance knows. */
const PATIENCE = 250;
const MOST_CACHED = 10_000;

type Cached = {
  readonly version: number;
  readonly snapshot: OrganizationSnapshot;
  readonly numbers: ReadonlyMap<string, PhoneNumberRecord>;
  readonly agents: ReadonlyMap<string, Agent>;
  readonly destinations: ReadonlyMap<string, TransferDestination>;
  readonly destinationNames: ReadonlyMap<string, TransferDestination>;
  checkedAt: number;
};

export type CachedDirectory = Directory & {
  snapshot(orgId: string): Promise<OrganizationSnapshot | null>;
  /** Forgets what is cached of an organization, or of all; with a version, only what is older than it. */
  forget(orgId?: string, version?: number): void;
};

const indexed = ({ version, snapshot }: VersionedSnapshot, checkedAt: number): Cached => ({
  version,
  snapshot,
  numbers: new Map(snapshot.numbers.map((number) => [number.number, number])),
  agents: new Map(snapshot.agents.map((agent) => [agent.id, agent])),
  destinations: new Map(snapshot.destinations.map((destination) => [destination.id, destination])),
  destinationNames: new Map(snapshot.destinations.map((destination) => [destination.name.toLowerCase(), destination])),
  checkedAt,
});

/**
 * The directory as calls read it: from memory, at most one round trip when what is known is older than five seconds
 * (the version is asked for, and who holds the number), two for an organization seen for the first time. A new call
 * needs Redis (`route` throws store_unavailable); a call in progress goes on with what the instance last knew.
 */
export const createDirectory = (store: DirectoryStore, clock: Clock): CachedDirectory => {
  const organizations = new Map<string, Cached>();
  const owners = new Map<string, string>();
  /** Counts what was forgotten: a read that began before must not bring the old value back. */
  let generation = 0;
  /** The version an organization has at least, by what other instances told: a read that overtook the news is old. */
  const announced = new Map<string, number>();

  const drop = (orgId: string): void => {
    organizations.delete(orgId);
    for (const [number, owner] of owners) if (owner === orgId) owners.delete(number);
  };

  const forget = (orgId?: string, version?: number): void => {
    if (orgId === undefined) {
      generation += 1;
      organizations.clear();
      owners.clear();
    } else if (version === undefined) {
      generation += 1;
      drop(orgId);
    } else {
      announced.set(orgId, Math.max(version, announced.get(orgId) ?? 0));
      if ((organizations.get(orgId)?.version ?? 0) < version) drop(orgId);
    }
  };

  const remember = (orgId: string, cached: Cached): void => {
    if (organizations.size >= MOST_CACHED) forget();
    organizations.set(orgId, cached);
  };

  const load = async (orgId: string): Promise<Cached | null> => {
    const begun = generation;
    const found = await store.read(orgId);
    if (found === null) return null;
    const cached = indexed(found, clock.monotonic());
    if (begun === generation && found.version >= (announced.get(orgId) ?? 0)) remember(orgId, cached);
    return cached;
  };

  const fresh = (cached: Cached): boolean => clock.monotonic() - cached.checkedAt < FRESH;

  /** The organization of a number, checked to hold it; `known` saves the read when the version is still the same. */
  const current = async (
    orgId: string,
    number: string | null,
  ): Promise<{ cached: Cached | null; owner: string | null }> => {
    const known = organizations.get(orgId);
    const { owner, version } = await store.probe(number, orgId);
    if (known !== undefined && known.version === version) {
      known.checkedAt = clock.monotonic();
      return { cached: known, owner };
    }
    return { cached: await load(orgId), owner };
  };

  const ownerOf = async (number: string): Promise<{ orgId: string; cached: Cached | null } | null> => {
    const guess = owners.get(number);
    const guessed = guess === undefined ? undefined : organizations.get(guess);
    if (guess !== undefined && guessed !== undefined && fresh(guessed)) return { orgId: guess, cached: guessed };
    if (guess !== undefined) {
      const { cached, owner } = await current(guess, number);
      if (owner === guess) return { orgId: guess, cached };
      owners.delete(number);
      if (owner === null) return null;
      return { orgId: owner, cached: await load(owner) };
    }
    const { owner } = await store.probe(number, null);
    if (owner === null) return null;
    const known = organizations.get(owner);
    return { orgId: owner, cached: known !== undefined && fresh(known) ? known : await load(owner) };
  };

  /** For calls in progress: what the instance knows, when Redis does not answer soon. */
  const lenient = async (orgId: string): Promise<Cached | null> => {
    const known = organizations.get(orgId);
    if (known === undefined) return load(orgId);
    if (fresh(known)) return known;
    const answer = current(orgId, null).then(
      ({ cached }) => cached,
      (error: unknown) => {
        if (isGatewayError(error, 'store_unavailable')) return known;
        throw error;
      },
    );
    return new Promise((resolve, reject) => {
      const timer = clock.after(PATIENCE, () => resolve(known));
      answer.then(resolve, reject).finally(() => timer.cancel());
    });
  };

  return {
    async route(calledE164) {
      const found = await ownerOf(calledE164);
      const record = found?.cached?.numbers.get(calledE164);
      const agent = record === undefined ? undefined : found?.cached?.agents.get(record.agentId);
      if (!found?.cached || record === undefined || agent === undefined) return null;
      if (owners.size >= MOST_CACHED) owners.clear();
      if (organizations.has(found.orgId)) owners.set(calledE164, found.orgId);
      return { organization: found.cached.snapshot.organization, number: record, agent };
    },
    organization: async (orgId) => (await lenient(orgId))?.snapshot.organization ?? null,
    agent: async (orgId, agentId) => (await lenient(orgId))?.agents.get(agentId) ?? null,
    numbers: async (orgId) => (await lenient(orgId))?.snapshot.numbers ?? [],
    async destination(orgId, idOrName) {
      const cached = await lenient(orgId);
      return cached?.destinations.get(idOrName) ?? cached?.destinationNames.get(idOrName.trim().toLowerCase()) ?? null;
    },
    snapshot: async (orgId) => (await lenient(orgId))?.snapshot ?? null,
    forget,
  };
};
