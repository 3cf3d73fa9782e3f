/**
 * The 48-bit index that a 16-bit sequence number most likely means, given the highest index so far (RFC 3711
 * section 3.3.1). Negative when it would lie before the beginning of the stream.
 */
export const estimateIndex = (sequence: number, highest: number): number => {
  const last = highest % 65_536;
  const base = highest - last;
  let index = base + sequence;
  if (last < 32_768) {
    if (sequence - last > 32_768) index -= 65_536;
  } else if (last - 32_768 > sequence) {
    index += 65_536;
  }
  return index;
};
