import { describe, expect, it } from 'vitest';
import { type HepPacket, parseHep } from '../../../../test/support/hep-receiver.js';
import { type HepMessage, hepPacket } from './packet.js';

const options = Buffer.from('OPTIONS sip:x SIP/2.0\r\n\r\n');
const message: HepMessage = {
  at: 1_700_000_000_123,
  transport: 'udp',
  source: '192.0.2.10:5060',
  destination: '198.51.100.7:45123',
  callId: 'a84b4c76e66710@pc33',
  payload: options,
};
const agent = { id: 4_000_000_000, node: 'gateway-1', key: null };
const packetOf = (changes: Partial<HepMessage>, key: string | null = null): HepPacket =>
  parseHep(hepPacket({ ...message, ...changes }, { ...agent, key }) ?? Buffer.alloc(0));
const hex = (packet: HepPacket, type: number): string | undefined => packet.chunks.get(type)?.toString('hex');

describe('a HEP packet', () => {
  it('has the chunks of the specification for a message over UDP and IPv4', () => {
    const packet = packetOf({});
    expect(Object.fromEntries([...packet.chunks.keys()].map((type) => [type, hex(packet, type)]))).toEqual({
      1: '02',
      2: '11',
      3: 'c000020a',
      4: 'c6336407',
      7: '13c4',
      8: 'b043',
      9: '6553f100',
      10: '0001e078',
      11: '01',
      12: 'ee6b2800',
      15: options.toString('hex'),
      17: Buffer.from(message.callId).toString('hex'),
      19: Buffer.from('gateway-1').toString('hex'),
    });
  });

  it.each([
    ['[2001:db8::1]:5061', '20010db8000000000000000000000001', 5_061],
    ['[::]:5060', '0'.repeat(32), 5_060],
    ['[::1]:1', `${'0'.repeat(31)}1`, 1],
    ['[fe80::1%eth0]:5060', 'fe800000000000000000000000000001', 5_060],
    ['[::ffff:192.0.2.10]:5060', '00000000000000000000ffffc000020a', 5_060],
    ['[1:2:3:4:5:6:7:8]:5060', '00010002000300040005000600070008', 5_060],
  ])('writes %s', (source, bytes, port) => {
    const packet = packetOf({ source, destination: '[2001:db8::2]:5060' });
    expect([packet.number(1), hex(packet, 5), packet.number(7)]).toEqual([10, bytes, port]);
    expect(hex(packet, 6)).toBe('20010db8000000000000000000000002');
    expect(packet.chunks.has(3)).toBe(false);
  });

  it('shows an IPv4 end beside an IPv6 one as mapped', () => {
    const packet = packetOf({ source: '[::1]:5060', destination: '192.0.2.10:5060' });
    expect(hex(packet, 6)).toBe('00000000000000000000ffffc000020a');
  });

  it.each([
    ['udp', 17],
    ['tcp', 6],
    ['tls', 6],
  ])('of %s has protocol %d', (transport, protocol) => {
    expect(packetOf({ transport }).number(2)).toBe(protocol);
  });

  it("carries Homer's key when there is one", () => {
    expect(packetOf({}, 'a key').text(0x0e)).toBe('a key');
  });

  it('fits into a datagram however long message and Call-ID are', () => {
    const packet = hepPacket({ ...message, payload: Buffer.alloc(100_000, 'x'), callId: 'c'.repeat(9_000) }, agent);
    expect(packet?.length).toBeLessThan(65_507);
    expect(parseHep(packet ?? Buffer.alloc(0)).chunks.get(15)?.length).toBe(65_000);
  });

  it.each(['sip.example.com:5060', '192.0.2.10', '192.0.2.10:99999', ''])('is not made of %j', (source) => {
    expect(hepPacket({ ...message, source }, agent)).toBeNull();
  });
});
