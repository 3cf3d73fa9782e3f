import { Worker } from 'node:worker_threads';
import type { EngineStats } from './engine.js';
import { entryUrl } from './entry-url.js';
import type { EngineOptions, TlsMaterial } from './options.js';
import type { ListenPoint } from './transport.js';
import type { FromWorker, ToWorker, WorkerOptions } from './worker-messages.js';

/** An engine in a thread of its own. */
export type EngineHandle = {
  readonly listen: readonly ListenPoint[];
  readonly adminPort: number;
  stats(): Promise<EngineStats>;
  /** Takes other certificates for the TLS connections to come. Rejects when they are none; then those before stay. */
  renewTls(material: TlsMaterial): Promise<void>;
  /** Resolves with the reason when the thread ends without having been closed. */
  readonly failed: Promise<Error>;
  close(): Promise<void>;
};

/** Everything but functions crosses to the thread; `log` and `tap` are called here with what it reports, `permit` with what it asks. */
export type WorkerEngineOptions = Omit<EngineOptions, 'clock'>;

/**
 * Starts the engine in a worker thread.
 * @throws Error with the one sentence of the engine, such as a taken port.
 */
export const startEngineInWorker = async (options: WorkerEngineOptions): Promise<EngineHandle> => {
  const { log, tap, permit, ...plain } = options;
  const workerData: WorkerOptions = {
    ...plain,
    ...{ wantsLog: log !== undefined, wantsTap: tap !== undefined, permits: permit !== undefined },
  };
  const worker = new Worker(entryUrl(import.meta.url, './engine-worker.js'), { workerData, name: 'sip-engine' });
  const post = (message: ToWorker): void => worker.postMessage(message);
  const waitingStats = new Map<number, (stats: EngineStats) => void>();
  const waitingRenewals = new Map<number, (fault: string | null) => void>();
  let nextId = 1;
  let closing: Promise<void> | undefined;

  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  let fail: (error: Error) => void = () => undefined;
  const failed = new Promise<Error>((resolve) => {
    fail = resolve;
  });
  worker.once('error', (error) => fail(error instanceof Error ? error : new Error(String(error))));
  worker.once('exit', (code) => {
    if (!closing) fail(new Error(`the SIP engine's thread ended with code ${code}`));
  });

  const tapEvents = ({ events, bytes }: Extract<FromWorker, { type: 'report' }>): void => {
    let begin = bytes.byteOffset;
    for (const { at, direction, transport, local, remote, callId, retransmission, length } of events) {
      const raw = Buffer.from(bytes.buffer, begin, length);
      tap?.({ at, direction, transport, local, remote, callId, retransmission, raw });
      begin += length;
    }
  };

  const ready = new Promise<{ listen: ListenPoint[]; adminPort: number }>((resolve, reject) => {
    worker.on('message', (message: FromWorker) => {
      switch (message.type) {
        case 'ready':
          resolve(message);
          return;
        case 'failed':
          closing = ended;
          reject(new Error(message.message));
          return;
        case 'report':
          for (const line of message.lines) log?.(line.level, line.fields, line.message);
          tapEvents(message);
          if (message.dropped > 0)
            log?.('warn', { dropped: message.dropped }, 'reports of the SIP engine were dropped');
          post({ type: 'reported' });
          return;
        case 'permit': {
          const answer = (allowed: readonly boolean[]): void => post({ type: 'permitted', id: message.id, allowed });
          permit?.(message.callId, message.targets).then(answer, () => answer([]));
          return;
        }
        case 'stats':
          waitingStats.get(message.id)?.(message.stats);
          waitingStats.delete(message.id);
          return;
        case 'renewed':
          waitingRenewals.get(message.id)?.(message.fault);
          waitingRenewals.delete(message.id);
          return;
        case 'closed':
          return;
      }
    });
    void failed.then(reject);
  });
  const { listen, adminPort } = await ready;

  return {
    listen,
    adminPort,
    failed,
    stats: () =>
      new Promise((resolve, reject) => {
        const id = nextId++;
        waitingStats.set(id, resolve);
        void failed.then(reject);
        post({ type: 'stats', id });
      }),
    renewTls: (material) =>
      new Promise((resolve, reject) => {
        const id = nextId++;
        waitingRenewals.set(id, (fault) => (fault === null ? resolve() : reject(new Error(fault))));
        void failed.then(reject);
        post({ type: 'renew-tls', id, material });
      }),
    close: () => {
      if (!closing) {
        closing = ended;
        post({ type: 'close' });
      }
      return closing;
    },
  };
};
