import type { WireEvent } from './options.js';
import type { FromWorker, LogLine, PostedWireEvent } from './worker-messages.js';

/** Entries kept while the other thread is behind; what comes after is counted and dropped. */
const maxEntries = 20_000;
/** Reports on their way at once. */
const maxUnconfirmed = 4;

/**
 * Sends log lines and wire events to the other thread in batches, one a turn of the event loop. A thread that does not
 * keep up loses entries instead of slowing signalling or filling memory.
 */
export const createReporter = (
  post: (message: FromWorker) => void,
): { log(line: LogLine): void; tap(event: WireEvent): void; confirmed(): void; flush(): void } => {
  let lines: LogLine[] = [];
  let events: PostedWireEvent[] = [];
  let dropped = 0;
  let unconfirmed = 0;
  let scheduled = false;

  const send = (): void => {
    scheduled = false;
    if (unconfirmed >= maxUnconfirmed || (lines.length === 0 && events.length === 0)) return;
    unconfirmed += 1;
    const report: FromWorker = { type: 'report', lines, events, dropped };
    lines = [];
    events = [];
    dropped = 0;
    post(report);
  };
  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(send);
  };
  const hasRoom = (): boolean => {
    if (lines.length + events.length < maxEntries) return true;
    dropped += 1;
    return false;
  };

  return {
    log: (line) => {
      if (hasRoom()) lines.push(line);
      schedule();
    },
    tap: (event) => {
      // The bytes are copied: a datagram's buffer may be a piece of a larger one that would cross with it.
      if (hasRoom()) events.push({ ...event, raw: new Uint8Array(event.raw) });
      schedule();
    },
    confirmed: () => {
      unconfirmed -= 1;
      schedule();
    },
    flush: () => {
      unconfirmed = 0;
      send();
    },
  };
};
