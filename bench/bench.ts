/** One measured figure. `ratio` is ours against what we compare with, in the same run. */
export type BenchRow = {
  readonly what: string;
  readonly ours: string;
  readonly compared: string;
  readonly ratio: number | null;
  readonly goal: string;
  /** Null: reported only, no goal. */
  readonly met: boolean | null;
};

export type BenchResult = {
  /** As in the table of goals: `P1`, `P2`, … */
  readonly id: string;
  readonly title: string;
  readonly rows: readonly BenchRow[];
  readonly notes: readonly string[];
};

export type Bench = {
  /** Names the bench on the command line and its file in bench/results. */
  readonly name: string;
  readonly id: string;
  readonly title: string;
  run(log: (line: string) => void): Promise<BenchResult>;
};

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
};

export const percentile = (values: readonly number[], p: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((p / 100) * sorted.length))] ?? Number.NaN;
};

export const round = (value: number, digits = 2): string => value.toFixed(digits);
