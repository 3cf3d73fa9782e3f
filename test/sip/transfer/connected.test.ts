import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { heardInTurn, hears } from '../../support/listening.js';
import { type RtpPeer, rtpPeer } from '../../support/rtp-peer.js';
import { answering, type Desk, type SipInLine, startDesk, startLine } from '../../support/sip-in-line.js';
import { expectMessage, reply } from '../../support/sipp-scenario.js';
import {
  agentTone,
  type Caller,
  callerNumber,
  dialled,
  holdTone,
  plainDestination,
  startTransferRig,
  type TransferRig,
  whisperTone,
} from '../../support/transfer-rig.js';

let rig: TransferRig;
let line: SipInLine | null = null;
let desk: Desk | null = null;
let phone: RtpPeer;

beforeAll(async () => {
  rig = await startTransferRig();
});
afterAll(() => rig.close());
afterEach(async () => {
  await line?.stop();
  desk?.close();
  line = null;
  desk = null;
  await phone.close();
});

const zendesk = (port: number, more: Readonly<Record<string, unknown>> = {}) => ({
  ...plainDestination,
  id: 'zendesk',
  name: 'Zendesk human agent',
  type: 'sip',
  value: `sip:support@127.0.0.1:${port};transport=udp`,
  profile: 'zendesk-sip-in',
  // What a test before it had is for that one's port.
  digest: null,
  ...more,
});

/** A caller who is connected to a desk. */
const connected = async (
  more: Readonly<Record<string, unknown>> = {},
  options: { readonly codec?: 'PCMU' | 'PCMA' } = {},
): Promise<{ caller: Caller; desk: Desk }> => {
  phone = await rtpPeer(options);
  desk = await startDesk(phone);
  await rig.setUp([{ play: 'agent.wav' }], [zendesk(desk.port, more)]);
  const caller = await rig.call();
  const { body } = await caller.transfer({ destination: 'zendesk' }, { wait: true });
  expect(body).toMatchObject({ outcome: 'connected' });
  return { caller, desk };
};

describe('the INVITE as the line receives it', () => {
  const invited = async (
    destination: Readonly<Record<string, unknown>>,
    call: Parameters<TransferRig['call']>[0] = {},
    transport: 'udp' | 'tcp' = 'tcp',
  ) => {
    phone = await rtpPeer({ learn: true });
    line = await startLine(answering(phone.sdp()), { transport });
    await rig.setUp(
      [{ play: 'agent.wav' }],
      [{ ...zendesk(0), value: `sip:support@127.0.0.1:${line.port}`, ...destination }],
    );
    const caller = await rig.call(call);
    await caller.transfer({ destination: 'zendesk' }, { wait: true });
    await caller.dialog.bye();
    const result = await line.done;
    expect(result).toMatchObject({ code: 0 });
    const [invite] = result.invites;
    if (invite === undefined) throw new Error('the line received no INVITE');
    const session = await caller.until('the end', (s) => s.status === 'ended');
    return { invite, session, host: rig.sipAddress, port: line.port };
  };

  it('of a SIP destination carries caller, session and contact, by TCP with plain RTP', async () => {
    const { invite, session, host, port } = await invited({ headers: { 'X-Queue': 'gold' } });
    expect(invite.requestUri).toBe(`sip:support@127.0.0.1:${port};transport=tcp`);
    expect(invite.header('From')).toMatch(new RegExp(`^<sip:\\${callerNumber}@${host.replaceAll('.', '\\.')}>;tag=`));
    expect(invite.header('X-OPENCX-SESSION-ID')).toBe(session.id);
    expect(invite.header('X-OPENCX-AGENT-ID')).toBe('support');
    expect(invite.header('X-OPENCX-TRANSFER')).toBe('true');
    expect(invite.header('X-OPENCX-CONTACT-ID')).toBe(session.contactId);
    expect(invite.header('X-Queue')).toBe('gold');
    for (const name of ['X-OPENCX-ZENDESK-TICKET-ID', 'X-Zendesk-Ticket-Id', 'P-Asserted-Identity', 'Diversion']) {
      expect(invite.count(name)).toBe(0);
    }
    expect(invite.sdp).toMatch(/^m=audio \d+ RTP\/AVP 0 8 101\r?$/m);
    expect(invite.sdp).not.toContain('a=crypto');
    expect(session.transfer).toMatchObject({
      from: `<sip:${callerNumber}@${host}>`,
      fromReason: 'known',
      ticketId: null,
      ticketReason: 'not-stamped',
    });
    expect(session.timeline.map((entry) => entry.type)).toEqual(
      expect.arrayContaining(['transfer.started', 'transfer.ringing', 'transfer.connected', 'call.ended']),
    );
  });

  it('carries the ticket that was stamped on the session, under both names, and neither before', async () => {
    phone = await rtpPeer({ learn: true });
    line = await startLine(answering(phone.sdp()), { transport: 'tcp' });
    await rig.setUp(
      [{ play: 'agent.wav' }],
      [{ ...zendesk(0), value: `sip:support@127.0.0.1:${line.port}`, headers: { 'X-Zendesk-Ticket-Id': '1' } }],
    );
    await rig.gateway.apply({ organization: { id: 'acme', zendesk: { subdomain: 'acme' } } });
    const caller = await rig.call();
    const { body } = await rig.gateway.api('/backend/zendesk-v2/voice-prefetch-url');
    const { webhookUrl } = body as { webhookUrl: string };
    const stamped = await fetch(rig.gateway.httpUrl + new URL(webhookUrl).pathname, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ticket_id: '4711', caller_phone: callerNumber }),
    });
    expect(await stamped.json()).toMatchObject({ success: true, sessionId: caller.sessionId });
    const answer = await caller.transfer({ destination: 'zendesk' }, { wait: true });
    expect(answer.body).toMatchObject({ outcome: 'connected', ticketId: '4711', ticketReason: null });
    await caller.dialog.bye();
    const [invite] = (await line.done).invites;
    expect(invite?.header('X-OPENCX-ZENDESK-TICKET-ID')).toBe('4711');
    expect(invite?.header('X-Zendesk-Ticket-Id')).toBe('4711');
    expect(invite?.count('X-Zendesk-Ticket-Id')).toBe(1);
    const session = await caller.until('the end', (s) => s.status === 'ended');
    expect(session.timeline.filter(({ type }) => type === 'header.dropped')).toMatchObject([
      { data: { name: 'X-Zendesk-Ticket-Id', reason: 'duplicate' } },
    ]);
  });

  it('answers a challenge of the trunk with the digest of the destination', async () => {
    phone = await rtpPeer({ learn: true });
    line = await startLine(
      [
        expectMessage('INVITE'),
        reply('401 Unauthorized', { headers: 'WWW-Authenticate: Digest realm="trunk", nonce="abc", algorithm=MD5' }),
        expectMessage('ACK'),
        ...answering(phone.sdp()).slice(1),
      ].toSpliced(3, 0, expectMessage('INVITE', { matches: ['Authorization: Digest username="ann"'] })),
    );
    await rig.setUp(
      [{ play: 'agent.wav' }],
      [
        {
          ...zendesk(0),
          value: `sip:support@127.0.0.1:${line.port};transport=udp`,
          digest: { username: 'ann', password: 'secret-of-ann' },
        },
      ],
    );
    const caller = await rig.call();
    const { body } = await caller.transfer({ destination: 'zendesk' }, { wait: true });
    expect(body).toMatchObject({ outcome: 'connected' });
    expect(JSON.stringify(await caller.session())).not.toContain('secret-of-ann');
    await caller.dialog.bye();
    expect(await line.done).toMatchObject({ code: 0 });
  });

  it('of an anonymous caller shows the number that was dialled and no other', async () => {
    const { invite, session } = await invited({}, { from: 'anonymous' });
    expect(invite.header('From')).toContain(`<sip:${dialled}@`);
    expect(invite.text).not.toContain(callerNumber);
    expect(session.transfer).toMatchObject({ fromReason: 'withheld' });
  });

  it('of a caller with a hostile display name is not touched by it', async () => {
    const { invite } = await invited({}, { display: '"><sip:evil@x>\r\nX-Evil: 1' });
    expect(invite.header('From')).toMatch(/^<sip:\+14155550123@/);
    expect(invite.text).not.toMatch(/evil/i);
  });

  it('of a phone destination goes through the trunk with its caller ID and without a ticket', async () => {
    phone = await rtpPeer({ learn: true });
    line = await startLine(answering(phone.sdp()));
    await rig.setUp(
      [{ play: 'agent.wav' }],
      [
        {
          ...plainDestination,
          id: 'owner',
          name: "Owner's mobile",
          type: 'phone',
          value: '+14155550199',
          profile: 'generic-trunk',
          trunk: `sip:127.0.0.1:${line.port}`,
          callerId: 'called',
        },
      ],
    );
    const caller = await rig.call();
    const { body } = await caller.transfer({ destination: "owner's MOBILE" }, { wait: true });
    expect(body).toMatchObject({ outcome: 'connected', fromReason: 'rule', ticketReason: 'phone-destination' });
    await caller.dialog.bye();
    const [invite] = (await line.done).invites;
    expect(invite?.requestUri).toBe(`sip:+14155550199@127.0.0.1:${line.port}`);
    expect(invite?.header('From')).toContain(`<sip:${dialled}@`);
    expect(invite?.header('P-Asserted-Identity')).toContain(`<sip:${callerNumber}@`);
    expect(invite?.count('X-Zendesk-Ticket-Id')).toBe(0);
  });
});

describe('a connected call', () => {
  it('has sound both ways from its 200 on, also PCMU against PCMA', async () => {
    phone = await rtpPeer({ codec: 'PCMA' });
    desk = await startDesk(phone);
    await rig.setUp([{ play: 'agent.wav' }], [zendesk(desk.port)]);
    const caller = await rig.call({ codec: 'PCMU' });
    const stop = caller.phone.tone(600);
    await caller.phone.until('the agent', () => hears(caller.phone, agentTone));
    await caller.transfer({ destination: 'zendesk' }, { wait: true });
    await phone.until("the caller's tone", () => hears(phone, 600));
    const stopDesk = phone.tone(900);
    await caller.phone.until("the line's tone", () => hears(caller.phone, 900));
    const sounds = { agent: agentTone, caller: 600, line: 900 };
    expect(heardInTurn(phone, sounds)).toEqual(['caller']);
    expect(heardInTurn(caller.phone, sounds)).toEqual(['agent', 'line']);
    stop();
    stopDesk();
    await caller.dialog.bye();
  });

  it('begins with the announcement of its destination, to the line alone', async () => {
    phone = await rtpPeer();
    desk = await startDesk(phone);
    await rig.setUp([{ play: 'agent.wav' }], [zendesk(desk.port, { announcement: 'whisper.wav' })]);
    const caller = await rig.call();
    const stop = caller.phone.tone(600);
    await caller.phone.until('the agent', () => hears(caller.phone, agentTone));
    const transfer = caller.transfer({ destination: 'zendesk', summary: 'wants a refund' }, { wait: true });
    await phone.until('the announcement', () => hears(phone, whisperTone));
    expect((await caller.session()).status).toBe('transferring');
    expect((await transfer).body).toMatchObject({ outcome: 'connected' });
    await phone.until("the caller's tone", () => hears(phone, 600));
    stop();
    expect(heardInTurn(phone, { whisper: whisperTone, caller: 600 })).toEqual(['whisper', 'caller']);
    expect(heardInTurn(caller.phone, { agent: agentTone, ringback: 440, whisper: whisperTone })).toEqual([
      'agent',
      'ringback',
    ]);
    const { timeline } = await caller.session();
    expect(timeline.filter(({ type }) => type === 'transfer.announced')).toMatchObject([
      { data: { destination: 'zendesk', end: 'said' } },
    ]);
    await caller.dialog.bye();
  });

  it('has SRTP towards the line and plain RTP towards the caller', async () => {
    phone = await rtpPeer({ srtp: true });
    desk = await startDesk(phone);
    await rig.setUp([{ play: 'agent.wav' }], [zendesk(desk.port, { secureMedia: true })]);
    const caller = await rig.call();
    const stop = caller.phone.tone(600);
    const { body } = await caller.transfer({ destination: 'zendesk' }, { wait: true });
    expect(body).toMatchObject({ outcome: 'connected' });
    expect((await desk.until('INVITE')).text).toMatch(/m=audio \d+ RTP\/SAVP /);
    const stopDesk = phone.tone(900);
    await phone.until("the caller's tone", () => hears(phone, 600));
    await caller.phone.until("the line's tone", () => hears(caller.phone, 900));
    expect(phone.rejected()).toBe(0);
    stop();
    stopDesk();
    await caller.dialog.bye();
  });

  it('passes key presses both ways', async () => {
    const { caller, desk: line } = await connected();
    await caller.phone.press(5, 120);
    await line.phone.until('the key', () =>
      line.phone.packets.some((p) => p.payloadType === 101 && p.payload[0] === 5),
    );
    const before = caller.phone.packets.length;
    await line.phone.press(7, 120);
    await caller.phone.until('the key', () =>
      caller.phone.packets.slice(before).some((p) => p.payloadType === 101 && p.payload[0] === 7),
    );
    await caller.dialog.bye();
  });

  it('passes INFO of the line on to the caller, and the other way round', async () => {
    const { caller, desk: line } = await connected();
    await caller.dialog.info('application/dtmf-relay', 'Signal=5\r\nDuration=160\r\n');
    expect((await line.until('INFO')).text).toContain('Signal=5');
    await line.request('INFO', { body: 'Signal=7\r\nDuration=160\r\n', contentType: 'application/dtmf-relay' });
    await caller.phone.until('the INFO', () => caller.infos.some(({ body }) => body.includes('Signal=7')));
    await caller.dialog.bye();
  });

  it('ends on both sides, whoever hangs up', async () => {
    const first = await connected();
    await first.desk.hangUp();
    await first.caller.ended;
    const session = await first.caller.until('the end', (s) => s.status === 'ended');
    expect(session.endReason).toBe('destination-hangup');
    first.desk.close();
    await phone.close();

    const second = await connected();
    const bye = second.desk.until('BYE');
    void second.caller.dialog.bye();
    await bye;
    const ended = await second.caller.until('the end', (s) => s.status === 'ended');
    expect(ended.endReason).toBe('caller-hangup');
    expect(Object.keys(ended.timeline.find((entry) => entry.type === 'media.quality')?.data ?? {})).toEqual([
      'caller',
      'destination',
    ]);
  });

  it('plays hold audio to the caller while the line holds, and goes on when it resumes', async () => {
    const { caller, desk: line } = await connected({ holdAudio: 'hold.wav' });
    const stop = line.phone.tone(900);
    await caller.phone.until('the line', () => hears(caller.phone, 900));
    const held = await line.request('INVITE', { body: line.phone.sdp({ direction: 'sendonly' }) });
    expect(held.status).toBe(200);
    expect(held.text).toMatch(/a=recvonly/);
    await caller.phone.until('hold audio', () => hears(caller.phone, holdTone));
    await line.request('INVITE', { body: line.phone.sdp() });
    await caller.phone.until('the line again', () => hears(caller.phone, 900) && !hears(caller.phone, holdTone));
    stop();
    await caller.dialog.bye();
  });

  it('plays hold audio to the line while the caller holds, and answers a session refresh on its own leg', async () => {
    const { caller, desk: line } = await connected({ holdAudio: 'hold.wav' });
    const answer = await caller.dialog.modify(caller.phone.sdp({ direction: 'sendonly' }));
    expect(answer).toMatch(/a=recvonly/);
    await line.phone.until('hold audio', () => hears(line.phone, holdTone));
    await caller.dialog.modify(caller.phone.sdp());
    await line.phone.until('silence of the prompt', () => !hears(line.phone, holdTone));
    expect((await line.request('UPDATE')).status).toBe(200);
    // The same on both sides by re-INVITE: each is answered by us and passed on to nobody.
    expect((await line.request('INVITE', { body: line.phone.sdp() })).status).toBe(200);
    await caller.dialog.modify(caller.phone.sdp());
    expect(line.received.filter(({ method }) => method === 'INVITE')).toHaveLength(1);
    await caller.dialog.bye();
  });
});
