/**
 * Buffers for packets that are made here. The system takes a datagram at once unless its send buffer is full, in which
 * case the buffer must stay untouched until it has gone; going round a large ring gives it a second or more.
 * A view of a given length is kept with its slot, so that packets of equal length cost no allocation.
 */
export type PacketSlots = {
  /** A buffer of exactly `length` octets, with unspecified content. */
  next(length: number): Buffer;
};

/** `slotBytes` bounds the length of a packet; 1500 fits any datagram that crosses an Ethernet whole. */
export const packetSlots = (slots = 512, slotBytes = 1500): PacketSlots => {
  const memory: Buffer[] = [];
  const views: Buffer[] = [];
  let at = 0;
  return {
    next(length) {
      if (length > slotBytes) return Buffer.allocUnsafeSlow(length);
      const index = at;
      at = at + 1 === slots ? 0 : at + 1;
      let view = views[index];
      if (view === undefined) {
        // Slots come into being as they are used: an idle worker holds none.
        memory[index] = Buffer.allocUnsafeSlow(slotBytes);
        view = (memory[index] as Buffer).subarray(0, length);
        views[index] = view;
      } else if (view.length !== length) {
        view = (memory[index] as Buffer).subarray(0, length);
        views[index] = view;
      }
      return view;
    },
  };
};
