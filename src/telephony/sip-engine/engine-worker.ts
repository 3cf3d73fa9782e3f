import { parentPort, workerData } from 'node:worker_threads';
import { type Engine, startEngine } from './engine.js';
import type { EngineOptions } from './options.js';
import { createReporter } from './reporter.js';
import type { FromWorker, ToWorker, WorkerOptions } from './worker-messages.js';

// Entry of the engine's thread: everything SIP happens here, so that the application's own work never delays it.
const port = parentPort;
if (!port) throw new Error('engine-worker runs as a worker thread only');

const post = (message: FromWorker, moved: ArrayBuffer[] = []): void => port.postMessage(message, moved);
const reporter = createReporter(post);
const { wantsLog, wantsTap, permits, ...options }: WorkerOptions = workerData;
const asked = new Map<number, (allowed: readonly boolean[]) => void>();
let questions = 0;

/** Asks the other thread, which knows whose call it is. */
const permit: NonNullable<EngineOptions['permit']> = (callId, targets) =>
  new Promise((resolve) => {
    const id = ++questions;
    asked.set(id, resolve);
    post({ type: 'permit', id, callId, targets });
  });

const engineOptions: EngineOptions = {
  ...options,
  ...(wantsLog ? { log: (level, fields, message) => reporter.log({ level, fields, message }) } : {}),
  ...(wantsTap ? { tap: (event) => reporter.tap(event) } : {}),
  ...(permits ? { permit } : {}),
};

const serve = (engine: Engine): void => {
  post({ type: 'ready', listen: [...engine.listen], adminPort: engine.adminPort });
  port.on('message', (message: ToWorker) => {
    switch (message.type) {
      case 'reported':
        reporter.confirmed();
        return;
      case 'stats':
        post({ type: 'stats', id: message.id, stats: engine.stats() });
        return;
      case 'permitted':
        asked.get(message.id)?.(message.allowed);
        asked.delete(message.id);
        return;
      case 'renew-tls': {
        let fault: string | null = null;
        try {
          engine.renewTls(message.material);
        } catch (error) {
          fault = error instanceof Error ? error.message : String(error);
        }
        post({ type: 'renewed', id: message.id, fault });
        return;
      }
      case 'close':
        void engine.close().then(() => {
          reporter.flush();
          post({ type: 'closed' });
          // Timers of requests still on their way must not keep the thread.
          setImmediate(() => process.exit(0));
        });
        return;
    }
  });
};

startEngine(engineOptions).then(serve, (error: unknown) => {
  post({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
  port.close();
});
