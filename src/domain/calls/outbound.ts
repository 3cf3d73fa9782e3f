import { isE164, toE164 } from '../../core/e164.js';
import { GatewayError } from '../../core/errors.js';
import { newUuid } from '../../core/ids.js';
import type { Logger } from '../../core/logger.js';
import type { Agent, Directory, Organization, PhoneNumberRecord, TransferDestination } from '../directory/records.js';
import {
  type CallTarget,
  isSameTarget,
  type OutboundGuard,
  type OutboundLease,
  type OutboundPolicy,
  readTarget,
} from '../outbound/index.js';
import type { OwnedSession } from '../sessions/ports.js';
import { planCall } from '../transfer/index.js';
import type { LiveCall } from './call.js';
import type { Calls } from './calls.js';
import type { Opening } from './open-call.js';
import { outgoingOrigin } from './outgoing-origin.js';
import type { RefusedTransfer, StartedTransfer, TransferDeps } from './transfer-ports.js';
import { isAllowListed, profileOf, securityOf } from './transfer-profile.js';

export type OutboundRequest = {
  readonly orgId: string;
  readonly agentId: string;
  /** A telephone number, `tel:`, `sip:`, or id or name of a destination of the agent. */
  readonly to: string;
  /** A number of the organization; null: the agent's first. */
  readonly from: string | null;
  /** Name of the SIP profile; null: the destination's, else the policy's, else that of the number we call from. */
  readonly profile: string | null;
  /** The session is there, nobody has been called yet. */
  readonly prepare?: (session: OwnedSession) => Promise<void>;
  /** Further headers of the INVITE. */
  readonly headers?: Readonly<Record<string, string>>;
  /** ms. */
  readonly ringTimeout?: number;
  readonly maxDuration?: number;
  /** Keys pressed as soon as they answer; `w` waits half a second. */
  readonly dtmf?: string;
  /** What takes the agent's place in this call, and whether it is there while it rings. */
  readonly instead?: NonNullable<Opening['agent']> & { readonly first: boolean };
};

export type TargetTransfer = {
  /** As `OutboundRequest.to`. */
  readonly to: string;
  readonly headers: Readonly<Record<string, string>>;
  /** ms; null: the destination's. */
  readonly ringTimeout: number | null;
  /** The caller hears ringing from the start, not only once it rings. */
  readonly dialtone: boolean;
};

/** Calls of ours, and transfers to targets that may be nobody's destination: all pass the guard. */
export type OutboundCalls = {
  /**
   * Calls somebody; resolves when the session is there and the INVITE on its way. Throws GatewayError bad_request,
   * not_found, conflict, target_not_allowed, outbound_limit, draining, overloaded, ports_exhausted, store_unavailable.
   */
  place(request: OutboundRequest): Promise<LiveCall>;
  /** Throws as `place`, and as a transfer does. */
  transfer(call: LiveCall, request: TargetTransfer): Promise<StartedTransfer | RefusedTransfer>;
};

export type OutboundDeps = {
  readonly directory: Directory;
  readonly guard: OutboundGuard;
  readonly calls: () => Pick<Calls, 'place'>;
  readonly transfers: TransferDeps;
  readonly log: Logger;
};

const operatorTrunk = ({ trunk }: OutboundPolicy): Pick<TransferDestination, 'trunk' | 'operatorTrunk'> =>
  trunk === null ? { trunk } : { trunk, operatorTrunk: true };

/** A party that is nobody's destination, with every option at its default. */
const adHoc = (orgId: string, target: CallTarget, policy: OutboundPolicy): TransferDestination => ({
  ...{ id: target.value, orgId, name: target.value, type: target.type, value: target.value },
  ...{ profile: policy.profile, trunk: null, method: 'invite' },
  ...(target.type === 'phone' ? operatorTrunk(policy) : {}),
  ...{ callerId: null, digest: null, headers: {}, secureMedia: false, holdAudio: null, announcement: null },
  ...{ ringTimeout: 30, onFailure: 'return', next: null, returnWithin: 0 },
});

type Resolved = {
  readonly destination: TransferDestination;
  readonly assigned: boolean;
  readonly policy: OutboundPolicy;
};

export const createOutboundCalls = (deps: OutboundDeps): OutboundCalls => {
  const { directory, guard, transfers } = deps;

  /** The agent's destination that is meant, else a party the operator lets be called. */
  const resolve = async (agent: Agent, country: string, to: string, by: 'call' | 'transfer'): Promise<Resolved> => {
    const policy = await guard.policy(agent.orgId);
    const own = (
      await Promise.all(agent.transferDestinations.map((id) => directory.destination(agent.orgId, id)))
    ).filter((destination) => destination !== null);
    const target = readTarget(to, country);
    const meant = own.find(
      ({ id, name, value }) =>
        id === to ||
        name.toLowerCase() === to.trim().toLowerCase() ||
        (typeof target !== 'string' && isSameTarget(target, value)),
    );
    const asker = { orgId: agent.orgId, agentId: agent.id };
    if (meant !== undefined) {
      const { type, trunk } = meant;
      const refers = meant.method === 'refer' && by === 'transfer';
      if (type !== 'phone' || trunk !== null || policy.trunk === null || refers) {
        return { destination: meant, assigned: true, policy };
      }
      // The operator's trunk is for the operator's list of numbers: a destination that lacks one must not get round it.
      guard.permit(asker, { type, value: meant.value }, policy);
      return { destination: { ...meant, ...operatorTrunk(policy) }, assigned: false, policy };
    }
    if (typeof target === 'string') throw new GatewayError('bad_request', `${JSON.stringify(to)} ${target}.`);
    guard.permit(asker, target, policy);
    return { destination: adHoc(agent.orgId, target, policy), assigned: false, policy };
  };

  /** The number we call from: one of the organization's own, and a proven one. */
  const numberOf = async (agent: Agent, country: string, from: string | null): Promise<PhoneNumberRecord> => {
    const wanted = from === null ? null : toE164(from, country);
    const proven = (await directory.numbers(agent.orgId)).filter(({ verified }) => verified);
    const found =
      from === null
        ? (proven.find(({ agentId }) => agentId === agent.id) ?? proven[0])
        : proven.find(({ number }) => number === wanted);
    if (found !== undefined) return found;
    throw from === null
      ? new GatewayError('conflict', 'The organization has no verified number to call from.')
      : new GatewayError('bad_request', `${JSON.stringify(from)} is no verified number of the organization.`);
  };

  const callee = async (
    orgId: string,
    agentId: string,
  ): Promise<{ readonly organization: Organization; readonly agent: Agent }> => {
    const [organization, agent] = await Promise.all([directory.organization(orgId), directory.agent(orgId, agentId)]);
    if (organization === null || agent === null) {
      throw new GatewayError('not_found', `There is no agent ${JSON.stringify(agentId)}.`);
    }
    return { organization, agent };
  };

  const openingOf = async (
    request: OutboundRequest,
    { organization, agent }: Awaited<ReturnType<typeof callee>>,
    { destination: found, policy }: Resolved,
    onAnswered: () => void,
  ): Promise<Opening> => {
    const number = await numberOf(agent, organization.defaultCountry, request.from);
    const name = request.profile ?? found.profile ?? policy.profile ?? (found.type === 'phone' ? number.profile : null);
    const destination: TransferDestination = {
      ...found,
      profile: name,
      ...(request.ringTimeout === undefined ? {} : { ringTimeout: request.ringTimeout / 1_000 }),
    };
    const profile = profileOf(transfers, destination);
    const sessionId = newUuid();
    if (name !== null && transfers.profile(name) === null) {
      throw new GatewayError('bad_request', `There is no SIP profile ${JSON.stringify(name)}.`);
    }
    const plan = planCall({
      ...{ sessionId, agentId: agent.id, number: number.number, destination, profile, host: transfers.host() },
      headers: request.headers ?? {},
    });
    if (plan === null) {
      throw new GatewayError(
        'conflict',
        'There is no trunk to call this number through: `trunk` of the destination, or of the outbound policy, names one.',
      );
    }
    const { value, type } = destination;
    const user = type === 'phone' ? value : (/^sip:([^@;]+)[@;]/i.exec(value)?.[1] ?? '');
    return {
      sessionId,
      route: { organization, number, agent },
      profile: profile.rules,
      log: deps.log,
      media: { security: securityOf(destination, profile.rules), signallingAddress: null },
      origin: async (media) =>
        outgoingOrigin({
          signalling: transfers.signalling(),
          ...{ clock: transfers.clock, log: deps.log.child({ sessionId }), media, plan, profile, onAnswered },
          digest: transfers.digest(found),
          operatorHost: found.operatorTrunk === true,
          sipCallId: newUuid(),
          person: { e164: isE164(user) ? user : null, raw: value, display: null, withheld: false },
          agentFirst: request.instead?.first === true,
          dtmf: request.dtmf ?? null,
          allowListed: isAllowListed(destination, profile),
          publicAddress: transfers.publicAddress(),
          onRang: (delayMs) => transfers.metrics.rang(profile.name, delayMs),
        }),
      first: {
        type: 'call.placed',
        data: { to: value, target: plan.target, from: number.number, profile: profile.name },
      },
      prepare: async (session) => {
        for (const header of plan.dropped) session.note('header.dropped', { ...header });
        await request.prepare?.(session);
      },
      ...(request.instead === undefined ? {} : { agent: request.instead }),
      ...(request.maxDuration === undefined ? {} : { maxDuration: request.maxDuration }),
    };
  };

  return {
    async place(request) {
      const who = await callee(request.orgId, request.agentId);
      const resolved = await resolve(who.agent, who.organization.defaultCountry, request.to, 'call');
      let lease: OutboundLease | null = null;
      const opening = await openingOf(request, who, resolved, () => lease?.answered());
      let call: LiveCall | null = null;
      lease = await guard.reserve(request, resolved.policy, () => call?.hangUp('max-duration'));
      try {
        call = await deps.calls().place(opening);
      } catch (error) {
        await lease.release();
        throw error;
      }
      void call.done.then(() => lease?.release());
      return call;
    },
    async transfer(call, request) {
      const { agent, organization } = call.route;
      const {
        destination: found,
        assigned,
        policy,
      } = await resolve(agent, organization.defaultCountry, request.to, 'transfer');
      const destination: TransferDestination = {
        ...found,
        headers: { ...found.headers, ...request.headers },
        ...(request.ringTimeout === null ? {} : { ringTimeout: request.ringTimeout / 1_000 }),
      };
      const { dialtone } = request;
      if (assigned) return call.transfers.start({ destination, summary: null, dialtone });
      const asker = { orgId: agent.orgId, agentId: agent.id };
      const lease = await guard.reserve(asker, policy, () => call.hangUp('max-duration'));
      try {
        const transfer = await call.transfers.start({ destination, summary: null, dialtone });
        if (!transfer.started) await lease.release();
        else {
          void transfer.decided.then((record) => {
            if (record.outcome === 'connected') lease.answered();
            else void lease.release();
          });
          void call.done.then(() => lease.release());
        }
        return transfer;
      } catch (error) {
        await lease.release();
        throw error;
      }
    },
  };
};
