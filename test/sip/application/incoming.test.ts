import { afterEach, describe, expect, it } from 'vitest';
import { onEmbeddedEngine } from '../../support/embedded-engine.js';
import { ANSWER_SDP, recordEvents, type SipApplication, startSipApplication } from '../../support/sip-application.js';
import { runSipp, startSipp } from '../../support/sipp.js';
import {
  ackFailure,
  expectMessage,
  inDialog,
  invite,
  pause,
  scenario,
  sdp,
  send,
} from '../../support/sipp-scenario.js';
import { until } from '../../support/until.js';

let app: SipApplication;
afterEach(async () => {
  await app.close();
});

describe('an INVITE from the network', () => {
  for (const transport of ['udp', 'tcp'] as const) {
    it(`is answered over ${transport}, and the caller's BYE ends the dialog`, async () => {
      app = await startSipApplication();
      const sipp = await startSipp({
        target: app.address,
        transport,
        scenario: scenario(
          invite({ headers: 'X-Shop: 17\nUser-to-User: 68656c6c6f;encoding=hex' }),
          expectMessage(100, { optional: true }),
          expectMessage(180),
          expectMessage(200, { routes: true }),
          inDialog('ACK', 1),
          inDialog('BYE', 2),
          expectMessage(200),
        ),
      });
      const call = await app.nextCall();
      expect(call).toMatchObject({
        called: '+14155550100',
        caller: { e164: '+14155550123', raw: '+14155550123', display: 'Ann', withheld: false },
        source: { transport, address: '127.0.0.1', port: sipp.port },
      });
      expect(call.profile.name).toBe('local');
      expect(call.offer).toContain('m=audio');
      expect(Object.fromEntries(call.headers)).toEqual({
        'x-shop': '17',
        'user-to-user': '68656c6c6f;encoding=hex',
      });
      const events = recordEvents();
      call.ring();
      const { dialog, ackSdp } = await call.answer(ANSWER_SDP, events);
      expect(ackSdp).toBeNull();
      expect(dialog.sipCallId).toBe(call.sipCallId);
      expect((await events.over).by).toBe('remote');
      expect(await sipp.done).toMatchObject({ code: 0, successful: 1, retransmissions: 0 });
      expect(app.server.stats()).toEqual({ dialogs: 0, ringing: 0 });
    });
  }

  it('without SDP gets our offer in the 200 and brings its answer in the ACK', async () => {
    app = await startSipApplication();
    const sipp = await startSipp({
      target: app.address,
      scenario: scenario(
        invite({ body: '' }),
        expectMessage(100, { optional: true }),
        expectMessage(200, { matches: ['m=audio 40000'] }),
        inDialog('ACK', 1, { body: sdp({ version: 7 }) }),
        expectMessage('BYE'),
        send(
          'SIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\nContent-Length: 0\n',
        ),
      ),
    });
    const call = await app.nextCall();
    expect(call.offer).toBeNull();
    const { dialog, ackSdp } = await call.answer(ANSWER_SDP, recordEvents());
    expect(ackSdp).toContain('o=peer 1 7 ');
    await Promise.all([dialog.bye({ Reason: 'Q.850;cause=16' }), dialog.bye()]);
    expect(await sipp.done).toMatchObject({ code: 0, successful: 1 });
  });

  it('cancelled before the answer aborts the call, gets 487, and a late answer is refused', async () => {
    app = await startSipApplication();
    const sipp = await startSipp({
      target: app.address,
      scenario: scenario(
        invite({ branch: '[branch-0]' }),
        expectMessage(100, { optional: true }),
        expectMessage(180),
        send(`CANCEL sip:+14155550100@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch-3]
From: "Ann" <sip:+14155550123@[local_ip]:[local_port]>;tag=caller[call_number]
To: <sip:+14155550100@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 CANCEL
Max-Forwards: 70
Content-Length: 0`),
        expectMessage(200),
        expectMessage(487),
        ackFailure(),
      ),
    });
    const call = await app.nextCall();
    call.ring();
    await new Promise((resolve) => call.cancelled.addEventListener('abort', resolve));
    await expect(call.answer(ANSWER_SDP, recordEvents())).rejects.toMatchObject({ code: 'leg_ended' });
    expect(await sipp.done).toMatchObject({ code: 0 });
    expect(app.server.stats()).toEqual({ dialogs: 0, ringing: 0 });
  });

  // drachtio-server answers that CANCEL with 481 and a tag of its own; the call stands there too.
  onEmbeddedEngine('whose 200 crosses the CANCEL is a call: the caller acknowledges and hangs up', async () => {
    app = await startSipApplication();
    const sipp = await startSipp({
      target: app.address,
      scenario: scenario(
        invite(),
        expectMessage(100, { optional: true }),
        expectMessage(200),
        // The CANCEL finds the INVITE answered and changes nothing (RFC 3261 section 9.2).
        send(`CANCEL sip:+14155550100@[remote_ip]:[remote_port] SIP/2.0
[last_Via]
From: "Ann" <sip:+14155550123@[local_ip]:[local_port]>;tag=caller[call_number]
To: <sip:+14155550100@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 CANCEL
Max-Forwards: 70
Content-Length: 0`),
        expectMessage(200),
        inDialog('ACK', 1),
        inDialog('BYE', 2),
        expectMessage(200),
      ),
    });
    const call = await app.nextCall();
    const events = recordEvents();
    await call.answer(ANSWER_SDP, events);
    expect((await events.over).by).toBe('remote');
    expect(call.cancelled.aborted).toBe(false);
    expect(await sipp.done).toMatchObject({ code: 0 });
  });

  it('refused by its owner carries the status and headers, is logged with the rule and counted', async () => {
    app = await startSipApplication();
    const sipp = await startSipp({
      target: app.address,
      scenario: scenario(
        invite(),
        expectMessage(100, { optional: true }),
        expectMessage(404, { matches: ['X-Why: nobody'] }),
        ackFailure(),
      ),
    });
    const call = await app.nextCall();
    call.reject(404, 'The number +14155550100 is not known.', { 'X-Why': 'nobody', 'X-Bad': 'a\r\nInjected: yes' });
    call.reject(486, 'twice');
    const result = await sipp.done;
    expect(result).toMatchObject({ code: 0 });
    expect(result.messages).not.toContain('Injected');
    expect(app.rejected).toEqual([{ reason: 'call', profile: 'local' }]);
    expect(app.lines.filter((line) => line.message === 'call rejected')).toEqual([
      expect.objectContaining({
        level: 'warn',
        fields: expect.objectContaining({ status: 404, rule: 'The number +14155550100 is not known.' }),
      }),
    ]);
  });

  it('that requires 100rel gets reliable provisional answers, and the 200 waits for the PRACK of early media', async () => {
    app = await startSipApplication();
    const sipp = await startSipp({
      target: app.address,
      scenario: scenario(
        invite({ headers: 'Require: 100rel\nSupported: 100rel' }),
        expectMessage(100, { optional: true }),
        expectMessage(183, { matches: ['m=audio 40000'], keep: { rseq: 'RSeq' } }),
        pause(150),
        inDialog('PRACK', 2, { headers: 'RAck: [$rseq] 1 INVITE' }),
        expectMessage(200),
        expectMessage(200),
        inDialog('ACK', 1),
        inDialog('BYE', 3),
        expectMessage(200),
      ),
    });
    const call = await app.nextCall();
    call.progress(ANSWER_SDP);
    const events = recordEvents();
    await call.answer(ANSWER_SDP, events);
    await events.over;
    const result = await sipp.done;
    expect(result.code).toBe(0);
    const lines = result.messages.split('\n');
    const prack = lines.findIndex((line) => line.startsWith('PRACK sip:'));
    const answers = lines.flatMap((line, index) => (/^SIP\/2.0 200/.test(line) ? [index] : []));
    // Both 200s, of the PRACK and of the INVITE, came after the PRACK, although the call was answered before it.
    expect(answers.filter((index) => index > prack).length).toBeGreaterThanOrEqual(2);
    expect(answers[0]).toBeGreaterThan(prack);
  });

  it('is answered with 500 when the one who takes calls fails', async () => {
    app = await startSipApplication({
      handler: () => {
        throw new Error('no');
      },
    });
    const result = await runSipp({
      target: app.address,
      scenario: scenario(invite(), expectMessage(100, { optional: true }), expectMessage(500), ackFailure()),
    });
    expect(result.code).toBe(0);
  });

  it('two hundred at a hundred a second leave nothing behind', async () => {
    let ended = 0;
    app = await startSipApplication({
      handler: (call) => {
        call.ring();
        void call.answer(ANSWER_SDP, recordEvents({ ended: () => void ended++ }));
      },
    });
    const result = await runSipp({
      target: app.address,
      calls: 200,
      rate: 100,
      scenario: scenario(
        invite(),
        expectMessage(100, { optional: true }),
        expectMessage(180),
        expectMessage(200),
        inDialog('ACK', 1),
        inDialog('BYE', 2),
        expectMessage(200),
      ),
    });
    expect(result).toMatchObject({ code: 0, successful: 200, failed: 0 });
    await until('the end of every call', () => ended === 200);
    expect(app.server.stats()).toEqual({ dialogs: 0, ringing: 0 });
    expect(app.lines.filter((line) => line.level === 'warn' || line.level === 'error')).toEqual([]);
  });
});
