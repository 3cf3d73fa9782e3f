import { isIPv6 } from 'node:net';
import type { TestCallControl } from '../api/index.js';
import type { Clock } from '../core/clock.js';
import { GatewayError, isGatewayError } from '../core/errors.js';
import { newToken, newUuid } from '../core/ids.js';
import type { Logger } from '../core/logger.js';
import type { PromptSource } from '../domain/calls/ports.js';
import type { Directory } from '../domain/directory/index.js';
import type { SessionStore } from '../domain/sessions/index.js';
import type { CommandBus } from '../platform/redis/index.js';
import { parseDtmf, placeTestCall } from '../telephony/caller/index.js';
import { type OwnCalls, passHeader } from '../telephony/sip/index.js';
import type { Rejections } from './rejections.js';
import type { CommandTaker } from './transfer-control.js';

/** Each has an engine and a media worker of its own: so many at once, of an organization and in all. */
const most = { organization: 3, all: 12 };
/** How long a test call may take to become a session, ms. */
const patience = 15_000;
/** How long the instance of a call may take to answer another one, ms. */
const busPatience = 3_000;

type Caller = {
  readonly orgId: string;
  readonly hangUp: () => void;
  press: ((digits: string) => Promise<void>) | null;
};

export type TestCallDeps = {
  readonly instanceId: string;
  readonly bus: CommandBus;
  readonly directory: Directory;
  readonly sessions: Pick<SessionStore, 'locate' | 'bySipCallId'>;
  /** Where the gateway takes SIP: `udp/127.0.0.1:5060`. */
  readonly endpoints: () => readonly string[];
  /** Whether a profile insists on SRTP. */
  readonly secureMedia: (profile: string) => boolean;
  readonly speak: (text: string, signal: AbortSignal) => Promise<PromptSource | null>;
  readonly rejections: Rejections;
  readonly clock: Clock;
  readonly log: Logger;
};

export type TestCalls = {
  readonly control: TestCallControl;
  /** Lets the calls placed here in, whatever carrier their number belongs to. */
  readonly ownCalls: OwnCalls;
  /** A call became a session of this instance. */
  opened(sipCallId: string, sessionId: string): void;
  readonly take: CommandTaker;
  /** Hangs all of them up. */
  close(): void;
};

/** The URI that reaches a number at where we listen ourselves; null while we listen nowhere. */
export const ownUri = (number: string, endpoints: readonly string[]): string | null => {
  const order = ['udp', 'tcp', 'tls'];
  const [best] = endpoints
    .map((endpoint) => /^(udp|tcp|tls)\/\[?(.+?)\]?:(\d+)$/i.exec(endpoint))
    .filter((match) => match !== null)
    .sort((a, b) => order.indexOf(a[1]?.toLowerCase() ?? '') - order.indexOf(b[1]?.toLowerCase() ?? ''));
  if (best === undefined) return null;
  const [, transport = '', address = '', port] = best;
  const reached = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
  return `sip:${number}@${isIPv6(reached) ? `[${reached}]` : reached}:${port};transport=${transport.toLowerCase()}`;
};

/** Calls to the organization's own numbers by a telephone of the gateway: over SIP and RTP, like anybody's. */
export const createTestCalls = (deps: TestCallDeps): TestCalls => {
  const { directory, clock, log } = deps;
  const passes = new Map<string, string>();
  const callers = new Set<Caller>();
  /** By session, once there is one. */
  const known = new Map<string, Caller>();
  const waiting = new Map<string, (sessionId: string) => void>();

  const opened = (sipCallId: string, sessionId: string): void => {
    waiting.get(sipCallId)?.(sessionId);
    waiting.delete(sipCallId);
  };

  const place: TestCallControl['place'] = async (orgId, request) => {
    const route = await directory.route(request.number);
    if (route === null || route.organization.id !== orgId)
      throw new GatewayError('not_found', `The organization has no number ${request.number}.`);
    const { number } = route;
    if (!number.verified)
      throw new GatewayError('conflict', `The number ${number.number} is not verified: its calls are refused.`);
    const ours = [...callers].filter((caller) => caller.orgId === orgId).length;
    if (ours >= most.organization || callers.size >= most.all)
      throw new GatewayError('conflict', 'There are enough test calls already: hang one of them up.');
    const uri = ownUri(number.number, deps.endpoints());
    if (uri === null) throw new GatewayError('sip_unavailable', 'The gateway listens for SIP nowhere at the moment.');

    const end = new AbortController();
    const caller: Caller = { orgId, hangUp: () => end.abort(), press: null };
    callers.add(caller);
    const [pass, sipCallId] = [newToken(), newUuid()];
    passes.set(pass, number.profile);
    const session = new Promise<string>((resolve) => waiting.set(sipCallId, resolve));
    const audio = request.say === null ? null : await deps.speak(request.say, end.signal).catch(() => null);
    const limit = clock.after(request.seconds * 1_000, caller.hangUp);
    const ended = placeTestCall(
      {
        ...{ uri, from: request.from, display: request.display, headers: { [passHeader]: pass }, sipCallId },
        ...{
          audio,
          repeat: false,
          presses: request.keys === '' ? [] : parseDtmf(request.keys),
          record: null,
          digest: null,
          hangUpAfter: null,
        },
        secureMedia: deps.secureMedia(number.profile),
        ringTimeout: 60_000,
        signal: end.signal,
        onAnswered: ({ press }) => {
          caller.press = press;
        },
      },
      () => {},
      log.child({ part: 'test-call' }),
    ).finally(() => {
      limit.cancel();
      callers.delete(caller);
      passes.delete(pass);
      waiting.delete(sipCallId);
    });
    let late: { cancel(): void } | null = null;
    const nothing = new Promise<'late'>((resolve) => {
      late = clock.after(patience, () => resolve('late'));
    });
    const first = await Promise.race([session.then((id) => ({ id })), ended, nothing]).finally(() =>
      (late as { cancel(): void } | null)?.cancel(),
    );
    if (typeof first === 'object' && 'id' in first) {
      known.set(first.id, caller);
      void ended
        .catch((err: unknown) => log.error({ err }, 'A test call failed.'))
        .finally(() => known.delete(first.id));
      return { sessionId: first.id };
    }
    caller.hangUp();
    if (first === 'late') {
      void ended.catch(() => {});
      // With several SIP servers another instance may have taken it.
      const elsewhere = await deps.sessions.bySipCallId(orgId, sipCallId);
      if (elsewhere !== null) return { sessionId: elsewhere.id };
      throw new GatewayError('sip_unavailable', 'The test call did not reach the gateway.');
    }
    const why = deps.rejections.of(sipCallId)?.rule ?? '';
    throw new GatewayError(
      'sip_refused',
      `The test call was refused: ${first.status ?? ''} ${first.reason}. ${why}`.trim(),
    );
  };

  const here = {
    'test-call-press': async ({ sessionId, digits = '' }: { sessionId: string; digits?: string }): Promise<null> => {
      const caller = known.get(sessionId);
      if (caller === undefined) throw new GatewayError('not_found', 'This call is no test call, or has ended.');
      if (caller.press === null) throw new GatewayError('conflict', 'The test call has not been answered yet.');
      // The first key may end the call, and with it the sending of the others: that is no failure of the pressing.
      await caller.press(digits).catch((error: unknown) => {
        if (isGatewayError(error, 'not_available')) throw error;
      });
      return null;
    },
    'test-call-end': async ({ sessionId }: { sessionId: string }): Promise<null> => {
      const caller = known.get(sessionId);
      if (caller === undefined) throw new GatewayError('not_found', 'This call is no test call, or has ended.');
      caller.hangUp();
      return null;
    },
  };
  type Command = keyof typeof here;
  const isCommand = (name: string): name is Command => Object.hasOwn(here, name);

  const run = async (orgId: string, name: Command, payload: { sessionId: string; digits?: string }): Promise<void> => {
    const found = await deps.sessions.locate(payload.sessionId);
    if (found === null || found.orgId !== orgId)
      throw new GatewayError('not_found', `There is no session ${payload.sessionId}.`);
    if (found.instanceId === deps.instanceId) await here[name](payload);
    else await deps.bus.request(found.instanceId, name, payload, { timeout: busPatience });
  };

  return {
    control: {
      place,
      press: (orgId, sessionId, digits) => run(orgId, 'test-call-press', { sessionId, digits }),
      end: (orgId, sessionId) => run(orgId, 'test-call-end', { sessionId }),
    },
    ownCalls: {
      take: (pass) => {
        const profile = passes.get(pass) ?? null;
        passes.delete(pass);
        return profile;
      },
    },
    opened,
    take: (name, payload) => {
      if (!isCommand(name)) return null;
      const { sessionId, digits } = payload as { readonly sessionId?: unknown; readonly digits?: unknown };
      if (typeof sessionId !== 'string')
        return Promise.reject(new GatewayError('bad_request', 'The command names no session.'));
      return here[name]({ sessionId, ...(typeof digits === 'string' ? { digits } : {}) });
    },
    close: () => {
      for (const caller of [...callers]) caller.hangUp();
    },
  };
};
