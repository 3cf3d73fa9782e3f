import type { Clock, Timer } from '../../core/clock.js';
import type { GatewayError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import { storeError } from './failures.js';

export type OutageBufferOptions<Item> = {
  /**
   * Applies items of one lane, in order. It must be harmless to apply an item again: after an outage it is not known
   * what arrived. Rejects with `store_unavailable` to have them kept; any other error drops them.
   */
  readonly send: (lane: string, items: readonly Item[]) => Promise<void>;
  /** Bytes an item takes, roughly. */
  readonly sizeOf: (item: Item) => number;
  /** Two neighbours of one lane as one, without what may be lost at the bound. `before` is null: the item alone. */
  readonly squeeze: (before: Item | null, item: Item) => { readonly item: Item; readonly lost: number };
  readonly clock: Clock;
  readonly log: Logger;
  /** How long an item that is not urgent waits for others of its lane, ms: several then cost one round trip. Default 0. */
  readonly linger?: number;
  /** Items and bytes kept over all lanes; defaults 100,000 and 64 MiB. */
  readonly maxItems?: number;
  readonly maxBytes?: number;
};

/**
 * Writes in order while the store is away.
 *
 * A lane (one session) is written in the order of its pushes, one batch at a time; lanes do not wait for each other.
 * What was acknowledged last is kept a little and sent again after an outage: a server that is killed may lose
 * what it acknowledged within the last moments (appendfsync everysec), and `send` passes over what did arrive.
 *
 * At the bound nothing is refused and no state is lost: an item is squeezed into the one before it in its lane, and
 * what `squeeze` leaves out (timeline entries) is lost, counted and logged. The memory is then bounded by the
 * limits plus one squeezed item for each lane.
 */
export type OutageBuffer<Item> = {
  /**
   * Resolves when the item is in the store; rejects when the store refused it. An unhandled rejection is harmless. A
   * `patient` item may linger; the next one that is not takes it along.
   */
  push(lane: string, item: Item, options?: { readonly keepWhole?: boolean; readonly patient?: boolean }): Promise<void>;
  /** Sends nothing more: lanes that exist wait for `resume`, new ones for `open`. */
  hold(): void;
  /** Lets lanes made from now on send at once. */
  open(): void;
  /** Sends what a lane holds, beginning with what was acknowledged last. */
  resume(lane: string): void;
  /** How many entries of a lane were lost at the bound since the last call. */
  takeLost(lane: string): number;
  /** Resolves when the lane has nothing left to send. */
  drained(lane: string): Promise<void>;
  /** Forgets a lane, and with it what would be sent again; false when it still has something to send. */
  retire(lane: string): boolean;
  lanes(): readonly string[];
  pending(): { readonly items: number; readonly bytes: number };
  close(): void;
};

type Entry<Item> = {
  item: Item;
  bytes: number;
  /** It may have reached the store: it must not be altered any more. */
  sent: boolean;
  readonly settle: ((error: GatewayError | null) => void)[];
};

type Lane<Item> = {
  readonly queue: Entry<Item>[];
  acknowledged: { readonly entry: Entry<Item>; readonly at: number }[];
  sending: boolean;
  held: boolean;
  /** What was acknowledged last is to be sent again before the queue. */
  rewind: boolean;
  retry: Timer | null;
  lost: number;
  readonly waiting: (() => void)[];
};

const batchSize = 64;
/** ms before the last acknowledgement whose acknowledged items are sent again after an outage. */
const resendWindow = 3_000;
/** ms until the next try when the store is there but unable (out of memory, busy). */
const retryDelay = 500;

export const createOutageBuffer = <Item>(options: OutageBufferOptions<Item>): OutageBuffer<Item> => {
  const { send, sizeOf, squeeze, clock, log } = options;
  const linger = options.linger ?? 0;
  const maxItems = options.maxItems ?? 100_000;
  const maxBytes = options.maxBytes ?? 64 * 1024 * 1024;
  const lanes = new Map<string, Lane<Item>>();
  let items = 0;
  let bytes = 0;
  let holding = false;
  let closed = false;
  let boundLogged = false;
  /** Lanes whose items linger, and the one timer for all of them. */
  const lingering = new Map<string, Lane<Item>>();
  let lingerTimer: Timer | null = null;

  const laneOf = (name: string): Lane<Item> => {
    const known = lanes.get(name);
    if (known !== undefined) return known;
    const lane: Lane<Item> = {
      ...{ queue: [], acknowledged: [], waiting: [], lost: 0 },
      ...{ sending: false, held: holding, rewind: false, retry: null },
    };
    lanes.set(name, lane);
    return lane;
  };

  const settle = (entries: readonly Entry<Item>[], error: GatewayError | null): void => {
    for (const entry of entries) {
      items -= 1;
      bytes -= entry.bytes;
      for (const done of entry.settle.splice(0)) done(error);
    }
  };

  const acknowledge = (lane: Lane<Item>, entries: readonly Entry<Item>[]): void => {
    settle(entries, null);
    const now = clock.monotonic();
    lane.acknowledged = lane.acknowledged.filter(({ at }) => now - at < resendWindow);
    for (const entry of entries) lane.acknowledged.push({ entry, at: now });
  };

  const rewind = (lane: Lane<Item>): void => {
    lane.rewind = false;
    const again = lane.acknowledged.splice(0).map(({ entry }) => entry);
    for (const entry of again) {
      items += 1;
      bytes += entry.bytes;
    }
    lane.queue.unshift(...again);
  };

  const attempt = async (name: string, batch: readonly Entry<Item>[]): Promise<GatewayError | null> => {
    for (const entry of batch) entry.sent = true;
    try {
      await send(
        name,
        batch.map((entry) => entry.item),
      );
      return null;
    } catch (error) {
      return storeError(error);
    }
  };

  const pump = async (name: string, lane: Lane<Item>): Promise<void> => {
    if (lane.sending) return;
    lane.sending = true;
    let limit = batchSize;
    while (!lane.held && !closed) {
      if (lane.rewind) rewind(lane);
      const batch = lane.queue.slice(0, limit);
      if (batch.length === 0) break;
      const failure = await attempt(name, batch);
      if (failure === null) {
        lane.queue.splice(0, batch.length);
        acknowledge(lane, batch);
      } else if (failure.code === 'store_unavailable') {
        lane.retry ??= clock.after(retryDelay, () => {
          lane.retry = null;
          void pump(name, lane);
        });
        break;
      } else if (batch.length > 1) {
        // One by one from here, so that a single item the store refuses does not take its neighbours with it.
        limit = 1;
      } else {
        lane.queue.shift();
        settle(batch, failure);
        log.error({ lane: name, err: failure }, 'The store refused a write; it is dropped.');
      }
    }
    lane.sending = false;
    if (lane.queue.length === 0) for (const done of lane.waiting.splice(0)) done();
  };

  const pumpLater = (name: string, lane: Lane<Item>): void => {
    lingering.set(name, lane);
    lingerTimer ??= clock.after(linger, () => {
      lingerTimer = null;
      const due = [...lingering];
      lingering.clear();
      for (const [dueName, dueLane] of due) void pump(dueName, dueLane);
    });
  };

  const add = (lane: Lane<Item>, item: Item, done: (error: GatewayError | null) => void): void => {
    const size = sizeOf(item);
    lane.queue.push({ item, bytes: size, sent: false, settle: [done] });
    items += 1;
    bytes += size;
  };

  const addSqueezed = (lane: Lane<Item>, item: Item, done: (error: GatewayError | null) => void): void => {
    if (!boundLogged) {
      boundLogged = true;
      log.error(
        { items, bytes, maxItems, maxBytes },
        'The writes kept while Redis is away have reached their bound; timeline entries are lost from here on, state is kept.',
      );
    }
    const last = lane.queue.at(-1);
    const before = last === undefined || last.sent ? null : last;
    const squeezed = squeeze(before?.item ?? null, item);
    lane.lost += squeezed.lost;
    if (before === null) {
      add(lane, squeezed.item, done);
      return;
    }
    const size = sizeOf(squeezed.item);
    bytes += size - before.bytes;
    before.item = squeezed.item;
    before.bytes = size;
    before.settle.push(done);
  };

  return {
    push: (name, item, { keepWhole = false, patient = false } = {}) => {
      const lane = laneOf(name);
      const written = new Promise<void>((resolve, reject) => {
        const done = (error: GatewayError | null): void => (error === null ? resolve() : reject(error));
        if (!keepWhole && (items >= maxItems || bytes + sizeOf(item) > maxBytes)) addSqueezed(lane, item, done);
        else add(lane, item, done);
      });
      // The call path does not wait for writes; without this a refused one would end the process.
      written.catch(() => {});
      if (patient && linger > 0) pumpLater(name, lane);
      else void pump(name, lane);
      return written;
    },
    hold: () => {
      holding = true;
      for (const lane of lanes.values()) lane.held = true;
    },
    open: () => {
      holding = false;
      boundLogged = false;
    },
    resume: (name) => {
      const lane = lanes.get(name);
      if (lane === undefined) return;
      lane.rewind = true;
      lane.held = false;
      void pump(name, lane);
    },
    takeLost: (name) => {
      const lane = lanes.get(name);
      const lost = lane?.lost ?? 0;
      if (lane !== undefined) lane.lost = 0;
      return lost;
    },
    drained: (name) => {
      const lane = lanes.get(name);
      if (lane === undefined || (lane.queue.length === 0 && !lane.sending)) return Promise.resolve();
      void pump(name, lane);
      return new Promise((resolve) => lane.waiting.push(resolve));
    },
    retire: (name) => {
      const lane = lanes.get(name);
      if (lane !== undefined && (lane.queue.length > 0 || lane.sending || lane.held)) return false;
      lanes.delete(name);
      return true;
    },
    lanes: () => [...lanes.keys()],
    pending: () => ({ items, bytes }),
    close: () => {
      closed = true;
      lingerTimer?.cancel();
      for (const lane of lanes.values()) lane.retry?.cancel();
    },
  };
};
