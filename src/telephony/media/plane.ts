import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import { type Clock, systemClock, type Timer } from '../../core/clock.js';
import { GatewayError } from '../../core/errors.js';
import { type Logger, silentLogger } from '../../core/logger.js';
import type { MediaLeg, MediaPlane } from '../../domain/calls/ports.js';
import { type LegHandle, legHandle } from './leg-handle.js';
import { portPool } from './port-pool.js';
import { startWorker, type WorkerClient } from './worker-client.js';
import { defaultTuning, type MediaTuning } from './worker-protocol.js';

export type MediaPlaneOptions = {
  /** Address the RTP sockets are bound to, a literal. */
  readonly rtpAddress: string;
  /** Address written into SDP; required when `rtpAddress` is 0.0.0.0 or ::, else the same. */
  readonly publicAddress?: string;
  /** UDP ports for RTP and RTCP, both inclusive. */
  readonly ports: { readonly first: number; readonly last: number };
  /** Media threads; default: one less than the processors, at least one. */
  readonly workers?: number;
  /** How long a freed port rests before it is used again, ms. */
  readonly drainMs?: number;
  /** A worker whose loop does not turn for so long is ended, ms. */
  readonly stallMs?: number;
  /** Limit of one worker's heap, MiB. */
  readonly heapLimitMb?: number;
  readonly tuning?: Partial<MediaTuning>;
  readonly log?: Logger;
  readonly clock?: Clock;
};

/** Ports that another process holds are passed over; after so many in a row it is better to say so. */
const maxPortAttempts = 64;

/**
 * Media for calls, in worker threads. All legs of a session live in one worker, chosen as the least loaded when the
 * first of them is opened, so that a bridge never crosses threads. A worker that ends takes its own legs with it and
 * is replaced.
 *
 * @throws GatewayError config_invalid when addresses or ports make no sense.
 */
export const createMediaPlane = (options: MediaPlaneOptions): MediaPlane => {
  const log = options.log ?? silentLogger;
  const clock = options.clock ?? systemClock;
  const publicAddress = options.publicAddress ?? options.rtpAddress;
  checkAddresses(options.rtpAddress, publicAddress);
  const { first, last } = options.ports;
  const range = `${first}-${last}`;
  const pool = portPool({ first, last, drainMs: options.drainMs ?? 5_000, clock });
  if (first < 1 || last > 65_535 || pool.free() === 0) {
    throw new GatewayError('config_invalid', `The RTP port range ${range} holds no pair of an even and an odd port.`);
  }
  const wanted = Math.max(1, Math.floor(options.workers ?? availableParallelism() - 1));
  const stallMs = options.stallMs ?? 10_000;

  const workers: WorkerClient[] = [];
  /** Which worker a session's legs are in, and how many of them there are. */
  const sessions = new Map<string, { readonly worker: WorkerClient; legs: number }>();
  let legs = 0;
  let legNumber = 0;
  let started = 0;
  let closing: Promise<void> | null = null;

  const startOne = (): void => {
    started += 1;
    const bornAt = clock.monotonic();
    const client: WorkerClient = startWorker({
      name: `media-${started}`,
      rtpAddress: options.rtpAddress,
      publicAddress,
      tuning: { ...defaultTuning, ...options.tuning },
      heapLimitMb: options.heapLimitMb ?? 512,
      log,
      onExit(reason, asked) {
        workers.splice(workers.indexOf(client), 1);
        if (closing !== null || asked) return;
        log.error({ reason }, 'a media worker ended and is replaced');
        // One that dies right after its start would otherwise be replaced in an endless, busy circle.
        clock.after(clock.monotonic() - bornAt < 1_000 ? 1_000 : 0, () => {
          if (closing === null) startOne();
        });
      },
    });
    workers.push(client);
  };
  for (let i = 0; i < wanted; i += 1) startOne();

  const watchdog = watchWorkers({ workers, stallMs, clock, replace: startOne, isClosing: () => closing !== null });

  const leastLoaded = (): WorkerClient => {
    let best: WorkerClient | undefined;
    for (const worker of workers) if (best === undefined || worker.legs() < best.legs()) best = worker;
    if (best === undefined) throw new GatewayError('media_worker_died', 'No media worker is running at this moment.');
    return best;
  };

  const place = (sessionId: string): WorkerClient => {
    const known = sessions.get(sessionId);
    if (known?.worker.alive()) {
      known.legs += 1;
      return known.worker;
    }
    const worker = leastLoaded();
    sessions.set(sessionId, { worker, legs: 1 });
    return worker;
  };
  const unplace = (sessionId: string, worker: WorkerClient): void => {
    const known = sessions.get(sessionId);
    if (known?.worker !== worker) return;
    known.legs -= 1;
    if (known.legs === 0) sessions.delete(sessionId);
  };

  const exhausted = (): GatewayError =>
    new GatewayError(
      'ports_exhausted',
      `No RTP port is free: of ${range}, ${pool.taken()} pairs are in use and the others drain.`,
    );

  /** Opens sockets in `worker`, passing over ports that another process holds; null when the plane has none left. */
  const openSockets = async (leg: number, worker: WorkerClient, legOptions: Parameters<MediaPlane['open']>[0]) => {
    for (let attempt = 0; attempt < maxPortAttempts; attempt += 1) {
      const port = pool.take();
      if (port === null) throw exhausted();
      try {
        const opened = await worker.call(leg, 'open', { port, options: legOptions });
        if (opened !== 'port-in-use') return { port, opened };
      } catch (error) {
        pool.release(port);
        throw error;
      }
      pool.release(port);
      log.warn({ port }, 'an RTP port is held by another process');
    }
    throw new GatewayError(
      'ports_exhausted',
      `${maxPortAttempts} ports of ${range} in a row are held by other processes.`,
    );
  };

  const open = async (...[legOptions, events]: Parameters<MediaPlane['open']>): Promise<MediaLeg> => {
    if (closing !== null) throw new GatewayError('draining', 'The media plane is closed.');
    legNumber += 1;
    const number = legNumber;
    const worker = place(legOptions.sessionId);
    const { port, opened } = await openSockets(number, worker, legOptions).catch((error: unknown) => {
      unplace(legOptions.sessionId, worker);
      throw error;
    });
    legs += 1;
    let counted = true;
    const handle: LegHandle = legHandle({
      number,
      options: legOptions,
      events,
      worker,
      opened,
      log: log.child({ sessionId: legOptions.sessionId, role: legOptions.role }),
      onClosed() {
        if (!counted) return;
        counted = false;
        legs -= 1;
        open_.delete(handle);
        pool.release(port);
        unplace(legOptions.sessionId, worker);
      },
    });
    open_.add(handle);
    return handle;
  };
  const open_ = new Set<LegHandle>();

  return {
    open,
    stats: () => ({ legs, workers: workers.length, portsFree: pool.free() }),
    close() {
      closing ??= (async () => {
        watchdog.cancel();
        await Promise.all([...open_].map((leg) => leg.close()));
        await Promise.all([...workers].map((worker) => worker.kill('The media plane was closed.')));
      })();
      return closing;
    },
  };
};

const checkAddresses = (rtpAddress: string, publicAddress: string): void => {
  if (isIP(rtpAddress) === 0) {
    throw new GatewayError('config_invalid', `The RTP address "${rtpAddress}" is not an IP address.`);
  }
  if (isIP(publicAddress) === 0) {
    throw new GatewayError('config_invalid', `The public RTP address "${publicAddress}" is not an IP address.`);
  }
  if (publicAddress === '0.0.0.0' || publicAddress === '::') {
    throw new GatewayError(
      'config_invalid',
      `RTP listens on ${rtpAddress}, which no peer can send to: set RTP_PUBLIC_ADDRESS to the address peers reach.`,
    );
  }
};

/** Ends and replaces a worker with legs whose loop has stopped turning; a thread in an endless loop never exits itself. */
const watchWorkers = (options: {
  readonly workers: readonly WorkerClient[];
  readonly stallMs: number;
  readonly clock: Clock;
  readonly replace: () => void;
  readonly isClosing: () => boolean;
}): Timer => {
  const { clock, stallMs } = options;
  const seen = new WeakMap<WorkerClient, { beat: number; at: number }>();
  let timer: Timer;
  const look = (): void => {
    const now = clock.monotonic();
    for (const worker of [...options.workers]) {
      const before = seen.get(worker);
      const beat = worker.heartbeat();
      if (before === undefined || before.beat !== beat) seen.set(worker, { beat, at: now });
      else if (now - before.at >= stallMs) {
        void worker.kill(`The media worker did not answer for ${stallMs} ms and was ended.`).then(() => {
          if (!options.isClosing()) options.replace();
        });
      }
    }
    timer = clock.after(Math.ceil(stallMs / 4), look);
  };
  timer = clock.after(Math.ceil(stallMs / 4), look);
  return { cancel: () => timer.cancel() };
};
