import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type LayerHarness,
  openHarness,
  rendered,
  requestText,
  responseText,
  targetOf,
} from '../../../../test/support/transport-harness.js';
import { until } from '../../../../test/support/until.js';
import { manualClock } from '../../../core/manual-clock.js';
import type { ListenPoint } from '../transport.js';
import { responseRoute } from '../via-route.js';
import type { TransportLayerOptions } from './layer.js';

const tcp: ListenPoint = { transport: 'tcp', address: '127.0.0.1', port: 0 };

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

const open = async (
  options: Partial<TransportLayerOptions> & { readonly inUse?: () => ReadonlySet<number> } = {},
): Promise<LayerHarness> => {
  const harness = await openHarness({ listen: [tcp], ...options });
  cleanups.push(() => harness.layer.close());
  return harness;
};

/** A TCP phone: text in and out, and whether the other side has closed. */
type Phone = { socket: Socket; text(): string; closed(): boolean };

const phoneAt = async (port: number, localAddress = '127.0.0.1'): Promise<Phone> => {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  let text = '';
  let closed = false;
  socket.on('data', (chunk) => {
    text += chunk.toString();
  });
  socket.on('close', () => {
    closed = true;
  });
  socket.on('error', () => {});
  cleanups.push(() => void socket.destroy());
  await until('the connection', () => closed || socket.readyState === 'open');
  return { socket, text: () => text, closed: () => closed };
};

/** A TCP server that only accepts; gives the sockets it has. */
const acceptor = async (): Promise<{ server: Server; port: number; sockets: Socket[] }> => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.resume();
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  const address = server.address();
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0, sockets };
};

const tcpVia = (port: number): string => `SIP/2.0/TCP 127.0.0.1:${port};branch=z9hG4bKtcp`;

describe('connections the peer opens', () => {
  it('carry requests in and their responses out', async () => {
    const engine = await open();
    const phone = await phoneAt(engine.port('tcp'));
    phone.socket.write(requestText({ via: tcpVia(5060), body: 'hello' }));
    const { parsed, flow } = await engine.nextMessage();
    expect(parsed.message.body.toString()).toBe('hello');
    expect(flow).toMatchObject({ transport: 'tcp', remotePort: phone.socket.localPort });
    const route = responseRoute(parsed.via, flow);
    engine.layer.sendOn(route.flow, Buffer.from(responseText(tcpVia(5060))), route.fallback);
    await until('the response', () => phone.text().includes('200 OK'));
  });

  it('that ended before the response make us connect to sent-by (RFC 3261 18.2.2)', async () => {
    const engine = await open();
    const sentBy = await open();
    const phone = await phoneAt(engine.port('tcp'));
    phone.socket.write(requestText({ via: tcpVia(sentBy.port('tcp')) }));
    const { parsed, flow } = await engine.nextMessage();
    phone.socket.destroy();
    expect((await engine.nextError()).flow).toEqual(flow);
    const route = responseRoute(parsed.via, flow);
    engine.layer.sendOn(route.flow, Buffer.from(responseText(tcpVia(sentBy.port('tcp')))), route.fallback);
    expect((await sentBy.nextMessage()).parsed.message).toMatchObject({ kind: 'response', status: 200 });
  });

  it('that ended report a flow error when there is nowhere else to send', async () => {
    const engine = await open();
    const phone = await phoneAt(engine.port('tcp'));
    phone.socket.write(requestText({ via: tcpVia(5060) }));
    const { flow } = await engine.nextMessage();
    phone.socket.destroy();
    await engine.nextError();
    engine.layer.sendOn(flow, Buffer.from(responseText(tcpVia(5060))));
    expect((await engine.nextError()).failure).toMatchObject({ code: 'closed' });
  });

  it('are used again for requests to the address and port they came from', async () => {
    const engine = await open();
    const phone = await phoneAt(engine.port('tcp'));
    phone.socket.write(requestText({ via: tcpVia(5060) }));
    const { flow } = await engine.nextMessage();
    const sent = await engine.layer.sendRequest(targetOf('tcp', phone.socket.localPort ?? 0), rendered());
    expect(sent.connectionId).toBe(flow.connectionId);
    await until('the request', () => phone.text().startsWith('OPTIONS'));
  });

  it('get a CRLF back for a double CRLF (RFC 5626)', async () => {
    const engine = await open();
    const phone = await phoneAt(engine.port('tcp'));
    phone.socket.write('\r\n\r\n');
    await until('the pong', () => phone.text() === '\r\n');
  });

  it('that send something else than SIP are closed', async () => {
    const engine = await open();
    for (const garbage of ['\x16\x03\x01\x02\x00', 'GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n']) {
      const phone = await phoneAt(engine.port('tcp'));
      phone.socket.write(garbage);
      await until('the end of the connection', () => phone.closed());
    }
  });

  it('that send a request without Content-Length are answered and closed', async () => {
    const engine = await open();
    const phone = await phoneAt(engine.port('tcp'));
    phone.socket.write(requestText({ via: tcpVia(5060) }).replace('Content-Length: 0\r\n', ''));
    const { status, flow, reason } = await engine.nextInvalid();
    expect([status, reason]).toEqual([400, 'Content-Length is missing on a stream']);
    engine.layer.sendOn(flow, Buffer.from('SIP/2.0 400 Bad Request\r\n\r\n'));
    await until('the end of the connection', () => phone.closed());
    expect(phone.text()).toContain('400 Bad Request');
  });

  it('that announce a message over the limit are answered with 513 and closed', async () => {
    const engine = await open({ limits: { maxMessageBytes: 4_000, maxHeaderBytes: 3_000 } });
    const announced = await phoneAt(engine.port('tcp'));
    announced.socket.write(requestText({ via: tcpVia(5060) }).replace('Content-Length: 0', 'Content-Length: 5000'));
    expect((await engine.nextInvalid()).status).toBe(513);
    await until('the end of the connection', () => announced.closed());
    const endless = await phoneAt(engine.port('tcp'));
    const head = requestText({ via: tcpVia(5060) }).replace('\r\n\r\n', '');
    endless.socket.write(`${head}\r\nX: ${'x'.repeat(5_000)}`);
    expect((await engine.nextInvalid()).status).toBe(513);
    await until('the end of the connection', () => endless.closed());
  });

  it('that go on after a message with a bad header stay open: only the message is refused', async () => {
    const engine = await open();
    const phone = await phoneAt(engine.port('tcp'));
    const bad = requestText({ via: tcpVia(5060) }).replace('Call-ID', 'Call ID');
    phone.socket.write(bad + requestText({ via: tcpVia(5060), cseq: 2 }));
    expect((await engine.nextInvalid()).status).toBe(400);
    expect((await engine.nextMessage()).parsed.cseq.number).toBe(2);
    expect(phone.closed()).toBe(false);
  });
});

describe('limits on accepted connections', () => {
  it('close one that brings no message in time, but not one that did', async () => {
    const clock = manualClock();
    const engine = await open({ clock, limits: { halfOpenTimeout: 5_000 } });
    const talking = await phoneAt(engine.port('tcp'));
    talking.socket.write(requestText({ via: tcpVia(5060) }));
    await engine.nextMessage();
    const silent = await phoneAt(engine.port('tcp'));
    await until('both connections', () => clock.pending() >= 2);
    clock.advance(5_000);
    await until('the end of the silent one', () => silent.closed());
    expect(talking.closed()).toBe(false);
    expect((await engine.nextError()).failure.code).toBe('timeout');
  });

  it('close one that drips a later message byte by byte', async () => {
    const clock = manualClock();
    const engine = await open({ clock, limits: { halfOpenTimeout: 5_000 } });
    const phone = await phoneAt(engine.port('tcp'));
    phone.socket.write(requestText({ via: tcpVia(5060) }));
    await engine.nextMessage();
    const pending = clock.pending();
    phone.socket.write('OPTI');
    await until('the time limit', () => clock.pending() > pending);
    clock.advance(4_000);
    phone.socket.write('O');
    clock.advance(1_000);
    await until('the end of the connection', () => phone.closed());
  });

  it('close idle ones, and not those with traffic or with a call', async () => {
    const clock = manualClock();
    const used = new Set<number>();
    const engine = await open({ clock, limits: { idleTimeout: 60_000 }, inUse: () => used });
    const calling = await phoneAt(engine.port('tcp'));
    calling.socket.write(requestText({ via: tcpVia(5060) }));
    used.add((await engine.nextMessage()).flow.connectionId ?? -1);
    const [idle, busy] = [await phoneAt(engine.port('tcp')), await phoneAt(engine.port('tcp'))];
    for (const phone of [idle, busy]) phone.socket.write(requestText({ via: tcpVia(5060) }));
    await engine.nextMessage();
    await engine.nextMessage();
    clock.advance(45_000);
    busy.socket.write('\r\n\r\n');
    await until('the pong', () => busy.text() === '\r\n');
    clock.advance(30_000);
    await until('the end of the idle one', () => idle.closed());
    expect([busy.closed(), calling.closed()]).toEqual([false, false]);
    used.clear();
    clock.advance(15_000);
    await until('the end of the one whose call is over', () => calling.closed());
  });

  it('refuse more than the allowed number from one address, not from another', async () => {
    const engine = await open({ limits: { maxConnectionsPerAddress: 2 } });
    const phones = [await phoneAt(engine.port('tcp')), await phoneAt(engine.port('tcp'))];
    const third = await phoneAt(engine.port('tcp'));
    await until('the refusal', () => third.closed());
    const other = await phoneAt(engine.port('tcp'), '127.0.0.2');
    other.socket.write(requestText({ via: tcpVia(5060) }));
    await engine.nextMessage();
    expect(phones.map((p) => p.closed())).toEqual([false, false]);
    expect(engine.logged).toContain('connection refused: limit reached');
    phones[0]?.socket.destroy();
    await engine.nextError();
    const fourth = await phoneAt(engine.port('tcp'));
    fourth.socket.write(requestText({ via: tcpVia(5060) }));
    await engine.nextMessage();
  });

  it('refuse more than the allowed number in all', async () => {
    const engine = await open({ limits: { maxConnections: 1 } });
    await phoneAt(engine.port('tcp'));
    const second = await phoneAt(engine.port('tcp'), '127.0.0.2');
    await until('the refusal', () => second.closed());
    await expect(engine.layer.sendRequest(targetOf('tcp', 1), rendered())).rejects.toMatchObject({
      code: 'unreachable',
      detail: 'the limit of 1 connections is reached',
    });
  });

  it('give up a peer that does not read what we send', async () => {
    const engine = await open();
    const phone = await phoneAt(engine.port('tcp'));
    phone.socket.pause();
    phone.socket.write(requestText({ via: tcpVia(5060) }));
    const { flow } = await engine.nextMessage();
    const block = Buffer.alloc(60_000, 'x');
    for (let i = 0; i < 400; i++) engine.layer.sendOn(flow, block);
    // What was still to be sent when the connection was given up is reported too.
    let { failure } = await engine.nextError();
    while (failure.detail !== 'the peer does not read') ({ failure } = await engine.nextError());
    expect(failure.code).toBe('closed');
  });
});

describe('connections we open', () => {
  it('are opened once for requests at the same moment and used again later', async () => {
    const [a, b] = [await open(), await open()];
    const target = targetOf('tcp', b.port('tcp'));
    const flows = await Promise.all([1, 2, 3].map((cseq) => a.layer.sendRequest(target, rendered({ cseq }))));
    flows.push(await a.layer.sendRequest(target, rendered({ cseq: 4 })));
    expect(new Set(flows.map((flow) => flow.connectionId)).size).toBe(1);
    for (let i = 0; i < 4; i++) await b.nextMessage();
    expect(a.untaken().errors + b.untaken().errors).toBe(0);
  });

  it('are opened anew after they ended', async () => {
    const a = await open();
    const { port, sockets } = await acceptor();
    const first = await a.layer.sendRequest(targetOf('tcp', port), rendered());
    (await until('the connection', () => sockets[0])).destroy();
    expect((await a.nextError()).flow.connectionId).toBe(first.connectionId);
    const second = await a.layer.sendRequest(targetOf('tcp', port), rendered());
    expect(second.connectionId).not.toBe(first.connectionId);
  });

  it('reach ourselves', async () => {
    const engine = await open();
    const flow = await engine.layer.sendRequest(targetOf('tcp', engine.port('tcp')), rendered());
    const received = await engine.nextMessage();
    expect(received.flow.remotePort).toBe(flow.localPort);
    const route = responseRoute(received.parsed.via, received.flow);
    engine.layer.sendOn(route.flow, Buffer.from(responseText(tcpVia(engine.port('tcp')))), route.fallback);
    expect((await engine.nextMessage()).flow.connectionId).toBe(flow.connectionId);
  });

  it('that are refused fail at once', async () => {
    const engine = await open();
    const { port, server } = await acceptor();
    await new Promise<void>((resolve) => server.close(() => resolve()));
    await expect(engine.layer.sendRequest(targetOf('tcp', port), rendered())).rejects.toMatchObject({
      code: 'unreachable',
      detail: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('report when the peer ends them', async () => {
    const engine = await open();
    const { port, sockets } = await acceptor();
    const flow = await engine.layer.sendRequest(targetOf('tcp', port), rendered());
    (await until('the connection', () => sockets[0])).end();
    expect(await engine.nextError()).toMatchObject({ flow, failure: { code: 'closed' } });
  });

  it('end with the layer, which reports nothing more', async () => {
    const engine = await open();
    const { port, sockets } = await acceptor();
    await engine.layer.sendRequest(targetOf('tcp', port), rendered());
    const socket = await until('the connection', () => sockets[0]);
    await engine.layer.close();
    await until('its end', () => socket.destroyed);
    expect(engine.untaken().errors).toBe(0);
    await expect(engine.layer.sendRequest(targetOf('tcp', port), rendered())).rejects.toMatchObject({ code: 'closed' });
  });
});
