/**
 * Framing of the drachtio admin connection: `length "#" payload`, the length in BYTES. A payload is
 * `msgid "|" token *("|" token) [CRLF sip-message]`.
 */

/** Longest frame an authenticated application may send, bytes; drachtio-server breaks above 12 kB. */
export const maxFrameBytes = 1_048_576;
/** Before `authenticate` succeeded nothing longer than a secret and some tags is expected. */
export const maxFrameBytesBeforeAuthentication = 4_096;

const hash = 0x23;

export class FrameError extends Error {}

/** Cuts a byte stream into payloads; a frame may come in any number of pieces, cut anywhere. */
export class FrameReader {
  /** Payload limit in bytes; raise it once the sender is known. */
  limit = maxFrameBytesBeforeAuthentication;
  #chunks: Buffer[] = [];
  #size = 0;
  /** Length of the frame being read once its `#` was seen, else -1. */
  #expected = -1;

  /**
   * Takes the next piece of the stream and hands each complete payload to `onPayload`.
   * @throws FrameError when the length is no number or over the limit: the stream cannot be followed any more.
   */
  push(chunk: Buffer, onPayload: (payload: Buffer) => void): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    // Joining only when a whole frame is there keeps byte-by-byte delivery linear.
    while (this.#size > 0) {
      if (this.#expected < 0 && !this.#readLength()) return;
      if (this.#size < this.#expected) return;
      const joined = this.#join();
      const payload = joined.subarray(0, this.#expected);
      this.#replace(joined.subarray(this.#expected));
      this.#expected = -1;
      onPayload(payload);
    }
  }

  #readLength(): boolean {
    const head = this.#join();
    const end = head.indexOf(hash);
    if (end < 0) {
      if (head.length > 7) throw new FrameError('a frame starts with more than 7 bytes before its #');
      return false;
    }
    const digits = head.toString('latin1', 0, end);
    if (!/^\d{1,7}$/.test(digits)) throw new FrameError('a frame has no decimal length before its #');
    const length = Number(digits);
    if (length === 0 || length > this.limit) {
      throw new FrameError(`a frame of ${length} bytes is outside of 1 to ${this.limit}`);
    }
    this.#expected = length;
    this.#replace(head.subarray(end + 1));
    return true;
  }

  #join(): Buffer {
    const [first] = this.#chunks;
    if (this.#chunks.length === 1 && first) return first;
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }

  #replace(rest: Buffer): void {
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#size = rest.length;
  }
}

/** A frame of a leader (tokens joined by `|`) and an optional SIP message after CRLF. */
export const frame = (leader: string, message?: Buffer): Buffer => {
  const leaderBytes = Buffer.byteLength(leader);
  const length = leaderBytes + (message ? message.length + 2 : 0);
  const prefix = `${length}#`;
  const bytes = Buffer.allocUnsafe(prefix.length + length);
  bytes.write(prefix, 0, 'latin1');
  bytes.write(leader, prefix.length, 'utf8');
  if (message) {
    bytes.write('\r\n', prefix.length + leaderBytes, 'latin1');
    message.copy(bytes, prefix.length + leaderBytes + 2);
  }
  return bytes;
};
