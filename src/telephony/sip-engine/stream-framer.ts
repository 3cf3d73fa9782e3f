import { canonicalName } from './header-names.js';
import type { EngineLimits } from './options.js';
import { isToken, isWhitespace, parseDecimal, trimmed } from './scan.js';

export type FramerHandlers = {
  /** One message, header section and body, in memory of its own. */
  onFrame(frame: Buffer): void;
  /** A double CRLF between messages: the peer asks for one CRLF back (RFC 5626 section 3.5.1). */
  onPing(): void;
  /**
   * The stream cannot be read on; the connection must be closed. `head` has the header section when there is one, so
   * that its request can be answered before.
   */
  onBroken(reason: string, head: Buffer | undefined): void;
};

export type StreamFramer = {
  /** Takes the next bytes of the stream. Nothing happens any more once it was broken. */
  push(chunk: Buffer): void;
  /** True while a message has begun and is not complete. */
  readonly inMessage: boolean;
};

const headerEnd = Buffer.from('\r\n\r\n');
const lf = 10;
const cr = 13;

/** The value of the one Content-Length in a header section; a sentence when it cannot be told (RFC 3261 section 18.3). */
const contentLengthOf = (head: string): number | string => {
  let value: string | undefined;
  let start = head.indexOf('\r\n') + 2;
  while (start > 1 && start < head.length) {
    let end = head.indexOf('\r\n', start);
    while (end >= 0 && isWhitespace(head.charCodeAt(end + 2))) end = head.indexOf('\r\n', end + 2);
    if (end < 0) end = head.length;
    const first = head.charCodeAt(start) | 0x20;
    // Only names that begin with `c` or `l` can be it; the others need no closer look.
    if (first === 0x63 || first === 0x6c) {
      const colon = head.indexOf(':', start);
      if (colon > 0 && colon < end && canonicalName(trimmed(head, start, colon)) === 'Content-Length') {
        if (value !== undefined) return 'Content-Length is there twice on a stream';
        value = head
          .slice(colon + 1, end)
          .replace(/[\r\n\t]/g, ' ')
          .trim();
      }
    }
    start = end + 2;
  }
  if (value === undefined) return 'Content-Length is missing on a stream';
  return parseDecimal(value, 0x7fff_ffff) ?? 'Content-Length is not a number';
};

/**
 * Cuts a TCP or TLS byte stream into SIP messages by Content-Length (RFC 3261 section 18.3). The work is in proportion
 * to the bytes, however they are cut into chunks: the search for the end of the headers goes on where it stopped, and
 * the buffer doubles when it grows.
 */
export const createStreamFramer = (
  limits: Pick<EngineLimits, 'maxMessageBytes' | 'maxHeaderBytes'>,
  handlers: FramerHandlers,
): StreamFramer => {
  /** Bytes of the message that is being collected: `pending[0, length)`. */
  let pending: Buffer = Buffer.alloc(0);
  let length = 0;
  /** How far `pending` was searched for the end of the headers, and the size of the frame once that is found. */
  let searched = 0;
  let frameBytes: number | undefined;
  /** How many bytes of CR LF CR LF were just seen between messages. */
  let pingBytes = 0;
  let broken = false;

  const breakOff = (reason: string, head: Buffer | undefined): void => {
    broken = true;
    pending = Buffer.alloc(0);
    length = 0;
    handlers.onBroken(reason, head);
  };

  /** Steps over line ends between messages and reports pings; returns where the next message begins. */
  const skipLineEnds = (chunk: Buffer, from: number): number => {
    let at = from;
    for (; at < chunk.length && !broken; at++) {
      const c = chunk[at];
      if (c !== cr && c !== lf) break;
      pingBytes = c === headerEnd[pingBytes] ? pingBytes + 1 : 0;
      if (pingBytes === headerEnd.length) {
        pingBytes = 0;
        handlers.onPing();
      }
    }
    if (at < chunk.length) pingBytes = 0;
    return at;
  };

  /** Size of the frame that `bytes` begins with; undefined while its headers are incomplete or it was broken off. */
  const measure = (bytes: Buffer, from: number): number | undefined => {
    const end = bytes.indexOf(headerEnd, Math.max(from - headerEnd.length + 1, 0));
    if ((end < 0 ? bytes.length : end) > limits.maxHeaderBytes) {
      breakOff('header section exceeds the limit', bytes.subarray(0, limits.maxHeaderBytes + 1));
      return undefined;
    }
    if (end < 0) return undefined;
    const head = bytes.subarray(0, end + headerEnd.length);
    const contentLength = contentLengthOf(bytes.toString('latin1', 0, end));
    if (typeof contentLength === 'string') {
      breakOff(contentLength, head);
      return undefined;
    }
    const size = head.length + contentLength;
    if (size > limits.maxMessageBytes) {
      breakOff('message exceeds the limit', head);
      return undefined;
    }
    return size;
  };

  const append = (chunk: Buffer, from: number, to: number): void => {
    const needed = length + to - from;
    if (needed > pending.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, pending.length * 2, 1024));
      pending.copy(grown, 0, 0, length);
      pending = grown;
    }
    chunk.copy(pending, length, from, to);
    length = needed;
  };

  /** Adds bytes of `chunk` to the message begun before; returns where the chunk goes on after it. */
  const fill = (chunk: Buffer, from: number): number => {
    if (frameBytes === undefined) {
      // The end of the headers may lie in this chunk: only as much is taken as the headers may be long.
      const to = Math.min(chunk.length, from + limits.maxHeaderBytes + headerEnd.length);
      append(chunk, from, to);
      frameBytes = measure(pending.subarray(0, length), searched);
      if (broken) return chunk.length;
      searched = length;
      if (frameBytes === undefined || length < frameBytes) return to;
      const surplus = length - frameBytes;
      length = frameBytes;
      return to - surplus;
    }
    const to = Math.min(chunk.length, from + frameBytes - length);
    append(chunk, from, to);
    return to;
  };

  const push = (chunk: Buffer): void => {
    let at = 0;
    while (at < chunk.length && !broken) {
      if (length === 0) {
        at = skipLineEnds(chunk, at);
        if (at === chunk.length || broken) return;
        const first = chunk[at]!;
        if (!isToken(String.fromCharCode(first))) {
          breakOff('bytes are not SIP', undefined);
          return;
        }
        // The common case, a whole message in one chunk, is cut out without collecting.
        const rest = chunk.subarray(at);
        const size = measure(rest, 0);
        if (broken) return;
        if (size !== undefined && size <= rest.length) {
          at += size;
          handlers.onFrame(Buffer.from(rest.subarray(0, size)));
          continue;
        }
      }
      at = fill(chunk, at);
      if (broken) return;
      if (frameBytes !== undefined && length === frameBytes) {
        const frame = Buffer.from(pending.subarray(0, length));
        length = 0;
        searched = 0;
        frameBytes = undefined;
        // A buffer that one large message made is not kept for the life of the connection.
        if (pending.length > 16_384) pending = Buffer.alloc(0);
        handlers.onFrame(frame);
      }
    }
  };

  return {
    push,
    get inMessage() {
      return length > 0;
    },
  };
};
