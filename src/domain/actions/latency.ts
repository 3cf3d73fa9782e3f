/** Recent durations of each action, so that an agent can tell whether to say something while it waits. */
export type LatencyTracker = {
  add(organizationId: string, slug: string, durationMs: number): void;
  median(organizationId: string, slug: string): number | undefined;
};

const remembered = 21;
const maxActions = 10_000;

export const createLatencyTracker = (): LatencyTracker => {
  const recent = new Map<string, number[]>();
  return {
    add(organizationId, slug, durationMs) {
      const key = `${organizationId} ${slug}`;
      const durations = recent.get(key) ?? [];
      durations.push(durationMs);
      if (durations.length > remembered) durations.shift();
      recent.delete(key);
      recent.set(key, durations);
      if (recent.size > maxActions) {
        const [oldest] = recent.keys();
        if (oldest !== undefined) recent.delete(oldest);
      }
    },
    median(organizationId, slug) {
      const durations = recent.get(`${organizationId} ${slug}`);
      if (durations === undefined) return undefined;
      const sorted = [...durations].sort((a, b) => a - b);
      return sorted[Math.floor(sorted.length / 2)];
    },
  };
};
