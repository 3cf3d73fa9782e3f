import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../core/entry-path.js';
import { sipHeaderFault, sipUriFault, twilioRanges } from './sip-uri.js';

describe('a SIP URI as destination', () => {
  it.each([
    'sip:support@127.0.0.1:5080',
    'sip:support@acme.sip.twilio.com',
    'sip:+14155550100@carrier.example.net:5061;transport=tls',
    'SIP:line@[2001:db8::1]:5060;transport=TCP;lr',
    'sip:127.0.0.1:5090',
    'sip:10.0.0.7',
    'sip:support@localhost',
    "sip:a.b-c_d!e~f*g'h(i)&=+$,;?/%20@host",
    'sip:x@54.172.60.4',
  ])('takes %s', (uri) => {
    expect(sipUriFault(uri)).toBeNull();
  });

  it.each([
    ['sips:line@host', 'must not be sips:'],
    ['sip:line@host;maddr=10.0.0.1', 'maddr'],
    ['SIPS:line@host', 'must not be sips:'],
    ['tel:+14155550100', 'must be a SIP URI'],
    ['https://example.com', 'must be a SIP URI'],
    ['sip:support@54.172.60.1', "Twilio's ranges"],
    ['sip:support@168.86.191.255:5060', "Twilio's ranges"],
    ['sip:support@[::ffff:54.172.60.1]', "Twilio's ranges"],
    ['sip:a:b@host', 'password'],
    ['sip:a@host?X-A=1', 'headers'],
    ['sip:a@host:0', 'port'],
    ['sip:a@host:70000', 'port'],
    ['sip:a@::1', 'host and port'],
    ['sip:a@', 'neither a name nor an address'],
    ['sip:a@999.1.1.1', 'neither a name nor an address'],
    ['sip:a@0x36ac3c01', 'neither a name nor an address'],
    ['sip:a@ho st', 'spaces'],
    ['sip:a@host\r\nX: y', 'control characters'],
    ['sip:a@host;transport=ws', 'transport udp, tcp or tls'],
    ['sip:a@host;=', 'parameter'],
    ['sip:<a>@host', 'brackets'],
    [`sip:${'a'.repeat(100_000)} @host`, 'spaces'],
  ])('refuses %j: %s', (uri, phrase) => {
    expect(sipUriFault(uri)).toContain(phrase);
  });

  it('lets a destination add headers of its own and none of the protocol', () => {
    expect(sipHeaderFault('X-Queue', 'gold')).toBeNull();
    const steering = ['From', 'f', 'CALL-ID', 'Content-Type', 'X-Twilio-Foo', 'x-opencx-session-id', 'Min-SE'];
    // Those that a call drops when it is placed must not be taken when they are set up.
    const dropped = ['Subject', 'Date', 'History-Info', 'Reason', 'X-A#', 'X-$', 'X&Y', 'X^', 'a|b', 'X'.repeat(129)];
    for (const name of [...steering, ...dropped]) {
      expect(sipHeaderFault(name, 'x')).not.toBeNull();
    }
    expect(sipHeaderFault('X-Queue', 'a\r\nVia: b')).toContain('printable');
    expect(sipHeaderFault('X-Queue', ' ')).toContain('empty');
  });

  it('knows the ranges of the Twilio profile, and no others', () => {
    const profile = readFileSync(join(packageRoot(import.meta.url), 'sip-profiles/twilio.yaml'), 'utf8');
    const ranges = [...profile.matchAll(/\b\d+\.\d+\.\d+\.\d+\/\d+/g)].map(([range]) => range);
    expect([...twilioRanges].sort()).toEqual(ranges.sort());
  });
});
