import type { Timer } from '../../core/clock.js';
import { GatewayError, isGatewayError } from '../../core/errors.js';
import type { Dialog, MediaLeg, ProfileRules } from './ports.js';
import type { RelayedPair, RelayRequest, RelaySide } from './relay-ports.js';
import type { TransferLeg } from './transfer-leg.js';
import type { RelayResult, TransferContext, TransferDeps } from './transfer-ports.js';

/**
 * A connected call's media at a relay outside the gateway (docs/decisions/rtpengine.md). Caller and destination hear each
 * other through the gateway from the 200 on; when nothing but passing their packets on is left to do, both are moved to
 * the relay by re-INVITE, and back when the gateway itself is needed again or the relay is gone.
 */
export type CallRelay = {
  /** Caller and destination are joined and the agent is gone: from now on the relay may have them. */
  begin(destination: TransferLeg): void;
  /** A side holds, or has stopped to: while one does the gateway has both, since it plays to the other. */
  held(side: Side, held: boolean): void;
  /** The gateway needs both to record them: they come back, and stay. Resolves when they have. */
  gather(): Promise<void>;
  /** Resolves when nobody is being moved. */
  settled(): Promise<void>;
  /** The call ends: nobody is moved any more, and the relay is freed once `said` (the BYEs) has settled. */
  end(said: Promise<unknown>): Promise<void>;
};

type Side = 'caller' | 'destination';

/** A line that has just answered often offers anew itself; two re-INVITEs that meet would cost more than this pause, ms. */
const pause = 1_000;

/** Moves to a relay in one call: a peer that answers each with an offer of its own must not go on for ever. */
const mostMoves = 5;

export const callRelay = (
  deps: Pick<TransferDeps, 'relay' | 'clock'>,
  context: Pick<
    TransferContext,
    'session' | 'leg' | 'callerProfile' | 'callerDialog' | 'dispatch' | 'recorded' | 'log'
  >,
): CallRelay => {
  const { session, log } = context;
  const { relay } = deps;
  let destination: TransferLeg | null = null;
  let current: RelayedPair | null = null;
  /** Who has been told to send elsewhere. */
  const away = new Set<Side>();
  const holding = new Set<Side>();
  let moving = false;
  let moves = 0;
  /** Why no further move is tried. */
  let over = relay === null;
  let timer: Timer | null = null;
  let queue: Promise<void> = Promise.resolve();

  const told = (result: RelayResult): void => relay?.moved(result);

  /** One thing after the other: a relay that is lost while somebody is being moved waits for the end of that. */
  const enqueue = (work: () => Promise<void>): Promise<void> => {
    queue = queue
      .then(() => (over ? undefined : work()))
      .catch((error: unknown) => log.error({ err: error }, 'moving the media of a call failed'));
    return queue;
  };

  const part = (side: Side, to: TransferLeg): { media: MediaLeg; dialog: Dialog | null; profile: ProfileRules } =>
    side === 'caller'
      ? { media: context.leg, dialog: context.callerDialog(), profile: context.callerProfile }
      : { media: to.media, dialog: to.dialog, profile: to.profile };

  /** Offers the side what its leg says now, which is the relay's word or the gateway's. */
  const move = async (side: Side, to: TransferLeg, where: 'away' | 'home'): Promise<void> => {
    const { media, dialog } = part(side, to);
    if (dialog === null) throw new Error(`the ${side} has no dialog`);
    let offered = false;
    const makeOffer = async (): Promise<string> => {
      // Its own re-INVITE, which met ours, has brought it home: it is not sent away again.
      if (where === 'away' && offered && !away.has(side)) throw new GatewayError('conflict', `The ${side} came home.`);
      const offer = await media.offer();
      if (over) throw new GatewayError('leg_ended', 'The call is over.');
      // Also when the answer never comes: who may have moved is told to come back.
      if (where === 'away') away.add(side);
      offered = true;
      return offer;
    };
    const answer = await dialog.modify(makeOffer).catch((error: unknown) => {
      // Who refused stays where it was (RFC 3261 section 14.1).
      if (where === 'away' && isGatewayError(error, 'sip_refused')) away.delete(side);
      throw error;
    });
    await media.accept(answer);
    if (where === 'home') away.delete(side);
  };

  /** Both are the gateway's again; the call ends where one of them does not come. */
  const takeBack = async (reason: string, to: TransferLeg): Promise<void> => {
    const left = current;
    if (left === null) return;
    current = null;
    await Promise.all([context.leg.lend(null), to.media.lend(null)]);
    const gone = [...away];
    const moved = await Promise.allSettled(gone.map((side) => move(side, to, 'home')));
    void left.close();
    if (over) return;
    const stuck = gone.filter((_, index) => moved[index]?.status === 'rejected');
    if (stuck.length > 0) {
      for (const leg of stuck) session.note('media.lost', { leg, kind: 'relay' });
      log.error({ stuck, reason }, 'the media of a call could not be taken back from its relay');
      return context.dispatch({ type: 'media-failed' });
    }
    session.note('media.returned', { relay: left.relay, reason });
    told('returned');
  };

  const lendable = (side: Side, to: TransferLeg, given: RelaySide): RelaySide => ({
    offer: () => given.offer(),
    async answer(offer) {
      const answer = await given.answer(offer);
      if (answer !== null) return answer;
      // The leg answers itself: this side is home by its own wish, and the other one has to follow.
      away.delete(side);
      void enqueue(async () => {
        await takeBack('changed', to);
        later();
      });
      return null;
    },
    async accept(answer) {
      try {
        await given.accept(answer);
      } catch (error) {
        if (moving) throw error;
        // It came in an ACK, where nothing can be refused any more.
        log.warn({ err: error, side }, 'a relay could not take an answer');
        void enqueue(() => takeBack('failed', to));
      }
    },
    figures: () => given.figures(),
  });

  const request = (to: TransferLeg): RelayRequest | null => {
    const described = (side: Side) => {
      const { media, profile } = part(side, to);
      const agreed = media.agreed();
      return agreed === null ? null : { ...agreed, codecs: profile.codecs, idleTimeout: profile.idleTimeout };
    };
    const [caller, line] = [described('caller'), described('destination')];
    const now = deps.clock.now();
    const age = now - (session.snapshot.answeredAt ?? now);
    return caller === null || line === null ? null : { sessionId: session.id, age, caller, destination: line };
  };

  /** Finds a relay and moves both there; resolves false when there is none, and then nothing has changed. */
  const handOver = async (to: TransferLeg): Promise<boolean> => {
    const asked = request(to);
    if (relay === null || asked === null) return false;
    moves += 1;
    const pair = await relay.media.open(asked, {
      lost: (reason) => void enqueue(() => replace(reason, to)),
      silent: (leg) => {
        session.note('media.lost', { leg, kind: 'idle' });
        context.dispatch({ type: 'media-lost' });
      },
    });
    if ('refused' in pair) {
      session.note('media.kept', { reason: pair.refused, detail: pair.reason });
      told(pair.refused);
      return false;
    }
    if (over) {
      void pair.close();
      return false;
    }
    void current?.close();
    current = pair;
    moving = true;
    try {
      await Promise.all([
        context.leg.lend(lendable('caller', to, pair.caller)),
        to.media.lend(lendable('destination', to, pair.destination)),
      ]);
      await move('destination', to, 'away');
      await move('caller', to, 'away');
    } catch (error) {
      if (over) return true;
      // What it wanted when it met our offer has been queued behind this, and tries again.
      if (isGatewayError(error, 'conflict')) {
        await takeBack('changed', to);
        return true;
      }
      log.warn({ err: error, relay: pair.relay }, 'a call could not be moved to a relay');
      told('refused');
      // A peer that refuses once does so again.
      moves = mostMoves;
      await takeBack('refused', to);
      return true;
    } finally {
      moving = false;
    }
    if (!over) {
      session.note('media.relayed', { relay: pair.relay });
      told('relayed');
    }
    return true;
  };

  /** The relay is gone with the audio of the call: another one has it, or the gateway. */
  const replace = async (reason: string, to: TransferLeg): Promise<void> => {
    if (current === null) return;
    session.note('media.lost', { kind: 'relay', relay: current.relay, reason });
    told('lost');
    if (moves < mostMoves && (await handOver(to))) return;
    await takeBack(reason, to);
  };

  const fits = (): boolean => current === null && holding.size === 0 && moves < mostMoves && !context.recorded();

  /** Moves the two to a relay after a pause, if it can be done then. */
  const later = (): void => {
    timer?.cancel();
    const to = destination;
    if (over || to === null || !fits()) return;
    timer = deps.clock.after(pause, () => {
      void enqueue(async () => {
        if (fits()) await handOver(to);
      });
    });
  };

  return {
    begin(to) {
      if (over) return;
      destination = to;
      if (context.recorded()) {
        // A recording is made of what passes through the gateway.
        session.note('media.kept', { reason: 'recorded' });
        return told('recorded');
      }
      later();
    },
    held(side, held) {
      const to = destination;
      if (!held) {
        holding.delete(side);
        return later();
      }
      holding.add(side);
      if (to !== null) void enqueue(() => takeBack('held', to));
    },
    gather() {
      const to = destination;
      if (to === null) return queue;
      moves = mostMoves;
      timer?.cancel();
      return enqueue(() => takeBack('recorded', to));
    },
    settled: () => queue,
    async end(said) {
      over = true;
      timer?.cancel();
      await said;
      const pair = current;
      current = null;
      await pair?.close();
    },
  };
};
