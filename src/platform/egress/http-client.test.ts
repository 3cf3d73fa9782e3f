import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { type HttpsTarget, startHttpsTarget } from '../../../test/support/https-target.js';
import { createCertificateAuthority } from '../../core/x509.js';
import { parseAllowList } from './allow-list.js';
import { guardedConnect, guardedLookup } from './connect.js';
import { EgressFailure } from './failure.js';
import { createEgressClient, type EgressClient, type EgressClientOptions, type EgressRequest } from './http-client.js';
import { createEgressPolicy } from './policy.js';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const target = async (...args: Parameters<typeof startHttpsTarget>): Promise<HttpsTarget> => {
  const started = await startHttpsTarget(...args);
  closers.push(() => started.close());
  return started;
};

const clientFor = (authority: string, options: Partial<EgressClientOptions> = {}): EgressClient => {
  const client = createEgressClient({
    policy: createEgressPolicy({ allow: parseAllowList('localhost|127.0.0.0/8|*') }),
    extraAuthorities: [authority],
    ...options,
  });
  closers.push(() => client.close());
  return client;
};

const get = (url: string, more: Partial<EgressRequest> = {}): EgressRequest => ({
  purpose: 'action',
  method: 'GET',
  url: new URL(url),
  headers: ['accept-encoding', 'identity'],
  timeoutMs: 5_000,
  maxResponseBytes: 1_048_576,
  ...more,
});

const failureOf = async (work: Promise<unknown>): Promise<EgressFailure> => {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(outcome instanceof EgressFailure)) throw new Error(`expected an EgressFailure, got ${String(outcome)}`);
  return outcome;
};

const listen = async (server: Server): Promise<number> => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => new Promise((resolve) => server.close(resolve)));
  return (server.address() as AddressInfo).port;
};

describe('a guarded request', () => {
  it('goes out over TLS, keeps the connection and returns status, headers and body', async () => {
    const server = await target();
    const client = clientFor(server.authority);
    for (const _ of [1, 2, 3, 4, 5]) {
      const answer = await client.request(
        get(`${server.origin}/a?b=c`, { method: 'POST', headers: ['X-One', '1'], body: '{"a":1}' }),
      );
      expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } });
      expect(answer.body.toString()).toBe('{"ok":true}');
    }
    // undici may open a second connection when calls follow each other without a pause; never one for each.
    expect(server.accepted()).toBeLessThan(3);
    expect(server.requests[2]).toMatchObject({
      method: 'POST',
      url: '/a?b=c',
      body: '{"a":1}',
      headers: { 'x-one': '1' },
    });
  });

  it('shows the steps of a connection of its own', async () => {
    const server = await target();
    const client = clientFor(server.authority);
    const { timing } = await client.request(get(server.origin, { ownConnection: true }));
    expect(timing.connect).toBeGreaterThan(0);
    expect(timing.tls).toBeGreaterThan(0);
    expect(timing.firstByte).toBeGreaterThanOrEqual(timing.dns + timing.connect + timing.tls);
    expect(timing.total).toBeGreaterThanOrEqual(timing.firstByte);
    await server.idle();
  });

  it('finds the connection open that was warmed before', async () => {
    const server = await target();
    const client = clientFor(server.authority);
    await client.warm(new URL(server.origin), 'action');
    expect(server.accepted()).toBe(1);
    await client.request(get(server.origin));
    expect(server.accepted()).toBe(1);
    expect(server.requests).toHaveLength(1);
  });

  it('replaces a warmed connection that the target has closed meanwhile', async () => {
    const server = await target();
    const client = clientFor(server.authority);
    await client.warm(new URL(server.origin), 'action');
    for (const socket of server.sockets) socket.destroy();
    await server.idle();
    expect((await client.request(get(server.origin))).status).toBe(200);
  });

  it('never follows a redirect', async () => {
    const server = await target();
    server.respond = (_request, response) =>
      response.writeHead(302, { location: `${server.origin}/next` }).end('moved');
    const answer = await clientFor(server.authority).request(get(server.origin));
    expect(answer.status).toBe(302);
    expect(server.requests).toHaveLength(1);
  });

  it('ignores interim answers', async () => {
    const server = await target();
    server.respond = (_request, response) => {
      response.writeEarlyHints({ link: '</a>; rel=preload' });
      response.end('done');
    };
    expect(await clientFor(server.authority).request(get(server.origin))).toMatchObject({ status: 200 });
  });

  it('refuses http without opening a connection', async () => {
    const server = createServer();
    let connections = 0;
    server.on('connection', () => connections++);
    const port = await listen(server);
    const failure = await failureOf(clientFor('').request(get(`http://localhost:${port}/`)));
    expect(failure.message).toBe('Only https addresses are called.');
    expect(connections).toBe(0);
  });

  it.each([
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['br', brotliCompressSync],
  ] as const)('inflates %s', async (coding, compress) => {
    const server = await target();
    server.respond = (_request, response) =>
      response.writeHead(200, { 'content-encoding': coding }).end(compress(Buffer.from('{"deep":"value"}')));
    const answer = await clientFor(server.authority).request(get(server.origin));
    expect(answer.body.toString()).toBe('{"deep":"value"}');
  });

  it('names an encoding that is broken or not known', async () => {
    const server = await target();
    const client = clientFor(server.authority);
    server.respond = (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('not gzip');
    expect((await failureOf(client.request(get(server.origin)))).message).toBe('The response is not valid gzip.');
    server.respond = (_request, response) => response.writeHead(200, { 'content-encoding': 'zstd' }).end('x');
    expect((await failureOf(client.request(get(server.origin)))).kind).toBe('bad_encoding');
  });
});

describe('the guard on the wire', () => {
  /** The 17 ways of writing loopback. */
  const spellings = [
    'localhost',
    'LOCALHOST',
    'ⓛocalhost',
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f.1',
    '0177.0.0.1',
    '0.0.0.0',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::127.0.0.1]',
    '[::7f00:1]',
    '127。0。0。1',
    '127.0.0.1.',
  ];

  it('keeps every spelling of loopback from reaching a listener', async () => {
    const server = await target({ hosts: ['localhost', '127.0.0.1'], address: '::' });
    const client = createEgressClient({ policy: createEgressPolicy({ loopbackOnly: true }) });
    closers.push(() => client.close());
    expect(spellings).toHaveLength(17);
    for (const host of spellings) {
      for (const purpose of ['action', 'webhook'] as const) {
        const failure = await failureOf(
          client.request(get(`https://${host}:${server.port}/`, { purpose, timeoutMs: 2_000 })),
        );
        expect([host, failure.kind]).toEqual([host, 'refused_address']);
      }
    }
    expect(server.accepted()).toBe(0);
  });

  it('lets an allow-listed one through', async () => {
    const server = await target();
    expect((await clientFor(server.authority).request(get(server.origin))).status).toBe(200);
  });

  it('dials the address that was vetted although the name changes its mind (DNS rebinding)', async () => {
    const inside = await target({ hosts: ['rebind.test'], address: '127.0.0.3' });
    let asked = 0;
    const resolve = async () => [{ address: asked++ % 2 === 0 ? '127.0.0.2' : '127.0.0.3', family: 4 }];
    const policy = createEgressPolicy({ allow: parseAllowList('rebind.test|127.0.0.2/32|*') });
    for (let round = 0; round < 20; round += 1) {
      const client = createEgressClient({ policy, resolve, extraAuthorities: [inside.authority] });
      await failureOf(client.request(get(`https://rebind.test:${inside.port}/`)));
      await client.close();
    }
    expect(asked).toBe(20);
    expect(inside.accepted()).toBe(0);
  });

  it('keeps the allowed addresses of a name that also has forbidden ones', async () => {
    const policy = createEgressPolicy({ allow: parseAllowList('mixed.test|127.0.0.2/32|*') });
    const resolve = async () => [
      { address: '10.0.0.1', family: 4 },
      { address: '127.0.0.2', family: 4 },
    ];
    const found = await guardedLookup({ policy, resolve }, { host: 'mixed.test', port: 443, purpose: 'action' });
    expect(found).toEqual([{ address: '127.0.0.2', family: 4 }]);
  });

  it('checks the certificate against the name although the address is pinned', async () => {
    const server = await target({ hosts: ['right.test'] });
    const options = {
      policy: createEgressPolicy({ allow: parseAllowList('*.test|127.0.0.0/8|*') }),
      resolve: async () => [{ address: '127.0.0.1', family: 4 }],
    };
    const client = clientFor(server.authority, options);
    expect((await client.request(get(`https://right.test:${server.port}/`))).status).toBe(200);
    const failure = await failureOf(client.request(get(`https://wrong.test:${server.port}/`)));
    expect(failure).toMatchObject({
      kind: 'server_certificate',
      message: 'wrong.test shows a certificate for another host name.',
    });
  });

  it('guards plain connections (SIP, WebSocket) by the same rule', async () => {
    const server = createServer();
    const accepted: Socket[] = [];
    server.on('connection', (socket) => accepted.push(socket.on('error', () => {})));
    const port = await listen(server);
    const sip = { host: '127.0.0.1', port, purpose: 'sip' as const };
    const socket = await guardedConnect({ policy: createEgressPolicy({ loopbackOnly: true }) }, sip);
    socket.destroy();
    const refused = await failureOf(guardedConnect({ policy: createEgressPolicy() }, sip));
    expect(refused.kind).toBe('refused_address');
    expect(accepted).toHaveLength(1);
  });

  it('speaks plain http to a Zendesk stand-in on loopback only on a development machine', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok'));
    });
    const url = `http://localhost:${await listen(server)}/`;
    const development = clientFor('', { policy: createEgressPolicy({ loopbackOnly: true }) });
    expect((await development.request(get(url, { purpose: 'zendesk' }))).body.toString()).toBe('ok');
    const allowed = clientFor('');
    expect((await failureOf(allowed.request(get(url, { purpose: 'zendesk' })))).message).toBe(
      'Only https addresses are called.',
    );
  });
});

describe('failures have a name', () => {
  it('no such host, nothing listening, wrong authority, expired certificate, not TLS', async () => {
    const client = clientFor('', {
      policy: createEgressPolicy({ allow: parseAllowList('*.test|127.0.0.0/8|*,localhost|127.0.0.0/8|*') }),
      resolve: async (host) => {
        if (host === 'none.test') throw new Error('ENOTFOUND');
        return [{ address: '127.0.0.1', family: 4 }];
      },
    });
    expect((await failureOf(client.request(get('https://none.test/')))).kind).toBe('dns');
    const closed = createServer();
    const port = await listen(closed);
    await new Promise((resolve) => closed.close(resolve));
    const refused = await failureOf(client.request(get(`https://a.test:${port}/`)));
    expect(refused).toMatchObject({ kind: 'connect', beforeRequest: true });
    expect(refused.message).toBe('a.test refused the connection: nothing listens on that port.');
    const server = await target({ hosts: ['a.test'] });
    const untrusted = await failureOf(client.request(get(`https://a.test:${server.port}/`)));
    expect(untrusted.kind).toBe('server_certificate');
    const authority = createCertificateAuthority('x');
    const old = authority.issue({
      name: 'a',
      hosts: ['a.test'],
      notBefore: new Date('2020-01-01'),
      notAfter: new Date('2021-01-01'),
    });
    const stale = await target({ tls: { cert: old.certificate, key: old.privateKey } });
    const expired = await failureOf(
      client.request(
        get(`https://a.test:${stale.port}/`, { credential: { id: 'ca', authorities: authority.certificate } }),
      ),
    );
    expect(expired.message).toBe('a.test shows a certificate that has expired.');
    const plain = createServer((socket) =>
      socket
        .on('error', () => {})
        .resume()
        .end('hello, this is not TLS\r\n'),
    );
    expect((await failureOf(client.request(get(`https://a.test:${await listen(plain)}/`)))).kind).toBe('tls');
  });

  it('a target that hangs up before it answered', async () => {
    const server = await target();
    server.respond = (_request, response) => response.destroy();
    const failure = await failureOf(clientFor(server.authority).request(get(server.origin)));
    expect(failure).toMatchObject({ kind: 'connection_lost', beforeRequest: false });
  });

  it('an answer that is not HTTP', async () => {
    const authority = createCertificateAuthority('x');
    const issued = authority.issue({ name: 'localhost', hosts: ['localhost'] });
    const server = createTlsServer({ cert: issued.certificate, key: issued.privateKey }, (socket) => {
      socket.on('error', () => {}).on('data', () => socket.end('220 smtp ready\r\n'));
    });
    const port = await listen(server);
    const failure = await failureOf(clientFor(authority.certificate).request(get(`https://localhost:${port}/`)));
    expect(failure.kind).toBe('protocol');
  });

  it('a header that cannot be written', async () => {
    const server = await target();
    const client = clientFor(server.authority);
    const failure = await failureOf(client.request(get(server.origin, { headers: ['x-a', 'b\r\nx-c: d'] })));
    expect(failure.kind).toBe('bad_request');
    expect(server.requests).toHaveLength(0);
  });
});

describe('one total deadline', () => {
  const within = async (client: EgressClient, request: EgressRequest, kind: string): Promise<void> => {
    const failure = await failureOf(client.request(request));
    expect(failure.kind).toBe(kind);
    if (kind === 'timeout') expect(failure.message).toBe(`Request timed out after ${request.timeoutMs}ms`);
  };

  it('ends a target that hangs before its headers, and frees the socket', async () => {
    const server = await target();
    server.respond = () => {};
    await within(clientFor(server.authority), get(server.origin, { timeoutMs: 150 }), 'timeout');
    await server.idle();
  });

  it('ends a body that drips, and frees the socket', async () => {
    const server = await target();
    server.respond = (_request, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write('x'), 20);
      response.on('close', () => clearInterval(drip));
    };
    await within(clientFor(server.authority), get(server.origin, { timeoutMs: 200 }), 'timeout');
    await server.idle();
  });

  it('ends an endless body at the cap', async () => {
    const server = await target();
    server.respond = (_request, response) => {
      const block = Buffer.alloc(65_536, 'x');
      const pump = (): void => {
        if (response.writable && response.write(block)) setImmediate(pump);
        else response.once('drain', pump);
      };
      pump();
    };
    await within(clientFor(server.authority), get(server.origin, { timeoutMs: 3_000 }), 'response_too_large');
    await server.idle();
  });

  it('refuses 20 MB that are announced without reading them', async () => {
    const server = await target();
    server.respond = (_request, response) => response.end(Buffer.alloc(20_000_000, 'x'));
    await within(clientFor(server.authority), get(server.origin), 'response_too_large');
    await server.idle();
  });

  it('stops a gzip bomb at the cap', async () => {
    const server = await target();
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    server.respond = (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
    await within(clientFor(server.authority), get(server.origin), 'response_too_large');
  });

  it('refuses response headers over 16 KiB', async () => {
    const server = await target();
    server.respond = (_request, response) => response.writeHead(200, { 'x-big': 'x'.repeat(20_000) }).end();
    await within(clientFor(server.authority), get(server.origin), 'headers_too_large');
    await server.idle();
  });

  it('ends a TLS handshake that stalls, and frees the socket', async () => {
    const sockets = new Set<Socket>();
    let gone = (): void => {};
    const server = createServer((socket) => {
      sockets.add(socket.on('error', () => {}).resume());
      socket.on('close', () => {
        sockets.delete(socket);
        gone();
      });
    });
    const port = await listen(server);
    await within(clientFor(''), get(`https://localhost:${port}/`, { timeoutMs: 150 }), 'timeout');
    if (sockets.size > 0) await new Promise<void>((resolve) => (gone = resolve));
    expect(sockets.size).toBe(0);
  });

  it('a stalled call does not take the connection attempt of a later one with it', async () => {
    const authority = createCertificateAuthority('x');
    const issued = authority.issue({ name: 'localhost', hosts: ['localhost'] });
    const real = createTlsServer({ cert: issued.certificate, key: issued.privateKey }, (socket) => {
      socket.on('error', () => {}).on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'));
    });
    let connection = 0;
    let begun = (): void => {};
    const front = createServer((socket) => {
      socket.on('error', () => {});
      connection += 1;
      begun();
      if (connection > 1) real.emit('connection', socket);
      else socket.resume();
    });
    const port = await listen(front);
    const client = clientFor(authority.certificate);
    const url = `https://localhost:${port}/`;
    const isBegun = new Promise<void>((resolve) => (begun = resolve));
    const stalled = within(client, get(url, { timeoutMs: 500 }), 'timeout');
    // The first connection is that of the first call, or it would not be the one that stalls.
    await isBegun;
    const later = client.request(get(url, { timeoutMs: 10_000 }));
    await stalled;
    expect((await later).body.toString()).toBe('ok');
  });

  it('calls that give up one after the other do not end a call with a longer deadline', async () => {
    const authority = createCertificateAuthority('x');
    const issued = authority.issue({ name: 'localhost', hosts: ['localhost'] });
    const real = createTlsServer({ cert: issued.certificate, key: issued.privateKey }, (socket) => {
      socket.on('error', () => {}).on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'));
    });
    let healthy = false;
    let accepted = (): void => {};
    const front = createServer((socket) => {
      socket.on('error', () => {});
      if (healthy) real.emit('connection', socket);
      else socket.resume();
      accepted();
    });
    const connection = (): Promise<void> => new Promise((resolve) => (accepted = resolve));
    const url = `https://localhost:${await listen(front)}/`;
    const client = clientFor(authority.certificate);
    const first = connection();
    const patient = client.request(get(url, { timeoutMs: 15_000 }));
    await first;
    for (let round = 1; round <= 5; round += 1) {
      const mine = connection();
      const hurried = within(client, get(url, { timeoutMs: 60 }), 'timeout');
      await mine;
      if (round === 5) healthy = true;
      // When it gives up, the oldest attempt goes: that of the patient call, which has to begin again each time.
      const again = connection();
      await hurried;
      await again;
    }
    expect((await patient).body.toString()).toBe('ok');
  });

  it('an abort by the caller ends the call at once', async () => {
    const server = await target();
    const controller = new AbortController();
    server.respond = () => controller.abort();
    await within(clientFor(server.authority), get(server.origin, { signal: controller.signal }), 'aborted');
    await within(clientFor(server.authority), get(server.origin, { signal: controller.signal }), 'aborted');
    await server.idle();
  });
});
