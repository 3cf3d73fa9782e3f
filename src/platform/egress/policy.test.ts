import { describe, expect, it } from 'vitest';
import { addressClass } from './addresses.js';
import { parseAllowList } from './allow-list.js';
import { createEgressPolicy, type EgressPurpose } from './policy.js';

/** Every range that must be refused, by an address at each of its ends. */
const forbidden = [
  '0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.0 127.255.255.255',
  '169.254.0.0 169.254.169.254 169.254.255.255 172.16.0.0 172.31.255.255 192.0.0.0 192.0.0.255 192.0.2.0 192.0.2.255',
  '192.88.99.0 192.88.99.255 192.168.0.0 192.168.255.255 198.18.0.0 198.19.255.255 198.51.100.0 198.51.100.255',
  '203.0.113.0 203.0.113.255 224.0.0.0 239.255.255.255 240.0.0.0 255.255.255.255 100.100.100.200 168.63.129.16',
  ':: ::1 ::7f00:1 ::127.0.0.1 ::10.0.0.1 ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:8.8.8.8 64:ff9b::808:808 64:ff9b:1::1',
  '100::1 2001::1 2001:0:53aa:64c::1 2001:db8::1 2002:7f00:1::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fdff::1',
  'fe80::1 fe80::1%eth0 fec0::1 ff02::1 ff0e::1 4000::1 e000::1',
].flatMap((line) => line.split(' '));

const open =
  '1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255 2606:4700:4700::1111 2a00:1450:4001:81b::200e 2001:4860:4860::8888 2003::1'.split(
    ' ',
  );

const target = (host: string, port = 443, purpose: EgressPurpose = 'action') => ({ host, port, purpose });

describe('the classes of addresses', () => {
  it.each(forbidden)('%s is not public', (address) => {
    expect(addressClass(address)).not.toBe('public');
    expect(createEgressPolicy().check(target('x.test'), address).allowed).toBe(false);
  });

  it.each(open)('%s is public', (address) => {
    expect(addressClass(address)).toBe('public');
    expect(createEgressPolicy().check(target('x.test'), address).allowed).toBe(true);
  });

  it('text that is no address is refused', () => {
    expect(addressClass('not an address')).toBe('invalid');
    expect(addressClass('')).toBe('invalid');
  });
});

describe("the operator's allow-list", () => {
  const policy = createEgressPolicy({
    allow: parseAllowList('localhost|127.0.0.0/8|8443, *.corp.test|10.0.0.0/8|*,[fd00::5]|fd00::/8|443'),
  });

  it('lets through what matches in host and range and port', () => {
    expect(policy.check(target('localhost', 8443), '127.0.0.1').allowed).toBe(true);
    expect(policy.check(target('LOCALHOST.', 8443), '127.9.9.9').allowed).toBe(true);
    expect(policy.check(target('a.corp.test', 1), '10.1.2.3').allowed).toBe(true);
    expect(policy.check(target('[fd00::5]', 443), 'fd00::5').allowed).toBe(true);
  });

  it('refuses what differs in any one of the three', () => {
    expect(policy.check(target('localhost', 8444), '127.0.0.1').allowed).toBe(false);
    expect(policy.check(target('localhost', 8443), '10.0.0.1').allowed).toBe(false);
    expect(policy.check(target('other.test', 8443), '127.0.0.1').allowed).toBe(false);
    expect(policy.check(target('corp.test', 443), '10.1.2.3').allowed).toBe(false);
    expect(policy.check(target('evilcorp.test', 443), '10.1.2.3').allowed).toBe(false);
    expect(policy.check(target('localhost', 8443), '::1').allowed).toBe(false);
  });

  it('never opens metadata services or mapped addresses', () => {
    const wide = createEgressPolicy({ allow: parseAllowList('m.test|0.0.0.0/0|*,m.test|::/0|*') });
    for (const address of ['169.254.169.254', '100.100.100.200', 'fd00:ec2::254', '::ffff:127.0.0.1']) {
      const verdict = wide.check(target('m.test'), address);
      expect(verdict.allowed).toBe(false);
      expect(!verdict.allowed && verdict.reason).toContain('can never be allowed');
    }
    expect(wide.check(target('m.test'), '10.0.0.1').allowed).toBe(true);
  });

  it('says how to allow what it refuses', () => {
    const verdict = createEgressPolicy().check(target('shop.test', 8443), '10.0.0.7');
    expect(!verdict.allowed && verdict.reason).toBe(
      'shop.test leads to 10.0.0.7, a private network; the operator can allow it with EGRESS_ALLOW="shop.test|10.0.0.7|8443".',
    );
  });

  it.each([
    ['localhost|127.0.0.0/8', 'three parts'],
    ['localhost|127.0.0.0/33|1', 'prefix length'],
    ['localhost|nowhere|1', 'address range'],
    ['localhost|127.0.0.1|0', 'port'],
    ['localhost|127.0.0.1|70000', 'port'],
    ['*|10.0.0.0/8|443', 'host name'],
    ['a*b|10.0.0.0/8|443', 'host name'],
  ])('refuses the entry %s with a sentence', (entry, sentence) => {
    expect(() => parseAllowList(entry)).toThrow(sentence);
  });
});

describe('loopback on a development machine', () => {
  const purposes: EgressPurpose[] = ['action', 'webhook', 'zendesk', 'websocket', 'sip', 'carrier'];

  it('is open for Zendesk, WebSocket agents and SIP destinations, never for actions and webhooks', () => {
    const policy = createEgressPolicy({ loopbackOnly: true });
    const allowed = purposes.filter((purpose) => policy.check(target('localhost', 80, purpose), '127.0.0.1').allowed);
    expect(allowed).toEqual(['zendesk', 'websocket', 'sip', 'carrier']);
    expect(purposes.filter((purpose) => policy.check(target('x.test', 80, purpose), '10.0.0.1').allowed)).toEqual([]);
    expect(purposes.filter((purpose) => policy.check(target('x.test', 80, purpose), '0.0.0.0').allowed)).toEqual([]);
  });

  it('is closed for all of them once the gateway listens elsewhere', () => {
    const policy = createEgressPolicy({ loopbackOnly: false });
    expect(purposes.filter((purpose) => policy.check(target('localhost', 80, purpose), '127.0.0.1').allowed)).toEqual(
      [],
    );
  });
});
