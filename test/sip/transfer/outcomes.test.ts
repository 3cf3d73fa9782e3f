import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { heardInTurn, hears } from '../../support/listening.js';
import { freePort } from '../../support/ports.js';
import { rawReply, startRawPeer } from '../../support/raw-peer.js';
import { type RingingLine, startRingingLine } from '../../support/ringing-line.js';
import { type RtpPeer, rtpPeer } from '../../support/rtp-peer.js';
import { answering, refusing, ringingOnly, type SipInLine, startDesk, startLine } from '../../support/sip-in-line.js';
import type { Step } from '../../support/sipp-scenario.js';
import {
  agentTone,
  type Caller,
  holdTone,
  plainDestination,
  startTransferRig,
  type TransferRig,
} from '../../support/transfer-rig.js';

let rig: TransferRig;
let lines: SipInLine[] = [];
let phones: RtpPeer[] = [];
let callers: Caller[] = [];
let closers: (() => void)[] = [];

beforeAll(async () => {
  rig = await startTransferRig();
});
afterAll(() => rig.close());
afterEach(async () => {
  await Promise.all(callers.map((caller) => caller.dialog.bye()));
  for (const caller of callers) await caller.until('its end', (session) => session.status === 'ended');
  await Promise.all(lines.map((line) => line.stop()));
  await Promise.all(phones.map((phone) => phone.close()));
  lines = [];
  phones = [];
  for (const close of closers) close();
  callers = [];
  closers = [];
});

const line = async (steps: readonly Step[], options: Parameters<typeof startLine>[1] = {}): Promise<SipInLine> => {
  const started = await startLine(steps, options);
  lines.push(started);
  return started;
};
const desk = async (): Promise<RtpPeer> => {
  const phone = await rtpPeer({ learn: true });
  phones.push(phone);
  return phone;
};
const to = (port: number, more: Readonly<Record<string, unknown>> = {}) => ({
  ...plainDestination,
  id: 'zendesk',
  name: 'Zendesk human agent',
  type: 'sip',
  value: `sip:support@127.0.0.1:${port};transport=udp`,
  profile: 'zendesk-sip-in',
  ...more,
});
/** A call whose agent plays its tone for ever. */
const call = async (...destinations: readonly unknown[]): Promise<Caller> => {
  await rig.setUp([{ play: 'agent.wav' }], destinations);
  const caller = await rig.call();
  callers.push(caller);
  return caller;
};

/** What callers may hear, by its tone. North American ringback is 440 and 480 Hz. */
const lineTone = 900;
const sounds = { agent: agentTone, ringback: 440, hold: holdTone, line: lineTone };

/** The caller hears the agent, and nothing else any more. How soon is measured by the bench `transfer`. */
const agentIsBack = (caller: Caller): Promise<void> =>
  caller.phone.until('the agent again', () => hears(caller.phone, agentTone));
const ringingLine = async (options: Parameters<typeof startRingingLine>[0] = {}): Promise<RingingLine> => {
  const started = await startRingingLine(options);
  closers.push(() => started.close());
  return started;
};

describe('a transfer that fails', () => {
  it.each([
    ['486 Busy Here', 'busy', 486],
    ['600 Busy Everywhere', 'busy', 600],
    ['480 Temporarily Unavailable', 'no-answer', 480],
    ['408 Request Timeout', 'no-answer', 408],
    ['487 Request Terminated', 'rejected', 487],
    ['603 Decline', 'declined', 603],
    ['607 Unwanted', 'declined', 607],
    ['500 Server Internal Error', 'unreachable', 500],
    ['503 Service Unavailable', 'unreachable', 503],
    ['403 Forbidden', 'rejected', 403],
    ['404 Not Found', 'rejected', 404],
    ['302 Moved Temporarily', 'rejected', 302],
    ['488 Not Acceptable Here', 'rejected', 488],
    ['401 Unauthorized', 'rejected', 401],
    ['606 Not Acceptable', 'rejected', 606],
    ['513 Message Too Large', 'failed', 513],
  ])('with %s is %s, and the caller is with the agent again', async (status, outcome, sipStatus) => {
    const ringing = await ringingLine();
    const caller = await call(to(ringing.port));
    await caller.phone.until('the agent', () => hears(caller.phone, agentTone));
    const transfer = caller.transfer({ destination: 'zendesk' }, { wait: true });
    await caller.phone.until('ringback', () => hears(caller.phone, 440));
    await ringing.refuse(status);
    const { status: http, body } = await transfer;
    await agentIsBack(caller);
    expect(heardInTurn(caller.phone, sounds)).toEqual(['agent', 'ringback', 'agent']);
    expect(http).toBe(200);
    expect(body).toMatchObject({ state: 'done', outcome, sipStatus });
    const session = await caller.until('the agent', (s) => s.status === 'active');
    expect(session.transfer).toMatchObject({ outcome, sipStatus });
    expect(session.timeline.filter((entry) => entry.type === 'transfer.failed')).toHaveLength(1);
  });

  it('before it rings leaves the caller with the agent all the while', async () => {
    const busy = await line(refusing('486 Busy Here'));
    const caller = await call(to(busy.port));
    await caller.phone.until('the agent', () => hears(caller.phone, agentTone));
    const { body } = await caller.transfer({ destination: 'zendesk' }, { wait: true });
    await agentIsBack(caller);
    expect(body).toMatchObject({ outcome: 'busy' });
    expect(heardInTurn(caller.phone, sounds)).toEqual(['agent']);
    expect(await busy.done).toMatchObject({ code: 0 });
  });

  it('with 403 names the address that must be on the allow-list; hold audio gives way to the agent', async () => {
    const closed = await ringingLine({ rings: false });
    const caller = await call(to(closed.port, { holdAudio: 'hold.wav' }));
    await caller.phone.until('the agent', () => hears(caller.phone, agentTone));
    const transfer = caller.transfer({ destination: 'zendesk' }, { wait: true });
    await caller.phone.until('hold audio', () => hears(caller.phone, holdTone));
    await closed.refuse('403 Forbidden');
    const { body } = await transfer;
    await agentIsBack(caller);
    expect(heardInTurn(caller.phone, sounds)).toEqual(['agent', 'hold', 'agent']);
    expect(body).toMatchObject({ outcome: 'rejected', sipStatus: 403 });
    expect(body.hint).toContain('127.0.0.1 must be on its list');
  });

  it('by silence reads unreachable, with the same hint, soon after the ring timeout', async () => {
    const peer = await startRawPeer();
    const caller = await call(to(peer.port, { ringTimeout: 1, holdAudio: 'hold.wav' }));
    await caller.phone.until('the agent', () => hears(caller.phone, agentTone));
    const { body } = await caller.transfer({ destination: 'zendesk' }, { wait: true });
    peer.close();
    await agentIsBack(caller);
    expect(heardInTurn(caller.phone, sounds)).toEqual(['agent', 'hold', 'agent']);
    expect(body).toMatchObject({ outcome: 'unreachable' });
    expect(body.hint).toContain('127.0.0.1 must be on its list');
  });

  it('because nobody listens there is unreachable at once', async () => {
    const port = await freePort();
    const caller = await call(to(port, { value: `sip:support@127.0.0.1:${port};transport=tcp` }));
    const { body } = await caller.transfer({ destination: 'zendesk' }, { wait: true });
    await agentIsBack(caller);
    expect(body).toMatchObject({ outcome: 'unreachable' });
  });

  it('at the ring timeout sends CANCEL and is no-answer', async () => {
    const ringing = await line(ringingOnly());
    const caller = await call(to(ringing.port, { ringTimeout: 1 }));
    const { body } = await caller.transfer({ destination: 'zendesk' }, { wait: true });
    await agentIsBack(caller);
    expect(body).toMatchObject({ outcome: 'no-answer' });
    expect((await ringing.done).messages).toContain('CANCEL sip:');
  });

  it('hangs up when the destination says so', async () => {
    const busy = await line(refusing('486 Busy Here'));
    const caller = await call(to(busy.port, { onFailure: 'hangup' }));
    await caller.transfer({ destination: 'zendesk' }, { wait: true });
    await caller.ended;
    const session = await caller.until('the end', (s) => s.status === 'ended');
    expect(session.endReason).toBe('destination-hangup');
  });

  it('goes on to the next destination, and the caller hears that it rings in between', async () => {
    const busy = await ringingLine();
    const second = await ringingLine();
    const phone = await desk();
    const caller = await call(
      to(busy.port, { onFailure: 'next', next: 'second' }),
      to(second.port, { id: 'second', name: 'Second line' }),
    );
    await caller.phone.until('the agent', () => hears(caller.phone, agentTone));
    const transfer = caller.transfer({ destination: 'zendesk' }, { wait: true });
    await caller.phone.until('ringback', () => hears(caller.phone, 440));
    await busy.refuse('486 Busy Here');
    await second.answer(phone.sdp());
    expect((await transfer).body).toMatchObject({ outcome: 'connected', destination: { id: 'second' } });
    await phone.until('a packet', () => phone.packets.length > 0);
    phone.tone(lineTone);
    await caller.phone.until('the second line', () => hears(caller.phone, lineTone));
    expect(heardInTurn(caller.phone, sounds)).toEqual(['agent', 'ringback', 'line']);
    const session = await caller.session();
    expect(session).toMatchObject({ status: 'transferred', attempts: 2 });
  });
});

describe('while a destination rings', () => {
  it('the caller hears ringback and not the agent', async () => {
    const ringing = await line(ringingOnly());
    const caller = await call(to(ringing.port, { ringTimeout: 30 }));
    await caller.phone.until('the agent', () => hears(caller.phone, agentTone));
    await caller.transfer({ destination: 'zendesk' });
    // North American ringback is 440 and 480 Hz.
    await caller.phone.until(
      'ringback',
      () => hears(caller.phone, 440) && hears(caller.phone, 480) && !hears(caller.phone, agentTone),
    );
    expect((await caller.session()).status).toBe('transferring');
  });

  it('the caller hears hold audio from the INVITE on where one is set', async () => {
    const silent = await startRawPeer();
    const caller = await call(to(silent.port, { holdAudio: 'hold.wav', ringTimeout: 3 }));
    await caller.transfer({ destination: 'zendesk' });
    await caller.phone.until('hold audio', () => hears(caller.phone, holdTone));
    silent.close();
  });

  it('a cancelled transfer brings the caller back to the agent and leaves no leg', async () => {
    const ringing = await line(ringingOnly());
    const caller = await call(to(ringing.port));
    await caller.transfer({ destination: 'zendesk' });
    await caller.until('ringing', (s) => s.transfer?.state === 'ringing');
    await caller.phone.until('ringback', () => hears(caller.phone, 440));
    const cancelled = await rig.gateway.api(`/v1/sessions/${caller.sessionId}/transfer`, { method: 'DELETE' });
    await agentIsBack(caller);
    expect(heardInTurn(caller.phone, sounds).slice(-2)).toEqual(['ringback', 'agent']);
    expect(cancelled).toMatchObject({ status: 200, body: { outcome: 'cancelled', state: 'done' } });
    const result = await ringing.done;
    expect(result).toMatchObject({ code: 0 });
    const again = await rig.gateway.api(`/v1/sessions/${caller.sessionId}/transfer`, { method: 'DELETE' });
    expect(again.status).toBe(409);
  });

  it('a caller who hangs up cancels the leg', async () => {
    const ringing = await line(ringingOnly());
    const caller = await call(to(ringing.port));
    await caller.transfer({ destination: 'zendesk' });
    await caller.until('ringing', (s) => s.transfer?.state === 'ringing');
    await caller.dialog.bye();
    expect(await ringing.done).toMatchObject({ code: 0 });
    const session = await caller.until('the end', (s) => s.status === 'ended');
    expect(session).toMatchObject({ endReason: 'caller-hangup', transfer: { outcome: 'caller-hung-up' } });
    const types = session.timeline.map((entry) => entry.type);
    expect(types.indexOf('transfer.cancelled')).toBeLessThan(types.indexOf('call.ended'));
  });

  it('a second transfer gets 409 with the state of the first, and a repeated key its answer', async () => {
    const ringing = await line(ringingOnly());
    const caller = await call(to(ringing.port));
    const answers = await Promise.all([
      caller.transfer({ destination: 'zendesk' }, { key: 'one' }),
      caller.transfer({ destination: 'zendesk' }, { key: 'two' }),
    ]);
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409]);
    const [first, second] = answers[0]?.status === 202 ? answers : answers.toReversed();
    expect(second?.body).toMatchObject({ code: 'conflict', transfer: { id: first?.body.id } });
    const key = answers[0]?.status === 202 ? 'one' : 'two';
    const replayed = await caller.transfer({ destination: 'zendesk' }, { key });
    expect(replayed).toEqual(first);
    expect((await caller.session()).attempts).toBe(1);
  });
});

describe('a line that answers', () => {
  it('and hangs up within returnWithin counts as not answered: the caller is with the agent again', async () => {
    const empty = await startDesk(await desk());
    const caller = await call(to(empty.port, { returnWithin: 30 }));
    const transfer = caller.transfer({ destination: 'zendesk' }, { wait: true });
    await empty.phone.until('the caller', () => empty.phone.packets.length > 5);
    await empty.hangUp();
    await agentIsBack(caller);
    const session = await caller.until('the agent', (s) => s.status === 'active');
    const early = { outcome: 'no-answer', reason: 'line-ended-early' };
    expect(session.transfer).toMatchObject(early);
    // Whoever waited for the outcome by the API is told what the agent is told.
    expect((await transfer).body).toMatchObject(early);
    empty.close();
  });

  it('and stays longer than returnWithin keeps the caller; its later hang-up ends the call', async () => {
    const line = await startDesk(await desk());
    const caller = await call(to(line.port, { returnWithin: 0.3 }));
    await caller.transfer({ destination: 'zendesk' }, { wait: true });
    const connected = performance.now();
    await line.phone.until('much more than 300 ms of sound', () => performance.now() - connected > 1_000);
    await line.hangUp();
    expect(await caller.ended).toMatchObject({ by: 'remote' });
    const session = await caller.until('the end', (s) => s.status === 'ended');
    expect(session).toMatchObject({ endReason: 'destination-hangup', transfer: { outcome: 'connected' } });
    line.close();
  });

  it('while the caller hears its early media gets no ringback over it', async () => {
    const phone = await desk();
    const early = await ringingLine({ rings: false });
    const caller = await call(to(early.port));
    await caller.phone.until('the agent', () => hears(caller.phone, agentTone));
    const transfer = caller.transfer({ destination: 'zendesk' }, { wait: true });
    await early.progress('183 Session Progress', phone.sdp());
    await phone.until('a packet', () => phone.packets.length > 0);
    phone.tone(lineTone);
    await caller.phone.until('early media', () => hears(caller.phone, lineTone));
    expect((await caller.session()).transfer?.state).toBe('ringing');
    await early.answer(phone.sdp());
    expect((await transfer).body).toMatchObject({ outcome: 'connected' });
    const heard = caller.phone.packets.length;
    await caller.phone.until('more of it', () => caller.phone.packets.length > heard + 10);
    expect(heardInTurn(caller.phone, sounds)).toEqual(['agent', 'line']);
  });

  it('after a CANCEL has crossed its 200 is hung up, and the caller is with the agent', async () => {
    const late = await startRawPeer((message, peer) => {
      if (message.method === 'INVITE') peer.send(rawReply(message, '180 Ringing'));
      if (message.method !== 'CANCEL') return;
      peer.send(rawReply(message, '200 OK'));
      const invite = peer.received.find(({ method }) => method === 'INVITE');
      const contact = `Contact: <sip:desk@127.0.0.1:${peer.port}>`;
      if (invite !== undefined)
        peer.send(rawReply(invite, '200 OK', { headers: contact, body: invite.text.split('\r\n\r\n')[1] ?? '' }));
    });
    const caller = await call(to(late.port, { ringTimeout: 1 }));
    const { body } = await caller.transfer({ destination: 'zendesk' }, { wait: true });
    await agentIsBack(caller);
    expect(body).toMatchObject({ outcome: 'no-answer' });
    const bye = await late.until((message) => message.method === 'BYE');
    late.send(rawReply(bye, '200 OK'));
    expect(late.received.some(({ method }) => method === 'ACK')).toBe(true);
    late.close();
  });
});

describe('the agent', () => {
  it('that cannot be had is stood in for by its fall-back destination', async () => {
    const phone = await desk();
    const human = await line(answering(phone.sdp()));
    await rig.setUp([{ play: 'agent.wav' }], [to(human.port)], {
      fallback: 'zendesk',
      leg: { type: 'websocket', url: 'ws://127.0.0.1:1/agent' },
    });
    const caller = await rig.call();
    callers.push(caller);
    const session = await caller.until('the human', (s) => s.status === 'transferred');
    expect(session.transfer).toMatchObject({ outcome: 'connected' });
    await rig.gateway.apply({
      organization: { id: 'acme' },
      agents: [{ id: 'support', leg: { type: 'builtin', script: { steps: [{ play: 'agent.wav' }] } }, fallback: null }],
    });
  });

  it('asks for a transfer by its script and goes on by its outcome', async () => {
    const busy = await line(refusing('486 Busy Here', { ringFor: 100 }));
    await rig.setUp(
      [{ transfer: { destination: 'Zendesk human agent', failed: [{ play: 'agent.wav' }] } }],
      [to(busy.port)],
    );
    const caller = await rig.call();
    callers.push(caller);
    const session = await caller.until('the failure', (s) => s.transfer?.outcome === 'busy');
    await agentIsBack(caller);
    expect(session.attempts).toBe(1);
  });

  it('cannot transfer to a destination that is not its own, though the API can', async () => {
    const ringing = await line(ringingOnly());
    await rig.setUp([{ transfer: { destination: 'zendesk', failed: [{ play: 'agent.wav' }] } }], [to(ringing.port)], {
      transferDestinations: [],
    });
    const caller = await rig.call();
    callers.push(caller);
    await caller.phone.until('the agent', () => hears(caller.phone, agentTone));
    expect((await caller.session()).attempts).toBe(0);
    expect((await caller.transfer({ destination: 'zendesk' })).status).toBe(202);
  });

  it('that is asked for a destination nobody knows gets 404 over the API', async () => {
    const caller = await call();
    expect(await caller.transfer({ destination: 'nowhere' })).toMatchObject({ status: 404 });
    expect(hears(caller.phone, agentTone) || (await agentIsBack(caller)) === undefined).toBe(true);
  });
});
