import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RtpPeer, rtpPeer } from '../../support/rtp-peer.js';
import { answering, type SipInLine, startLine } from '../../support/sip-in-line.js';
import { callerNumber, dialled, hears, startTransferRig, type TransferRig } from '../../support/transfer-rig.js';

let rig: TransferRig;
let line: SipInLine | null = null;
let desk: RtpPeer;

beforeAll(async () => {
  rig = await startTransferRig();
});
afterAll(() => rig.close());
afterEach(async () => {
  await line?.stop();
  line = null;
  await desk?.close();
});

describe('a caller who is transferred', () => {
  it('talks with the line, which sees the caller and the session, and hears both hang-ups', async () => {
    desk = await rtpPeer({ learn: true });
    line = await startLine(answering(desk.sdp()), { transport: 'tcp' });
    await rig.setUp(
      [{ wait: 0.2 }, { transfer: { destination: 'zendesk' } }],
      [
        {
          id: 'zendesk',
          name: 'Zendesk human agent',
          type: 'sip',
          value: `sip:support@127.0.0.1:${line.port}`,
          profile: 'zendesk-sip-in',
        },
      ],
    );
    const caller = await rig.call();
    await caller.until('the transfer', (session) => session.status === 'transferred');
    const stopCaller = caller.phone.tone(600);
    const stopDesk = (await desk.until('a packet', () => desk.packets.length > 0), desk.tone(900));
    await desk.until("the caller's tone", () => hears(desk, 600));
    await caller.phone.until("the line's tone", () => hears(caller.phone, 900));
    stopCaller();
    stopDesk();
    await caller.dialog.bye();
    const result = await line.done;
    expect(result.errors).toBe('');
    expect(result.code).toBe(0);
    const [invite] = result.invites;
    expect(invite?.requestUri).toBe(`sip:support@127.0.0.1:${line.port};transport=tcp`);
    expect(invite?.header('From')).toMatch(
      new RegExp(`^<sip:\\${callerNumber}@127\\.0\\.0\\.1:${rig.gateway.sipPort}>;tag=`),
    );
    expect(invite?.header('X-OPENCX-SESSION-ID')).toBe(caller.sessionId);
    expect(invite?.header('X-OPENCX-TRANSFER')).toBe('true');
    expect(invite?.text).not.toContain(dialled);
    const session = await caller.until('the end', (s) => s.status === 'ended');
    expect(session.endReason).toBe('caller-hangup');
    expect(session.transfer).toMatchObject({ state: 'done', outcome: 'connected', sipStatus: 200 });
    expect(session.timeline.map((entry) => entry.type)).toEqual(
      expect.arrayContaining(['transfer.started', 'transfer.ringing', 'transfer.connected', 'call.ended']),
    );
  });
});
