import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DnsServer, startDnsServer } from '../../../test/support/dns-server.js';
import { createDns, type Dns, type SrvRecord } from './dns.js';
import type { SipUri } from './message.js';
import { orderSrv, type ResolveOptions, resolveTargets } from './resolver.js';
import { parseUri } from './uri.js';

let server: DnsServer;
let dns: Dns;
let time = 0;

beforeEach(async () => {
  time = 1_000_000;
  server = await startDnsServer({});
  dns = createDns({ servers: [server.address], now: () => time, timeout: 300 });
});
afterEach(() => server.close());

const uriOf = (text: string): SipUri => {
  const uri = parseUri(text);
  if (uri === undefined) throw new Error(`${text} is no URI`);
  return uri;
};

const resolve = async (uri: string, options: Partial<ResolveOptions> = {}): Promise<string[]> => {
  const targets = await resolveTargets(uriOf(uri), { dns, random: () => 0, ...options });
  return targets.map((t) => `${t.transport} ${t.address}:${t.port}`);
};

const a = (address: string, ttl = 60) => ({ type: 'A' as const, address, ttl });
const srv = (target: string, port: number, priority = 0, weight = 0) => ({
  type: 'SRV' as const,
  target,
  port,
  priority,
  weight,
});
const naptr = (service: string, replacement: string, order: number, preference = 0, flags = 's') => ({
  type: 'NAPTR' as const,
  service,
  replacement,
  order,
  preference,
  flags,
});

describe('URIs that need no DNS', () => {
  it.each([
    ['sip:192.0.2.1', ['udp 192.0.2.1:5060']],
    ['sip:192.0.2.1:5080', ['udp 192.0.2.1:5080']],
    ['sip:192.0.2.1;transport=tcp', ['tcp 192.0.2.1:5060']],
    ['sip:192.0.2.1;transport=TLS', ['tls 192.0.2.1:5061']],
    ['sips:192.0.2.1', ['tls 192.0.2.1:5061']],
    ['sips:192.0.2.1:5071;transport=tcp', ['tls 192.0.2.1:5071']],
    ['sip:[2001:db8::1]', ['udp 2001:db8::1:5060']],
    ['sip:example.com;maddr=192.0.2.7', ['udp 192.0.2.7:5060']],
    ['sip:example.com:5099;maddr=192.0.2.7;transport=tcp', ['tcp 192.0.2.7:5099']],
  ])('%s is %j', async (uri, targets) => {
    expect(await resolve(uri)).toEqual(targets);
    expect(server.questions).toEqual([]);
  });

  it('a preferred transport decides where the URI leaves it open, and only there', async () => {
    expect(await resolve('sip:192.0.2.1', { preferTransport: 'tcp' })).toEqual(['tcp 192.0.2.1:5060']);
    expect(await resolve('sip:192.0.2.1;transport=udp', { preferTransport: 'tcp' })).toEqual(['udp 192.0.2.1:5060']);
    expect(await resolve('sips:192.0.2.1', { preferTransport: 'udp' })).toEqual(['tls 192.0.2.1:5061']);
  });

  it('localhost is known without asking', async () => {
    expect(await resolve('sip:localhost:5070', { families: ['ipv4'] })).toEqual(['udp 127.0.0.1:5070']);
    expect(server.questions).toEqual([]);
  });
});

describe('names', () => {
  it('are looked up by NAPTR, then SRV, then A, in their order', async () => {
    Object.assign(server.zone, {
      'example.com NAPTR': [
        naptr('SIP+D2U', '_sip._udp.example.com', 100),
        naptr('SIP+D2T', '_sip._tcp.example.com', 50),
        naptr('SIP+D2S', '_sip._sctp.example.com', 10),
      ],
      '_sip._tcp.example.com SRV': [srv('b.example.com', 5062, 2), srv('a.example.com', 5060, 1)],
      '_sip._udp.example.com SRV': [srv('a.example.com', 5060)],
      'a.example.com A': [a('192.0.2.1')],
      'b.example.com A': [a('192.0.2.2'), a('192.0.2.3')],
    });
    expect(await resolve('sip:user@example.com')).toEqual([
      'tcp 192.0.2.1:5060',
      'tcp 192.0.2.2:5062',
      'tcp 192.0.2.3:5062',
      'udp 192.0.2.1:5060',
    ]);
    expect(server.questions).not.toContain('_sip._sctp.example.com SRV');
  });

  it('without NAPTR are looked up by SRV for the transports we have, the preferred one first', async () => {
    Object.assign(server.zone, {
      '_sip._tcp.example.com SRV': [srv('a.example.com', 5064)],
      '_sip._udp.example.com SRV': [srv('a.example.com', 5062)],
      'a.example.com A': [a('192.0.2.1')],
    });
    expect(await resolve('sip:example.com')).toEqual(['udp 192.0.2.1:5062', 'tcp 192.0.2.1:5064']);
    expect(await resolve('sip:example.com', { preferTransport: 'tcp' })).toEqual([
      'tcp 192.0.2.1:5064',
      'udp 192.0.2.1:5062',
    ]);
    expect(await resolve('sip:example.com', { transports: ['tcp'] })).toEqual(['tcp 192.0.2.1:5064']);
  });

  it('without NAPTR and SRV are UDP on the default port', async () => {
    server.zone['example.com A'] = [a('192.0.2.1')];
    expect(await resolve('sip:example.com')).toEqual(['udp 192.0.2.1:5060']);
    expect(await resolve('sips:example.com')).toEqual(['tls 192.0.2.1:5061']);
  });

  it('with a port are looked up by address alone', async () => {
    server.zone['example.com A'] = [a('192.0.2.1')];
    expect(await resolve('sip:example.com:5070', { families: ['ipv4'] })).toEqual(['udp 192.0.2.1:5070']);
    expect(server.questions).toEqual(['example.com A']);
  });

  it('with a transport and no port are looked up by its SRV, without NAPTR', async () => {
    server.zone['_sip._tcp.example.com SRV'] = [srv('a.example.com', 5066)];
    server.zone['a.example.com A'] = [a('192.0.2.1')];
    expect(await resolve('sip:example.com;transport=tcp')).toEqual(['tcp 192.0.2.1:5066']);
    expect(server.questions).not.toContain('example.com NAPTR');
  });

  it('of sips URIs use nothing but TLS', async () => {
    Object.assign(server.zone, {
      'example.com NAPTR': [
        naptr('SIP+D2U', '_sip._udp.example.com', 1),
        naptr('SIPS+D2T', '_sips._tcp.example.com', 2),
      ],
      '_sips._tcp.example.com SRV': [srv('a.example.com', 5061)],
      'a.example.com A': [a('192.0.2.1')],
    });
    expect(await resolve('sips:example.com')).toEqual(['tls 192.0.2.1:5061']);
    expect(server.questions).not.toContain('_sip._udp.example.com SRV');
  });

  it('may have NAPTR records that lead to addresses directly', async () => {
    server.zone['example.com NAPTR'] = [naptr('SIP+D2T', 'a.example.com', 1, 0, 'a')];
    server.zone['a.example.com A'] = [a('192.0.2.1')];
    expect(await resolve('sip:example.com')).toEqual(['tcp 192.0.2.1:5060']);
  });

  it('give IPv6 addresses too, in the order of the families asked for', async () => {
    server.zone['example.com A'] = [a('192.0.2.1')];
    server.zone['example.com AAAA'] = [{ type: 'AAAA', groups: [0x2001, 0xdb8, 0, 0, 0, 0, 0, 5] }];
    expect(await resolve('sip:example.com:5060')).toEqual(['udp 192.0.2.1:5060', 'udp 2001:db8::5:5060']);
    expect(await resolve('sip:example.com:5060', { families: ['ipv6'] })).toEqual(['udp 2001:db8::5:5060']);
  });

  it('carry the host of the URI for the certificate, not the SRV target', async () => {
    server.zone['_sips._tcp.example.com SRV'] = [srv('edge7.provider.net', 5061)];
    server.zone['edge7.provider.net A'] = [a('192.0.2.1')];
    const [target] = await resolveTargets(uriOf('sips:example.com'), { dns });
    expect(target?.host).toBe('example.com');
  });

  it('give at most 16 targets, each once', async () => {
    server.zone['example.com A'] = Array.from({ length: 40 }, (_, i) => a(`192.0.2.${(i % 20) + 1}`));
    expect(await resolve('sip:example.com:5060')).toHaveLength(16);
  });
});

describe('weights (RFC 2782)', () => {
  const record = (name: string, priority: number, weight: number): SrvRecord => ({ name, port: 1, priority, weight });

  it('are drawn within a priority and never across', () => {
    const records = [record('c', 2, 100), record('a', 1, 10), record('b', 1, 90)];
    expect(orderSrv(records, () => 0).map((r) => r.name)).toEqual(['a', 'b', 'c']);
    expect(orderSrv(records, () => 0.999).map((r) => r.name)).toEqual(['b', 'a', 'c']);
  });

  it('share the load in their proportion', () => {
    let seed = 1;
    const random = (): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed / 2 ** 31;
    };
    const records = [record('a', 1, 75), record('b', 1, 25)];
    let first = 0;
    for (let i = 0; i < 10_000; i++) if (orderSrv(records, random)[0]?.name === 'a') first++;
    expect(first / 10_000).toBeGreaterThan(0.72);
    expect(first / 10_000).toBeLessThan(0.79);
  });

  it('use every record once, weight 0 included', () => {
    const records = [record('a', 1, 0), record('b', 1, 0), record('c', 1, 5)];
    expect(
      orderSrv(records, () => 0.5)
        .map((r) => r.name)
        .sort(),
    ).toEqual(['a', 'b', 'c']);
  });
});

describe('what cannot be resolved', () => {
  it.each([
    ['sip:nowhere.example', 'nowhere.example has no address in DNS'],
    ['sips:example.com;transport=udp', 'a sips URI cannot be reached by UDP'],
    ['sip:example.com;transport=sctp', 'transport sctp is not supported'],
    ['tel:+15551234', 'a tel URI names no SIP server'],
  ])('%s: %s', async (uri, detail) => {
    await expect(resolveTargets(uriOf(uri), { dns })).rejects.toMatchObject({ code: 'unreachable', detail });
  });

  it('says so when a domain declares that it offers no such service', async () => {
    server.zone['_sip._tcp.example.com SRV'] = [srv('.', 0)];
    server.zone['example.com A'] = [a('192.0.2.1')];
    await expect(resolve('sip:example.com;transport=tcp')).rejects.toMatchObject({
      detail: 'example.com does not offer SIP by tcp',
    });
  });

  it('says so when a transport has no listening point', async () => {
    await expect(resolve('sips:192.0.2.1', { transports: ['udp', 'tcp'] })).rejects.toMatchObject({
      detail: 'no listening point for a sips URI: TLS is not set up',
    });
    await expect(resolve('sip:192.0.2.1;transport=tcp', { transports: ['udp'] })).rejects.toMatchObject({
      detail: 'no listening point for transport tcp',
    });
  });

  it('goes on to the addresses when a name server fails on NAPTR and SRV', async () => {
    Object.assign(server.zone, {
      'example.com NAPTR': 'SERVFAIL',
      '_sip._udp.example.com SRV': 'SERVFAIL',
      'example.com A': [a('192.0.2.1')],
    });
    expect(await resolve('sip:example.com')).toEqual(['udp 192.0.2.1:5060']);
  });

  it('tells failing name servers from names without address', async () => {
    server.zone['example.com A'] = 'SERVFAIL';
    server.zone['example.com AAAA'] = 'SERVFAIL';
    await expect(resolve('sip:example.com:5060')).rejects.toMatchObject({
      detail: expect.stringContaining('name servers do not answer'),
    });
  });

  it('is given up when the signal aborts', async () => {
    server.zone['example.com A'] = 'silent';
    server.zone['example.com AAAA'] = 'silent';
    const stop = new AbortController();
    const pending = resolve('sip:example.com:5060', { signal: stop.signal });
    stop.abort(new Error('the caller hung up'));
    await expect(pending).rejects.toThrow('the caller hung up');
    await expect(resolve('sip:192.0.2.1', { signal: stop.signal })).rejects.toThrow('the caller hung up');
  });
});

describe('remembered answers', () => {
  const asked = (question: string): number => server.questions.filter((q) => q === question).length;

  it('last for the TTL of the addresses', async () => {
    server.zone['example.com A'] = [a('192.0.2.1', 30)];
    await resolve('sip:example.com:5060', { families: ['ipv4'] });
    server.zone['example.com A'] = [a('192.0.2.2', 30)];
    time += 29_000;
    expect(await resolve('sip:EXAMPLE.com:5060', { families: ['ipv4'] })).toEqual(['udp 192.0.2.1:5060']);
    time += 2_000;
    expect(await resolve('sip:example.com:5060', { families: ['ipv4'] })).toEqual(['udp 192.0.2.2:5060']);
    expect(asked('example.com A')).toBe(2);
  });

  it('are shared by questions of the same moment', async () => {
    server.zone['example.com A'] = [a('192.0.2.1')];
    await Promise.all(Array.from({ length: 50 }, () => resolve('sip:example.com:5060', { families: ['ipv4'] })));
    expect(asked('example.com A')).toBe(1);
  });

  it('cover names that do not exist, for a shorter time', async () => {
    await expect(resolve('sip:later.example:5060')).rejects.toMatchObject({ code: 'unreachable' });
    server.zone['later.example A'] = [a('192.0.2.1')];
    await expect(resolve('sip:later.example:5060')).rejects.toMatchObject({ code: 'unreachable' });
    expect(asked('later.example A')).toBe(1);
    time += 31_000;
    expect(await resolve('sip:later.example:5060')).toEqual(['udp 192.0.2.1:5060']);
  });

  it('do not hold on to the failure of a name server', async () => {
    server.zone['example.com A'] = 'SERVFAIL';
    await expect(resolve('sip:example.com:5060', { families: ['ipv4'] })).rejects.toMatchObject({
      code: 'unreachable',
    });
    server.zone['example.com A'] = [a('192.0.2.1')];
    time += 2_500;
    expect(await resolve('sip:example.com:5060', { families: ['ipv4'] })).toEqual(['udp 192.0.2.1:5060']);
  });
});
