import type { LiveKitSip, SipCall, SipTransfer } from '../api/index.js';
import type { Clock } from '../core/clock.js';
import { GatewayError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { Calls, LiveCall, OutboundCalls } from '../domain/calls/index.js';
import type { DirectoryService } from '../domain/directory/index.js';
import type { SessionStore } from '../domain/sessions/index.js';
import type { CommandBus, RedisConnection } from '../platform/redis/index.js';
import { type LiveKitAgent, livekitCallId, roomGuest } from '../telephony/agents/livekit/index.js';
import { createLiveKitLegs } from './livekit-legs.js';

export type LiveKitSipDeps = {
  readonly instanceId: string;
  readonly redis: RedisConnection;
  readonly bus: CommandBus;
  readonly sessions: Pick<SessionStore, 'locate' | 'get'>;
  readonly rooms: LiveKitAgent['rooms'];
  readonly calls: () => Calls;
  readonly outbound: OutboundCalls;
  readonly directory: Pick<DirectoryService, 'directory' | 'organizations'>;
  readonly clock: Clock;
  readonly log: Logger;
};

/** How long the owner of a call may take for what it can do at once, ms. */
const patience = 5_000;
/** A transfer over several destinations, each rung for its time, and the way there and back, ms. */
const transferPatience = 180_000;

type Transferred = Awaited<ReturnType<LiveKitSip['transfer']>>;
type Command =
  | ({ readonly name: 'transfer' } & SipTransfer)
  | { readonly name: 'move'; readonly room: string; readonly identity: string; readonly destination: string };

/** A hang-up by the API, or a room that could not be joined, before anybody answered. */
const endedEarly = {
  outcome: 'cancelled',
  sipStatus: null,
  reason: 'The call ended before it was answered.',
  hint: null,
} as const;

const channelOf = (instanceId: string): string => `${instanceId}.livekit`;

const noLeg = (room: string, identity: string): GatewayError =>
  new GatewayError(
    'not_found',
    `${JSON.stringify(identity)} in the room ${JSON.stringify(room)} is no telephone of this gateway.`,
  );

/**
 * LiveKit's SIP API on the gateway's own calls. Requests reach whichever instance owns the telephone; a new call belongs
 * to the instance that is asked. `serve` takes requests of other instances until the returned function is called.
 */
export const createLiveKitSip = (
  deps: LiveKitSipDeps,
): { readonly sip: LiveKitSip; readonly serve: () => Promise<() => void> } => {
  const { directory, log } = deps;
  const legs = createLiveKitLegs(deps);

  const callOf = (room: string, identity: string): LiveCall => {
    const call = deps.calls().find(legs.here(room, identity)?.sessionId ?? '');
    if (call === undefined) throw noLeg(room, identity);
    return call;
  };

  const here = {
    async transfer({ room, identity, to, headers, ringTimeout, dialtone }: SipTransfer): Promise<Transferred> {
      const call = callOf(room, identity);
      const transfer = await deps.outbound.transfer(call, { to, headers, ringTimeout, dialtone });
      if (!transfer.started) {
        throw new GatewayError(
          'conflict',
          transfer.current.outcome === 'connected'
            ? 'The caller has been transferred already.'
            : `A transfer to ${JSON.stringify(transfer.current.destination.name)} is under way already.`,
        );
      }
      const { id, outcome, sipStatus, reason, hint } = await transfer.decided;
      return { id, outcome: outcome ?? 'failed', sipStatus, reason, hint };
    },
    async move(room: string, identity: string, destination: string): Promise<null> {
      const leg = legs.here(room, identity);
      if (leg === undefined) throw noLeg(room, identity);
      const call = callOf(room, identity);
      await leg.move(destination);
      await legs.forget(room, identity);
      await legs.remember(destination, identity, leg.sessionId);
      void call.done.then(() => legs.forget(destination, identity).catch(() => {}));
      log.info({ sessionId: leg.sessionId, room, destination }, 'a telephone was moved to another LiveKit room');
      return null;
    },
  };
  const run = (command: Command): Promise<unknown> =>
    command.name === 'transfer'
      ? here.transfer(command)
      : here.move(command.room, command.identity, command.destination);

  const ask = async (command: Command, timeout: number): Promise<unknown> => {
    const { room, identity } = command;
    const place = await legs.find(room, identity);
    if (place === null) throw noLeg(room, identity);
    if (place.instanceId === deps.instanceId) return run(command);
    return deps.bus.request(channelOf(place.instanceId), command.name, command, { timeout });
  };

  /** Whose call it is: `organization/agent`, `organization`, or nothing where that is plain. */
  const ownerOf = async (
    trunk: string,
    room: string,
  ): Promise<{ readonly orgId: string; readonly agentId: string }> => {
    if (trunk === '') {
      const place = await legs.ofRoom(room);
      const session = place === null ? null : await deps.sessions.get(place.orgId, place.sessionId);
      if (session !== null) return { orgId: session.orgId, agentId: session.agentId };
    }
    const [named = '', agentId = ''] = trunk.split('/', 2);
    const all = await directory.organizations();
    const orgId = named === '' && all.length === 1 ? all[0] : named;
    if (orgId === undefined || !all.includes(orgId)) {
      throw new GatewayError(
        'not_found',
        `sip_trunk_id ${JSON.stringify(trunk)} names no organization: it is <organization>/<agent>, or <organization> where that has one agent.`,
      );
    }
    // Only agents in LiveKit rooms call through LiveKit's API.
    const agents = ((await directory.directory.snapshot(orgId))?.agents ?? []).filter(
      ({ leg }) => leg.type === 'livekit',
    );
    const found = agentId === '' && agents.length === 1 ? agents[0] : agents.find(({ id }) => id === agentId);
    if (found !== undefined) return { orgId, agentId: found.id };
    throw new GatewayError(
      'not_found',
      `sip_trunk_id ${JSON.stringify(trunk)} names none of the ${agents.length} LiveKit agents of organization ${JSON.stringify(orgId)}; it is ${JSON.stringify(`${orgId}/<agent>`)}.`,
    );
  };

  const create = async (request: SipCall): ReturnType<LiveKitSip['create']> => {
    const guest = roomGuest(deps.rooms, request, deps.clock);
    const call = await deps.outbound.place({
      ...(await ownerOf(request.trunk, request.room)),
      ...{ to: request.to, from: request.from, profile: null, headers: request.headers },
      ...(request.dtmf === null ? {} : { dtmf: request.dtmf }),
      ...(request.ringTimeout === null ? {} : { ringTimeout: request.ringTimeout }),
      ...(request.maxDuration === null ? {} : { maxDuration: request.maxDuration }),
      instead: { adapter: guest.adapter, config: { room: request.room }, first: true },
    });
    const leg = await guest.joined;
    if (leg !== null) {
      await legs.remember(request.room, leg.identity, call.sessionId);
      void call.done.then(() => legs.forget(request.room, leg.identity).catch(() => {}));
    }
    const connection = request.wait || leg === null ? await call.connected : null;
    if (connection !== null && !connection.answered) {
      return { answered: false, ...(connection.failure ?? endedEarly) };
    }
    if (leg === null) throw new GatewayError('livekit_unavailable', 'The room could not be joined.');
    return {
      answered: true,
      participantId: leg.sid(),
      identity: leg.identity,
      sipCallId: livekitCallId(call.sessionId),
    };
  };

  const organizationOf = async (trunk: string, room: string): Promise<string | null> => {
    const [named = ''] = trunk.split('/', 1);
    if (named === '') return (await legs.ofRoom(room))?.orgId ?? null;
    return (await directory.organizations()).includes(named) ? named : null;
  };

  return {
    sip: {
      create,
      organizationOf,
      transfer: async (transfer) => (await ask({ name: 'transfer', ...transfer }, transferPatience)) as Transferred,
      move: async (room, identity, destination) => {
        await ask({ name: 'move', room, identity, destination }, patience);
      },
    },
    // Only instances of this gateway, with its Redis password, can publish here; they build commands with `ask`.
    serve: () => deps.bus.serve(channelOf(deps.instanceId), (_name, payload) => run(payload as Command)),
  };
};
