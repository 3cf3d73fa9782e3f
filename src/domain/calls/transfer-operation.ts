import { deferred } from '../../core/deferred.js';
import { GatewayError } from '../../core/errors.js';
import type { TransferDestination } from '../directory/records.js';
import {
  type AttemptRecord,
  type AttemptResult,
  afterFailure,
  type Failure,
  failedRecord,
  givenUp,
  lineEndedEarly,
} from '../transfer/index.js';
import type { TransferResult } from './ports.js';
import { type Introduction, introduction } from './transfer-announcement.js';
import { attemptTransfer } from './transfer-attempt.js';
import { type ConnectedCall, connectedCall } from './transfer-bridge.js';
import { callerHearing } from './transfer-hearing.js';
import type { LegEvents, TransferLeg } from './transfer-leg.js';
import { lineWatch, stays } from './transfer-line.js';
import { resultOf, transferNotes } from './transfer-notes.js';
import type { CallTransfers, TransferContext, TransferDeps, TransferRequest } from './transfer-ports.js';
import { callRelay } from './transfer-relay.js';

/** One transfer: what it has come to, and how to give it up. */
type Running = {
  readonly giveUp: AbortController;
  by: 'cancelled' | 'caller-hung-up';
  readonly planned: Promise<AttemptRecord>;
  readonly decided: Promise<AttemptRecord>;
  readonly over: Promise<TransferResult>;
};

export const callTransfers = (deps: TransferDeps, context: TransferContext): CallTransfers => {
  const { session, log } = context;
  const notes = transferNotes(session, deps.clock, context.tracer);
  const hearing = callerHearing(context.leg, (error) => {
    log.warn({ err: error }, 'what the caller should hear during a transfer could not be played');
  });
  let running: Running | null = null;
  /** A request whose destination is being looked up: of two at once exactly one goes on. */
  let reserving: Promise<unknown> | null = null;
  let last: AttemptRecord | null = null;
  let leg: TransferLeg | null = null;
  let joined: ConnectedCall | null = null;
  /** Knows of a line that hung up, maybe in the instant between its 200 and the join. */
  const line = lineWatch();
  const relay = callRelay(deps, context);

  const isOver = (): boolean => context.state().status === 'ended';

  /** Who holds, from the beginning on: what began while it rang goes on when the two are joined. */
  const holding = { caller: false, destination: false };
  let bridged = false;
  const destinationHeld = (held: boolean): void => {
    session.note(held ? 'media.held' : 'media.resumed', { leg: 'destination' });
    relay.held('destination', held);
    joined?.destinationHeld(held);
  };
  const callerHeld = (held: boolean): void => {
    relay.held('caller', held);
    joined?.callerHeld(held);
  };

  /** The bridge has ended what they were played: a hold from before it begins now. */
  const resume = (to: TransferLeg): void => {
    if (leg !== to) return;
    bridged = true;
    if (holding.caller) callerHeld(true);
    if (holding.destination) destinationHeld(true);
  };

  const legEvents = (): LegEvents => ({
    ended: (end) => {
      log.info({ by: end.by, reason: end.reason }, 'the destination of a transfer hung up');
      if (end.by === 'lost') session.note('signalling.lost', { leg: 'destination', reason: end.reason });
      if (line.hungUp()) return;
      const detail = end.by === 'remote' || end.reason === null ? {} : { detail: end.reason };
      context.dispatch({ type: 'destination-left', step: 'end', ...detail });
    },
    held: (held) => {
      holding.destination = held;
      if (bridged) destinationHeld(held);
    },
    info: (contentType, body) => joined?.destinationInfo(contentType, body),
    key: (key) => joined?.destinationKey(key),
    mediaLost: (kind) => {
      if (joined === null) return;
      session.note('media.lost', { leg: 'destination', kind });
      context.dispatch({ type: 'media-lost' });
    },
    mediaFailed: (reason) => {
      log.error({ reason }, "the media of a transfer's destination failed");
      if (joined !== null) context.dispatch({ type: 'media-failed' });
    },
    early: (media) => {
      context.dispatch({ type: 'transfer-ringing' });
      if (!isOver()) hearing.early(media);
    },
  });

  /** The agent falls silent and the caller hears that it rings. */
  const ringing = (): void => {
    context.dispatch({ type: 'transfer-ringing' });
    if (!isOver()) hearing.wait();
  };

  const attempt = (
    destination: TransferDestination,
    request: TransferRequest,
    { giveUp, by }: Pick<Running, 'giveUp'> & { readonly by: () => Running['by'] },
    onPlanned: (record: AttemptRecord) => void,
  ): Promise<AttemptResult<TransferLeg | null>> => {
    line.begin();
    return attemptTransfer(deps, context, destination, request, {
      ...{ hearing, ringing, notes, legEvents, by },
      signal: giveUp.signal,
      onRecord: (record) => {
        last = record;
        onPlanned(record);
      },
    });
  };

  const dropLeg = async (): Promise<void> => {
    const gone = leg;
    leg = null;
    joined = null;
    bridged = false;
    holding.destination = false;
    await gone?.media.close();
  };

  /** A line that had answered when the gateway failed: nobody will be connected to it. */
  const forsake = (): void => {
    leg?.dialog.bye().catch((error: unknown) => log.warn({ err: error }, 'a line could not be hung up'));
    void dropLeg();
  };

  /** Tells the line what was prepared for it; resolves with why there is nobody to connect the caller to, or null. */
  const introduce = async (
    to: TransferLeg,
    prepared: Introduction,
    by: () => Running['by'],
  ): Promise<Failure | null> => {
    // A line may answer without having rung.
    ringing();
    const end = await prepared.say(to.media);
    session.note('transfer.announced', { destination: to.destination.id, end });
    if (end === 'line-left') return lineEndedEarly;
    if (end !== 'given-up') return null;
    await to.dialog.bye();
    return givenUp(by());
  };

  /** Takes the failed attempt's destination to what follows it; the next destination, or null when the transfer is over. */
  const follow = async (
    destination: TransferDestination,
    failure: Failure,
    tried: readonly string[],
    wasUp: boolean,
  ): Promise<TransferDestination | null> => {
    const after = afterFailure(destination, failure.outcome, tried);
    if (after.step === 'next' && !isOver()) {
      const next = await deps.directory.destination(session.snapshot.orgId, after.destination).catch(() => null);
      if (next !== null && !isOver()) {
        if (wasUp) context.dispatch({ type: 'destination-left', step: 'next' });
        // The caller goes on hearing what they heard, or that it rings when the line before had said nothing yet.
        context.dispatch({ type: 'transfer-ringing' });
        hearing.lineGone();
        return next;
      }
      log.warn({ destination: after.destination }, 'the next destination of a transfer is not there');
    }
    hearing.stop({ unbridge: true });
    const step = after.step === 'hang-up' ? 'hang-up' : 'return';
    if (!wasUp) context.dispatch({ type: 'transfer-failed', step });
    else context.dispatch({ type: 'destination-left', step: step === 'return' ? 'return' : 'end' });
    return null;
  };

  const run = async (
    first: TransferDestination,
    request: TransferRequest,
    mine: Pick<Running, 'giveUp'> & { readonly by: () => Running['by'] },
    tell: { readonly planned: (record: AttemptRecord) => void; readonly decided: (record: AttemptRecord) => void },
  ): Promise<TransferResult> => {
    const tried: string[] = [];
    let destination: TransferDestination | null = first;
    let record: AttemptRecord | null = null;
    while (destination !== null) {
      tried.push(destination.id);
      const { e164, withheld } = session.snapshot.caller;
      const words = { summary: request.summary, caller: withheld ? null : e164 };
      const prepared = introduction(destination, words, { signal: mine.giveUp.signal, line }, deps);
      const result: AttemptResult<TransferLeg | null> = await attempt(destination, request, mine, tell.planned);
      record = result.record;
      deps.metrics.attempted(destination.type, record.outcome ?? 'failed');
      if (!result.connected) {
        prepared?.drop();
        destination = await follow(destination, result.failure, tried, false);
        continue;
      }
      if (result.leg === null) {
        hearing.stop({ unbridge: true });
        tell.decided(record);
        context.dispatch({ type: 'transfer-handed-over' });
        break;
      }
      leg = result.leg;
      // The call may have ended in the same instant: closing it sends the BYE.
      if (isOver()) {
        prepared?.drop();
        break;
      }
      const unheard = prepared === null ? null : await introduce(leg, prepared, mine.by);
      if (unheard !== null) {
        record = failedRecord(record, unheard);
        last = record;
        notes.endedEarly(destination, record);
        await dropLeg();
        destination = await follow(destination, unheard, tried, false);
        continue;
      }
      if (isOver()) break;
      const within = destination.returnWithin * 1_000;
      const window = within > 0 ? stays(line, within, mine.giveUp.signal, deps.clock) : null;
      joined = connectedCall({
        caller: { media: context.leg, dialog: context.callerDialog, profile: context.callerProfile },
        destination: leg,
        holdAudio: hearing.chosen(),
        settled: relay.settled,
        log,
      });
      context.dispatch({ type: 'transfer-connected', keepAgent: window !== null });
      if (window === null) {
        tell.decided(record);
        if (line.gone()) context.dispatch({ type: 'destination-left', step: 'end' });
        else relay.begin(leg);
        break;
      }
      const stayed = await window;
      if (stayed === 'stayed') {
        context.dispatch({ type: 'transfer-settled' });
        relay.begin(leg);
      }
      if (stayed !== 'left') break;
      record = failedRecord(record, lineEndedEarly);
      last = record;
      notes.endedEarly(destination, record);
      await dropLeg();
      destination = await follow(destination, lineEndedEarly, tried, true);
    }
    if (record === null) throw new Error('a transfer ran without an attempt');
    tell.decided(record);
    return resultOf(record);
  };

  const launch = (destination: TransferDestination, request: TransferRequest): Running => {
    const planned = deferred<AttemptRecord>();
    const decided = deferred<AttemptRecord>();
    const giveUp = new AbortController();
    const mine: Running = {
      giveUp,
      by: 'cancelled',
      planned: planned.promise,
      decided: decided.promise,
      over: run(
        destination,
        request,
        { giveUp, by: () => mine.by },
        { planned: planned.resolve, decided: decided.resolve },
      )
        .catch((error: unknown): TransferResult => {
          // A fault of ours: the caller goes back to the agent all the same.
          log.error({ err: error }, 'a transfer failed by a fault of the gateway');
          hearing.stop({ unbridge: true });
          const record = notes.broken(destination, last);
          last = record;
          planned.resolve(record);
          decided.resolve(record);
          if (context.state().destination !== 'up') forsake();
          context.dispatch({ type: 'transfer-failed', step: 'return' });
          return resultOf(record);
        })
        .finally(() => {
          running = null;
        }),
    };
    return mine;
  };

  const begin = (destination: TransferDestination | null, request: TransferRequest): Running => {
    if (destination === null) {
      throw new GatewayError('not_found', `There is no destination ${JSON.stringify(request.destination)}.`);
    }
    if (context.state().status !== 'active') throw notInProgress();
    hearing.choose(null);
    context.dispatch({ type: 'transfer-started' });
    running = launch(destination, request);
    return running;
  };

  const notInProgress = (): GatewayError =>
    isOver()
      ? new GatewayError('session_ended', 'The session has ended.')
      : new GatewayError('conflict', 'The call is not in progress yet.');

  return {
    async start(request) {
      // No wait when nobody is ahead: between looking and taking nothing may come in between.
      for (;;) {
        if (reserving !== null) await reserving.catch(() => {});
        // One that has failed gives the caller back before it is over: whoever is told so may start at once.
        else if (running !== null && context.state().status === 'active') await running.over;
        else break;
      }
      if (running !== null) {
        const planned = await running.planned;
        return { started: false, current: last ?? planned };
      }
      if (leg !== null && last !== null) return { started: false, current: last };
      if (context.state().status !== 'active') throw notInProgress();
      const { destination: wanted } = request;
      const lookedUp =
        typeof wanted === 'string'
          ? deps.directory.destination(session.snapshot.orgId, wanted)
          : Promise.resolve(wanted);
      const mine = lookedUp
        .then((destination) => begin(destination, request))
        .finally(() => {
          if (reserving === mine) reserving = null;
        });
      reserving = mine;
      const { planned, decided, over } = await mine;
      return { started: true, first: await planned, decided, settled: over };
    },
    current: () => last,
    decided: () => running?.decided ?? Promise.resolve(last),
    cancel(by) {
      const { destination } = context.state();
      if (running === null || running.giveUp.signal.aborted || destination === 'up') return false;
      running.by = by;
      running.giveUp.abort();
      return true;
    },
    ringBack: ringing,
    join() {
      const to = leg;
      if (to === null) return;
      hearing.stop({ unbridge: false });
      // Not before: what its silence would say while it rang or was told of the call, nobody would act on.
      to.media.expectMedia();
      context.leg
        .bridge(to.media)
        .then(() => resume(to))
        .catch((error: unknown) => {
          log.error({ err: error }, 'caller and destination could not be joined');
          context.dispatch({ type: 'hang-up', reason: 'error' });
        });
    },
    callerHeld(held) {
      holding.caller = held;
      if (bridged) callerHeld(held);
    },
    gather: relay.gather,
    connected: () => joined,
    async hangUp() {
      const bye = async (): Promise<void> => {
        running?.giveUp.abort();
        await running?.over;
        await leg?.dialog.bye();
      };
      await relay.end(bye());
    },
    media: () => leg?.media ?? null,
  };
};
