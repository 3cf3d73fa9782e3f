import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../../support/gateway.js';
import { endedSession, sessionsOf } from '../../support/listed-sessions.js';
import { organization } from '../../support/organization.js';
import { outgoing, recordEvents, type SipApplication, startSipApplication } from '../../support/sip-application.js';
import { type SippResult, startSipp } from '../../support/sipp.js';
import {
  ackFailure,
  expectMessage,
  inDialog,
  invite,
  pause,
  reply,
  type Step,
  scenario,
  sdp,
} from '../../support/sipp-scenario.js';
import { until } from '../../support/until.js';

// Real time on purpose: 30 virtual minutes are in the engine's own tests. Everything here runs at the same time.
const wholeTest = 130_000;
const interval = 90;
/** RFC 4028 section 10: the refresher refreshes after half the interval. */
const refreshDue = { timeout: 50_000 };
/** The other side hangs up min(32, interval / 3) s before the end: 60 s after the last refresh. */
const byeAfter = 60;

const profile = `
name: local
inbound: { sources: [127.0.0.1], rateLimit: null }
media: { firstPacketTimeout: 0, idleTimeout: 0 }
sessionTimer: { interval: ${interval}, minimum: 90 }
`;

const ok = reply('200 OK', { tag: false });
const answered: readonly Step[] = [expectMessage(100, { optional: true }), expectMessage(180, { optional: true })];
const refreshAnswer = (body = ''): Step =>
  reply('200 OK', { tag: false, headers: `Require: timer\nSession-Expires: ${interval};refresher=uac`, body });

/** Seconds from the first message that fits to the next one that fits the second pattern, from sipp's log of messages. */
const secondsBetween = (result: SippResult, from: RegExp, to: RegExp): number => {
  const messages = result.messages.split(/^-{10,}\s*/m).map((text) => {
    const time = /^(\d{4}-\d\d-\d\d)\s+(\d\d:\d\d:\d\d\.\d+)/.exec(text);
    return { text, at: Date.parse(`${time?.[1]}T${time?.[2]}Z`) };
  });
  const first = messages.find((message) => from.test(message.text));
  const second = messages.findLast((message) => to.test(message.text));
  return ((second?.at ?? Number.NaN) - (first?.at ?? Number.NaN)) / 1_000;
};

describe.concurrent(
  `session timers in real time at Session-Expires ${interval}`,
  () => {
    let folder: string;
    let gateway: TestGateway;
    let application: SipApplication;

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'vg-profiles-'));
      writeFileSync(join(folder, 'local.yaml'), profile);
      gateway = await startGateway({ env: { SIP_PROFILES: folder } });
      await gateway.apply(organization([{ wait: 300 }]));
      application = await startSipApplication({ profileDocuments: [profile] });
    });
    afterAll(async () => {
      await application?.close();
      await gateway?.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    const caller = async (what: string, ...steps: readonly Step[]): Promise<SippResult> =>
      (
        await startSipp({
          target: `127.0.0.1:${gateway.sipPort}`,
          timeout: wholeTest - 10_000,
          scenario: scenario(...steps),
        })
      ).done.then((result) => {
        expect(result.code, `${what}: ${result.errors}\n${result.messages.slice(-3_000)}`).toBe(0);
        return result;
      });
    const fromNumber = (number: string): string => `<sip:${number}@[local_ip]:[local_port]>`;
    const session = (number: string) => endedSession(gateway, (one) => one.caller.e164 === number);

    /** What the timeline says of the end, which agrees with the session. */
    const endOf = async (number: string) => {
      const ended = await session(number);
      const data = ended.timeline.find((entry) => entry.type === 'call.ended')?.data;
      expect(data?.reason).toBe(ended.endReason);
      return data;
    };

    it('as UAS we refresh by UPDATE when the caller wants us to, twice in 90 s', async () => {
      await caller(
        'update',
        invite({
          from: fromNumber('+14155550201'),
          headers: `Supported: timer\nAllow: INVITE, ACK, BYE, UPDATE\nSession-Expires: ${interval};refresher=uas`,
        }),
        ...answered,
        expectMessage(200, { matches: [`Session-Expires: ${interval};refresher=uas`] }),
        inDialog('ACK', 1),
        expectMessage('UPDATE', { ...refreshDue, matches: [`Session-Expires: ${interval};refresher=uac`] }),
        refreshAnswer(),
        expectMessage('UPDATE', refreshDue),
        refreshAnswer(),
        inDialog('BYE', 2),
        expectMessage(200),
      );
      expect((await session('+14155550201')).endReason).toBe('caller-hangup');
    });

    it('as UAS we refresh by re-INVITE with unchanged SDP when the caller knows no UPDATE', async () => {
      const result = await caller(
        're-invite',
        invite({
          from: fromNumber('+14155550202'),
          headers: `Supported: timer\nAllow: INVITE, ACK, BYE\nSession-Expires: ${interval};refresher=uas`,
        }),
        ...answered,
        expectMessage(200),
        inDialog('ACK', 1),
        expectMessage('INVITE', { ...refreshDue, matches: [`Session-Expires: ${interval};refresher=uac`] }),
        refreshAnswer(sdp()),
        expectMessage('ACK'),
        inDialog('BYE', 2),
        expectMessage(200),
      );
      const origins = [...result.messages.matchAll(/^o=(?!peer).*$/gm)].map(([line]) => line.trim());
      expect(origins).toHaveLength(2);
      expect(origins[1]).toBe(origins[0]);
    });

    it(`a caller that never refreshes gets BYE after ${byeAfter} s`, async () => {
      const result = await caller(
        'silent',
        invite({
          from: fromNumber('+14155550203'),
          headers: `Supported: timer\nAllow: INVITE, ACK, BYE, UPDATE\nSession-Expires: ${interval};refresher=uac`,
        }),
        ...answered,
        expectMessage(200, { matches: [`Session-Expires: ${interval};refresher=uac`, 'Require: timer'] }),
        inDialog('ACK', 1),
        expectMessage('BYE', { timeout: 70_000 }),
        ok,
      );
      expect(Math.round(secondsBetween(result, /^ACK /m, /^BYE /m))).toBe(byeAfter);
      expect(await endOf('+14155550203')).toEqual({ reason: 'error', detail: 'Session timer expired' });
    });

    it('a caller that never acknowledges our 200 gets BYE after 32 s, and the timeline says why', async () => {
      const result = await caller(
        'no ACK',
        invite({ from: fromNumber('+14155550206') }),
        ...answered,
        expectMessage(200),
        expectMessage('BYE', { timeout: 50_000 }),
        ok,
      );
      expect(result.messages.match(/^SIP\/2\.0 200 /gm)?.length).toBeGreaterThan(5);
      expect(await endOf('+14155550206')).toEqual({
        reason: 'error',
        detail: 'No ACK came for our answer: ACK timeout.',
      });
    });

    it('a caller that hangs up without having acknowledged our 200 has hung up', async () => {
      await caller(
        'BYE without ACK',
        invite({ from: fromNumber('+14155550207') }),
        ...answered,
        expectMessage(200),
        inDialog('BYE', 2),
        expectMessage(200),
      );
      expect(await endOf('+14155550207')).toEqual({ reason: 'caller-hangup' });
    });

    it(`a caller that refreshes once is heard for another ${byeAfter} s`, async () => {
      const result = await caller(
        'once',
        invite({
          from: fromNumber('+14155550204'),
          headers: `Supported: timer\nSession-Expires: ${interval};refresher=uac`,
        }),
        ...answered,
        expectMessage(200),
        inDialog('ACK', 1),
        pause(20_000),
        inDialog('UPDATE', 2, { headers: `Supported: timer\nSession-Expires: ${interval};refresher=uac` }),
        expectMessage(200, { matches: [`Session-Expires: ${interval};refresher=uac`] }),
        expectMessage('BYE', { timeout: 70_000 }),
        ok,
      );
      expect(Math.round(secondsBetween(result, /^ACK /m, /^BYE /m))).toBe(20 + byeAfter);
    });

    it('a Session-Expires below our Min-SE gets 422 with it, and no session', async () => {
      await caller(
        'too small',
        invite({ from: fromNumber('+14155550205'), headers: 'Supported: timer\nSession-Expires: 60' }),
        ...answered,
        expectMessage(422, { matches: ['Min-SE: 90'] }),
        ackFailure(),
      );
      expect((await sessionsOf(gateway)).filter((one) => one.caller.e164 === '+14155550205')).toEqual([]);
    });

    it('as UAC we ask for the timer and refresh it, twice in 90 s', async () => {
      const sipp = await startSipp({
        timeout: wholeTest - 10_000,
        scenario: scenario(
          expectMessage('INVITE', {
            matches: [`Session-Expires: ${interval}`, 'Min-SE: 90', 'Supported: [^\\r]*timer'],
          }),
          reply('200 OK', {
            headers: `Require: timer\nAllow: INVITE, ACK, BYE, UPDATE\nSession-Expires: ${interval};refresher=uac`,
            body: sdp(),
          }),
          expectMessage('ACK'),
          expectMessage('UPDATE', refreshDue),
          refreshAnswer(),
          expectMessage('UPDATE', refreshDue),
          refreshAnswer(),
          expectMessage('BYE'),
          ok,
        ),
      });
      const placed = await application.server.place(outgoing(`sip:callee@127.0.0.1:${sipp.port}`));
      if (placed.outcome !== 'answered') throw new Error(`the call failed: ${placed.reason}`);
      application.ladder.bind('refreshed', placed.dialog.sipCallId);
      const refreshes = () =>
        application.ladder
          .get('refreshed')
          ?.entries.filter((entry) => entry.request && entry.label.startsWith('UPDATE')).length;
      await until('two refreshes', () => refreshes() === 2, 100_000);
      await placed.dialog.bye();
      const result = await sipp.done;
      expect(result.code, result.errors).toBe(0);
    });

    it(`as UAC a callee that promised to refresh and does not gets BYE after ${byeAfter} s`, async () => {
      const sipp = await startSipp({
        timeout: wholeTest - 10_000,
        scenario: scenario(
          expectMessage('INVITE'),
          reply('200 OK', { headers: `Require: timer\nSession-Expires: ${interval};refresher=uas`, body: sdp() }),
          expectMessage('ACK'),
          expectMessage('BYE', { timeout: 70_000 }),
          ok,
        ),
      });
      const events = recordEvents();
      const placed = await application.server.place(outgoing(`sip:callee@127.0.0.1:${sipp.port}`, { events }));
      expect(placed.outcome).toBe('answered');
      expect((await events.over).by).toBe('timer');
      const result = await sipp.done;
      expect(result.code, result.errors).toBe(0);
      expect(Math.round(secondsBetween(result, /^ACK /m, /^BYE /m))).toBe(byeAfter);
    });
  },
  wholeTest,
);
