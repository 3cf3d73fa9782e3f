import { describe, expect, it } from 'vitest';
import { createStreamFramer } from './stream-framer.js';

const limits = { maxMessageBytes: 65_535, maxHeaderBytes: 49_152 };

const message = (headers: string[], body = '', cseq = 1): string =>
  ['OPTIONS sip:a@b SIP/2.0', 'Via: SIP/2.0/TCP c;branch=z9hG4bK1', `CSeq: ${cseq} OPTIONS`, ...headers, '', body].join(
    '\r\n',
  );
const withBody = (body: string, cseq = 1): string =>
  message([`Content-Length: ${Buffer.byteLength(body)}`], body, cseq);

type Event = { frame: string } | 'ping' | { broken: string; head: string | undefined };

const framer = (events: Event[]) =>
  createStreamFramer(limits, {
    onFrame: (frame) => events.push({ frame: frame.toString() }),
    onPing: () => events.push('ping'),
    onBroken: (broken, head) => events.push({ broken, head: head?.toString() }),
  });

const feed = (text: string | Buffer, chunkSize = Number.POSITIVE_INFINITY): Event[] => {
  const events: Event[] = [];
  const stream = framer(events);
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += chunkSize) stream.push(bytes.subarray(at, at + chunkSize));
  return events;
};

describe('cutting a stream into messages', () => {
  const body = `v=0\r\n\r\no=- ${'x'.repeat(500)}\r\n`;
  const three = [withBody(body, 1), withBody('', 2), withBody('a', 3)];
  const expected = three.map((frame) => ({ frame }));

  it.each([1, 2, 3, 7, 64, 333, 100_000])('finds three messages in chunks of %i bytes', (chunkSize) => {
    expect(feed(three.join(''), chunkSize)).toEqual(expected);
  });

  it('cuts the same wherever the stream is split in two', () => {
    const bytes = Buffer.from(`\r\n${three.join('\r\n')}\r\n\r\n`);
    for (let at = 0; at <= bytes.length; at++) {
      const events: Event[] = [];
      const stream = framer(events);
      stream.push(bytes.subarray(0, at));
      stream.push(bytes.subarray(at));
      expect(events.filter((e) => e !== 'ping')).toEqual(expected);
    }
  });

  it('reads compact, spaced and folded Content-Length', () => {
    for (const header of ['l:3', 'L : 3', 'content-length\t:\r\n 3', 'Content-Length: 003']) {
      const frame = message([header], 'abc');
      expect(feed(frame + frame)).toEqual([{ frame }, { frame }]);
    }
  });

  it('gives every frame memory of its own, so that later bytes cannot change it', () => {
    const frames: Buffer[] = [];
    const stream = createStreamFramer(limits, { onFrame: (f) => frames.push(f), onPing() {}, onBroken() {} });
    const chunk = Buffer.from(withBody('abc'));
    stream.push(chunk);
    chunk.fill(0);
    stream.push(Buffer.from(withBody('abc').slice(0, 50)));
    stream.push(Buffer.from(withBody('abc').slice(50)));
    expect(frames.map(String)).toEqual([withBody('abc'), withBody('abc')]);
  });

  it('tells whether a message has begun', () => {
    const stream = framer([]);
    expect(stream.inMessage).toBe(false);
    stream.push(Buffer.from('\r\nOPT'));
    expect(stream.inMessage).toBe(true);
    stream.push(Buffer.from(withBody('').slice(3)));
    expect(stream.inMessage).toBe(false);
  });
});

describe('CRLF keep-alive (RFC 5626 section 3.5.1)', () => {
  it('reports a double CRLF, also cut into single bytes and between messages', () => {
    expect(feed('\r\n\r\n')).toEqual(['ping']);
    expect(feed('\r\n\r\n\r\n\r\n', 1)).toEqual(['ping', 'ping']);
    expect(feed(`${withBody('')}\r\n\r\n${withBody('')}`, 5)).toEqual([
      { frame: withBody('') },
      'ping',
      { frame: withBody('') },
    ]);
  });

  it('takes a single CRLF for nothing', () => {
    expect(feed('\r\n')).toEqual([]);
    expect(feed(`\r\n${withBody('')}`)).toEqual([{ frame: withBody('') }]);
  });
});

describe('streams that cannot be read on', () => {
  it.each([
    ['Content-Length is missing on a stream', message([])],
    ['Content-Length is there twice on a stream', message(['Content-Length: 3', 'l: 3'], 'abc')],
    ['Content-Length is not a number', message(['Content-Length: -999'])],
    ['Content-Length is not a number', message(['Content-Length: 3, 3'], 'abc')],
    ['message exceeds the limit', message(['Content-Length: 99999999'])],
  ])('%s', (reason, text) => {
    const events = feed(text, 10);
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ broken: reason, head: text.slice(0, text.indexOf('\r\n\r\n') + 4) });
  });

  it('ends at headers that do not end, keeping no more than the limit', () => {
    const [event, ...more] = feed(`OPTIONS sip:a@b SIP/2.0\r\nX: ${'x'.repeat(200_000)}`, 1_000);
    expect(event).toMatchObject({ broken: 'header section exceeds the limit' });
    expect(typeof event === 'object' && 'head' in event ? event.head?.length : 0).toBe(limits.maxHeaderBytes + 1);
    expect(more).toEqual([]);
  });

  it('ends at the first byte of a TLS handshake', () => {
    expect(feed(Buffer.from([22, 3, 1, 2, 0, 1]))).toEqual([{ broken: 'bytes are not SIP', head: undefined }]);
  });

  it('hands out what was complete before and nothing after', () => {
    const events = feed(withBody('a') + message(['Content-Length: x']) + withBody('b'));
    expect(events).toHaveLength(2);
    expect(events[0]).toEqual({ frame: withBody('a') });
  });
});

describe('cost', () => {
  it('grows with the bytes, not with their square, when they come one by one', () => {
    const scanned = (size: number): number => {
      // Bytes looked at are counted where the framer searches: in the part of the buffer it hands to indexOf.
      let bytes = 0;
      const original = Buffer.prototype.indexOf;
      const counting = function (this: Buffer, value: string | Uint8Array | number, from?: number): number {
        const found = original.call(this, value as Uint8Array, from);
        bytes += (found < 0 ? this.length : found) - (from ?? 0);
        return found;
      };
      Buffer.prototype.indexOf = counting as typeof original;
      try {
        const text = message([`X: ${'x'.repeat(size)}`, 'Content-Length: 0']);
        expect(feed(text, 1)).toEqual([{ frame: text }]);
      } finally {
        Buffer.prototype.indexOf = original;
      }
      return bytes;
    };
    const small = scanned(5_000);
    expect(scanned(20_000)).toBeLessThan(small * 5);
  });
});
