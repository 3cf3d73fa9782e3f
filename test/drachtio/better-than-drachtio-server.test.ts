import { once } from 'node:events';
import type { SrfRequest, SrfResponse } from 'drachtio-srf';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/telephony/sip-engine/index.js';
import { AdminClient, connectApp, headerOf, SipPeer, sdp, startTarget, type Target } from './harness.js';

/** Where drachtio-server 0.9.10 was measured to be weak, the embedded engine is not. */
describe('better than drachtio-server', () => {
  let engine: Engine;
  let target: Target;
  const closers: (() => unknown)[] = [];

  beforeEach(async () => {
    ({ engine, target } = await startTarget());
  });

  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
    await engine.close();
  });

  const peer = async (): Promise<SipPeer> => {
    const opened = await SipPeer.open(target);
    closers.push(() => opened.close());
    return opened;
  };
  const admin = async (options: Parameters<typeof AdminClient.connect>[1] = {}): Promise<AdminClient> => {
    const client = await AdminClient.connect(target, options);
    closers.push(() => client.close());
    return client;
  };

  it('a 60 kB frame passes', async () => {
    const app = await admin({ verbs: ['message'] });
    const phone = await peer();
    phone.request('MESSAGE');
    const message = await app.sip('MESSAGE');
    const body = 'x'.repeat(55_000);
    const id = app.command(
      `sip|${message.leader[8]}|`,
      `SIP/2.0 200 OK\r\nContent-Type: text/plain\r\nX-Filler: ${'y'.repeat(6_000)}\r\n\r\n${body}`,
    );
    expect((await app.answer(id)).tokens[0]).toBe('OK');
    const response = await phone.nextResponse(200);
    expect(response.message.body.toString()).toBe(body);
  });

  it('50 pipelined frames of 6 kB pass', async () => {
    const app = await admin();
    const phone = await peer();
    const ids = Array.from({ length: 50 }, (_unused, i) =>
      app.command(
        'sip||',
        `MESSAGE sip:peer@127.0.0.1:${phone.port} SIP/2.0\r\nCall-ID: piped-${i}\r\nContent-Type: text/plain\r\n\r\n${'z'.repeat(6_000)}`,
      ),
    );
    for (const id of ids) expect((await app.answer(id)).tokens[0]).toBe('OK');
    const seen = new Set<string>();
    for (let i = 0; i < 50; i++) {
      const message = await phone.nextRequest('MESSAGE');
      expect(message.message.body.length).toBe(6_000);
      seen.add(message.callId);
      phone.respond(message, 200, { tag: 'x' });
    }
    expect(seen.size).toBe(50);
  });

  it('commands without authentication are refused and the connection ends', async () => {
    for (const command of ['ping', 'route|invite', 'sip||', 'proxy|x||||serial||||sip:a@b']) {
      const app = await admin({ authenticate: false });
      const id = app.command(
        command,
        command.startsWith('sip') ? 'OPTIONS sip:a@127.0.0.1 SIP/2.0\r\n\r\n' : undefined,
      );
      expect((await app.answer(id)).tokens).toEqual(['NO', 'not authenticated']);
      await app.closed;
    }
    expect(engine.stats().applications).toBe(0);
  });

  it('an unauthenticated connection cannot make the engine buffer a large frame', async () => {
    const app = await admin({ authenticate: false });
    app.socket.write('900000#');
    await app.closed;
  });

  it('out-of-dialog REFER reaches an application that registered refer', async () => {
    const app = await admin({ verbs: ['refer'] });
    const phone = await peer();
    phone.request('REFER', { headers: ['Refer-To: <sip:other@127.0.0.1>'] });
    const refer = await app.sip('REFER');
    app.command(`sip|${refer.leader[8]}|`, 'SIP/2.0 202 Accepted\r\n\r\n');
    const accepted = await phone.nextResponse(202);
    // The implicit subscription is a dialog: its NOTIFY goes out by the name the answer gave.
    app.command(
      `sip||${accepted.callId};from-tag=${accepted.fromTag}`,
      'NOTIFY sip:placeholder SIP/2.0\r\nEvent: refer\r\nSubscription-State: terminated\r\nContent-Type: message/sipfrag\r\n\r\nSIP/2.0 200 OK',
    );
    const notify = await phone.nextRequest('NOTIFY');
    expect(notify.fromTag).toBe(accepted.toTag);
    expect(notify.toTag).toBe(accepted.fromTag);
    phone.respond(notify, 200);
  });

  it('out-of-dialog REFER nobody wants gets 405 with Allow', async () => {
    await admin({ verbs: ['invite', 'options'] });
    const phone = await peer();
    phone.request('REFER', { headers: ['Refer-To: <sip:other@127.0.0.1>'] });
    const response = await phone.nextResponse(405);
    const allow = response.message.headers.find((h) => h.name === 'Allow')?.value.split(', ');
    expect(allow).toContain('INVITE');
    expect(allow).toContain('OPTIONS');
    expect(allow).not.toContain('REFER');
  });

  it('unknown methods get 501', async () => {
    const phone = await peer();
    phone.request('NEWMETHOD');
    expect((await phone.nextResponse(501)).cseq.method).toBe('NEWMETHOD');
  });

  it("the second fork's 2xx is ACKed and BYEd, the first call goes on", async () => {
    const app = await admin();
    const phone = await peer();
    const id = app.command('sip||', `INVITE sip:peer@127.0.0.1:${phone.port} SIP/2.0\r\n\r\n${sdp()}`);
    const sent = await app.answer(id);
    const invite = await phone.nextRequest('INVITE');
    phone.respond(invite, 200, { tag: 'first', body: sdp() });
    await app.sip('SIP/2.0 200');
    const dialogId = `${invite.callId};from-tag=${invite.fromTag}`;
    app.command(`sip||${dialogId}`, 'ACK sip:placeholder SIP/2.0\r\n\r\n');
    expect((await phone.nextRequest('ACK')).toTag).toBe('first');
    phone.respond(invite, 200, { tag: 'second', body: sdp() });
    const ack = await phone.nextRequest('ACK');
    const bye = await phone.nextRequest('BYE');
    expect([ack.toTag, bye.toTag]).toEqual(['second', 'second']);
    phone.respond(bye, 200);
    app.command(`sip||${dialogId}`, 'INFO sip:placeholder SIP/2.0\r\n\r\n');
    expect((await phone.nextRequest('INFO')).toTag).toBe('first');
    expect(sent.tokens[0]).toBe('OK');
  });

  it('a binary body arrives whole, both ways', async () => {
    const app = await admin({ verbs: ['message'] });
    const phone = await peer();
    const bytes = Buffer.from(Array.from({ length: 512 }, (_unused, i) => i % 256));
    phone.request('MESSAGE', { headers: ['Content-Type: application/octet-stream'], body: bytes });
    const message = await app.sip('MESSAGE');
    expect(headerOf(message.sip, 'X-Body-Encoding')).toBe('latin1');
    expect(headerOf(message.sip, 'Content-Length')).toBe('512');
    expect(Buffer.from(message.sip.slice(message.sip.indexOf('\r\n\r\n') + 4), 'latin1')).toEqual(bytes);
    app.command(
      `sip|${message.leader[8]}|`,
      `SIP/2.0 200 OK\r\nContent-Type: application/octet-stream\r\nX-Body-Encoding: latin1\r\n\r\n${bytes.toString('latin1')}`,
    );
    const response = await phone.nextResponse(200);
    expect(response.message.body).toEqual(bytes);
    expect(response.message.headers.some((h) => h.name === 'X-Body-Encoding')).toBe(false);
  });

  it('a binary body reaches a drachtio-srf application whole', async () => {
    const srf = await connectApp(target);
    closers.push(() => srf.disconnect());
    const bytes = Buffer.from(Array.from({ length: 256 }, (_unused, i) => 255 - i));
    const arrived = new Promise<Buffer>((resolve) => {
      srf.use('message', (req: SrfRequest, res: SrfResponse) => {
        resolve(Buffer.from(req.body, req.get('X-Body-Encoding') === 'latin1' ? 'latin1' : 'utf8'));
        res.send(200);
      });
    });
    const phone = await peer();
    await expect.poll(() => engine.stats().applications).toBe(1);
    phone.request('MESSAGE', { headers: ['Content-Type: application/octet-stream'], body: bytes });
    expect(await arrived).toEqual(bytes);
  });

  it('dialogs survive a reconnect of the application', async () => {
    const first = await admin({ verbs: ['invite'], tags: 'gateway' });
    const phone = await peer();
    const call = phone.request('INVITE', { headers: ['Content-Type: application/sdp'], body: sdp() });
    const invite = await first.sip('INVITE');
    first.command(`sip|${invite.leader[8]}|`, `SIP/2.0 200 OK\r\n\r\n${sdp()}`);
    const ok = await phone.nextResponse(200);
    phone.request('ACK', { callId: call.callId, fromTag: call.fromTag, toTag: ok.toTag });
    await first.sip('ACK');
    first.close();
    await expect.poll(() => engine.stats().applications).toBe(0);

    // What arrives meanwhile waits for the application.
    phone.request('INFO', { callId: call.callId, fromTag: call.fromTag, toTag: ok.toTag, cseq: 2 });
    await expect.poll(() => engine.stats().serverTransactions).toBe(2);
    const stranger = await admin({ tags: 'somebody-else' });
    const second = await admin({ tags: 'gateway' });
    const info = await second.sip('INFO');
    const dialogId = `${call.callId};from-tag=${call.fromTag}`;
    expect(info.leader[9]).toBe(dialogId);
    second.command(`sip|${info.leader[8]}|${dialogId}`, 'SIP/2.0 200 OK\r\n\r\n');
    await phone.nextResponse(200, 'INFO');

    const bye = second.command(`sip||${dialogId}`, 'BYE sip:placeholder SIP/2.0\r\n\r\n');
    phone.respond(await phone.nextRequest('BYE'), 200);
    expect((await second.answer(bye)).tokens[0]).toBe('OK');
    await second.sip('SIP/2.0 200');
    expect(stranger.socket.destroyed).toBe(false);
    expect(engine.stats().dialogs).toBe(0);
  });

  it('drachtio-srf finds its dialog again after a reconnect', async () => {
    const srf = await connectApp(target, ['gateway']);
    closers.push(() => srf.disconnect());
    let onDestroy = (): void => {};
    const destroyed = new Promise<void>((resolve) => {
      onDestroy = resolve;
    });
    const answered = new Promise<void>((resolve) => {
      srf.invite(async (req, res) => {
        const dialog = await srf.createUAS(req, res, { localSdp: sdp() });
        dialog.on('destroy', onDestroy);
        resolve();
      });
    });
    const phone = await peer();
    const call = phone.request('INVITE', { headers: ['Content-Type: application/sdp'], body: sdp() });
    const ok = await phone.nextResponse(200);
    phone.request('ACK', { callId: call.callId, fromTag: call.fromTag, toTag: ok.toTag });
    await answered;
    const again = once(srf, 'connect');
    const sockets = (srf as unknown as { app: { client: { mapServer: Map<{ destroy(): void }, unknown> } } }).app
      .client;
    for (const socket of sockets.mapServer.keys()) socket.destroy();
    await again;
    phone.request('BYE', { callId: call.callId, fromTag: call.fromTag, toTag: ok.toTag, cseq: 2 });
    await phone.nextResponse(200, 'BYE');
    await destroyed;
  });

  it('a call to ourselves works', async () => {
    const srf = await connectApp(target);
    closers.push(() => srf.disconnect());
    const answered: string[] = [];
    srf.invite(async (req, res) => {
      const uas = await srf.createUAS(req, res, { localSdp: sdp(40_000) });
      uas.on('destroy', () => answered.push('destroyed'));
    });
    await expect.poll(() => engine.stats().applications).toBe(1);
    const uac = await srf.createUAC(`sip:me@127.0.0.1:${target.sipPort}`, { localSdp: sdp(30_000) });
    expect(uac.remote.sdp).toContain('m=audio 40000');
    await uac.destroy();
    await expect.poll(() => answered).toEqual(['destroyed']);
    expect(engine.stats().dialogs).toBe(0);
  });

  it('a rejected re-INVITE does not keep the next one from being sent', async () => {
    const app = await admin();
    const phone = await peer();
    app.command('sip||', `INVITE sip:peer@127.0.0.1:${phone.port} SIP/2.0\r\n\r\n${sdp()}`);
    const invite = await phone.nextRequest('INVITE');
    phone.respond(invite, 200, { tag: 'x', body: sdp() });
    await app.sip('SIP/2.0 200');
    const name = `sip||${invite.callId};from-tag=${invite.fromTag}`;
    app.command(name, 'ACK sip:placeholder SIP/2.0\r\n\r\n');
    for (const status of [488, 488, 200]) {
      app.command(name, `INVITE sip:placeholder SIP/2.0\r\n\r\n${sdp()}`);
      phone.respond(await phone.nextRequest('INVITE'), status, { body: status === 200 ? sdp() : '' });
      await app.sip(`SIP/2.0 ${status}`);
    }
  });

  it('overload answers 503 with Retry-After and spares calls in progress', async () => {
    await engine.close();
    ({ engine, target } = await startTarget({ limits: { maxTransactions: 3 } }));
    const app = await admin({ verbs: ['invite'] });
    const phone = await peer();
    const calls = [1, 2, 3].map(() =>
      phone.request('INVITE', { body: sdp(), headers: ['Content-Type: application/sdp'] }),
    );
    const invites = [await app.sip('INVITE'), await app.sip('INVITE'), await app.sip('INVITE')];
    const fourth = phone.request('INVITE', { body: sdp(), headers: ['Content-Type: application/sdp'] });
    const refused = await phone.nextResponse(503);
    expect(refused.callId).toBe(fourth.callId);
    expect(refused.message.headers.find((h) => h.name === 'Retry-After')?.value).toMatch(/^\d+$/);
    // A repetition of a call that is being handled is no new load.
    phone.sendText(calls[0]?.text ?? '');
    for (const invite of invites) app.command(`sip|${invite.leader[8]}|`, `SIP/2.0 200 OK\r\n\r\n${sdp()}`);
    const answers = [await phone.nextResponse(200), await phone.nextResponse(200), await phone.nextResponse(200)];
    expect(new Set(answers.map((a) => a.callId)).size).toBe(3);
    const [first] = answers;
    const call = calls.find((c) => c.callId === first?.callId);
    phone.request('BYE', {
      callId: call?.callId ?? '',
      fromTag: call?.fromTag ?? '',
      toTag: first?.toTag ?? '',
      cseq: 2,
    });
    const bye = await app.sip('BYE');
    app.command(`sip|${bye.leader[8]}|`, 'SIP/2.0 200 OK\r\n\r\n');
    await phone.nextResponse(200, 'BYE');
    expect(engine.stats().overloaded).toBe(1);
  });

  it('a thread that was held up once, as at a cold start, takes the next call all the same', async () => {
    const app = await admin({ verbs: ['invite'] });
    const phone = await peer();
    const until = performance.now() + 1_000;
    while (performance.now() < until);
    phone.request('INVITE', { body: sdp(), headers: ['Content-Type: application/sdp'] });
    await app.sip('INVITE');
    expect(engine.stats().overloaded).toBe(0);
  });

  it('a merged request gets 482', async () => {
    const app = await admin({ verbs: ['message'] });
    const phone = await peer();
    phone.request('MESSAGE', { callId: 'merged', fromTag: 'f', branch: 'z9hG4bKone' });
    await app.sip('MESSAGE');
    phone.request('MESSAGE', { callId: 'merged', fromTag: 'f', branch: 'z9hG4bKtwo' });
    await phone.nextResponse(482);
  });

  it('an unknown extension gets 420, a strange URI scheme 416', async () => {
    await admin({ verbs: ['options'] });
    const phone = await peer();
    phone.request('OPTIONS', { headers: ['Require: nothingSupportsThis, timer'] });
    const refused = await phone.nextResponse(420);
    expect(refused.message.headers.find((h) => h.name === 'Unsupported')?.value).toBe('nothingSupportsThis');
    phone.request('OPTIONS', { uri: 'nobodyKnowsThisScheme:totallyopaquecontent' });
    await phone.nextResponse(416);
  });
});
