import { join } from 'node:path';
import type { Clock } from '../../core/clock.js';
import { newUuid } from '../../core/ids.js';
import type { Logger } from '../../core/logger.js';
import type { Directory, Route } from '../directory/records.js';
import type { OwnedSession, SessionStore } from '../sessions/ports.js';
import type { EndReason } from '../sessions/records.js';
import { type LiveCall, runCall } from './call.js';
import type { DoorPorts } from './doors.js';
import type {
  AgentAdapter,
  AgentCredential,
  IncomingCall,
  LegQuality,
  MediaLeg,
  MediaLegEvents,
  MediaPlane,
} from './ports.js';
import { busy, forbidden, notFound, type Refusal, type RefusalRule, refusalOf } from './refusal.js';
import type { TransferDeps } from './transfer-ports.js';

export type CallMetrics = {
  rejected(profile: string, rule: RefusalRule): void;
  /** `delayMs`: from the INVITE to the ACK of our 200. */
  answered(profile: string, delayMs: number): void;
  /** `answered` false: the caller never heard us. */
  ended(profile: string, reason: EndReason, answered: boolean): void;
  /** A leg of a call has closed; its figures are final. */
  legClosed(quality: LegQuality): void;
  live(count: number): void;
};

export type CallsDeps = {
  readonly directory: Directory;
  readonly sessions: SessionStore;
  readonly media: MediaPlane;
  readonly agents: ReadonlyMap<string, AgentAdapter>;
  /** What a caller hears when the configured agent cannot be had: an agent type and its script around a message. */
  readonly fallBack: { readonly type: string; readonly config: (message: string | null) => unknown };
  readonly doors: DoorPorts;
  /** Mints what an agent's leg may ask the API with. Rejects with GatewayError store_unavailable. */
  readonly credential: (owner: { readonly orgId: string; readonly sessionId: string }) => Promise<AgentCredential>;
  readonly transfers: TransferDeps;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: CallMetrics;
  /** Ties the SIP dialogs of a call to its session, for the ladder. */
  readonly bindLadder: (sipCallId: string, sessionId: string) => void;
  /** Everything of the call is closed. */
  readonly onClosed: (sessionId: string) => void;
  readonly recordings: string;
  /** True while the machine is too busy to take a call without harming the others. */
  readonly overloaded: () => boolean;
  readonly limits: { readonly maxCalls: number; readonly maxCallDuration: number };
};

export type Calls = {
  receive(incoming: IncomingCall): Promise<void>;
  live(): readonly LiveCall[];
  find(sessionId: string): LiveCall | undefined;
  /** From now on every INVITE gets 503. Resolves when the last call has ended, or after `deadline` ms, when the rest gets BYE. */
  drain(deadline: number, waiting: (calls: readonly LiveCall[]) => void): Promise<void>;
  endAll(reason: 'drain'): Promise<void>;
  readonly draining: () => boolean;
};

export const createCalls = (deps: CallsDeps): Calls => {
  const { log, clock, metrics } = deps;
  const calls = new Map<string, LiveCall>();
  /** Admitted calls that are not yet in `calls`: they count against the limit and a drain waits for them. */
  let opening = 0;
  let draining = false;
  let onIdle: (() => void) | null = null;

  const refuse = (incoming: IncomingCall, refusal: Refusal): void => {
    metrics.rejected(incoming.profile.name, refusal.rule);
    incoming.reject(
      refusal.status,
      refusal.sentence,
      refusal.retryAfter === undefined ? {} : { 'Retry-After': String(refusal.retryAfter) },
    );
  };

  const admit = async (incoming: IncomingCall): Promise<Route | Refusal> => {
    if (draining) return busy('draining', 'The gateway is shutting down and takes no new calls.');
    if (calls.size + opening > deps.limits.maxCalls)
      return busy('max-calls', `The gateway is at its limit of ${deps.limits.maxCalls} calls.`);
    if (deps.overloaded())
      return busy('overloaded', 'The processor is too busy to take a call without harming the others.');
    if (incoming.called === null) return notFound('called-unreadable', 'The called party is not a telephone number.');
    const route = await deps.directory.route(incoming.called);
    if (route === null)
      return notFound('unknown-number', `The called number ${incoming.called} belongs to no organization.`);
    if (route.number.profile !== incoming.profile.name) {
      return forbidden(
        'number-profile',
        `The called number ${incoming.called} takes calls of profile ${route.number.profile}, and the caller is of profile ${incoming.profile.name}.`,
      );
    }
    if (!route.number.verified)
      return forbidden('number-not-verified', `The called number ${incoming.called} is not verified.`);
    return route;
  };

  const open = async (incoming: IncomingCall, route: Route): Promise<LiveCall> => {
    const { organization, agent, number } = route;
    const { profile } = incoming;
    const adapter = deps.agents.get(agent.leg.type);
    const fallBack = deps.agents.get(deps.fallBack.type);
    if (fallBack === undefined) throw new Error(`no agent adapter for the fall-back type ${deps.fallBack.type}`);
    const sessionId = newUuid();
    const callLog = incoming.log.child({ sessionId, organization: organization.id });
    // Media events can only come once the call runs; those of the instants before are kept for it.
    let call: LiveCall | null = null;
    let answered = false;
    const early: ((events: MediaLegEvents) => void)[] = [];
    const later = (deliver: (events: MediaLegEvents) => void): void => {
      if (call === null) early.push(deliver);
      else deliver(call.mediaEvents);
    };
    const leg = await deps.media.open(
      {
        sessionId,
        role: 'caller',
        codecs: profile.codecs,
        security: profile.mediaSecurity,
        signallingAddress: incoming.source.address,
        mediaRanges: profile.mediaRanges,
        firstPacketTimeout: profile.firstPacketTimeout,
        idleTimeout: profile.idleTimeout,
        country: profile.country,
        ...(incoming.offer === null ? {} : { firstOffer: incoming.offer }),
      },
      {
        dtmf: (event) => later((events) => events.dtmf(event)),
        firstPacket: () => later((events) => events.firstPacket()),
        lost: (kind) => later((events) => events.lost(kind)),
        hold: (held) => later((events) => events.hold(held)),
        failed: (reason) => later((events) => events.failed(reason)),
      },
    );
    try {
      const localSdp = incoming.offer === null ? await leg.offer() : await leg.answer(incoming.offer);
      const session = await createSession(incoming, route, sessionId);
      deps.bindLadder(incoming.sipCallId, sessionId);
      deps.doors.actions?.opened(session, agent);
      call = runCall({
        incoming,
        route,
        session,
        leg,
        localSdp,
        agent: adapter ?? unavailable(agent.leg.type),
        fallBack: { adapter: fallBack, config: deps.fallBack.config },
        clock,
        log: callLog,
        maxDuration:
          (agent.maxDuration > 0 ? agent.maxDuration * 1_000 : Number.POSITIVE_INFINITY) < deps.limits.maxCallDuration
            ? agent.maxDuration * 1_000
            : deps.limits.maxCallDuration,
        recordingPath: agent.record ? join(deps.recordings, `${sessionId}.wav`) : null,
        doors: deps.doors,
        credential: () => deps.credential({ orgId: organization.id, sessionId }),
        transfers: deps.transfers,
        onAnswered: (delayMs) => {
          answered = true;
          metrics.answered(profile.name, delayMs);
        },
        onLegClosed: metrics.legClosed,
        onEnded: (reason) => metrics.ended(profile.name, reason, answered),
      });
      callLog.info({ called: number.number, agent: agent.id }, 'a call arrived');
      for (const deliver of early) deliver(call.mediaEvents);
      return call;
    } catch (error) {
      await closeQuietly(leg);
      throw error;
    }
  };

  const createSession = (incoming: IncomingCall, route: Route, id: string): Promise<OwnedSession> => {
    const { organization, agent, number } = route;
    const e164 = incoming.caller.e164;
    const zendesk = organization.zendesk;
    const talkOrShared =
      e164 !== null && zendesk !== null && (zendesk.talkNumbers.includes(e164) || zendesk.sharedNumbers.includes(e164));
    return deps.sessions.create({
      id,
      orgId: organization.id,
      agentId: agent.id,
      direction: 'inbound',
      caller: incoming.caller,
      called: number.number,
      sipCallId: incoming.sipCallId,
      profile: incoming.profile.name,
      startedAt: incoming.receivedAt,
      linkContact: e164 !== null && !incoming.caller.withheld && !talkOrShared,
      first: {
        at: incoming.receivedAt,
        type: 'call.received',
        data: {
          called: number.number,
          profile: incoming.profile.name,
          source: `${incoming.source.transport}:${incoming.source.address}:${incoming.source.port}`,
          withheld: incoming.caller.withheld,
        },
      },
    });
  };

  const closeQuietly = async (leg: MediaLeg): Promise<void> => {
    await leg
      .close()
      .catch((error: unknown) => log.error({ err: error }, 'media of a refused call could not be closed'));
  };

  const settle = (): void => {
    if (calls.size + opening === 0) onIdle?.();
  };

  const endAll = async (reason: 'drain'): Promise<void> => {
    const rest = [...calls.values()];
    for (const call of rest) call.hangUp(reason);
    await Promise.all(rest.map((call) => call.done));
  };

  return {
    async receive(incoming) {
      opening += 1;
      try {
        const admitted = await admit(incoming);
        if ('status' in admitted) {
          refuse(incoming, admitted);
          return;
        }
        const call = await open(incoming, admitted);
        calls.set(call.sessionId, call);
        metrics.live(calls.size);
        void call.done.then(() => {
          calls.delete(call.sessionId);
          metrics.live(calls.size);
          deps.onClosed(call.sessionId);
          settle();
        });
      } catch (error) {
        const refusal = refusalOf(error);
        if (refusal.rule === 'error') incoming.log.error({ err: error }, 'handling an INVITE failed');
        refuse(incoming, refusal);
      } finally {
        opening -= 1;
        settle();
      }
    },
    live: () => [...calls.values()],
    find: (sessionId) => calls.get(sessionId),
    async drain(deadline, waiting) {
      draining = true;
      if (calls.size + opening === 0) return;
      const idle = new Promise<void>((resolve) => {
        onIdle = resolve;
      });
      const report = (): { cancel(): void } => {
        waiting([...calls.values()]);
        return clock.after(5_000, () => {
          reporter = report();
        });
      };
      let reporter = report();
      const limit = clock.after(deadline, () => void endAll('drain'));
      await idle;
      reporter.cancel();
      limit.cancel();
    },
    endAll,
    draining: () => draining,
  };
};

/** An agent of a type this gateway has no adapter for: it fails at once, so the fall-back speaks. */
const unavailable = (type: string): AgentAdapter => ({
  type: 'builtin',
  answers: 'at-once',
  start: () => Promise.reject(new Error(`an agent of type ${type} is not available on this gateway`)),
  validate: () => [],
});
