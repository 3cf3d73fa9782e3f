import { failureIn } from '../api/client.js';

/** Why events cannot be followed now, and what to do about it. `wait`: ms until it is tried again. */
export type Refusal =
  | { readonly state: 'lost'; readonly wait: number }
  /** There are streams enough. What is shown is read anew each time instead. `why` is the gateway's sentence. */
  | { readonly state: 'crowded'; readonly wait: number; readonly why: string };

/**
 * An EventSource that was refused does not tell why, so its address is asked once more by hand. Whoever is turned away for
 * the number of streams comes again seldom: every page that does reads all it shows.
 */
export const refusalOf = async (address: string, signal: AbortSignal, ask: typeof fetch = fetch): Promise<Refusal> => {
  const enough = new AbortController();
  try {
    const response = await ask(address, {
      headers: { Accept: 'text/event-stream' },
      signal: AbortSignal.any([signal, enough.signal]),
    });
    if (response.status === 429) {
      const why = failureIn(429, await response.json().catch(() => null)).message;
      return { state: 'crowded', wait: 30_000, why };
    }
    // A place has become free meanwhile: this stream makes room for the one that follows.
    return { state: 'lost', wait: response.ok ? 1_000 : 5_000 };
  } catch {
    return { state: 'lost', wait: 5_000 };
  } finally {
    enough.abort();
  }
};
