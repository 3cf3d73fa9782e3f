import { Worker } from 'node:worker_threads';
import { entryUrl } from '../../core/entry-path.js';
import { GatewayError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import type {
  LegNotice,
  LegOperationName,
  LegOperations,
  MediaTuning,
  MediaWorkerData,
  WireError,
  WorkerMessage,
} from './worker-protocol.js';
import { audioPending, beat } from './worker-protocol.js';

/** What a leg's handle on this side hears of its worker. */
export type LegListener = {
  notice(notice: LegNotice): void;
  played(play: number, outcome: 'finished' | 'stopped' | GatewayError): void;
  /** The rings may have audio to read and room to write. */
  audio(): void;
  /** The worker is gone, and the leg with it. Called once. */
  died(reason: string): void;
};

/** One media worker as the signalling thread sees it. */
export type WorkerClient = {
  /** Legs that live in it. */
  legs(): number;
  alive(): boolean;
  join(leg: number, listener: LegListener): void;
  leave(leg: number): void;
  /** Rejects with the GatewayError the worker gives, or media_worker_died. */
  call<Name extends LegOperationName>(
    leg: number,
    name: Name,
    args: LegOperations[Name]['args'],
  ): Promise<LegOperations[Name]['result']>;
  /** Milliseconds-free sign of life: a counter that goes up while the worker's loop turns. */
  heartbeat(): number;
  /** Ends the thread at once; its legs hear `died` with this reason. */
  kill(reason: string): Promise<void>;
};

const revive = (error: WireError): GatewayError =>
  new GatewayError(error.code, error.message, { details: error.details });

export const startWorker = (options: {
  readonly name: string;
  readonly rtpAddress: string;
  readonly publicAddress: string;
  readonly tuning: MediaTuning;
  /** Limit of the worker's heap, MiB: beyond it the worker ends, not the process. */
  readonly heapLimitMb: number;
  readonly log: Logger;
  /** Called once when the thread is gone. `wanted` when `kill` asked for it. */
  readonly onExit: (reason: string, wanted: boolean) => void;
}): WorkerClient => {
  const { log } = options;
  const shared = new SharedArrayBuffer(8);
  const counters = new Int32Array(shared);
  const data: MediaWorkerData = {
    rtpAddress: options.rtpAddress,
    publicAddress: options.publicAddress,
    tuning: options.tuning,
    shared,
  };
  const worker = new Worker(entryUrl(import.meta.url, './media-worker.js'), {
    name: options.name,
    workerData: data,
    resourceLimits: { maxOldGenerationSizeMb: options.heapLimitMb },
  });
  const listeners = new Map<number, LegListener>();
  const pending = new Map<number, { resolve: (value: never) => void; reject: (error: GatewayError) => void }>();
  let lastId = 0;
  let gone: string | null = null;
  let wanted = false;
  let cause: string | null = null;

  /** A listener that throws must neither stop the messages behind it nor the worker. */
  const tell = (leg: number, fn: (listener: LegListener) => void): void => {
    const listener = listeners.get(leg);
    if (listener === undefined) return;
    try {
      fn(listener);
    } catch (error) {
      log.error({ err: error, worker: options.name, leg }, 'a listener of a media leg failed');
    }
  };

  const end = (reason: string): void => {
    if (gone !== null) return;
    gone = reason;
    for (const waiting of pending.values()) waiting.reject(new GatewayError('media_worker_died', reason));
    pending.clear();
    for (const leg of [...listeners.keys()]) tell(leg, (listener) => listener.died(reason));
    listeners.clear();
    options.onExit(reason, wanted);
  };

  worker.on('message', (message: WorkerMessage) => {
    switch (message.type) {
      case 'done':
      case 'refused': {
        const waiting = pending.get(message.id);
        pending.delete(message.id);
        if (message.type === 'done') waiting?.resolve(message.result as never);
        else waiting?.reject(revive(message.error));
        break;
      }
      case 'notice':
        tell(message.leg, (listener) => listener.notice(message.notice));
        break;
      case 'played': {
        const { outcome, play } = message;
        tell(message.leg, (listener) => listener.played(play, typeof outcome === 'string' ? outcome : revive(outcome)));
        break;
      }
      case 'audio':
        Atomics.store(counters, audioPending, 0);
        for (const leg of listeners.keys()) tell(leg, (listener) => listener.audio());
        break;
      case 'trouble':
        log.warn({ worker: options.name, leg: message.leg, trouble: message.message }, 'trouble in a media worker');
        break;
      case 'ready':
        log.debug({ worker: options.name }, 'a media worker is ready');
        break;
    }
  });
  worker.on('error', (error: Error) => {
    cause = `The media worker ended: ${error.message}.`;
    log.error({ err: error, worker: options.name }, 'a media worker failed');
  });
  worker.on('exit', (code) => end(cause ?? `The media worker ended with code ${code}.`));

  return {
    legs: () => listeners.size,
    alive: () => gone === null,
    join(leg, listener) {
      listeners.set(leg, listener);
    },
    leave(leg) {
      listeners.delete(leg);
    },
    call(leg, name, args) {
      if (gone !== null) return Promise.reject(new GatewayError('media_worker_died', gone));
      lastId += 1;
      const id = lastId;
      return new Promise((resolve, reject) => {
        pending.set(id, { resolve, reject });
        worker.postMessage({ id, leg, name, args });
      });
    },
    heartbeat: () => Atomics.load(counters, beat),
    async kill(reason) {
      wanted = true;
      cause ??= reason;
      await worker.terminate();
      end(cause);
    },
  };
};
