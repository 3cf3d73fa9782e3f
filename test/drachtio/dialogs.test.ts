import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/telephony/sip-engine/index.js';
import type { ParsedSip, SipMessage, SipRequest } from '../../src/telephony/sip-engine/message.js';
import { type ManualEngineClock, manualEngineClock } from '../../src/telephony/sip-engine/testing/manual-clock.js';
import {
  AdminClient,
  type AdminMessage,
  headerOf,
  type SentRequest,
  SipPeer,
  sdp,
  startTarget,
  type Target,
} from './harness.js';

/** Dialogs of the embedded engine on real sockets, with its clock moved by hand. */
describe('dialogs on a clock moved by hand', () => {
  let clock: ManualEngineClock;
  let engine: Engine;
  let target: Target;
  let app: AdminClient;
  let phone: SipPeer;

  beforeEach(async () => {
    clock = manualEngineClock();
    ({ engine, target } = await startTarget({ clock, minSessionExpires: 90 }));
    app = await AdminClient.connect(target, { verbs: ['invite', 'subscribe', 'message'] });
    phone = await SipPeer.open(target);
  });

  afterEach(async () => {
    app.close();
    phone.close();
    await engine.close();
  });

  const header = (message: SipMessage, name: string): string | undefined =>
    message.headers.find((h) => h.name === name)?.value;

  /** The phone calls and the application answers with `headers`. */
  const answeredCall = async (
    inviteHeaders: string[] = [],
    answerHeaders = '',
  ): Promise<{ call: SentRequest; toTag: string; dialogId: string; ok: ParsedSip<SipMessage> }> => {
    const call = phone.request('INVITE', { headers: ['Content-Type: application/sdp', ...inviteHeaders], body: sdp() });
    const invite = await app.sip('INVITE');
    app.command(`sip|${invite.leader[8]}|`, `SIP/2.0 200 OK\r\n${answerHeaders}\r\n${sdp(40_000)}`);
    const ok = await phone.nextResponse(200, 'INVITE');
    return { call, toTag: ok.toTag, dialogId: `${call.callId};from-tag=${call.fromTag}`, ok };
  };
  const acknowledge = async (call: SentRequest, toTag: string, cseq = 1): Promise<AdminMessage> => {
    phone.request('ACK', { callId: call.callId, fromTag: call.fromTag, toTag, cseq });
    return app.sip('ACK');
  };

  /** The application calls the phone, which answers. */
  const placedCall = async (
    requestHeaders = '',
    responseHeaders: string[] = [],
  ): Promise<{ invite: ParsedSip<SipRequest>; dialogId: string }> => {
    app.command('sip||', `INVITE sip:peer@127.0.0.1:${phone.port} SIP/2.0\r\n${requestHeaders}\r\n${sdp()}`);
    const invite = await phone.nextRequest('INVITE');
    phone.respond(invite, 200, { tag: 'there', headers: responseHeaders, body: sdp(20_000) });
    await app.sip('SIP/2.0 200');
    const dialogId = `${invite.callId};from-tag=${invite.fromTag}`;
    app.command(`sip||${dialogId}`, 'ACK sip:placeholder SIP/2.0\r\n\r\n');
    await phone.nextRequest('ACK');
    return { invite, dialogId };
  };

  it('a 200 is sent again until the ACK comes, and the ACK names the INVITE', async () => {
    const { call, toTag } = await answeredCall();
    for (const wait of [500, 1_000, 2_000, 4_000, 4_000]) {
      clock.advance(wait - 1);
      expect(phone.unread.filter((line) => line.startsWith('200'))).toEqual([]);
      clock.advance(1);
      await phone.nextResponse(200, 'INVITE');
    }
    const ack = await acknowledge(call, toTag);
    expect(ack.leader[9]).toBe(`${call.callId};from-tag=${call.fromTag}`);
    expect(ack.leader[4]).toBe('');
    clock.advance(60_000);
    phone.request('OPTIONS');
    await phone.nextResponse(503);
    expect(phone.unread.filter((line) => line.startsWith('200'))).toEqual([]);
  });

  it('a 200 nobody acknowledges ends the call with BYE and tells the application why', async () => {
    const { dialogId } = await answeredCall();
    clock.advance(32_000);
    const bye = await phone.nextRequest('BYE');
    const told = await app.sip('BYE');
    expect(told.leader.slice(2, 3)).toEqual(['application']);
    expect([told.leader[8], told.leader[9]]).toEqual(['unsolicited', dialogId]);
    expect(headerOf(told.sip, 'Reason')).toBe('SIP;cause=200;text="ACK timeout"');
    phone.respond(bye, 200);
    expect(engine.stats().dialogs).toBe(0);
  });

  it('CANCEL waits for a provisional response', async () => {
    const id = app.command('sip||', `INVITE sip:peer@127.0.0.1:${phone.port} SIP/2.0\r\n\r\n${sdp()}`);
    const transactionId = (await app.answer(id)).tokens[7];
    const invite = await phone.nextRequest('INVITE');
    const cancel = app.command(
      `sip|${transactionId}|`,
      'CANCEL sip:placeholder SIP/2.0\r\nReason: SIP;cause=200;text="Call completed elsewhere"\r\n\r\n',
    );
    expect((await app.answer(cancel)).tokens[0]).toBe('OK');
    expect(phone.unread).toEqual([]);
    phone.respond(invite, 180, { tag: 'there' });
    const received = await phone.nextRequest('CANCEL');
    expect(received.via.params.get('branch')).toBe(invite.via.params.get('branch'));
    expect(header(received.message, 'Reason')).toContain('completed elsewhere');
    phone.respond(received, 200, { tag: 'there' });
    phone.respond(invite, 487, { tag: 'there' });
    expect((await phone.nextRequest('ACK')).via.params.get('branch')).toBe(invite.via.params.get('branch'));
    expect((await app.sip('SIP/2.0 487')).leader[8]).toBe(transactionId);
  });

  it('CANCEL crossing 200: the call is acknowledged, then hung up, and the application told', async () => {
    const id = app.command('sip||', `INVITE sip:peer@127.0.0.1:${phone.port} SIP/2.0\r\n\r\n${sdp()}`);
    const transactionId = (await app.answer(id)).tokens[7];
    const invite = await phone.nextRequest('INVITE');
    phone.respond(invite, 180, { tag: 'there' });
    await app.sip('SIP/2.0 180');
    app.command(`sip|${transactionId}|`, 'CANCEL sip:placeholder SIP/2.0\r\n\r\n');
    const cancel = await phone.nextRequest('CANCEL');
    phone.respond(invite, 200, { tag: 'there', body: sdp() });
    phone.respond(cancel, 200, { tag: 'there' });
    await app.sip('SIP/2.0 200');
    const dialogId = `${invite.callId};from-tag=${invite.fromTag}`;
    app.command(`sip||${dialogId}`, 'ACK sip:placeholder SIP/2.0\r\n\r\n');
    await phone.nextRequest('ACK');
    const bye = await phone.nextRequest('BYE');
    phone.respond(bye, 200);
    expect((await app.sip('BYE')).leader.slice(8, 10)).toEqual(['unsolicited', dialogId]);
  });

  it('a peer that never ends a cancelled INVITE is given up after 64*T1', async () => {
    const id = app.command('sip||', `INVITE sip:peer@127.0.0.1:${phone.port} SIP/2.0\r\n\r\n${sdp()}`);
    const transactionId = (await app.answer(id)).tokens[7];
    const invite = await phone.nextRequest('INVITE');
    phone.respond(invite, 180, { tag: 'there' });
    await app.sip('SIP/2.0 180');
    app.command(`sip|${transactionId}|`, 'CANCEL sip:placeholder SIP/2.0\r\n\r\n');
    phone.respond(await phone.nextRequest('CANCEL'), 200, { tag: 'there' });
    clock.advance(32_000);
    expect((await app.sip('SIP/2.0 487')).leader[8]).toBe(transactionId);
    expect(engine.stats().dialogs).toBe(0);
  });

  it('an INVITE nobody answers becomes a 408 of our own', async () => {
    app.command('sip||', `INVITE sip:peer@127.0.0.1:${phone.port} SIP/2.0\r\n\r\n${sdp()}`);
    await phone.nextRequest('INVITE');
    clock.advance(500);
    await phone.nextRequest('INVITE');
    clock.advance(31_500);
    const timeout = await app.sip('SIP/2.0 408');
    expect(timeout.leader.slice(2, 7)).toEqual(['network', '0', 'udp', '', '0']);
  });

  it('a 200 that comes again is acknowledged again, without the application', async () => {
    const { invite } = await placedCall();
    phone.respond(invite, 200, { tag: 'there', body: sdp(20_000) });
    expect((await phone.nextRequest('ACK')).cseq.number).toBe(invite.cseq.number);
  });

  it('re-INVITEs that cross get 491, overlapping ones 500 with Retry-After', async () => {
    const { call, toTag, dialogId } = await answeredCall();
    await acknowledge(call, toTag);
    app.command(`sip||${dialogId}`, `INVITE sip:placeholder SIP/2.0\r\n\r\n${sdp()}`);
    const ours = await phone.nextRequest('INVITE');
    const identity = { callId: call.callId, fromTag: call.fromTag, toTag };
    phone.request('INVITE', { ...identity, cseq: 2, body: sdp(), headers: ['Content-Type: application/sdp'] });
    await phone.nextResponse(491);
    phone.respond(ours, 491);
    await app.sip('SIP/2.0 491');
    phone.request('INVITE', { ...identity, cseq: 3, body: sdp(), headers: ['Content-Type: application/sdp'] });
    await app.sip('INVITE');
    phone.request('INVITE', { ...identity, cseq: 4, body: sdp(), headers: ['Content-Type: application/sdp'] });
    expect(header((await phone.nextResponse(500)).message, 'Retry-After')).toMatch(/^\d$/);
  });

  it('a request with a lower CSeq gets 500, a dialog nobody knows 481', async () => {
    const { call, toTag } = await answeredCall();
    await acknowledge(call, toTag);
    phone.request('INFO', { callId: call.callId, fromTag: call.fromTag, toTag, cseq: 1 });
    await phone.nextResponse(500);
    phone.request('INFO', { callId: call.callId, fromTag: call.fromTag, toTag: 'unknown', cseq: 9 });
    await phone.nextResponse(481);
    phone.request('BYE', { callId: 'nobody', fromTag: 'x', toTag: 'y', cseq: 9 });
    await phone.nextResponse(481);
  });

  it('BYE while a re-INVITE waits: the re-INVITE gets 487', async () => {
    const { call, toTag } = await answeredCall();
    await acknowledge(call, toTag);
    const identity = { callId: call.callId, fromTag: call.fromTag, toTag };
    phone.request('INVITE', { ...identity, cseq: 2, body: sdp(), headers: ['Content-Type: application/sdp'] });
    await app.sip('INVITE');
    phone.request('BYE', { ...identity, cseq: 3 });
    await phone.nextResponse(487, 'INVITE');
    const bye = await app.sip('BYE');
    app.command(`sip|${bye.leader[8]}|`, 'SIP/2.0 200 OK\r\n\r\n');
    await phone.nextResponse(200, 'BYE');
  });

  it('a reliable provisional is repeated until its PRACK, and a 200 waits for it', async () => {
    const call = phone.request('INVITE', {
      headers: ['Content-Type: application/sdp', 'Supported: 100rel'],
      body: sdp(),
    });
    const invite = await app.sip('INVITE');
    app.command(`sip|${invite.leader[8]}|`, `SIP/2.0 183 Session Progress\r\nRequire: 100rel\r\n\r\n${sdp()}`);
    const progress = await phone.nextResponse(183);
    expect(header(progress.message, 'Contact')).toContain(`127.0.0.1:${target.sipPort}`);
    const rseq = header(progress.message, 'RSeq');
    clock.advance(500);
    expect(header((await phone.nextResponse(183)).message, 'RSeq')).toBe(rseq);
    const final = app.command(`sip|${invite.leader[8]}|`, `SIP/2.0 200 OK\r\n\r\n${sdp()}`);
    const identity = { callId: call.callId, fromTag: call.fromTag, toTag: progress.toTag };
    phone.request('PRACK', { ...identity, cseq: 2, headers: ['RAck: 77 1 INVITE'] });
    await phone.nextResponse(481, 'PRACK');
    expect(phone.unread.filter((line) => line.includes('INVITE') && line.startsWith('200'))).toEqual([]);
    phone.request('PRACK', { ...identity, cseq: 3, headers: [`RAck: ${rseq} 1 INVITE`] });
    const prack = await app.sip('PRACK');
    expect(prack.leader[9]).toBe(`${call.callId};from-tag=${call.fromTag}`);
    app.command(`sip|${prack.leader[8]}|`, 'SIP/2.0 200 OK\r\n\r\n');
    await phone.nextResponse(200, 'PRACK');
    await phone.nextResponse(200, 'INVITE');
    expect((await app.answer(final)).tokens[0]).toBe('OK');
  });

  it('a reliable provisional nobody acknowledges refuses the INVITE with 504', async () => {
    phone.request('INVITE', { headers: ['Require: 100rel', 'Content-Type: application/sdp'], body: sdp() });
    const invite = await app.sip('INVITE');
    app.command(`sip|${invite.leader[8]}|`, 'SIP/2.0 180 Ringing\r\n\r\n');
    expect(header((await phone.nextResponse(180)).message, 'Require')).toBe('100rel');
    clock.advance(32_000);
    await phone.nextResponse(504);
  });

  it('what follows a PRACK in the dialog has a higher CSeq', async () => {
    app.command('sip||', `INVITE sip:peer@127.0.0.1:${phone.port} SIP/2.0\r\nSupported: 100rel\r\n\r\n${sdp()}`);
    const invite = await phone.nextRequest('INVITE');
    phone.respond(invite, 183, { tag: 'there', headers: ['Require: 100rel', 'RSeq: 7'], body: sdp() });
    await app.sip('SIP/2.0 183');
    const dialogId = `${invite.callId};from-tag=${invite.fromTag}`;
    app.command(`sip||${dialogId}`, 'PRACK sip:placeholder SIP/2.0\r\nRAck: 7 1 INVITE\r\n\r\n');
    const prack = await phone.nextRequest('PRACK');
    phone.respond(prack, 200, { tag: 'there' });
    await app.sip('SIP/2.0 200');
    phone.respond(invite, 200, { tag: 'there', body: sdp() });
    await app.sip('SIP/2.0 200');
    app.command(`sip||${dialogId}`, 'ACK sip:placeholder SIP/2.0\r\n\r\n');
    expect((await phone.nextRequest('ACK')).cseq.number).toBe(invite.cseq.number);
    app.command(`sip||${dialogId}`, 'BYE sip:placeholder SIP/2.0\r\n\r\n');
    expect((await phone.nextRequest('BYE')).cseq.number).toBeGreaterThan(prack.cseq.number);
  });

  it('two reliable provisionals: the second waits for the PRACK of the first', async () => {
    const call = phone.request('INVITE', { headers: ['Supported: 100rel'] });
    const invite = await app.sip('INVITE');
    app.command(`sip|${invite.leader[8]}|`, 'SIP/2.0 180 Ringing\r\nRequire: 100rel\r\n\r\n');
    app.command(`sip|${invite.leader[8]}|`, 'SIP/2.0 183 Progress\r\nRequire: 100rel\r\n\r\n');
    const ringing = await phone.nextResponse(180);
    expect(phone.unread.filter((line) => line.startsWith('183'))).toEqual([]);
    const rseq = Number(header(ringing.message, 'RSeq'));
    const identity = { callId: call.callId, fromTag: call.fromTag, toTag: ringing.toTag };
    phone.request('PRACK', { ...identity, cseq: 2, headers: [`RAck: ${rseq} 1 INVITE`] });
    expect(header((await phone.nextResponse(183)).message, 'RSeq')).toBe(String(rseq + 1));
  });

  it('100rel to a peer that does not know it is refused', async () => {
    phone.request('INVITE', {});
    const invite = await app.sip('INVITE');
    const id = app.command(`sip|${invite.leader[8]}|`, 'SIP/2.0 183 Progress\r\nRequire: 100rel\r\n\r\n');
    expect((await app.answer(id)).tokens).toEqual(['NOK', 'Remote endpoint does not support 100rel']);
  });

  it('a reliable provisional that comes again reaches the application once', async () => {
    app.command('sip||', `INVITE sip:peer@127.0.0.1:${phone.port} SIP/2.0\r\nSupported: 100rel\r\n\r\n${sdp()}`);
    const invite = await phone.nextRequest('INVITE');
    const reliable = { tag: 'there', headers: ['Require: 100rel', 'RSeq: 5'], body: sdp() };
    phone.respond(invite, 183, reliable);
    phone.respond(invite, 183, reliable);
    await app.sip('SIP/2.0 183');
    const dialogId = `${invite.callId};from-tag=${invite.fromTag}`;
    app.command(`sip||${dialogId}`, `PRACK sip:placeholder SIP/2.0\r\nRAck: 5 ${invite.cseq.number} INVITE\r\n\r\n`);
    const prack = await phone.nextRequest('PRACK');
    expect(header(prack.message, 'RAck')).toBe(`5 ${invite.cseq.number} INVITE`);
    phone.respond(prack, 200);
    await app.sip('SIP/2.0 200');
    await expect(app.sip('SIP/2.0 183', 100)).rejects.toThrow('no SIP/2.0 183');
  });

  it('an interval below our Min-SE gets 422', async () => {
    phone.request('INVITE', { headers: ['Supported: timer', 'Session-Expires: 60'] });
    expect(header((await phone.nextResponse(422)).message, 'Min-SE')).toBe('90');
  });

  it('422 to our INVITE: asked again with the interval the peer wants', async () => {
    app.command(
      'sip||',
      `INVITE sip:peer@127.0.0.1:${phone.port} SIP/2.0\r\nSupported: timer\r\nSession-Expires: 90\r\n\r\n${sdp()}`,
    );
    const first = await phone.nextRequest('INVITE');
    phone.respond(first, 422, { tag: 'a', headers: ['Min-SE: 1800'] });
    await phone.nextRequest('ACK');
    const second = await phone.nextRequest('INVITE');
    expect(header(second.message, 'Session-Expires')).toBe('1800');
    expect(header(second.message, 'Min-SE')).toBe('1800');
    expect([second.callId, second.fromTag]).toEqual([first.callId, first.fromTag]);
    expect(second.cseq.number).toBe(first.cseq.number + 1);
    phone.respond(second, 200, { tag: 'b', body: sdp() });
    await app.sip('SIP/2.0 200');
  });

  it('as UAS we refresh when that was agreed, through 30 minutes', async () => {
    const { call, toTag, ok } = await answeredCall(['Supported: timer', 'Session-Expires: 180;refresher=uas']);
    expect(header(ok.message, 'Session-Expires')).toBe('180;refresher=uas');
    await acknowledge(call, toTag);
    for (let minute = 0; minute < 30; minute += 1.5) {
      clock.advance(90_000);
      const refresh = await phone.nextRequest('INVITE');
      expect(header(refresh.message, 'Session-Expires')).toBe('180;refresher=uac');
      expect(refresh.message.body.toString()).toContain('m=audio 40000');
      phone.respond(refresh, 200, { headers: ['Session-Expires: 180;refresher=uac', 'Require: timer'], body: sdp() });
      await phone.nextRequest('ACK');
    }
    expect(engine.stats().dialogs).toBe(1);
  });

  it('as UAC we refresh by UPDATE when the peer allows it', async () => {
    const { invite } = await placedCall('Supported: timer\r\nSession-Expires: 180;refresher=uac\r\n', [
      'Session-Expires: 180;refresher=uac',
      'Require: timer',
      'Allow: INVITE, ACK, BYE, UPDATE',
    ]);
    clock.advance(90_000);
    const update = await phone.nextRequest('UPDATE');
    expect(update.callId).toBe(invite.callId);
    expect(update.message.body.length).toBe(0);
    phone.respond(update, 200, { headers: ['Session-Expires: 180;refresher=uac'] });
    await expect.poll(() => engine.stats().clientTransactions).toBeGreaterThan(0);
  });

  it('a refresh that is refused is done as the peer wants it: by re-INVITE, with a longer interval', async () => {
    await placedCall('Supported: timer\r\nSession-Expires: 100\r\n', [
      'Session-Expires: 100;refresher=uac',
      'Allow: INVITE, UPDATE',
    ]);
    clock.advance(50_000);
    phone.respond(await phone.nextRequest('UPDATE'), 405, { tag: 'there' });
    const invite = await phone.nextRequest('INVITE');
    expect(invite.message.body.toString()).toBe(sdp());
    phone.respond(invite, 422, { tag: 'there', headers: ['Min-SE: 300'] });
    await phone.nextRequest('ACK');
    const longer = await phone.nextRequest('INVITE');
    expect(header(longer.message, 'Session-Expires')).toBe('300;refresher=uac');
    phone.respond(longer, 200, { tag: 'there', headers: ['Session-Expires: 300;refresher=uac'], body: sdp() });
    await phone.nextRequest('ACK');
    clock.advance(149_999);
    expect(phone.unread).toEqual([]);
    clock.advance(1);
    await phone.nextRequest('INVITE');
    expect(engine.stats().dialogs).toBe(1);
  });

  it('a re-INVITE of the application keeps the timer, also when its answer does not name it', async () => {
    const { dialogId } = await placedCall('Supported: timer\r\nSession-Expires: 90\r\n', [
      'Session-Expires: 90;refresher=uas',
    ]);
    app.command(`sip||${dialogId}`, `INVITE sip:placeholder SIP/2.0\r\n\r\n${sdp()}`);
    const again = await phone.nextRequest('INVITE');
    expect(['Supported', 'Session-Expires'].map((name) => header(again.message, name))).toEqual([
      'timer',
      '90;refresher=uas',
    ]);
    phone.respond(again, 200, { tag: 'there', body: sdp() });
    await app.sip('SIP/2.0 200');
    app.command(`sip||${dialogId}`, 'ACK sip:placeholder SIP/2.0\r\n\r\n');
    await phone.nextRequest('ACK');
    // The peer has dropped it, so it is ours: whoever falls silent now must not go unnoticed.
    clock.advance(45_000);
    await phone.nextRequest('INVITE');
    clock.advance(32_000);
    await phone.nextRequest('BYE');
  });

  it('a peer that stops refreshing gets BYE before the interval ends', async () => {
    const { call, toTag, dialogId, ok } = await answeredCall(['Supported: timer', 'Session-Expires: 90']);
    expect(header(ok.message, 'Session-Expires')).toBe('90;refresher=uac');
    expect(header(ok.message, 'Require')).toBe('timer');
    await acknowledge(call, toTag);
    clock.advance(59_999);
    expect(phone.unread.filter((line) => line === 'BYE')).toEqual([]);
    clock.advance(1);
    phone.respond(await phone.nextRequest('BYE'), 200);
    const told = await app.sip('BYE');
    expect(told.leader[9]).toBe(dialogId);
    expect(headerOf(told.sip, 'Reason')).toContain('Session timer expired');
  });

  it('a refresh of the peer starts the interval again', async () => {
    const { call, toTag } = await answeredCall(['Supported: timer', 'Session-Expires: 90']);
    await acknowledge(call, toTag);
    clock.advance(50_000);
    phone.request('UPDATE', {
      callId: call.callId,
      fromTag: call.fromTag,
      toTag,
      cseq: 2,
      headers: ['Supported: timer', 'Session-Expires: 90;refresher=uac'],
    });
    const update = await app.sip('UPDATE');
    app.command(`sip|${update.leader[8]}|`, 'SIP/2.0 200 OK\r\n\r\n');
    expect(header((await phone.nextResponse(200, 'UPDATE')).message, 'Session-Expires')).toBe('90;refresher=uac');
    clock.advance(59_999);
    expect(engine.stats().dialogs).toBe(1);
    clock.advance(1);
    await phone.nextRequest('BYE');
  });

  it('requests follow the route set, and a strict router gets the Request-URI', async () => {
    const viaRouter = `<sip:127.0.0.1:${phone.port};lr>`;
    const { call, toTag, dialogId } = await answeredCall([`Record-Route: ${viaRouter}, <sip:second.invalid;lr>`]);
    await acknowledge(call, toTag);
    app.command(`sip||${dialogId}`, 'INFO sip:placeholder SIP/2.0\r\n\r\n');
    const loose = await phone.nextRequest('INFO');
    expect(loose.message.uri).toBe(`sip:peer@127.0.0.1:${phone.port}`);
    expect(loose.message.headers.filter((h) => h.name === 'Route').map((h) => h.value)).toEqual([
      viaRouter,
      '<sip:second.invalid;lr>',
    ]);
    const strict = await answeredCall([`Record-Route: <sip:127.0.0.1:${phone.port}>`]);
    await acknowledge(strict.call, strict.toTag);
    app.command(`sip||${strict.dialogId}`, 'INFO sip:placeholder SIP/2.0\r\n\r\n');
    const rewritten = await phone.nextRequest('INFO');
    expect(rewritten.message.uri).toBe(`sip:127.0.0.1:${phone.port}`);
    expect(header(rewritten.message, 'Route')).toBe(`<sip:peer@127.0.0.1:${phone.port}>`);
  });

  it('a peer behind NAT gets requests where it sent from', async () => {
    const nat = await SipPeer.open(target);
    const text =
      `INVITE sip:service@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.1.1.1:5060;branch=z9hG4bKnat;rport\r\n` +
      'From: <sip:a@10.1.1.1>;tag=nat\r\nTo: <sip:service@127.0.0.1>\r\nCall-ID: nat\r\nCSeq: 1 INVITE\r\n' +
      'Contact: <sip:a@10.1.1.1:5060>\r\nContent-Length: 0\r\n\r\n';
    nat.sendText(text);
    const invite = await app.sip('INVITE');
    app.command(`sip|${invite.leader[8]}|`, `SIP/2.0 200 OK\r\n\r\n${sdp()}`);
    await nat.nextResponse(200);
    app.command('sip||nat;from-tag=nat', 'BYE sip:placeholder SIP/2.0\r\n\r\n');
    const bye = await nat.nextRequest('BYE');
    expect(bye.message.uri).toBe('sip:a@10.1.1.1:5060');
    nat.close();
  });

  it('NOTIFY before the answer to SUBSCRIBE makes the dialog', async () => {
    app.command(
      'sip||',
      `SUBSCRIBE sip:peer@127.0.0.1:${phone.port} SIP/2.0\r\nEvent: presence\r\nExpires: 60\r\n\r\n`,
    );
    const subscribe = await phone.nextRequest('SUBSCRIBE');
    phone.request('NOTIFY', {
      callId: subscribe.callId,
      fromTag: 'notifier',
      toTag: subscribe.fromTag,
      headers: ['Event: presence', 'Subscription-State: active'],
    });
    const notify = await app.sip('NOTIFY');
    expect(notify.leader[9]).toBe(`${subscribe.callId};from-tag=${subscribe.fromTag}`);
    app.command(`sip|${notify.leader[8]}|`, 'SIP/2.0 200 OK\r\n\r\n');
    await phone.nextResponse(200, 'NOTIFY');
    phone.respond(subscribe, 200, { tag: 'notifier', headers: ['Expires: 60'] });
    await app.sip('SIP/2.0 200');
    expect(engine.stats().dialogs).toBe(1);
  });

  it('requests with credentials go where the challenge came from', async () => {
    const [first, proxy] = [phone, await SipPeer.open(target)];
    const id = app.command(
      `sip|||sip:127.0.0.1:${proxy.port}`,
      `REGISTER sip:example.invalid SIP/2.0\r\nCall-ID: reg\r\nCSeq: 7 REGISTER\r\nFrom: <sip:a@b>;tag=same\r\n\r\n`,
    );
    const register = await proxy.nextRequest('REGISTER');
    expect([register.callId, register.cseq.number, register.fromTag]).toEqual(['reg', 7, 'same']);
    expect(register.message.uri).toBe('sip:example.invalid');
    expect((await app.answer(id)).tokens[0]).toBe('OK');
    expect(first.unread).toEqual([]);
    proxy.close();
  });
});
