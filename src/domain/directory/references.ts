import type { DirectoryChecks, Findings } from './policy.js';
import type { OrganizationSnapshot } from './records.js';

export type Section = 'numbers' | 'agents' | 'transferDestinations' | 'actions' | 'certificates';

/** Where the document speaks of a record; a record kept from before is named by its section and key. */
export type Places = {
  set(section: Section, key: string, path: string): void;
  of(section: Section, key: string): string;
};

export const createPlaces = (): Places => {
  const paths = new Map<string, string>();
  return {
    set: (section, key, path) => void paths.set(`${section} ${key}`, path),
    of: (section, key) => paths.get(`${section} ${key}`) ?? `${section}[${JSON.stringify(key)}]`,
  };
};

const checkNames = (snapshot: OrganizationSnapshot, places: Places, found: Findings): void => {
  // The AI picks a destination by its name or its id, whichever case it writes: each must mean one destination.
  const taken = new Map<string, string>(snapshot.destinations.map((d) => [d.id.toLowerCase(), d.id]));
  for (const destination of snapshot.destinations) {
    const key = destination.name.toLowerCase();
    const other = taken.get(key);
    if (other !== undefined && other !== destination.id) {
      const path = places.of('transferDestinations', destination.id);
      found.fault(`${path}.name`, `is also the name or id of destination ${JSON.stringify(other)}`);
    }
    taken.set(key, destination.id);
  }
};

const checkChains = (snapshot: OrganizationSnapshot, places: Places, found: Findings): void => {
  const byId = new Map(snapshot.destinations.map((destination) => [destination.id, destination]));
  for (const start of snapshot.destinations) {
    const path = places.of('transferDestinations', start.id);
    if (start.next !== null && !byId.has(start.next)) {
      found.fault(`${path}.next`, `names the destination ${JSON.stringify(start.next)}, which does not exist`);
    }
    const seen = new Set<string>();
    for (
      let at = byId.get(start.id);
      at !== undefined && at.onFailure === 'next' && at.next !== null;
      at = byId.get(at.next)
    ) {
      if (seen.has(at.id)) {
        if (seen.has(start.id) && at.id === start.id)
          found.fault(`${path}.next`, 'leads back to the destination itself');
        break;
      }
      seen.add(at.id);
    }
  }
};

/**
 * Everything that is named must exist: agents of numbers, destinations, actions and secrets of agents, next destinations.
 */
export const checkReferences = (
  snapshot: OrganizationSnapshot,
  places: Places,
  found: Findings,
  checks: Pick<DirectoryChecks, 'secretsOfLeg'> = {},
): void => {
  const agents = new Set(snapshot.agents.map((agent) => agent.id));
  const destinations = new Set(snapshot.destinations.map((destination) => destination.id));
  const actions = new Set(snapshot.actions.map((action) => action.id));
  for (const number of snapshot.numbers) {
    if (agents.has(number.agentId)) continue;
    const path = places.of('numbers', number.number);
    found.fault(`${path}.agent`, `names the agent ${JSON.stringify(number.agentId)}, which does not exist`);
  }
  for (const agent of snapshot.agents) {
    const path = places.of('agents', agent.id);
    const missing = (ids: readonly string[], known: ReadonlySet<string>, field: string, what: string): void => {
      for (const [index, id] of ids.entries()) {
        if (!known.has(id))
          found.fault(`${path}.${field}[${index}]`, `names the ${what} ${JSON.stringify(id)}, which does not exist`);
      }
    };
    missing(agent.transferDestinations, destinations, 'transferDestinations', 'destination');
    missing(agent.actions, actions, 'actions', 'action');
    for (const { path: field, name } of checks.secretsOfLeg?.(agent.leg) ?? []) {
      if (!Object.hasOwn(snapshot.secrets, name))
        found.fault(`${path}.leg.${field}`, `names the secret ${JSON.stringify(name)}, which does not exist`);
    }
    if (agent.fallback !== null && !destinations.has(agent.fallback)) {
      found.fault(`${path}.fallback`, `names the destination ${JSON.stringify(agent.fallback)}, which does not exist`);
    }
  }
  checkNames(snapshot, places, found);
  checkChains(snapshot, places, found);
};
