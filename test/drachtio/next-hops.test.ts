import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { EngineOptions } from '../../src/telephony/sip-engine/index.js';
import type { ParsedSip, SipRequest } from '../../src/telephony/sip-engine/message.js';
import { parseSip } from '../../src/telephony/sip-engine/parser.js';
import { manualEngineClock } from '../../src/telephony/sip-engine/testing/manual-clock.js';
import { startDnsServer, type Zone } from '../support/dns-server.js';
import { freePort } from '../support/ports.js';
import { until } from '../support/until.js';
import { AdminClient, headerOf, SipPeer, sdp, startTarget } from './harness.js';

const patience = 20_000;
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const point = { address: '127.0.0.1', port: 0 };

/** An engine with a UDP and a TCP point, its application, a clock to be moved by hand and a name server. */
const begin = async (options: Partial<EngineOptions> = {}) => {
  const zone: Zone = { 'host.test A': [{ type: 'A', address: '127.0.0.1' }] };
  const dns = await startDnsServer(zone);
  const clock = manualEngineClock();
  const { engine, target } = await startTarget({
    listen: [
      { transport: 'udp', ...point },
      { transport: 'tcp', ...point },
    ],
    dnsServers: [dns.address],
    clock,
    ...options,
  });
  const app = await AdminClient.connect(target);
  closers.push(
    () => dns.close(),
    () => engine.close(),
    () => app.close(),
  );
  const own = (transport: string): string =>
    `127.0.0.1:${engine.listen.find((listening) => listening.transport === transport)?.port}`;
  const peer = async (): Promise<SipPeer> => {
    const opened = await SipPeer.open(target);
    closers.push(() => opened.close());
    return opened;
  };
  const serves = (name: string, ports: readonly number[]): void => {
    zone[`${name} SRV`] = ports.map((port, at) => ({
      type: 'SRV',
      priority: at,
      weight: 0,
      port,
      target: 'host.test',
    }));
  };
  return { zone, clock, engine, app, own, peer, serves };
};

/** A TCP peer that notes what comes, by connection, and says nothing of its own. */
const streamPeer = async () => {
  const sockets: Socket[] = [];
  const requests: { socket: Socket; request: ParsedSip<SipRequest>; text: string }[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      const parsed = parseSip(bytes);
      if (!parsed.ok || parsed.parsed.message.kind !== 'request') return;
      requests.push({ socket, request: parsed.parsed as ParsedSip<SipRequest>, text: bytes.toString() });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    request: async (at: number) => until(`request ${at}`, () => requests[at], patience),
    /** Answers with all headers of the request that a response needs. */
    ok: ({ socket, request }: { socket: Socket; request: ParsedSip<SipRequest> }) => {
      const copied = request.message.headers
        .filter(({ name }) => ['Via', 'From', 'To', 'Call-ID', 'CSeq'].includes(name))
        .map(({ name, value }) => `${name}: ${value}\r\n`);
      socket.write(`SIP/2.0 200 OK\r\n${copied.join('')}Content-Length: 0\r\n\r\n`);
    },
  };
};

const invite = (uri: string): string =>
  `INVITE ${uri} SIP/2.0\r\nP-Asserted-Identity: <sip:me@localhost>\r\n\r\n${sdp()}`;

describe('what names us in a request to a host name', { timeout: 60_000 }, () => {
  it('is the point of the transport it leaves by, from the first transport tried to the last', async () => {
    const { zone, app, own, peer, serves } = await begin();
    const byTcp = await streamPeer();
    serves('_sip._tcp.tcp.test', [byTcp.port]);
    const { sip } = await app.answer(app.command('sip||', invite('sip:you@tcp.test;transport=tcp')), patience);
    const { text } = await byTcp.request(0);
    for (const message of [sip, text]) {
      expect(headerOf(message, 'Contact')).toBe(`<sip:${own('tcp')};transport=tcp>`);
      expect(headerOf(message, 'From')).toContain(`<sip:${own('tcp')}>;tag=`);
      expect(headerOf(message, 'P-Asserted-Identity')).toBe(`<sip:me@${own('tcp')}>`);
    }

    // The preferred transport refuses: what is sent by the next one names that one's point.
    const phone = await peer();
    const closed = await freePort();
    const naptr = { type: 'NAPTR', preference: 1, flags: 's' } as const;
    zone['both.test NAPTR'] = [
      { ...naptr, order: 1, service: 'SIP+D2T', replacement: '_sip._tcp.both.test' },
      { ...naptr, order: 2, service: 'SIP+D2U', replacement: '_sip._udp.both.test' },
    ];
    serves('_sip._tcp.both.test', [closed]);
    serves('_sip._udp.both.test', [phone.port]);
    app.command('sip||', invite('sip:you@both.test'));
    const received = await phone.nextRequest('INVITE', patience);
    const value = (name: string) => received.message.headers.find((header) => header.name === name)?.value;
    expect(value('Contact')).toBe(`<sip:${own('udp')}>`);
    expect(received.from.uri).toBe(`sip:${own('udp')}`);
    expect(value('P-Asserted-Identity')).toBe(`<sip:me@${own('udp')}>`);
  });
});

describe('a target that is not permitted', { timeout: 60_000 }, () => {
  it('is passed over, judged by the address that would be dialled; with none left the INVITE ends with 503', async () => {
    const asked: unknown[] = [];
    const forbidden = new Set<number>();
    const { app, peer, serves } = await begin({
      permit: async (callId, targets) => {
        asked.push([callId, targets.map(({ address }) => address)]);
        return targets.map(({ port }) => !forbidden.has(port));
      },
    });
    const [inner, outer] = [await peer(), await peer()];
    forbidden.add(inner.port);
    serves('_sip._udp.carrier.test', [inner.port, outer.port]);
    app.command('sip||', invite('sip:you@carrier.test;transport=udp'));
    const { callId } = await outer.nextRequest('INVITE', patience);
    expect(asked).toEqual([[callId, ['127.0.0.1', '127.0.0.1']]]);
    app.command('sip||', invite(`sip:you@127.0.0.1:${inner.port}`));
    await app.sip('SIP/2.0 503', patience);
    expect(inner.unread).toEqual([]);
  });
});

describe('a target that says nothing', { timeout: 60_000 }, () => {
  it('is left after four seconds while there is another; its late answer is ACKed and hung up', async () => {
    const { clock, engine, app, peer, serves } = await begin();
    const [silent, second] = [await peer(), await peer()];
    serves('_sip._udp.carrier.test', [silent.port, second.port]);
    app.command('sip||', invite('sip:you@carrier.test;transport=udp'));
    const first = await silent.nextRequest('INVITE', patience);
    clock.advance(3_999);
    expect(second.unread).toEqual([]);
    clock.advance(1);
    const next = await second.nextRequest('INVITE', patience);
    expect([next.callId, next.fromTag]).toEqual([first.callId, first.fromTag]);
    expect(next.via.params.get('branch')).not.toBe(first.via.params.get('branch'));
    second.respond(next, 180, { tag: 'second' });
    await app.sip('SIP/2.0 180', patience);

    // It was only slow: it must not go on ringing, and a call it gives us nevertheless must not stay.
    silent.respond(first, 180, { tag: 'first' });
    await silent.nextRequest('CANCEL', patience);
    second.respond(next, 200, { tag: 'second', body: sdp() });
    expect((await app.sip('SIP/2.0 200', patience)).sip).toContain('tag=second');
    app.command(`sip||${next.callId};from-tag=${next.fromTag}`, 'ACK sip:placeholder SIP/2.0\r\n\r\n');
    await second.nextRequest('ACK', patience);
    silent.respond(first, 200, { tag: 'first', body: sdp() });
    await silent.nextRequest('ACK', patience);
    expect((await silent.nextRequest('BYE', patience)).toTag).toBe('first');
    expect(engine.stats().dialogs).toBe(1);
    expect(second.unread).toEqual([]);
  });

  it('that is heard of before the next one is the one that counts, and silence of all ends with 408', async () => {
    const { clock, app, peer, serves } = await begin();
    const [slow, second] = [await peer(), await peer()];
    serves('_sip._udp.carrier.test', [slow.port, second.port]);
    app.command('sip||', invite('sip:you@carrier.test;transport=udp'));
    const first = await slow.nextRequest('INVITE', patience);
    clock.advance(4_000);
    const next = await second.nextRequest('INVITE', patience);
    slow.respond(first, 180, { tag: 'slow' });
    await app.sip('SIP/2.0 180', patience);
    second.respond(next, 180, { tag: 'second' });
    await second.nextRequest('CANCEL', patience);
    second.respond(next, 487, { tag: 'second' });
    await second.nextRequest('ACK', patience);
    slow.respond(first, 200, { tag: 'slow', body: sdp() });
    expect((await app.sip('SIP/2.0 200', patience)).sip).toContain('tag=slow');

    app.command('sip||', `OPTIONS sip:carrier.test;transport=udp SIP/2.0\r\n\r\n`);
    await slow.nextRequest('OPTIONS', patience);
    clock.advance(4_000);
    await second.nextRequest('OPTIONS', patience);
    clock.advance(32_000);
    await app.sip('SIP/2.0 408', patience);

    // What must not be done twice waits for its one target.
    app.command('sip||', `MESSAGE sip:carrier.test;transport=udp SIP/2.0\r\n\r\n`);
    const message = await slow.nextRequest('MESSAGE', patience);
    clock.advance(4_000);
    slow.respond(message, 200, { tag: 'slow' });
    await app.sip('SIP/2.0 200', patience);
    expect(second.unread.filter((line) => line === 'MESSAGE')).toEqual([]);
  });
});

describe('a connection on which nothing comes back', { timeout: 60_000 }, () => {
  it('is closed when a request on it times out, and the next request opens another', async () => {
    const { clock, app } = await begin();
    const far = await streamPeer();
    const options = `OPTIONS sip:127.0.0.1:${far.port};transport=tcp SIP/2.0\r\n\r\n`;
    app.command('sip||', options);
    far.ok(await far.request(0));
    await app.sip('SIP/2.0 200', patience);
    app.command('sip||', options);
    const unanswered = await far.request(1);
    expect(unanswered.socket).toBe(far.sockets[0]);
    const closed = once(unanswered.socket, 'close');
    clock.advance(32_000);
    await app.sip('SIP/2.0 408', patience);
    await closed;
    app.command('sip||', options);
    const again = await far.request(2);
    expect(again.socket).toBe(far.sockets[1]);
    far.ok(again);
    await app.sip('SIP/2.0 200', patience);
  });

  it('stays when the peer was heard on it meanwhile', async () => {
    const { clock, app } = await begin();
    const far = await streamPeer();
    const options = `OPTIONS sip:127.0.0.1:${far.port};transport=tcp SIP/2.0\r\n\r\n`;
    app.command('sip||', options);
    const { socket } = await far.request(0);
    clock.advance(10_000);
    // A keep-alive (RFC 5626 section 3.5.1): its pong says that it has been read.
    const pong = once(socket, 'data');
    socket.write('\r\n\r\n');
    await pong;
    clock.advance(22_000);
    await app.sip('SIP/2.0 408', patience);
    app.command('sip||', options);
    expect((await far.request(1)).socket).toBe(socket);
  });
});
