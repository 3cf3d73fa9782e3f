import { createSocket, type Socket } from 'node:dgram';
import { createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort } from '../../../../test/support/ports.js';
import {
  type LayerHarness,
  openHarness,
  rendered,
  requestText,
  responseText,
  targetOf,
} from '../../../../test/support/transport-harness.js';
import { getHeader } from '../headers.js';
import type { ListenPoint } from '../transport.js';
import { responseRoute } from '../via-route.js';

const point = (transport: ListenPoint['transport'], address = '127.0.0.1', port = 0): ListenPoint => ({
  transport,
  address,
  port,
});

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

const open = async (...listen: ListenPoint[]): Promise<LayerHarness> => {
  const harness = await openHarness({ listen });
  cleanups.push(() => harness.layer.close());
  return harness;
};

type Peer = { socket: Socket; port: number; next(): Promise<string> };

const peer = async (address = '127.0.0.1'): Promise<Peer> => {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const received: string[] = [];
  const waiting: ((text: string) => void)[] = [];
  socket.on('message', (bytes) => {
    const taker = waiting.shift();
    if (taker) taker(bytes.toString());
    else received.push(bytes.toString());
  });
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  cleanups.push(() => new Promise<void>((resolve) => socket.close(() => resolve())));
  return {
    socket,
    port: socket.address().port,
    next: () => {
      const text = received.shift();
      return text === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(text);
    },
  };
};

/** A UDP port of 127.0.0.1 that nothing listens on. */
const closedPort = async (): Promise<number> => {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
};

const hasIpv6Loopback = Object.values(networkInterfaces()).some((infos) => infos?.some((i) => i.address === '::1'));
if (!hasIpv6Loopback) process.stdout.write('IPv6 transport tests are skipped: this machine has no ::1\n');

describe('requests received by UDP', () => {
  it('are marked with the address and port they came from when rport is asked for (RFC 3581)', async () => {
    const engine = await open(point('udp'));
    const phone = await peer();
    phone.socket.send(requestText({ via: 'SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1;rport' }), engine.port('udp'));
    const { parsed, flow } = await engine.nextMessage();
    expect(getHeader(parsed.message, 'Via')).toBe(
      `SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1;rport=${phone.port};received=127.0.0.1`,
    );
    expect(flow).toMatchObject({ transport: 'udp', remoteAddress: '127.0.0.1', remotePort: phone.port });
    engine.layer.sendOn(responseRoute(parsed.via, flow).flow, Buffer.from('SIP/2.0 200 OK\r\n\r\n'));
    expect(await phone.next()).toContain('200 OK');
  });

  it('keep the other values of a Via line', async () => {
    const engine = await open(point('udp'));
    const phone = await peer();
    const via = 'SIP/2.0/UDP h.example;branch=z9hG4bK1, SIP/2.0/TCP 192.0.2.7:5062;branch=z9hG4bK2';
    phone.socket.send(requestText({ via }), engine.port('udp'));
    expect(getHeader((await engine.nextMessage()).parsed.message, 'Via')).toBe(
      'SIP/2.0/UDP h.example;branch=z9hG4bK1;received=127.0.0.1, SIP/2.0/TCP 192.0.2.7:5062;branch=z9hG4bK2',
    );
  });

  it('cannot direct the answer to a third party by writing received and rport themselves', async () => {
    const engine = await open(point('udp'));
    const phone = await peer();
    const via = 'SIP/2.0/UDP 127.0.0.1:5099;branch=z9hG4bK1;received=192.0.2.66;rport=53';
    phone.socket.send(requestText({ via }), engine.port('udp'));
    const { parsed, flow } = await engine.nextMessage();
    expect(responseRoute(parsed.via, flow).flow).toMatchObject({ remoteAddress: '127.0.0.1', remotePort: phone.port });
    expect(getHeader(parsed.message, 'Via')).not.toContain('192.0.2.66');
  });

  it('without rport are answered at the port of sent-by (RFC 3261 18.2.2)', async () => {
    const engine = await open(point('udp'));
    const [sender, sentBy] = [await peer(), await peer()];
    const via = `SIP/2.0/UDP phone.example:${sentBy.port};branch=z9hG4bK1`;
    sender.socket.send(requestText({ via }), engine.port('udp'));
    const { parsed, flow } = await engine.nextMessage();
    engine.layer.sendOn(responseRoute(parsed.via, flow).flow, Buffer.from(responseText(via)));
    expect(await sentBy.next()).toContain('200 OK');
  });

  it('go to a numeric maddr when the Via names one', () => {
    const flow = {
      transport: 'udp' as const,
      localAddress: '',
      localPort: 1,
      remoteAddress: '192.0.2.1',
      remotePort: 9,
    };
    const via = { transport: 'UDP', host: 'h', port: 5070, params: new Map([['maddr', '192.0.2.50']]) };
    expect(responseRoute(via, { ...flow, connectionId: undefined }).flow).toMatchObject({
      remoteAddress: '192.0.2.50',
      remotePort: 5070,
    });
  });

  it('come without header lines whose escaped names drachtio-srf would decode', async () => {
    const engine = await open(point('udp'));
    const phone = await peer();
    phone.socket.send(requestText({ extra: ['C%6Fntact: <sip:smuggled@h>', 'Subject: s'] }), engine.port('udp'));
    const { message } = (await engine.nextMessage()).parsed;
    expect(message.headers.map((h) => h.name)).not.toContain('C%6Fntact');
    expect(getHeader(message, 'Subject')).toBe('s');
  });

  it('are reported with the status to answer when they cannot be processed', async () => {
    const engine = await open(point('udp'));
    const phone = await peer();
    phone.socket.send(requestText().replace('CSeq: 1 OPTIONS', 'CSeq: 1 INVITE'), engine.port('udp'));
    expect(await engine.nextInvalid()).toMatchObject({ status: 400, flow: { remotePort: phone.port } });
    phone.socket.send('GET / HTTP/1.1\r\n\r\n', engine.port('udp'));
    expect(await engine.nextInvalid()).toMatchObject({ status: undefined, reason: 'start line is not SIP' });
  });

  it('are told apart from keep-alives, which say nothing', async () => {
    const engine = await open(point('udp'));
    const phone = await peer();
    for (const nothing of ['\r\n\r\n', '\r\n', '\0\0\0\0', '']) phone.socket.send(nothing, engine.port('udp'));
    phone.socket.send(requestText(), engine.port('udp'));
    await engine.nextMessage();
    expect(engine.untaken()).toEqual({ messages: 0, invalid: 0, errors: 0 });
  });

  it('do not end the layer when their handling throws', async () => {
    const phone = await peer();
    const broken = await openBroken();
    phone.socket.send(requestText(), broken.port);
    phone.socket.send(requestText(), broken.port);
    await expect.poll(() => broken.handled()).toBe(2);
  });
});

const openBroken = async (): Promise<{ port: number; handled(): number }> => {
  const { openTransportLayer } = await import('./layer.js');
  let handled = 0;
  const layer = await openTransportLayer(
    { listen: [point('udp')] },
    {
      onMessage: () => {
        handled++;
        throw new Error('a fault of the layer above');
      },
      onInvalid: () => {},
      onFlowError: () => {},
    },
  );
  cleanups.push(() => layer.close());
  return { port: layer.local[0]?.port ?? 0, handled: () => handled };
};

describe('requests sent by UDP', () => {
  it('reach another engine and name the listening point in their Via', async () => {
    const [a, b] = [await open(point('udp')), await open(point('udp'))];
    const flow = await a.layer.sendRequest(targetOf('udp', b.port('udp')), rendered());
    expect(flow).toMatchObject({ transport: 'udp', localPort: a.port('udp'), remotePort: b.port('udp') });
    const { parsed } = await b.nextMessage();
    expect(parsed.via).toMatchObject({ transport: 'UDP', host: '127.0.0.1', port: a.port('udp') });
  });

  it('reach ourselves', async () => {
    const engine = await open(point('udp'));
    await engine.layer.sendRequest(targetOf('udp', engine.port('udp')), rendered());
    expect((await engine.nextMessage()).flow.remotePort).toBe(engine.port('udp'));
  });

  it('that are sent again to a closed port fail by ICMP instead of after 32 seconds', async () => {
    const engine = await open(point('udp'));
    const port = await closedPort();
    const flow = await engine.layer.sendRequest(targetOf('udp', port), rendered());
    engine.layer.sendOn(flow, rendered()('udp', { address: '127.0.0.1', port: 1 }));
    const { failure, flow: failed } = await engine.nextError();
    expect(failure.code).toBe('unreachable');
    expect(failure.detail).toContain('ECONNREFUSED');
    expect(failed).toEqual(flow);
  });

  it('that are sent again to somebody who has spoken are not probed', async () => {
    const engine = await open(point('udp'));
    const phone = await peer();
    phone.socket.send(requestText(), engine.port('udp'));
    await engine.nextMessage();
    const flow = await engine.layer.sendRequest(targetOf('udp', phone.port), rendered({ cseq: 1 }));
    engine.layer.sendOn(flow, Buffer.from(requestText({ cseq: 2 })));
    expect(await phone.next()).toContain('CSeq: 1');
    expect(await phone.next()).toContain('CSeq: 2');
    engine.layer.sendOn(flow, Buffer.from(requestText({ cseq: 3 })));
    expect(await phone.next()).toContain('CSeq: 3');
  });

  it('fail at once when the machine has no listening point of that transport or family', async () => {
    const engine = await open(point('udp'));
    await expect(engine.layer.sendRequest(targetOf('tcp', 5060), rendered())).rejects.toMatchObject({
      code: 'unreachable',
    });
    await expect(engine.layer.sendRequest(targetOf('udp', 5060, '::1'), rendered())).rejects.toMatchObject({
      code: 'unreachable',
    });
  });

  it('fail when they do not fit into a datagram and TCP is not there', async () => {
    const engine = await open(point('udp'));
    const huge = rendered({ body: 'x'.repeat(66_000) });
    await expect(engine.layer.sendRequest(targetOf('udp', 5060), huge)).rejects.toMatchObject({ code: 'too-large' });
  });
});

describe('requests over 1300 bytes (RFC 3261 18.1.1)', () => {
  const large = rendered({ body: 'x'.repeat(1_400) });

  it('go by TCP, and their Via says so', async () => {
    const a = await open(point('udp'), point('tcp'));
    const port = await freePort();
    const b = await open(point('udp', '127.0.0.1', port));
    const withTcp = await open(point('tcp', '127.0.0.1', port));
    const flow = await a.layer.sendRequest(targetOf('udp', port), large);
    expect(flow.transport).toBe('tcp');
    const { parsed } = await withTcp.nextMessage();
    expect(parsed.via).toMatchObject({ transport: 'TCP', port: a.port('tcp') });
    expect(b.untaken().messages).toBe(0);
  });

  it('go by UDP after all when TCP is refused, and then without asking again', async () => {
    const a = await open(point('udp'), point('tcp'));
    const b = await open(point('udp', '127.0.0.1', await freePort()));
    for (let round = 0; round < 2; round++) {
      const flow = await a.layer.sendRequest(targetOf('udp', b.port('udp')), large);
      expect(flow.transport).toBe('udp');
      expect((await b.nextMessage()).parsed.via).toMatchObject({ transport: 'UDP', port: a.port('udp') });
    }
    const listener: Server = createServer((socket) => socket.destroy());
    let connections = 0;
    listener.on('connection', () => connections++);
    await new Promise<void>((resolve) => listener.listen(b.port('udp'), '127.0.0.1', resolve));
    cleanups.push(() => new Promise<void>((resolve) => listener.close(() => resolve())));
    await a.layer.sendRequest(targetOf('udp', b.port('udp')), large);
    await b.nextMessage();
    expect(connections).toBe(0);
  });

  it('go by UDP when we listen on no TCP point their Via could name', async () => {
    const [a, b] = [await open(point('udp')), await open(point('udp'), point('tcp'))];
    expect((await a.layer.sendRequest(targetOf('udp', b.port('udp')), large)).transport).toBe('udp');
    await b.nextMessage();
  });
});

describe('listening points', () => {
  it('that are taken fail with the system error, and none stays open', async () => {
    const first = await open(point('udp'));
    const free = await closedPort();
    const taken = point('udp', '127.0.0.1', first.port('udp'));
    await expect(openHarness({ listen: [point('udp', '127.0.0.1', free), taken] })).rejects.toThrow(/EADDRINUSE/);
    const again = await open(point('udp', '127.0.0.1', free));
    expect(again.port('udp')).toBe(free);
  });

  it('are chosen by destination: a wildcard names the address that packets leave from', async () => {
    const engine = await open(point('udp', '0.0.0.0'));
    const { port } = engine.layer.local[0] ?? { port: 0 };
    expect(engine.layer.localFor('udp', '127.0.0.1')).toEqual(point('udp', '127.0.0.1', port));
    expect(engine.layer.localFor('tcp', '127.0.0.1')).toBeUndefined();
    expect(engine.layer.localFor('udp', '::1')).toBeUndefined();
    await engine.layer.sendRequest(targetOf('udp', port), rendered());
    expect((await engine.nextMessage()).parsed.via.host).toBe('127.0.0.1');
  });

  it('are chosen by destination: of several the one that is addressed', async () => {
    const engine = await open(point('udp', '127.0.0.1'), point('udp', '127.0.0.2'));
    expect(engine.layer.localFor('udp', '127.0.0.2')?.address).toBe('127.0.0.2');
    const flow = await engine.layer.sendRequest(targetOf('udp', engine.port('udp')), rendered());
    expect(flow.localAddress).toBe('127.0.0.1');
    expect((await engine.nextMessage()).flow.remoteAddress).toBe('127.0.0.1');
  });

  it.skipIf(!hasIpv6Loopback)('work over IPv6, with brackets in the Via', async () => {
    const [a, b] = [await open(point('udp', '::1')), await open(point('udp', '::1'))];
    const via = (_transport: string, local: ListenPoint): Buffer =>
      Buffer.from(requestText({ via: `SIP/2.0/UDP [${local.address}]:${local.port};branch=z9hG4bK6;rport` }));
    await a.layer.sendRequest(targetOf('udp', b.port('udp'), '::1'), via);
    const { parsed, flow } = await b.nextMessage();
    expect(parsed.via.params.get('received')).toBe('::1');
    b.layer.sendOn(
      responseRoute(parsed.via, flow).flow,
      Buffer.from(responseText('SIP/2.0/UDP [::1];branch=z9hG4bK6')),
    );
    expect((await a.nextMessage()).parsed.message).toMatchObject({ kind: 'response', status: 200 });
  });
});
