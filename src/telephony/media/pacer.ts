import type { Clock, Timer } from '../../core/clock.js';

/** Something that has work to do every 20 ms. */
export type Paced = {
  /**
   * `now` is the scheduled moment in monotonic ms, not the actual one. Returns how many of the next frames may pass
   * without a call.
   */
  tick(now: number): number;
};

/** A member's place in the pacer. */
export type Seat = {
  leave(): void;
  /** Every frame counts again, whatever the last `tick` returned. */
  wake(): void;
};

/** Members of one slot and, beside them, the frames each of them rests: looking at a resting one touches no object. */
type Slot = { readonly members: Paced[]; readonly rests: number[] };

/**
 * One timer for all legs of a worker. Every member is called each `frameMs`; members are spread over `phases` slots so
 * that four hundred legs do not all send in the same millisecond. Deadlines are multiples of a fixed start, hence
 * do not drift; when the thread was late, up to `maxCatchUp` missed frames are made up at once, the rest are skipped.
 */
export type Pacer = {
  add(member: Paced): Seat;
  /** Runs after each slot, with the scheduled moment. */
  onSlotEnd(fn: (now: number) => void): void;
  readonly members: number;
  /** Slots that were skipped because the thread was too late. */
  readonly skipped: number;
  stop(): void;
};

export const pacer = (options: {
  readonly clock: Clock;
  readonly frameMs: number;
  readonly phases: number;
  /** In frames. */
  readonly maxCatchUp: number;
  /** A member that throws is reported here and stays a member. */
  readonly onError: (error: unknown) => void;
}): Pacer => {
  const { clock, phases } = options;
  const slotMs = options.frameMs / phases;
  const slots: Slot[] = Array.from({ length: phases }, () => ({ members: [], rests: [] }));
  let afterSlot: (now: number) => void = () => {};
  let members = 0;
  let skipped = 0;
  let timer: Timer | null = null;
  let running = false;
  let origin = 0;
  /** Number of the slot to run next, counted from the origin. */
  let next = 0;

  const runSlot = (slot: Slot, now: number): void => {
    const { members: seated, rests } = slot;
    // From the end, since a member may remove itself.
    for (let i = seated.length - 1; i >= 0; i -= 1) {
      const rest = rests[i] as number;
      if (rest > 0) {
        rests[i] = rest - 1;
        continue;
      }
      const member = seated[i] as Paced;
      try {
        const next = member.tick(now);
        if (next > 0 && seated[i] === member) rests[i] = next;
      } catch (error) {
        options.onError(error);
      }
    }
    afterSlot(now);
  };

  const arm = (): void => {
    const wait = origin + next * slotMs - clock.monotonic();
    // Timers count whole milliseconds; rounding up never fires before the deadline.
    timer = clock.after(Math.max(0, Math.ceil(wait)), run);
  };

  const run = (): void => {
    timer = null;
    running = true;
    const due = Math.floor((clock.monotonic() - origin) / slotMs);
    const tooLate = due - next - options.maxCatchUp * phases;
    if (tooLate > 0) {
      skipped += tooLate;
      next += tooLate;
    }
    while (next <= due && members > 0) {
      runSlot(slots[next % phases] as Slot, origin + next * slotMs);
      next += 1;
    }
    running = false;
    if (members > 0) arm();
  };

  return {
    add(member) {
      let slot = slots[0] as Slot;
      for (const candidate of slots) if (candidate.members.length < slot.members.length) slot = candidate;
      slot.members.push(member);
      slot.rests.push(0);
      members += 1;
      if (members === 1 && !running) {
        origin = clock.monotonic();
        next = 0;
        arm();
      }
      let present = true;
      return {
        leave() {
          if (!present) return;
          present = false;
          const at = slot.members.indexOf(member);
          slot.members.splice(at, 1);
          slot.rests.splice(at, 1);
          members -= 1;
          if (members === 0) {
            timer?.cancel();
            timer = null;
          }
        },
        wake() {
          if (present) slot.rests[slot.members.indexOf(member)] = 0;
        },
      };
    },
    onSlotEnd(fn) {
      afterSlot = fn;
    },
    get members() {
      return members;
    },
    get skipped() {
      return skipped;
    },
    stop() {
      timer?.cancel();
      timer = null;
      members = 0;
      for (const slot of slots) {
        slot.members.length = 0;
        slot.rests.length = 0;
      }
    },
  };
};
