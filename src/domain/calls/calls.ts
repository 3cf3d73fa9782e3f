import type { Clock } from '../../core/clock.js';
import { GatewayError } from '../../core/errors.js';
import { newUuid } from '../../core/ids.js';
import type { Logger } from '../../core/logger.js';
import type { Tracer } from '../../core/tracing.js';
import type { Directory, Route } from '../directory/records.js';
import type { SessionStore } from '../sessions/ports.js';
import type { EndReason, SessionDirection } from '../sessions/records.js';
import type { LiveCall } from './call.js';
import { incomingOrigin } from './call-origin.js';
import type { RecordingPlace } from './call-recording.js';
import type { DoorPorts } from './doors.js';
import { type Opening, openCall } from './open-call.js';
import type { AgentAdapter, AgentCredential, IncomingCall, LegQuality, MediaPlane } from './ports.js';
import { busy, forbidden, notFound, type Refusal, type RefusalRule, refusalOf } from './refusal.js';
import type { TransferDeps } from './transfer-ports.js';

export type CallMetrics = {
  rejected(profile: string, rule: RefusalRule): void;
  /** `delayMs`: from the INVITE to the ACK of our 200, or from ours to theirs. */
  answered(direction: SessionDirection, profile: string, delayMs: number): void;
  /** `answered` false: caller and gateway never had a call. */
  ended(direction: SessionDirection, profile: string, reason: EndReason, answered: boolean): void;
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
  /** What an agent's leg may ask the API with. `mint` rejects with GatewayError store_unavailable. */
  readonly credentials: {
    mint(owner: { readonly orgId: string; readonly sessionId: string }): Promise<AgentCredential>;
    revoke(sessionId: string): void;
  };
  readonly transfers: TransferDeps;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: CallMetrics;
  /** Nothing is traced when left out. */
  readonly tracer?: Tracer;
  /** Ties the SIP dialogs of a call to its session, for the ladder. */
  readonly bindLadder: (sipCallId: string, sessionId: string) => void;
  /** Everything of the call is closed. */
  readonly onClosed: (sessionId: string) => void;
  readonly recordings: RecordingPlace;
  /** True while the machine is too busy to take a call without harming the others. */
  readonly overloaded: () => boolean;
  readonly limits: {
    readonly maxCalls: number;
    /** Calls at once of an organization over all instances; null: no limit. */
    readonly maxCallsOf: (orgId: string) => number | null;
    readonly maxCallDuration: number;
  };
};

export type Calls = {
  receive(incoming: IncomingCall): Promise<void>;
  /** Begins a call of ours. Throws GatewayError draining, overloaded, organization_limit, ports_exhausted or store_unavailable. */
  place(opening: Opening): Promise<LiveCall>;
  live(): readonly LiveCall[];
  find(sessionId: string): LiveCall | undefined;
  /** From now on every INVITE gets 503. Resolves when the last call has ended, or after `deadline` ms, when the rest gets BYE. */
  drain(deadline: number, waiting: (calls: readonly LiveCall[]) => void): Promise<void>;
  endAll(reason: 'drain'): Promise<void>;
  readonly draining: () => boolean;
};

export const createCalls = (deps: CallsDeps): Calls => {
  const { clock, metrics } = deps;
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

  /** Why nothing new is taken at the moment. */
  const full = (): Refusal | null => {
    if (draining) return busy('draining', 'The gateway is shutting down and takes no new calls.');
    if (calls.size + opening > deps.limits.maxCalls)
      return busy('max-calls', `The gateway is at its limit of ${deps.limits.maxCalls} calls.`);
    return deps.overloaded()
      ? busy('overloaded', 'The processor is too busy to take a call without harming the others.')
      : null;
  };

  const admit = async (incoming: IncomingCall): Promise<Route | Refusal> => {
    const refusal = full();
    if (refusal !== null) return refusal;
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

  const openingOf = (incoming: IncomingCall, route: Route): Opening => {
    const { profile, source, offer, log } = incoming;
    return {
      sessionId: newUuid(),
      ...{ route, profile, log },
      media: {
        security: profile.mediaSecurity,
        signallingAddress: source.address,
        ...(offer === null ? {} : { firstOffer: offer }),
      },
      origin: async (leg) => incomingOrigin(incoming, leg, await (offer === null ? leg.offer() : leg.answer(offer))),
      first: {
        type: 'call.received',
        data: {
          called: route.number.number,
          profile: profile.name,
          source: `${source.transport}:${source.address}:${source.port}`,
          withheld: incoming.caller.withheld,
        },
      },
    };
  };

  const run = (call: LiveCall): void => {
    calls.set(call.sessionId, call);
    metrics.live(calls.size);
    void call.done.then(() => {
      calls.delete(call.sessionId);
      metrics.live(calls.size);
      deps.onClosed(call.sessionId);
      settle();
    });
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
        run(await openCall(deps, openingOf(incoming, admitted)));
      } catch (error) {
        const refusal = refusalOf(error);
        if (refusal.rule === 'error') incoming.log.error({ err: error }, 'handling an INVITE failed');
        refuse(incoming, refusal);
      } finally {
        opening -= 1;
        settle();
      }
    },
    async place(request) {
      opening += 1;
      try {
        const refusal = full();
        if (refusal !== null) {
          throw new GatewayError(refusal.rule === 'draining' ? 'draining' : 'overloaded', refusal.sentence);
        }
        const call = await openCall(deps, request);
        run(call);
        return call;
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
