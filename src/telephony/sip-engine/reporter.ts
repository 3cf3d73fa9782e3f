import type { WireEvent } from './options.js';
import type { FromWorker, LogLine, PostedWireEvent } from './worker-messages.js';

/** Entries kept while the other thread is behind; what comes after is counted and dropped. */
const maxEntries = 20_000;
/** Reports on their way at once. */
const maxUnconfirmed = 4;

/** Wire events wait so long for company, ms: a call has several within its first moments, and crossing costs the same for one. */
const eventDelay = 10;
const blockBytes = 16 * 1_024;

/**
 * Sends log lines and wire events to the other thread in batches: lines once a turn of the event loop, events a little
 * later. A thread that does not keep up loses entries instead of slowing signalling or filling memory.
 */
export const createReporter = (
  post: (message: FromWorker, moved?: ArrayBuffer[]) => void,
): { log(line: LogLine): void; tap(event: WireEvent): void; confirmed(): void; flush(): void } => {
  let lines: LogLine[] = [];
  let events: PostedWireEvent[] = [];
  let block = new Uint8Array(0);
  let filled = 0;
  let dropped = 0;
  let unconfirmed = 0;
  let lineTimer: NodeJS.Immediate | null = null;
  let eventTimer: NodeJS.Timeout | null = null;

  const send = (): void => {
    if (lineTimer !== null) clearImmediate(lineTimer);
    if (eventTimer !== null) clearTimeout(eventTimer);
    lineTimer = null;
    eventTimer = null;
    if (unconfirmed >= maxUnconfirmed || (lines.length === 0 && events.length === 0)) return;
    unconfirmed += 1;
    const report: FromWorker = { type: 'report', lines, events, bytes: block.subarray(0, filled), dropped };
    const moved = [block.buffer];
    lines = [];
    events = [];
    block = new Uint8Array(0);
    filled = 0;
    dropped = 0;
    post(report, moved);
  };
  const sendSoon = (): void => {
    lineTimer ??= setImmediate(send);
  };
  const sendLater = (): void => {
    eventTimer ??= setTimeout(send, eventDelay);
  };
  const hasRoom = (): boolean => {
    if (lines.length + events.length < maxEntries) return true;
    dropped += 1;
    return false;
  };
  /** The bytes are copied at once: a datagram's buffer may be a piece of a larger one. */
  const keep = (raw: Buffer): void => {
    if (filled + raw.length > block.length) {
      const larger = new Uint8Array(Math.max(blockBytes, 2 * (filled + raw.length)));
      larger.set(block.subarray(0, filled));
      block = larger;
    }
    block.set(raw, filled);
    filled += raw.length;
  };

  return {
    log: (line) => {
      if (hasRoom()) lines.push(line);
      sendSoon();
    },
    tap: ({ at, direction, transport, local, remote, callId, retransmission, raw }) => {
      if (hasRoom()) {
        events.push({ at, direction, transport, local, remote, callId, retransmission, length: raw.length });
        keep(raw);
      }
      sendLater();
    },
    confirmed: () => {
      unconfirmed -= 1;
      if (lines.length + events.length > 0) sendLater();
    },
    flush: () => {
      unconfirmed = 0;
      send();
    },
  };
};
