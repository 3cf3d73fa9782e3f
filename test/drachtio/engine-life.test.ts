import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { startEngineInWorker, type WireEvent } from '../../src/telephony/sip-engine/index.js';
import { manualEngineClock } from '../../src/telephony/sip-engine/testing/manual-clock.js';
import { gatewayCertificate, strangerCertificate, testCa } from '../support/tls-certificates.js';
import { AdminClient, connectApp, headerOf, SipPeer, sdp, startTarget, type Target } from './harness.js';

const listen = [{ transport: 'udp', address: '127.0.0.1', port: 0 }] as const;
const admin = { host: '127.0.0.1', port: 0, secret: 'cymru' };

describe('the engine in a thread of its own', () => {
  it('answers a call, reports its log and every message on the wire, and ends', async () => {
    const events: WireEvent[] = [];
    const lines: string[] = [];
    const refused: unknown[] = [];
    const engine = await startEngineInWorker({
      listen,
      admin,
      log: (_level, fields, message) => {
        lines.push(message);
        refused.push(fields.callId);
      },
      tap: (event) => events.push(event),
    });
    const sipPort = engine.listen[0]?.port ?? 0;
    const target: Target = {
      host: '127.0.0.1',
      adminPort: engine.adminPort,
      secret: 'cymru',
      sipHost: '127.0.0.1',
      sipPort,
    };
    const srf = await connectApp(target);
    srf.invite((req, res) => {
      srf.createUAS(req, res, { localSdp: sdp() }).catch(() => undefined);
    });
    await expect.poll(async () => (await engine.stats()).applications).toBe(1);
    const phone = await SipPeer.open(target);
    const { text } = phone.request('INVITE', { headers: ['Content-Type: application/sdp'], body: sdp() });
    const ok = await phone.nextResponse(200);
    phone.sendText(text);
    phone.request('REFER');
    await phone.nextResponse(405);
    await expect.poll(() => lines).toContain('request refused by the engine');
    const endless = 'eyJ-'.repeat(1_500);
    phone.request('BYE', { callId: endless });
    await expect.poll(() => refused).toContain(endless.slice(0, 256));
    await expect
      .poll(() =>
        events
          .filter((e) => e.callId === ok.callId)
          .map((e) => [e.direction, e.raw.toString('latin1', 0, 11), e.retransmission]),
      )
      .toEqual([
        ['in', 'INVITE sip:', false],
        ['out', 'SIP/2.0 100', false],
        ['out', 'SIP/2.0 200', false],
        ['in', 'INVITE sip:', true],
      ]);
    expect(events[0]).toMatchObject({
      transport: 'udp',
      local: `127.0.0.1:${sipPort}`,
      remote: `127.0.0.1:${phone.port}`,
    });
    phone.close();
    srf.disconnect();
    await engine.close();
    await engine.close();
  });

  it('a taken SIP port is one clear sentence', async () => {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const { port } = socket.address();
    await expect(
      startEngineInWorker({ listen: [{ transport: 'udp', address: '127.0.0.1', port }], admin }),
    ).rejects.toThrow(`SIP port udp:127.0.0.1:${port} is in use by another process: EADDRINUSE`);
    socket.close();
  });

  it('an address that is not ours and a taken admin port are clear sentences too', async () => {
    await expect(
      startEngineInWorker({ listen: [{ transport: 'udp', address: '192.0.2.1', port: 0 }], admin }),
    ).rejects.toThrow('SIP address udp:192.0.2.1:0 is not an address of this machine: EADDRNOTAVAIL');
    const { engine } = await startTarget();
    await expect(startEngineInWorker({ listen, admin: { ...admin, port: engine.adminPort } })).rejects.toThrow(
      `admin port 127.0.0.1:${engine.adminPort} cannot be opened`,
    );
    await engine.close();
  });
});

describe('an application that goes away', () => {
  const closers: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  const begin = async () => {
    const clock = manualEngineClock();
    const { engine, target } = await startTarget({ clock });
    const phone = await SipPeer.open(target);
    const app = await AdminClient.connect(target, { verbs: ['invite'] });
    closers.push(
      () => engine.close(),
      () => phone.close(),
      () => app.close(),
    );
    return { clock, engine, target, phone, app };
  };

  it('a call it has not answered gets 503 with Retry-After', async () => {
    const { phone, app } = await begin();
    phone.request('INVITE', { headers: ['Content-Type: application/sdp'], body: sdp() });
    await app.sip('INVITE');
    app.close();
    const refused = await phone.nextResponse(503);
    expect(refused.message.headers.find((h) => h.name === 'Retry-After')?.value).toBe('2');
  });

  it('a call it was placing is cancelled', async () => {
    const { phone, app } = await begin();
    app.command('sip||', `INVITE sip:peer@127.0.0.1:${phone.port} SIP/2.0\r\n\r\n${sdp()}`);
    const invite = await phone.nextRequest('INVITE');
    phone.respond(invite, 180, { tag: 'x' });
    await app.sip('SIP/2.0 180');
    app.close();
    await phone.nextRequest('CANCEL');
  });

  it('its calls are hung up when it does not come back within a minute', async () => {
    const { clock, engine, phone, app } = await begin();
    const call = phone.request('INVITE', { headers: ['Content-Type: application/sdp'], body: sdp() });
    const invite = await app.sip('INVITE');
    app.command(`sip|${invite.leader[8]}|`, `SIP/2.0 200 OK\r\n\r\n${sdp()}`);
    const ok = await phone.nextResponse(200);
    phone.request('ACK', { callId: call.callId, fromTag: call.fromTag, toTag: ok.toTag });
    await app.sip('ACK');
    app.close();
    await expect.poll(() => engine.stats().applications).toBe(0);
    clock.advance(59_999);
    expect(engine.stats().dialogs).toBe(1);
    clock.advance(1);
    expect((await phone.nextRequest('BYE')).callId).toBe(call.callId);
    expect(engine.stats().dialogs).toBe(0);
  });
});

describe('what the engine calls itself', () => {
  it('behind 1:1 NAT, Via, Contact and hostports carry the public address and port', async () => {
    const { engine, target } = await startTarget({ publicAddress: '203.0.113.7', publicPorts: { udp: 15_060 } });
    const app = await AdminClient.connect(target, { verbs: ['invite'] });
    const phone = await SipPeer.open(target);
    const { tokens } = await app.answer(app.command(`authenticate|${target.secret}|`));
    expect(tokens[1]).toBe('udp/203.0.113.7:15060');
    expect(tokens[3]).toBe(`udp/127.0.0.1:${target.sipPort}`);
    app.command('sip||', `INVITE sip:peer@127.0.0.1:${phone.port} SIP/2.0\r\nFrom: <sip:me@localhost>\r\n\r\n${sdp()}`);
    const invite = await phone.nextRequest('INVITE');
    expect([invite.via.host, invite.via.port]).toEqual(['203.0.113.7', 15_060]);
    expect(invite.from.uri).toBe('sip:me@203.0.113.7:15060');
    expect(invite.message.headers.find((h) => h.name === 'Contact')?.value).toBe('<sip:203.0.113.7:15060>');
    phone.respond(invite, 200, { tag: 'there', body: sdp() });
    await app.sip('SIP/2.0 200');
    const dialogId = `${invite.callId};from-tag=${invite.fromTag}`;
    app.command(`sip||${dialogId}`, 'ACK sip:placeholder SIP/2.0\r\n\r\n');
    await phone.nextRequest('ACK');
    app.command(`sip||${dialogId}`, 'BYE sip:placeholder SIP/2.0\r\n\r\n');
    phone.respond(await phone.nextRequest('BYE'), 200);
    await app.sip('SIP/2.0 200');
    app.close();
    phone.close();
    await engine.close();
  });

  it('Contact names the configured host with the point of its transport, everything else the address', async () => {
    const { engine, target } = await startTarget({
      listen: [
        { transport: 'udp', address: '127.0.0.1', port: 0 },
        { transport: 'tcp', address: '127.0.0.1', port: 0 },
      ],
      contactHost: 'sip.acme.test',
      publicPorts: { tcp: 15_060 },
    });
    const app = await AdminClient.connect(target, { verbs: ['invite'] });
    const phone = await SipPeer.open(target);
    app.command('sip||', `INVITE sip:peer@127.0.0.1:${phone.port} SIP/2.0\r\nFrom: <sip:me@localhost>\r\n\r\n${sdp()}`);
    const invite = await phone.nextRequest('INVITE');
    const contact = invite.message.headers.find((h) => h.name === 'Contact')?.value;
    expect(contact).toBe(`<sip:sip.acme.test:${target.sipPort}>`);
    expect([invite.via.host, invite.from.uri]).toEqual(['127.0.0.1', `sip:me@127.0.0.1:${target.sipPort}`]);
    phone.respond(invite, 486, { tag: 'there' });
    const place = `sip:peer@127.0.0.1:${target.sipPort}`;
    app.command('sip||', `INVITE ${place} SIP/2.0\r\nContact: <sip:me@localhost>\r\n\r\n${sdp()}`);
    const called = await app.sip('INVITE');
    expect(headerOf(called.sip, 'Contact')).toBe(`<sip:me@sip.acme.test:${target.sipPort}>`);
    const answer = app.command(`sip|${called.leader[8]}|`, `SIP/2.0 200 OK\r\n\r\n${sdp()}`);
    expect(headerOf((await app.answer(answer)).sip, 'Contact')).toBe(`<sip:sip.acme.test:${target.sipPort}>`);
    const tcp = engine.listen[1]?.port;
    const options = app.command('sip||', `SUBSCRIBE sip:peer@127.0.0.1:${tcp};transport=tcp SIP/2.0\r\n\r\n`);
    expect(headerOf((await app.answer(options)).sip, 'Contact')).toBe('<sip:sip.acme.test:15060;transport=tcp>');
    app.close();
    phone.close();
    await engine.close();
  });

  it('a call over TCP goes both ways on the connection of the caller', async () => {
    const point = { address: '127.0.0.1', port: 0 };
    const { engine, target } = await startTarget({ listen: [{ transport: 'tcp', ...point }] });
    const srf = await connectApp(target);
    const ended = new Promise<void>((resolve) => {
      srf.invite(async (req, res) => {
        const uas = await srf.createUAS(req, res, { localSdp: sdp() });
        expect(uas.local.uri).toContain('transport=tcp');
        uas.on('destroy', () => resolve());
      });
    });
    await expect.poll(() => engine.stats().applications).toBe(1);
    const uac = await srf.createUAC(`sip:me@127.0.0.1:${target.sipPort};transport=tcp`, { localSdp: sdp() });
    await uac.destroy();
    await ended;
    expect(engine.stats().dialogs).toBe(0);
    srf.disconnect();
    await engine.close();
  });
});

describe('a call by TLS', () => {
  it('goes both ways, the certificate checked against the host', async () => {
    const { engine, target } = await startTarget({
      listen: [{ transport: 'tls', address: '127.0.0.1', port: 0 }],
      tls: { ...gatewayCertificate, ca: testCa },
    });
    const srf = await connectApp(target);
    const ended = new Promise<void>((resolve) => {
      srf.invite(async (req, res) => {
        expect(req.protocol).toBe('tls');
        const uas = await srf.createUAS(req, res, { localSdp: sdp() });
        uas.on('destroy', () => resolve());
      });
    });
    await expect.poll(() => engine.stats().applications).toBe(1);
    const uac = await srf.createUAC(`sip:me@127.0.0.1:${target.sipPort};transport=tls`, { localSdp: sdp() });
    await uac.destroy();
    await ended;
    srf.disconnect();
    await engine.close();
  });

  it('to a host whose certificate is of somebody else ends with 503', async () => {
    const { engine, target } = await startTarget({
      listen: [{ transport: 'tls', address: '127.0.0.1', port: 0 }],
      tls: { ...strangerCertificate, ca: testCa },
    });
    const app = await AdminClient.connect(target, { verbs: ['invite'] });
    app.command('sip||', `INVITE sip:me@127.0.0.1:${target.sipPort};transport=tls SIP/2.0\r\n\r\n${sdp()}`);
    expect((await app.sip('SIP/2.0 503')).leader.slice(2, 4)).toEqual(['network', '0']);
    app.close();
    await engine.close();
  });
});
