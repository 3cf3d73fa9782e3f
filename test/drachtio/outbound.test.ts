import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Srf from 'drachtio-srf';
import { afterEach, describe, expect, it } from 'vitest';
import type { Engine, EngineOptions } from '../../src/telephony/sip-engine/index.js';
import { gatewayCertificate } from '../support/tls-certificates.js';
import { SipPeer, sdp, startTarget } from './harness.js';

describe('request handlers', () => {
  const closers: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  const start = async (
    requestHandlers: NonNullable<EngineOptions['requestHandlers']>,
  ): Promise<{ engine: Engine; phone: SipPeer }> => {
    const { engine, target } = await startTarget({ requestHandlers });
    const phone = await SipPeer.open(target);
    closers.push(
      () => engine.close(),
      () => phone.close(),
    );
    return { engine, phone };
  };

  /** An application that listens for the engine and answers calls with `busy` or 486. */
  const listeningApp = async (tls = false): Promise<number> => {
    const srf = new Srf();
    const server: Server = srf.listen({
      port: 0,
      host: '127.0.0.1',
      secret: 'cymru',
      ...(tls ? { tls: { cert: gatewayCertificate.cert, key: gatewayCertificate.key } } : {}),
    } as never) as never;
    srf.invite((_req, res) => res.send(486));
    await once(server, 'listening');
    closers.push(() => new Promise((resolve) => server.close(resolve)));
    return (server.address() as AddressInfo).port;
  };

  const webServer = async (answer: (url: URL) => unknown): Promise<{ url: string; asked: URL[] }> => {
    const asked: URL[] = [];
    const server = createServer((req, res) => {
      const url = new URL(req.url ?? '', 'http://x');
      asked.push(url);
      const reply = answer(url);
      if (reply !== undefined) res.end(typeof reply === 'string' ? reply : JSON.stringify(reply));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    });
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/route`, asked };
  };

  it('the engine connects to an application by TCP and hands it the call', async () => {
    const { phone } = await start([{ method: 'INVITE', url: `tcp://127.0.0.1:${await listeningApp()}` }]);
    phone.request('INVITE', { headers: ['Content-Type: application/sdp'], body: sdp() });
    await phone.nextResponse(486);
  });

  it('the engine connects to an application by TLS and hands it the call', async () => {
    const { phone } = await start([{ method: '*', url: `tls://127.0.0.1:${await listeningApp(true)}` }]);
    phone.request('INVITE', { headers: ['Content-Type: application/sdp'], body: sdp() });
    await phone.nextResponse(486);
  });

  it('a web server sends a call to an application, asked with the facts of the request', async () => {
    const port = await listeningApp();
    const { url, asked } = await webServer(() => ({
      action: 'route',
      data: { uri: `127.0.0.1:${port};transport=tcp` },
    }));
    const { phone } = await start([{ method: 'INVITE', url }]);
    phone.request('INVITE', { uri: 'sip:service@127.0.0.1;color=green' });
    await phone.nextResponse(486);
    const query = asked[0]?.searchParams;
    expect(query?.get('method')).toBe('INVITE');
    expect(query?.get('source_address')).toBe('127.0.0.1');
    expect([query?.get('fromUser'), query?.get('toUser'), query?.get('uriUser')]).toEqual([
      'peer',
      'service',
      'service',
    ]);
    expect(query?.get('color')).toBe('green');
  });

  it('a web server rejects, redirects and proxies', async () => {
    let callee: SipPeer | undefined;
    const { url } = await webServer(({ searchParams }) => {
      if (searchParams.get('uriUser') === 'no') return { action: 'reject', data: { status: 603, reason: 'Never' } };
      if (searchParams.get('uriUser') === 'moved')
        return { action: 'redirect', data: { contact: 'sip:new@127.0.0.9' } };
      return { action: 'proxy', data: { destination: `127.0.0.1:${callee?.port}` } };
    });
    const { engine, phone } = await start([{ method: 'INVITE', url }]);
    phone.request('INVITE', { uri: 'sip:no@127.0.0.1' });
    expect((await phone.nextResponse(603)).message.reason).toBe('Never');
    phone.request('INVITE', { uri: 'sip:moved@127.0.0.1' });
    const moved = await phone.nextResponse(302);
    expect(moved.message.headers.find((h) => h.name === 'Contact')?.value).toBe('<sip:new@127.0.0.9>');
    const sipPort = engine.listen[0]?.port ?? 0;
    callee = await SipPeer.open({ host: '', adminPort: 0, secret: '', sipHost: '127.0.0.1', sipPort });
    phone.request('INVITE', { uri: 'sip:proxied@127.0.0.1' });
    callee.respond(await callee.nextRequest('INVITE'), 404, { tag: 'x' });
    await phone.nextResponse(404);
    callee.close();
  });

  it('a web server that talks nonsense means 500, an application that is not there 480', async () => {
    const { url } = await webServer(() => 'nonsense');
    const { phone } = await start([
      { method: 'OPTIONS', url },
      { method: 'INVITE', url: 'tcp://127.0.0.1:1' },
    ]);
    phone.request('OPTIONS');
    await phone.nextResponse(500);
    phone.request('INVITE');
    await phone.nextResponse(480);
  });

  it('CANCEL while a web server thinks ends the call at once', async () => {
    const { url, asked } = await webServer(() => undefined);
    const { phone } = await start([{ method: 'INVITE', url }]);
    const call = phone.request('INVITE');
    await expect.poll(() => asked.length).toBe(1);
    phone.request('CANCEL', call);
    await phone.nextResponse(200, 'CANCEL');
    await phone.nextResponse(487, 'INVITE');
  });
});
