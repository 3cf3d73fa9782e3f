import { createServer } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import {
  gatewayCertificate,
  selfCertificate,
  strangerCertificate,
  testCa,
} from '../../../../test/support/tls-certificates.js';
import {
  type LayerHarness,
  openHarness,
  rendered,
  requestText,
  targetOf,
} from '../../../../test/support/transport-harness.js';
import { until } from '../../../../test/support/until.js';
import type { ListenPoint } from '../transport.js';
import type { TransportLayerOptions } from './layer.js';

const tls: ListenPoint = { transport: 'tls', address: '127.0.0.1', port: 0 };
const trusted = { ...gatewayCertificate, ca: testCa };
const via = 'SIP/2.0/TLS 127.0.0.1:5061;branch=z9hG4bKtls';

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

const open = async (options: Partial<TransportLayerOptions> = {}): Promise<LayerHarness> => {
  const harness = await openHarness({ listen: [tls], tls: trusted, ...options });
  cleanups.push(() => harness.layer.close());
  return harness;
};

const phoneAt = (port: number, options: ConnectionOptions = {}): { socket: TLSSocket; closed(): boolean } => {
  const socket = connect({ port, host: '127.0.0.1', ca: testCa, ...options });
  let closed = false;
  socket.on('close', () => {
    closed = true;
  });
  socket.on('error', () => {});
  cleanups.push(() => void socket.destroy());
  return { socket, closed: () => closed };
};

describe('TLS connections we open', () => {
  it.each([
    ['the address', '127.0.0.1'],
    ['a DNS name', 'gateway.test'],
    ['a sip: URI name (RFC 5922)', 'sip.gateway.test'],
  ])('accept a certificate for %s', async (_what, host) => {
    const [a, b] = [await open(), await open()];
    const flow = await a.layer.sendRequest(targetOf('tls', b.port('tls'), '127.0.0.1', host), rendered());
    expect(flow.transport).toBe('tls');
    expect((await b.nextMessage()).parsed.via.transport).toBe('TLS');
  });

  it('refuse a certificate for another host, also when a connection for the right one is open', async () => {
    const [a, b] = [await open(), await open()];
    await a.layer.sendRequest(targetOf('tls', b.port('tls'), '127.0.0.1', 'gateway.test'), rendered());
    const wrong = targetOf('tls', b.port('tls'), '127.0.0.1', 'other.test');
    await expect(a.layer.sendRequest(wrong, rendered())).rejects.toMatchObject({
      code: 'tls',
      detail: expect.stringContaining('other.test'),
    });
  });

  it('refuse a certificate that no known CA signed, unless told otherwise', async () => {
    const b = await open({ tls: selfCertificate });
    const strict = await open();
    await expect(strict.layer.sendRequest(targetOf('tls', b.port('tls')), rendered())).rejects.toMatchObject({
      code: 'tls',
    });
    const lenient = await open({ tls: { ...trusted, rejectUnauthorized: false } });
    await lenient.layer.sendRequest(targetOf('tls', b.port('tls')), rendered());
    await b.nextMessage();
  });

  it('trust further authorities beside the usual ones, and those that came with a renewal', async () => {
    const b = await open();
    const target = targetOf('tls', b.port('tls'));
    const plain = await open({ tls: gatewayCertificate });
    await expect(plain.layer.sendRequest(target, rendered())).rejects.toMatchObject({ code: 'tls' });
    plain.layer.renewTls({ ...gatewayCertificate, authorities: testCa });
    await plain.layer.sendRequest(target, rendered());
    await b.nextMessage();
  });

  it('give up a peer that accepts the connection and never shakes hands', async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => void silent.close());
    const address = silent.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const engine = await open({ connectTimeout: 150 });
    await expect(engine.layer.sendRequest(targetOf('tls', port), rendered())).rejects.toMatchObject({
      code: 'timeout',
      detail: `no connection to tls 127.0.0.1:${port} within 150 ms`,
    });
  });

  it('are used again for the same host', async () => {
    const [a, b] = [await open(), await open()];
    const target = targetOf('tls', b.port('tls'), '127.0.0.1', 'gateway.test');
    const first = await a.layer.sendRequest(target, rendered());
    expect((await a.layer.sendRequest(target, rendered())).connectionId).toBe(first.connectionId);
  });

  it('reach ourselves', async () => {
    const engine = await open();
    await engine.layer.sendRequest(targetOf('tls', engine.port('tls')), rendered());
    await engine.nextMessage();
  });
});

describe('TLS connections the peer opens', () => {
  it('carry requests from a client without a certificate', async () => {
    const engine = await open();
    const phone = phoneAt(engine.port('tls'));
    phone.socket.write(requestText({ via }));
    const { flow } = await engine.nextMessage();
    expect(flow.transport).toBe('tls');
    let answer = '';
    phone.socket.on('data', (chunk) => {
      answer += chunk.toString();
    });
    engine.layer.sendOn(flow, Buffer.from('SIP/2.0 200 OK\r\n\r\n'));
    await until('the answer', () => answer.includes('200 OK'));
  });

  it('are accepted with a certificate of the CA and refused with another', async () => {
    const engine = await open();
    const known = phoneAt(engine.port('tls'), strangerCertificate);
    known.socket.write(requestText({ via }));
    await engine.nextMessage();
    const unknown = phoneAt(engine.port('tls'), selfCertificate);
    unknown.socket.write(requestText({ via }));
    await until('the refusal', () => unknown.closed());
    expect(engine.logged).toContain('TLS handshake failed');
    expect(engine.untaken().messages).toBe(0);
  });

  it('get the certificate of the moment: a new one for those who come, the old one stays when the new one is none', async () => {
    const engine = await open();
    const shown = async (): Promise<unknown> => {
      const { socket } = phoneAt(engine.port('tls'), { checkServerIdentity: () => undefined });
      await new Promise((resolve) => socket.once('secureConnect', resolve));
      return socket.getPeerCertificate().subject.CN;
    };
    const before = phoneAt(engine.port('tls'));
    await new Promise((resolve) => before.socket.once('secureConnect', resolve));
    expect(await shown()).toBe('gateway');
    engine.layer.renewTls({ ...strangerCertificate, ca: testCa });
    expect(await shown()).toBe('stranger');
    expect(() => engine.layer.renewTls({ ...strangerCertificate, key: gatewayCertificate.key })).toThrow();
    expect(await shown()).toBe('stranger');
    before.socket.write(requestText({ via }));
    await engine.nextMessage();
  });

  it('are refused below TLS 1.2', async () => {
    const engine = await open();
    const old = phoneAt(engine.port('tls'), {
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    await until('the refusal', () => old.closed());
    const current = phoneAt(engine.port('tls'), { maxVersion: 'TLSv1.2' });
    current.socket.write(requestText({ via }));
    await engine.nextMessage();
  });

  it('that never finish the handshake are closed', async () => {
    const engine = await open({ limits: { halfOpenTimeout: 200 } });
    const { connect: plainConnect } = await import('node:net');
    const socket = plainConnect(engine.port('tls'), '127.0.0.1');
    socket.on('error', () => {});
    let closed = false;
    socket.on('close', () => {
      closed = true;
    });
    cleanups.push(() => void socket.destroy());
    await until('the end of the connection', () => closed);
  });

  it('that speak plain text are closed and the layer goes on', async () => {
    const engine = await open();
    const { connect: plainConnect } = await import('node:net');
    const socket = plainConnect(engine.port('tls'), '127.0.0.1');
    socket.on('error', () => {});
    let closed = false;
    socket.on('close', () => {
      closed = true;
    });
    cleanups.push(() => void socket.destroy());
    socket.write(requestText({ via }));
    await until('the end of the connection', () => closed);
    const phone = phoneAt(engine.port('tls'));
    phone.socket.write(requestText({ via }));
    await engine.nextMessage();
  });
});

describe('a TLS listening point', () => {
  it('cannot be opened without a certificate', async () => {
    await expect(openHarness({ listen: [tls] })).rejects.toThrow(
      'a TLS listening point needs a certificate and its key',
    );
  });
});
