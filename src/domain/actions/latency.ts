/** Recent durations of each action, so that an agent can tell whether to say something while it waits. */
export type LatencyTracker = {
  add(organizationId: string, slug: string, durationMs: number): void;
  /** Milliseconds; nothing before the first run. */
  median(organizationId: string, slug: string): number | undefined;
};

/** Runs that are looked back on. */
const remembered = 21;
const maxActions = 10_000;

type Recent = { readonly durations: number[]; runs: number };

export const createLatencyTracker = (): LatencyTracker => {
  const organizations = new Map<string, Map<string, Recent>>();
  let actions = 0;
  /** Forgets the organization that has been known longest. */
  const makeRoom = (): void => {
    for (const [id, known] of organizations) {
      organizations.delete(id);
      actions -= known.size;
      return;
    }
  };
  return {
    add(organizationId, slug, durationMs) {
      let known = organizations.get(organizationId);
      if (known === undefined) {
        known = new Map();
        organizations.set(organizationId, known);
      }
      const recent = known.get(slug);
      if (recent !== undefined) {
        recent.durations[recent.runs % remembered] = durationMs;
        recent.runs += 1;
        return;
      }
      known.set(slug, { durations: [durationMs], runs: 1 });
      actions += 1;
      if (actions > maxActions) makeRoom();
    },
    median(organizationId, slug) {
      const recent = organizations.get(organizationId)?.get(slug);
      if (recent === undefined) return undefined;
      const sorted = [...recent.durations].sort((a, b) => a - b);
      return sorted[Math.floor(sorted.length / 2)];
    },
  };
};
