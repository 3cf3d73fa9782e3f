import { describe, expect, it } from 'vitest';
import { headerBudget, sendableHeaders } from './headers.js';

const custom = (name: string, value: string) => ({ name, value, ours: false });
const ours = (name: string, value: string) => ({ name, value, ours: true });

describe('headers of a transfer', () => {
  it('are sent as they are, in order', () => {
    const { headers, dropped } = sendableHeaders([ours('X-OPENCX-TRANSFER', 'true'), custom('X-Queue', 'gold; a=1')]);
    expect(Object.entries(headers)).toEqual([
      ['X-OPENCX-TRANSFER', 'true'],
      ['X-Queue', 'gold; a=1'],
    ]);
    expect(dropped).toEqual([]);
  });

  it.each([
    ['X-A', 'one\r\nVia: evil', 'not-printable'],
    ['X-A', 'one\nVia: evil', 'not-printable'],
    ['X-A', 'nul\0', 'not-printable'],
    ['X-A', 'tab\there', 'not-printable'],
    ['X-A', 'Zoë', 'not-printable'],
    ['X-A', '\u{1f600}', 'not-printable'],
    ['X-A', '', 'empty'],
    ['X-A', '   ', 'empty'],
    ['X-A', 'v'.repeat(2_000), 'too-long'],
    ['X A', 'v', 'name'],
    ['X-A:', 'v', 'name'],
    ['X-A\r\nVia', 'v', 'name'],
    ['', 'v', 'name'],
    ['Ünder', 'v', 'name'],
    ['Via', 'v', 'reserved'],
    ['route', 'v', 'reserved'],
    ['RECORD-ROUTE', 'v', 'reserved'],
    ['Contact', 'v', 'reserved'],
    ['Authorization', 'v', 'reserved'],
    ['Proxy-Authorization', 'v', 'reserved'],
    ['Session-Expires', '90', 'reserved'],
    ['Min-SE', '90', 'reserved'],
    ['Content-Type', 'v', 'reserved'],
    ['Content-Length', '0', 'reserved'],
    ['P-Asserted-Identity', 'v', 'reserved'],
    ['Diversion', 'v', 'reserved'],
    ['i', 'v', 'reserved'],
    ['x', '90', 'reserved'],
    ['X-Twilio-CallSid', 'v', 'reserved'],
    ['x-twilioanything', 'v', 'reserved'],
    ['X-OPENCX-SESSION-ID', 'v', 'reserved'],
    ['X-ZENDESK-Ticket-Id', '1', 'reserved'],
    ['x-helpdesk-case', '1', 'reserved'],
  ])('drops %j: %j because of %s, and says so', (name, value, reason) => {
    const { headers, dropped } = sendableHeaders([custom(name, value)], ['X-Helpdesk-Case']);
    expect(headers).toEqual({});
    expect(dropped).toHaveLength(1);
    expect(dropped[0]?.reason).toBe(reason);
    expect(dropped[0]?.name).not.toMatch(/[\r\n]/);
  });

  it('keeps the first of two headers of one name, whichever case they are written in', () => {
    const { headers, dropped } = sendableHeaders([
      ours('X-Zendesk-Ticket-Id', '4711'),
      custom('x-zendesk-ticket-id', '1'),
    ]);
    expect(headers).toEqual({ 'X-Zendesk-Ticket-Id': '4711' });
    expect(dropped).toEqual([{ name: 'x-zendesk-ticket-id', reason: 'duplicate' }]);
  });

  it('fills the budget to the last byte, counting all headers together', () => {
    const first = custom('X-A', 'v'.repeat(500));
    const rest = headerBudget - (3 + 500 + 4) - (3 + 4);
    expect(sendableHeaders([first, custom('X-B', 'v'.repeat(rest))]).dropped).toEqual([]);
    const over = sendableHeaders([first, custom('X-B', 'v'.repeat(rest + 1)), custom('X-C', 'fits')]);
    expect(over.dropped).toEqual([{ name: 'X-B', reason: 'too-long' }]);
    expect(Object.keys(over.headers)).toEqual(['X-A', 'X-C']);
  });
});
