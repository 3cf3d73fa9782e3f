import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from './client.js';
import type { CliContext } from './context.js';
import { CliError } from './exit-codes.js';

/** ms until a stream that ended is opened again, as the gateway asks for (`retry`). */
const AGAIN = 2_000;

/** The id of the last event in a piece of a stream; null when there is none. */
const lastIdIn = (text: string): string | null => [...text.matchAll(/^id: (\S+)$/gm)].at(-1)?.[1] ?? null;

/**
 * Yields when something may have happened in the calls of an organization (server-sent events of `/v1/events`), and once
 * in the beginning, until Ctrl-C. Several events that come together are one. A stream that ends is opened again and goes
 * on where it was. Throws CliError when the gateway refuses it, or is not there at the start.
 */
export async function* followEvents(
  context: CliContext,
  client: Client,
  organization: string | undefined,
): AsyncGenerator<void> {
  let last: string | null = null;
  let opened = false;
  while (!context.signal.aborted) {
    try {
      const stream = await client.stream('/v1/events', {
        query: { organization },
        accept: 'text/event-stream',
        ...(last === null ? {} : { headers: { 'last-event-id': last } }),
      });
      opened = true;
      let unread = '';
      // The first piece says that the stream follows: a list that is read from then on misses nothing.
      for await (const text of stream) {
        const whole = unread + text;
        const end = whole.lastIndexOf('\n\n');
        unread = end < 0 ? whole : whole.slice(end + 2);
        if (end < 0) continue;
        last = lastIdIn(whole.slice(0, end)) ?? last;
        yield;
      }
    } catch (error) {
      if (context.signal.aborted) return;
      // A gateway that is being restarted comes back; one that never was there does not.
      if (!opened || !(error instanceof CliError) || error.exit !== 'unreachable') throw error;
    }
    await delay(AGAIN, undefined, { signal: context.signal }).catch(() => {});
  }
}
