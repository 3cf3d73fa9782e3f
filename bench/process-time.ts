import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks a second of /proc: a constant of Linux on every architecture Node runs on. */
const ticks = 100;

/** Processor time of a process so far, all threads, ms. */
export const processTime = (pid: number): number => {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name in parentheses may hold anything; the fields behind it are numbers.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / ticks;
};

/** How often threads of a process have gone to sleep so far, to wait for something: each time one was woken up. */
export const wakesOf = (pid: number): number =>
  readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
    return sum + Number(/^voluntary_ctxt_switches:\s*(\d+)$/m.exec(status)?.[1] ?? Number.NaN);
  }, 0);

/** Resident memory of a process, bytes. */
export const memoryOfProcess = (pid: number): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1_024;

export const threadsOf = (pid: number): number =>
  Number(/^Threads:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN);

export const descriptorsOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

const machineTicks = (): { readonly idle: number; readonly all: number } => {
  const fields = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]?.trim().split(/\s+/).slice(1).map(Number) ?? [];
  return { idle: (fields[3] ?? 0) + (fields[4] ?? 0), all: fields.slice(0, 8).reduce((sum, value) => sum + value, 0) };
};

/** Percent of all processors that were idle over the next `ms`. */
export const idlePercent = async (ms: number): Promise<number> => {
  const before = machineTicks();
  await new Promise((resolve) => setTimeout(resolve, ms));
  const after = machineTicks();
  return ((after.idle - before.idle) / (after.all - before.all)) * 100;
};
