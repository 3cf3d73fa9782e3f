/** Remembers which packet indexes have been seen among the newest ones (RFC 3711 section 3.3.2). */
export type ReplayWindow = {
  /** True when this index was seen before or is too old to know. */
  seen(index: number): boolean;
  /** Only for packets that have been authenticated. */
  add(index: number): void;
};

/** RFC 3711 asks for 64 at least; 128 packets are 2.5 s of audio, more than any network reorders. */
const size = 128;

export const createReplayWindow = (): ReplayWindow => {
  // Slot n holds the newest index that is n modulo the size, so moving the window costs nothing.
  const slots = new Float64Array(size).fill(-1);
  let highest = -1;
  return {
    seen: (index) => index <= highest - size || slots[index % size] === index,
    add(index) {
      slots[index % size] = index;
      if (index > highest) highest = index;
    },
  };
};
