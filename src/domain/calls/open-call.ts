import type { Logger } from '../../core/logger.js';
import { type Span, type SpanFields, silentTracer } from '../../core/tracing.js';
import type { Route } from '../directory/records.js';
import type { OwnedSession } from '../sessions/ports.js';
import type { TimelineEntry } from '../sessions/records.js';
import { type LiveCall, runCall } from './call.js';
import type { ConfiguredAgent } from './call-agent.js';
import type { CallOrigin } from './call-origin.js';
import type { CallsDeps } from './calls.js';
import type { AgentAdapter, MediaLeg, MediaLegEvents, MediaLegOptions, ProfileRules } from './ports.js';

/** A call that may begin: everything about it but its media, its session and the call itself. */
export type Opening = {
  /** UUID. */
  readonly sessionId: string;
  readonly route: Route;
  readonly profile: ProfileRules;
  readonly log: Logger;
  /** What the media of the person at the other end needs besides its profile's rules. */
  readonly media: Pick<MediaLegOptions, 'security' | 'signallingAddress'> & { readonly firstOffer?: string };
  readonly origin: (leg: MediaLeg) => Promise<CallOrigin>;
  /** First entry of the timeline. */
  readonly first: Omit<TimelineEntry, 'at'>;
  /** Instead of the route's agent. */
  readonly agent?: ConfiguredAgent;
  /** ms, where this call has a limit of its own. */
  readonly maxDuration?: number;
  /** The session is there, the call has not begun: what its agent shall find is put in. A rejection ends the call. */
  readonly prepare?: (session: OwnedSession) => Promise<void>;
};

/** An agent of a type this gateway has no adapter for: it fails at once, so the fall-back speaks. */
const unavailable = (type: string): AgentAdapter => ({
  type: 'builtin',
  answers: 'at-once',
  start: () => Promise.reject(new Error(`an agent of type ${type} is not available on this gateway`)),
  validate: () => [],
});

/** Media events can only come once the call runs; those of the instants before are kept for it. */
const bufferedEvents = (): { readonly events: MediaLegEvents; release(to: MediaLegEvents): void } => {
  let target: MediaLegEvents | null = null;
  const early: ((events: MediaLegEvents) => void)[] = [];
  const later = (deliver: (events: MediaLegEvents) => void): void => {
    if (target === null) early.push(deliver);
    else deliver(target);
  };
  return {
    events: {
      dtmf: (event) => later((events) => events.dtmf(event)),
      firstPacket: () => later((events) => events.firstPacket()),
      lost: (kind) => later((events) => events.lost(kind)),
      hold: (held) => later((events) => events.hold(held)),
      failed: (reason) => later((events) => events.failed(reason)),
    },
    release: (to) => {
      target = to;
      for (const deliver of early) deliver(to);
    },
  };
};

const createSession = (deps: CallsDeps, opening: Opening, origin: CallOrigin): Promise<OwnedSession> => {
  const { organization, agent, number } = opening.route;
  const { e164, withheld } = origin.caller;
  const zendesk = organization.zendesk;
  const talkOrShared =
    e164 !== null && zendesk !== null && (zendesk.talkNumbers.includes(e164) || zendesk.sharedNumbers.includes(e164));
  return deps.sessions.create({
    id: opening.sessionId,
    orgId: organization.id,
    agentId: agent.id,
    direction: origin.direction,
    caller: origin.caller,
    called: number.number,
    sipCallId: origin.sipCallId,
    profile: origin.profile.name,
    startedAt: origin.begunAt,
    linkContact: e164 !== null && !withheld && !talkOrShared,
    first: { at: origin.begunAt, ...opening.first },
    mostLive: deps.limits.maxCallsOf(organization.id),
  });
};

/** ms: the shortest of what the gateway, the agent and the call itself allow. */
const longest = (deps: CallsDeps, { route, maxDuration }: Opening): number =>
  Math.min(
    deps.limits.maxCallDuration,
    route.agent.maxDuration > 0 ? route.agent.maxDuration * 1_000 : Number.POSITIVE_INFINITY,
    maxDuration ?? Number.POSITIVE_INFINITY,
  );

/** What the trace of a call says of it as a whole. */
const describe = ({ route, profile }: Opening, { direction, sipCallId }: CallOrigin): SpanFields => ({
  'organization.id': route.organization.id,
  'agent.id': route.agent.id,
  'call.direction': direction,
  'sip.profile': profile.name,
  'sip.call_id': sipCallId,
});

/** A call that never ran: its session says so, and whatever was made for it goes. */
const giveBack = (deps: CallsDeps, session: OwnedSession): void => {
  const at = deps.clock.now();
  session
    .change({
      ...{ status: 'ended', endedAt: at, endReason: 'error' },
      timeline: [{ at, type: 'call.ended', data: { reason: 'error' } }],
    })
    .catch((err: unknown) => deps.log.error({ err }, 'the end of a session could not be written'));
  session.release();
  deps.onClosed(session.id);
};

/**
 * Opens media and session of a call and lets it run. Throws GatewayError store_unavailable, ports_exhausted, organization_limit,
 * or what the media says to an offer; nothing of the call is left then.
 */
export const openCall = async (deps: CallsDeps, opening: Opening): Promise<LiveCall> => {
  const { sessionId, route, profile } = opening;
  const { organization, agent } = route;
  const fallBack = deps.agents.get(deps.fallBack.type);
  if (fallBack === undefined) throw new Error(`no agent adapter for the fall-back type ${deps.fallBack.type}`);
  const buffered = bufferedEvents();
  const leg = await deps.media.open(
    {
      sessionId,
      role: 'caller',
      codecs: profile.codecs,
      mediaRanges: profile.mediaRanges,
      firstPacketTimeout: profile.firstPacketTimeout,
      idleTimeout: profile.idleTimeout,
      country: profile.country,
      comfortNoise: profile.comfortNoise,
      inbandDtmf: profile.inbandDtmf,
      ...opening.media,
    },
    buffered.events,
  );
  const tracer = deps.tracer ?? silentTracer;
  let session: OwnedSession | null = null;
  let span: Span | null = null;
  let answered = false;
  try {
    const origin = await opening.origin(leg);
    session = await createSession(deps, opening, origin);
    span = tracer.call(sessionId, { fields: describe(opening, origin), at: origin.begunAt });
    const trace = span;
    deps.bindLadder(origin.sipCallId, sessionId);
    deps.doors.actions?.opened(session, agent);
    await opening.prepare?.(session);
    const { leg: config } = agent;
    const log = opening.log.child({
      ...{ sessionId, organization: organization.id },
      // The log of a call that came in has it from its INVITE on.
      ...(origin.direction === 'inbound' ? {} : { sipCallId: origin.sipCallId }),
    });
    const call = runCall({
      ...{ origin, route, session, leg },
      agent: opening.agent ?? {
        adapter: deps.agents.get(config.type) ?? unavailable(config.type),
        config: config.type === 'builtin' ? config.script : config,
      },
      fallBack: { adapter: fallBack, config: deps.fallBack.config },
      clock: deps.clock,
      ...{ log, tracer },
      maxDuration: longest(deps, opening),
      recordings: deps.recordings,
      record: agent.record,
      doors: deps.doors,
      credential: {
        mint: () => deps.credentials.mint({ orgId: organization.id, sessionId }),
        revoke: () => deps.credentials.revoke(sessionId),
      },
      transfers: deps.transfers,
      onAnswered: (delayMs) => {
        answered = true;
        deps.metrics.answered(origin.direction, profile.name, delayMs);
      },
      onLegClosed: deps.metrics.legClosed,
      onEnded: (reason) => {
        deps.metrics.ended(origin.direction, profile.name, reason, answered);
        trace.end({ 'call.end_reason': reason }, reason === 'error' ? reason : undefined);
      },
    });
    const begun = { direction: origin.direction, called: route.number.number, agent: agent.id };
    log.info(begun, origin.direction === 'inbound' ? 'a call arrived' : 'a call is placed');
    buffered.release(call.mediaEvents);
    return call;
  } catch (error) {
    if (session !== null) giveBack(deps, session);
    span?.end({ 'call.end_reason': 'error' }, 'error');
    await leg.close().catch((err: unknown) => deps.log.error({ err }, 'media of a refused call could not be closed'));
    throw error;
  }
};
