import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits until `check` gives something else than false, null or undefined, looking every few milliseconds; fails with
 * `what` after `timeout` ms. For states that announce themselves by no event a test could listen to.
 */
export const until = async <T>(
  what: string,
  check: () => T | Promise<T>,
  timeout = 10_000,
): Promise<Exclude<T, false | null | undefined>> => {
  const deadline = performance.now() + timeout;
  for (;;) {
    const found = await check();
    if (found !== false && found !== null && found !== undefined) return found as Exclude<T, false | null | undefined>;
    if (performance.now() > deadline) throw new Error(`waited ${timeout} ms for ${what}`);
    await delay(5);
  }
};
