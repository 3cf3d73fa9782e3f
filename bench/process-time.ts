import { readFileSync } from 'node:fs';

/** Clock ticks a second of /proc: a constant of Linux on every architecture Node runs on. */
const ticks = 100;

/** Processor time of a process so far, all threads, ms. */
export const processTime = (pid: number): number => {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name in parentheses may hold anything; the fields behind it are numbers.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / ticks;
};

export const threadsOf = (pid: number): number =>
  Number(/^Threads:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN);
