import { afterEach, describe, expect, it } from 'vitest';
import { GatewayError } from '../../../src/core/errors.js';
import type { Dialog } from '../../../src/domain/calls/ports.js';
import { cuttableWay } from '../../support/cuttable-way.js';
import { onEmbeddedEngine } from '../../support/embedded-engine.js';
import { rawReply, startRawPeer } from '../../support/raw-peer.js';
import {
  ANSWER_SDP,
  outgoing,
  type RecordedEvents,
  recordEvents,
  type SipApplication,
  startSipApplication,
} from '../../support/sip-application.js';
import { type SippRun, startSipp } from '../../support/sipp.js';
import {
  expectMessage,
  inDialog,
  invite,
  pause,
  reply,
  type Step,
  scenario,
  sdp,
  send,
} from '../../support/sipp-scenario.js';
import { until } from '../../support/until.js';

let app: SipApplication;
const runs: SippRun[] = [];
afterEach(async () => {
  await Promise.all(runs.splice(0).map((run) => run.stop()));
  await app.close();
});

const ok = send(
  'SIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\nContent-Length: 0',
);
const plain = (status: string, headers = ''): Step =>
  send(
    `SIP/2.0 ${status}\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\n${headers === '' ? '' : `${headers}\n`}Content-Length: 0`,
  );

/** A caller that calls, is answered, and then does these steps. */
const callerThen = async (
  events: RecordedEvents,
  ...steps: readonly Step[]
): Promise<{ dialog: Dialog; sipp: SippRun }> => {
  const sipp = await startSipp({
    target: app.address,
    timeout: 14_000,
    scenario: scenario(
      invite(),
      expectMessage(100, { optional: true }),
      expectMessage(200),
      inDialog('ACK', 1),
      ...steps,
    ),
  });
  runs.push(sipp);
  const { dialog } = await (await app.nextCall()).answer(ANSWER_SDP, events);
  return { dialog, sipp };
};

/** A call of ours to a callee that answers and then does these steps. */
const calleeThen = async (
  events: RecordedEvents,
  ...steps: readonly Step[]
): Promise<{ dialog: Dialog; sipp: SippRun }> => {
  const sipp = await startSipp({
    timeout: 14_000,
    scenario: scenario(
      expectMessage('INVITE'),
      reply('200 OK', { body: sdp(), retransmit: true }),
      expectMessage('ACK'),
      ...steps,
    ),
  });
  runs.push(sipp);
  const result = await app.server.place(outgoing(`sip:callee@127.0.0.1:${sipp.port}`, { events }));
  if (result.outcome !== 'answered') throw new Error(result.reason);
  return { dialog: result.dialog, sipp };
};

describe('an offer of the peer inside a dialog', () => {
  it('is answered; without SDP it gets an offer and the ACK brings the answer; UPDATE refreshes', async () => {
    app = await startSipApplication();
    const events = recordEvents();
    const { sipp } = await callerThen(
      events,
      inDialog('INVITE', 2, { body: sdp({ version: 2, extra: 'a=sendonly' }) }),
      expectMessage(100, { optional: true }),
      expectMessage(200, { matches: ['m=audio 40000'] }),
      inDialog('ACK', 2),
      inDialog('INVITE', 3),
      expectMessage(100, { optional: true }),
      expectMessage(200, { matches: ['m=audio 40000'] }),
      inDialog('ACK', 3, { body: sdp({ version: 3 }) }),
      inDialog('UPDATE', 4),
      expectMessage(200),
      inDialog('UPDATE', 5, { body: sdp({ version: 4 }) }),
      expectMessage(200, { matches: ['m=audio 40000'] }),
      inDialog('BYE', 6, { headers: 'Reason: Q.850;cause=16;text="done"' }),
      expectMessage(200),
    );
    expect(await events.over).toEqual({ by: 'remote', reason: 'done' });
    expect(events.seen).toEqual(['offered', 'asked for an offer', 'answered', 'offered', 'ended by remote']);
    expect((await sipp.done).code).toBe(0);
  });

  it('that cannot be met gets 488, and the call goes on', async () => {
    app = await startSipApplication();
    const events = recordEvents({
      offered: async () => {
        throw new GatewayError('no_common_codec', 'Offer and profile share no audio codec.');
      },
    });
    const { sipp } = await callerThen(
      events,
      inDialog('INVITE', 2, { body: sdp() }),
      expectMessage(100, { optional: true }),
      expectMessage(488),
      inDialog('ACK', 2),
      inDialog('BYE', 3),
      expectMessage(200),
    );
    await events.over;
    expect((await sipp.done).code).toBe(0);
  });

  it('that meets our own gets 491, and a second one before the first is answered gets 500', async () => {
    app = await startSipApplication();
    let answerOffer: ((sdp: string) => void) | null = null;
    const events = recordEvents({
      offered: () =>
        new Promise((resolve) => {
          answerOffer = resolve;
        }),
    });
    const peer = await startRawPeer((message) => {
      if (message.method !== 'INVITE' || peer.received.filter((one) => one.method === 'INVITE').length > 1) return;
      const contact = `Contact: <sip:raw@127.0.0.1:${peer.port}>`;
      peer.send(rawReply(message, '200 OK', { headers: contact, body: ANSWER_SDP }));
    });
    const result = await app.server.place(outgoing(`sip:raw@127.0.0.1:${peer.port}`, { events }));
    if (result.outcome !== 'answered') throw new Error(result.reason);
    const first = await peer.until((message) => message.method === 'INVITE');
    const theirs = (cseq: number): string =>
      [
        `INVITE sip:${app.address} SIP/2.0`,
        `Via: SIP/2.0/UDP 127.0.0.1:${peer.port};branch=z9hG4bK${cseq}x${peer.port}`,
        (first.lines('To')[0] ?? '').replace(/^To/, 'From').concat(';tag=raw'),
        (first.lines('From')[0] ?? '').replace(/^From/, 'To'),
        ...first.lines('Call-ID'),
        `CSeq: ${cseq} INVITE`,
        `Contact: <sip:raw@127.0.0.1:${peer.port}>`,
        'Max-Forwards: 70',
        'Content-Type: application/sdp',
        `Content-Length: ${ANSWER_SDP.length}`,
        '',
        ANSWER_SDP,
      ].join('\r\n');
    const finalOf = (cseq: number) =>
      peer.until((message) => (message.status ?? 0) >= 200 && message.lines('CSeq')[0] === `CSeq: ${cseq} INVITE`);

    const modified = result.dialog.modify(ANSWER_SDP);
    const ours = await peer.until(
      (message) => message.method === 'INVITE' && message.lines('To').some((line) => line.includes('tag=raw')),
    );
    peer.send(theirs(20));
    expect((await finalOf(20)).status).toBe(491);
    peer.send(rawReply(ours, '200 OK', { headers: `Contact: <sip:raw@127.0.0.1:${peer.port}>`, body: ANSWER_SDP }));
    expect(await modified).toContain('m=audio');

    peer.send(theirs(21));
    await peer.until((message) => message.status === 100 && message.lines('CSeq')[0] === 'CSeq: 21 INVITE');
    peer.send(theirs(22));
    const busy = await finalOf(22);
    expect(busy.status).toBe(500);
    const answerNow = await until<((sdp: string) => void) | null>('the offer to reach its owner', () => answerOffer);
    answerNow(ANSWER_SDP);
    expect((await finalOf(21)).status).toBe(200);
    peer.close();
  });
});

describe('our offer inside a dialog', () => {
  it('is answered; one that is refused does not block the next', async () => {
    app = await startSipApplication();
    const events = recordEvents();
    const { dialog, sipp } = await calleeThen(
      events,
      expectMessage('INVITE'),
      plain('488 Not Acceptable Here'),
      expectMessage('ACK'),
      expectMessage('INVITE'),
      reply('200 OK', { tag: false, body: sdp({ version: 9 }), retransmit: true }),
      expectMessage('ACK'),
      expectMessage('BYE'),
      ok,
    );
    const first = dialog.modify(ANSWER_SDP);
    const second = dialog.modify(ANSWER_SDP);
    await expect(first).rejects.toMatchObject({ code: 'sip_refused', message: expect.stringContaining('488') });
    expect(await second).toContain('o=peer 1 9 ');
    await dialog.bye();
    await expect(dialog.modify(ANSWER_SDP)).rejects.toMatchObject({ code: 'leg_ended' });
    expect((await sipp.done).code).toBe(0);
  });

  it('that meets glare is tried again after a pause', async () => {
    app = await startSipApplication();
    const { dialog, sipp } = await callerThen(
      recordEvents(),
      expectMessage('INVITE'),
      plain('491 Request Pending'),
      expectMessage('ACK'),
      expectMessage('INVITE', { timeout: 5000 }),
      reply('200 OK', { tag: false, body: sdp({ version: 4 }), retransmit: true }),
      expectMessage('ACK'),
      expectMessage('BYE'),
      ok,
    );
    let made = 0;
    const makeOffer = async (): Promise<string> => {
      made += 1;
      return ANSWER_SDP;
    };
    expect(await dialog.modify(makeOffer)).toContain('o=peer 1 4 ');
    // What met it may have changed what is to be offered.
    expect(made).toBe(2);
    await dialog.bye();
    expect((await sipp.done).code).toBe(0);
  });

  it('to a peer that has forgotten the call ends the dialog as lost', async () => {
    app = await startSipApplication();
    const events = recordEvents();
    const { dialog } = await calleeThen(
      events,
      expectMessage('INVITE'),
      plain('481 Call/Transaction Does Not Exist'),
      expectMessage('ACK'),
    );
    await expect(dialog.modify(ANSWER_SDP)).rejects.toMatchObject({ code: 'leg_ended' });
    expect((await events.over).by).toBe('lost');
    expect(app.server.stats().dialogs).toBe(0);
  });
});

describe('INFO', () => {
  it('goes both ways', async () => {
    app = await startSipApplication();
    const events = recordEvents();
    const { dialog, sipp } = await callerThen(
      events,
      inDialog('INFO', 2, { headers: 'Content-Type: application/dtmf-relay', rawBody: 'Signal=5\nDuration=160' }),
      expectMessage(200),
      expectMessage('INFO', { matches: ['Signal=7'] }),
      ok,
      expectMessage('INFO'),
      plain('415 Unsupported Media Type'),
      inDialog('BYE', 3),
      expectMessage(200),
    );
    await until('the INFO', () => events.seen.length > 0);
    expect(events.seen[0]).toMatch(/^info application\/dtmf-relay Signal=5/);
    await dialog.info('application/dtmf-relay', 'Signal=7\r\nDuration=160\r\n');
    await expect(dialog.info('text/x', 'a')).rejects.toMatchObject({ code: 'sip_refused' });
    await events.over;
    expect((await sipp.done).code).toBe(0);
  });
});

const notify = (cseq: number, state: string, status: string): Step =>
  inDialog('NOTIFY', cseq, {
    headers: `Event: refer\nSubscription-State: ${state}\nContent-Type: message/sipfrag;version=2.0`,
    rawBody: `SIP/2.0 ${status}`,
  });

describe('REFER', () => {
  it('of ours is followed by its NOTIFYs to the outcome', async () => {
    app = await startSipApplication();
    const { dialog, sipp } = await callerThen(
      recordEvents(),
      expectMessage('REFER', { matches: ['Refer-To: <sip:.14155550199@trunk.example>', 'Referred-By: <sip:us@here>'] }),
      plain('202 Accepted'),
      notify(2, 'active;expires=60', '100 Trying'),
      expectMessage(200),
      notify(3, 'active;expires=59', '180 Ringing'),
      expectMessage(200),
      notify(4, 'terminated;reason=noresource', '200 OK'),
      expectMessage(200),
      inDialog('BYE', 5),
      expectMessage(200),
    );
    const progress: number[] = [];
    const result = await dialog.refer(
      'sip:+14155550199@trunk.example',
      { 'Referred-By': '<sip:us@here>' },
      { timeout: 5000, onProgress: (status) => progress.push(status) },
    );
    expect(result).toEqual({ accepted: 202, final: 200, reason: 'OK' });
    expect(progress).toEqual([100, 180, 200]);
    expect((await sipp.done).code).toBe(0);
  });

  it('of ours that is declined, fails, or is cut short by BYE says so', async () => {
    app = await startSipApplication();
    const { dialog, sipp } = await callerThen(
      recordEvents(),
      expectMessage('REFER'),
      plain('603 Decline'),
      expectMessage('REFER'),
      plain('202 Accepted'),
      notify(2, 'terminated;reason=noresource', '503 Service Unavailable'),
      expectMessage(200),
      expectMessage('REFER'),
      plain('202 Accepted'),
      inDialog('BYE', 3),
      expectMessage(200),
    );
    const refer = () => dialog.refer('tel:+14155550199', {}, { timeout: 5000 });
    expect(await refer()).toEqual({ accepted: 603, final: null, reason: 'Decline' });
    expect(await refer()).toEqual({ accepted: 202, final: 503, reason: 'Service Unavailable' });
    expect(await refer()).toMatchObject({ accepted: 202, final: null });
    expect((await sipp.done).code).toBe(0);
  });

  it('of ours without news ends with the time it was given', async () => {
    app = await startSipApplication();
    const { dialog, sipp } = await callerThen(
      recordEvents(),
      expectMessage('REFER'),
      plain('202 Accepted'),
      expectMessage('BYE'),
      ok,
    );
    expect(await dialog.refer('tel:+14155550199', {}, { timeout: 200 })).toEqual({
      accepted: 202,
      final: null,
      reason: 'no outcome was reported in time',
    });
    await dialog.bye();
    expect((await sipp.done).code).toBe(0);
  });

  it('of the peer is put to the owner: declined, then accepted with a NOTIFY', async () => {
    app = await startSipApplication();
    const targets: string[] = [];
    const events = recordEvents({
      referred: async (target) => {
        targets.push(target);
        return targets.length > 1;
      },
    });
    const { sipp } = await callerThen(
      events,
      inDialog('REFER', 2, { headers: 'Refer-To: <sip:a@b.example>' }),
      expectMessage(603),
      inDialog('REFER', 3, { headers: 'Refer-To: "C" <sip:c@d.example?Replaces=1>' }),
      expectMessage(202),
      expectMessage('NOTIFY', { matches: ['SIP/2.0 100 Trying', 'terminated;reason=noresource'] }),
      ok,
      inDialog('REFER', 4),
      expectMessage(400),
      inDialog('BYE', 5),
      expectMessage(200),
    );
    await events.over;
    expect(targets).toEqual(['sip:a@b.example', 'sip:c@d.example?Replaces=1']);
    expect((await sipp.done).code).toBe(0);
  });
});

describe('the end of a dialog', () => {
  it('crossing BYEs end it once, without an event for the one who hung up', async () => {
    app = await startSipApplication();
    const events = recordEvents();
    const { dialog, sipp } = await callerThen(events, expectMessage('BYE'), ok, pause(100));
    await dialog.bye();
    await dialog.bye();
    expect((await sipp.done).code).toBe(0);
    expect(events.seen).toEqual([]);
    expect(app.server.stats().dialogs).toBe(0);
  });

  onEmbeddedEngine('without an ACK comes from the SIP server after 64 T1, and the answer fails', async () => {
    // The engine's timers run 40 times as fast here: 64 T1 is 0.8 s.
    const fast = {
      now: () => Date.now(),
      after: (ms: number, fn: () => void) => {
        const handle = setTimeout(fn, ms / 40);
        return { cancel: () => clearTimeout(handle) };
      },
    };
    app = await startSipApplication({ engine: { clock: fast } });
    const sipp = await startSipp({
      target: app.address,
      timeout: 8000,
      scenario: scenario(
        invite({ headers: 'X-No-Ack: 1' }),
        expectMessage(100, { optional: true }),
        expectMessage(200),
        pause(400),
        expectMessage('BYE', { timeout: 5000 }),
        ok,
      ),
    });
    runs.push(sipp);
    const call = await app.nextCall();
    const events = recordEvents();
    await expect(call.answer(ANSWER_SDP, events)).rejects.toMatchObject({
      code: 'leg_ended',
      message: expect.stringContaining('No ACK came'),
    });
    expect(events.seen).toEqual(['ended by timer']);
    expect(app.server.stats()).toEqual({ dialogs: 0, ringing: 0 });
  });
});

describe('a broken connection to the SIP server', () => {
  for (const survive of [true, false]) {
    (survive ? onEmbeddedEngine : it)(
      `${survive ? 'keeps' : 'ends'} dialogs with a server that ${survive ? 'remembers' : 'forgets'} them, and calls work again`,
      async () => {
        let adminPort = 0;
        const way = await cuttableWay(() => adminPort);
        app = await startSipApplication({
          dialogsSurviveReconnect: survive,
          engine: { forgetDialogs: !survive },
          through: (port) => {
            adminPort = port;
            return way.port;
          },
        });
        const events = recordEvents();
        const { dialog, sipp } = await callerThen(events, expectMessage('BYE', { timeout: 9000 }), ok);
        const placing = app.server.place(outgoing('sip:nobody@127.0.0.1:9;transport=tcp'));
        way.cut();
        expect((await placing).outcome).toBe('failed');
        await until('the loss', () => !app.server.connected());
        expect(await app.server.place(outgoing('sip:nobody@127.0.0.1:9'))).toMatchObject({ status: 503, local: true });
        await until('the reconnection', () => app.server.connected());
        if (survive) {
          expect(events.seen).toEqual([]);
          await dialog.bye();
        } else expect((await events.over).by).toBe('lost');
        expect((await sipp.done).code).toBe(0);
        const again = await startSipp({
          target: app.address,
          scenario: scenario(
            invite(),
            expectMessage(100, { optional: true }),
            expectMessage(200),
            inDialog('ACK', 1),
            inDialog('BYE', 2),
            expectMessage(200),
          ),
        });
        runs.push(again);
        const next = recordEvents();
        await (await app.nextCall()).answer(ANSWER_SDP, next);
        await next.over;
        expect((await again.done).code).toBe(0);
        way.close();
      },
    );
  }
});
