import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../core/clock.js';
import { packageRoot } from '../../core/entry-path.js';
import { newToken } from '../../core/ids.js';
import { type Logger, silentLogger } from '../../core/logger.js';
import { createCertificateAuthority } from '../../core/x509.js';
import type { DialogEvents, LegQuality, MediaLeg, MediaPlane, PromptSource } from '../../domain/calls/ports.js';
import { createMediaPlane } from '../media/index.js';
import { createLadder, createSipServer, ladderText, openProfiles, type SipServer } from '../sip/index.js';
import { type EngineHandle, startEngineInWorker } from '../sip-engine/index.js';
import type { Press } from './dtmf-plan.js';
import { localAddressTowards } from './local-address.js';

export type CallPlan = {
  /** The SIP URI to call. */
  readonly uri: string;
  /** User part of the From. */
  readonly from: string;
  readonly display: string | null;
  readonly headers: Readonly<Record<string, string>>;
  /** What the caller says once the call is answered, and again when `repeat`. */
  readonly audio: PromptSource | null;
  readonly repeat: boolean;
  readonly presses: readonly Press[];
  readonly record: string | null;
  readonly secureMedia: boolean;
  readonly digest: { readonly username: string; readonly password: string } | null;
  /** ms after the answer at which the caller hangs up; null: when the other side does. */
  readonly hangUpAfter: number | null;
  readonly ringTimeout: number;
  /** Call-ID of the INVITE; left out, the engine makes one. */
  readonly sipCallId?: string;
  /** The call was answered: from now on keys can be pressed. */
  readonly onAnswered?: (caller: { press(digits: string): Promise<void> }) => void;
  /** Hang up, or give up, when aborted. */
  readonly signal: AbortSignal;
};

export type CallEventName =
  | 'calling'
  | 'provisional'
  | 'answered'
  | 'failed'
  | 'press'
  | 'heard-dtmf'
  | 'hold'
  | 'ended';

export type CallReport = {
  readonly answered: boolean;
  /** Final status when it was not answered; null when none came. */
  readonly status: number | null;
  readonly reason: string;
  readonly endedBy: 'caller' | 'callee' | null;
  readonly sipCallId: string | null;
  /** ms from INVITE to 200, and from 200 to the end. */
  readonly answerDelay: number | null;
  readonly duration: number | null;
  readonly quality: LegQuality | null;
  readonly ladder: string;
};

/** The one call of this telephone, in its ladder and its media plane. */
const ladderId = 'call';
const inviteStart = Buffer.from('INVITE ');
/** How long a BYE may take to be answered, ms. */
const byePatience = 2_000;

/** A recording never writes over a file. Throws a RangeError that names it. */
const expectNoFile = async (path: string): Promise<void> => {
  const there = await stat(path).then(
    () => true,
    () => false,
  );
  if (there) throw new RangeError(`there is a file ${path} already; a recording does not write over it`);
};

type Parts = { readonly engine: EngineHandle; readonly server: SipServer; readonly media: MediaPlane };

/** A telephone of our own: the embedded engine and the media plane on free ports, for one call. */
export const placeTestCall = async (
  plan: CallPlan,
  report: (name: CallEventName, text: string) => void,
  log: Logger = silentLogger,
): Promise<CallReport> => {
  const clock = systemClock;
  const host = /@(\[[^\]]+\]|[^;:>?]+)/.exec(plan.uri)?.[1] ?? /^sips?:(\[[^\]]+\]|[^;:>?@]+)/.exec(plan.uri)?.[1];
  if (host === undefined) throw new RangeError(`"${plan.uri}" is not a SIP URI such as sip:+14155550100@127.0.0.1`);
  // Nobody is called for a recording that cannot be made.
  if (plan.record !== null) await expectNoFile(plan.record);
  const address = await localAddressTowards(host);
  const ladder = createLadder(clock);
  const parts = await openTelephone(address, /;transport=tls/i.test(plan.uri), ladder, log);
  const begun = clock.monotonic();
  const ended = new AbortController();
  const onAbort = (): void => ended.abort('caller');
  plan.signal.addEventListener('abort', onAbort, { once: true });
  let leg: MediaLeg | null = null;
  let outcome: Omit<CallReport, 'ladder'>;
  try {
    leg = await parts.media.open(
      {
        sessionId: ladderId,
        role: 'caller',
        codecs: ['PCMU', 'PCMA'],
        security: plan.secureMedia ? 'required' : 'optional',
        signallingAddress: null,
        mediaRanges: [],
        firstPacketTimeout: 0,
        idleTimeout: 0,
        country: 'US',
      },
      {
        dtmf: ({ digit }) => report('heard-dtmf', `heard the key ${digit}`),
        firstPacket: () => {},
        lost: () => {},
        hold: (held) => report('hold', held ? 'put on hold' : 'taken off hold'),
        failed: (reason) => ended.abort(reason),
      },
    );
    outcome = await runCall(plan, { ...parts, leg, ended, begun, report });
  } finally {
    plan.signal.removeEventListener('abort', onAbort);
    await leg?.close();
    await parts.server.close();
    await parts.engine.close();
    await parts.media.close();
  }
  // The engine reports what was on the wire in batches, the last one when it closes.
  const view = ladder.get(ladderId);
  return { ...outcome, ladder: view === null ? '' : ladderText(view) };
};

/** The transport layer sends TLS from a listening point, which needs a certificate; nobody is asked to trust it. */
const ownCertificate = (address: string) => {
  const { certificate, privateKey } = createCertificateAuthority('voice-gateway call').issue({
    name: address,
    hosts: [address],
  });
  return { cert: certificate, key: privateKey, rejectUnauthorized: false };
};

const openTelephone = async (
  address: string,
  secure: boolean,
  ladder: ReturnType<typeof createLadder>,
  log: Logger,
): Promise<Parts> => {
  const secret = newToken();
  const engine = await startEngineInWorker({
    listen: [
      { transport: 'udp', address, port: 0 },
      { transport: 'tcp', address, port: 0 },
      ...(secure ? [{ transport: 'tls', address, port: 0 } as const] : []),
    ],
    ...(secure ? { tls: ownCertificate(address) } : {}),
    admin: { host: '127.0.0.1', port: 0, secret },
    userAgent: 'voice-gateway call',
    log: (level, fields, message) => log[level](fields, message),
    tap: (event) => {
      ladder.record(event);
      if (event.direction === 'out' && event.raw.subarray(0, 7).equals(inviteStart))
        ladder.bind(ladderId, event.callId);
    },
  });
  const server = await createSipServer({
    servers: [{ host: '127.0.0.1', port: engine.adminPort, secret }],
    profiles: await openProfiles({ shipped: join(packageRoot(import.meta.url), 'sip-profiles') }),
    handler: (call) => call.reject(486, 'Busy Here'),
    log,
    ladder,
    wireTap: true,
    dialogsSurviveReconnect: true,
  });
  const media = createMediaPlane({ rtpAddress: address, ports: { first: 32_768, last: 60_999 }, workers: 1, log });
  return { engine, server, media };
};

type Running = Parts & {
  readonly leg: MediaLeg;
  readonly ended: AbortController;
  readonly begun: number;
  readonly report: (name: CallEventName, text: string) => void;
};

const runCall = async (plan: CallPlan, running: Running): Promise<Omit<CallReport, 'ladder'>> => {
  const { leg, ended, report } = running;
  const clock = systemClock;
  const events: DialogEvents = {
    ended: () => ended.abort('callee'),
    offered: (offer) => (offer === null ? leg.offer() : leg.answer(offer)),
    answered: (sdp) => void leg.accept(sdp),
  };
  report('calling', `calling ${plan.uri} as ${plan.from}`);
  const result = await running.server.place({
    uri: plan.uri,
    profile: 'local',
    from: { user: plan.from, display: plan.display, privacy: false },
    headers: plan.headers,
    ...(plan.sipCallId === undefined ? {} : { sipCallId: plan.sipCallId }),
    offer: await leg.offer(),
    ...(plan.digest === null ? {} : { digest: plan.digest }),
    ringTimeout: plan.ringTimeout,
    signal: ended.signal,
    onProvisional: ({ status, reason }) => report('provisional', `${status} ${reason}`),
    events,
  });
  const elapsed = (): number => Math.round(clock.monotonic() - running.begun);
  if (result.outcome === 'failed') {
    report('failed', result.status === null ? `no answer: ${result.reason}` : `${result.status} ${result.reason}`);
    return {
      ...{ answered: false, status: result.status, reason: result.reason, endedBy: null, sipCallId: null },
      ...{ answerDelay: null, duration: null, quality: null },
    };
  }
  const { dialog } = result;
  const answerDelay = elapsed();
  /** The other side may be gone: its answer is not worth the 32 s that the BYE is repeated for. */
  const bye = () =>
    Promise.race([dialog.bye(), new Promise((resolve) => clock.after(byePatience, () => resolve(null)))]);
  try {
    await leg.accept(result.sdp, dialog.remote.address);
    report('answered', `answered after ${answerDelay} ms`);
    plan.onAnswered?.({
      press: async (digits) => {
        report('press', `pressed ${digits}`);
        await leg.sendDtmf(digits);
      },
    });
    if (plan.record !== null) await leg.startRecording(plan.record);
    if (plan.audio !== null) leg.play(plan.audio, { loop: plan.repeat });
  } catch (error) {
    // Whoever answered must not be left with a call that nobody is in.
    await bye();
    throw error;
  }
  const timers = plan.presses.map((press) =>
    clock.after(press.afterMs, () => {
      report('press', `pressed ${press.digit}`);
      leg.sendDtmf(press.digit).catch(() => {});
    }),
  );
  if (plan.hangUpAfter !== null) timers.push(clock.after(plan.hangUpAfter, () => ended.abort('caller')));
  await new Promise<void>((resolve) => {
    if (ended.signal.aborted) resolve();
    else ended.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  for (const timer of timers) timer.cancel();
  const endedBy = ended.signal.reason === 'callee' ? 'callee' : 'caller';
  if (endedBy === 'caller') await bye();
  if (plan.record !== null) await leg.stopRecording();
  const duration = elapsed() - answerDelay;
  const quality = await leg.close();
  report(
    'ended',
    `${endedBy === 'callee' ? 'the other side hung up' : 'hung up'} after ${(duration / 1_000).toFixed(1)} s`,
  );
  return {
    ...{ answered: true, status: 200, reason: 'OK', endedBy, sipCallId: dialog.sipCallId },
    ...{ answerDelay, duration, quality },
  };
};
