import { describe, expect, it } from 'vitest';
import {
  appendHeader,
  dropEscapedNames,
  getHeader,
  getHeaderList,
  getHeaders,
  prependHeader,
  removeFirstValue,
  removeHeader,
  setHeader,
  splitList,
} from './headers.js';
import type { SipHeader, SipRequest } from './message.js';
import { parseSip } from './parser.js';
import { serialize } from './serializer.js';

const message = (...headers: [string, string][]): SipRequest => ({
  kind: 'request',
  method: 'OPTIONS',
  uri: 'sip:a@b',
  headers: headers.map(([name, value]): SipHeader => ({ name, value })),
  body: Buffer.alloc(0),
});
const names = (m: SipRequest): string[] => m.headers.map((h) => `${h.name}=${h.value}`);

describe('header lines', () => {
  it('are found by any spelling of their name', () => {
    const m = message(['Via', '1'], ['X-Own', '2'], ['Via', '3']);
    expect(getHeader(m, 'v')).toBe('1');
    expect(getHeader(m, 'x-OWN')).toBe('2');
    expect(getHeaders(m, 'VIA')).toEqual(['1', '3']);
    expect(getHeader(m, 'Route')).toBeUndefined();
  });

  it('are set in place of the first, added in front or behind, and removed', () => {
    const m = message(['Via', '1'], ['Route', 'a'], ['Route', 'b'], ['To', 't']);
    setHeader(m, 'route', 'c');
    setHeader(m, 'New', 'n');
    prependHeader(m, 'v', '0');
    prependHeader(m, 'Record-Route', 'r');
    appendHeader(m, 'k', 'timer');
    removeHeader(m, 't');
    expect(names(m)).toEqual(['Record-Route=r', 'Via=0', 'Via=1', 'Route=c', 'New=n', 'Supported=timer']);
  });

  it('lose their first value, in a list or alone', () => {
    const m = message(['Via', 'a, b'], ['Via', 'c']);
    expect([removeFirstValue(m, 'Via'), removeFirstValue(m, 'Via'), removeFirstValue(m, 'Via')]).toEqual([
      'a',
      'b',
      'c',
    ]);
    expect(removeFirstValue(m, 'Via')).toBeUndefined();
    expect(m.headers).toEqual([]);
  });
});

describe('lists', () => {
  it.each([
    ['a, b ,c', ['a', 'b', 'c']],
    ['"a, \\", b" <sip:x,y>;p="," , d', ['"a, \\", b" <sip:x,y>;p=","', 'd']],
    [',, a ,,', ['a']],
    ['', []],
    ['"open, a', ['"open, a']],
  ])('%j', (value, parts) => {
    expect(splitList(value)).toEqual(parts);
  });

  it('are joined over the lines of one name', () => {
    expect(getHeaderList(message(['Route', '<a>,<b>'], ['Route', '<c>']), 'Route')).toEqual(['<a>', '<b>', '<c>']);
  });
});

describe('writing', () => {
  it('sets Content-Length, once, and writes long names', () => {
    const m = message(['v', 'SIP/2.0/UDP h'], ['l', '99'], ['Content-Length', '98']);
    m.body = Buffer.from('äb');
    expect(serialize(m).toString()).toBe(
      'OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nContent-Length: 3\r\n\r\näb',
    );
    expect(serialize({ ...message(), kind: 'response', status: 200, reason: 'OK' }).toString()).toBe(
      'SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n',
    );
  });

  it('carries a binary body byte for byte', () => {
    const body = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const m = message(
      ['Via', 'SIP/2.0/UDP h'],
      ['From', '<sip:a>'],
      ['To', '<sip:b>'],
      ['Call-ID', 'c'],
      ['CSeq', '1 OPTIONS'],
    );
    m.body = body;
    const result = parseSip(serialize(m));
    expect(result.ok && result.parsed.message.body.equals(body)).toBe(true);
  });

  it('refuses a line end inside of a line', () => {
    expect(() => serialize(message(['X', 'a\r\nEvil: b']))).toThrow('line end inside');
    expect(() => serialize(message(['X\nEvil', 'a']))).toThrow('line end inside');
    expect(() => serialize({ ...message(), uri: 'sip:a\r\n' })).toThrow('line end inside');
  });
});

it('lines with escaped names are dropped, since others decode them', () => {
  const m = message(['Contact', '<sip:a>'], ['C%6Fntact', '<sip:b>'], ['X', '%41']);
  dropEscapedNames(m);
  expect(names(m)).toEqual(['Contact=<sip:a>', 'X=%41']);
});
