import type { EngineStats } from './engine.js';
import type { EngineOptions, TlsMaterial, WireEvent } from './options.js';
import type { ListenPoint } from './transport.js';

/** Engine options without what cannot cross to a thread; `log` and `tap` say whether the other side wants them. */
export type WorkerOptions = Omit<EngineOptions, 'clock' | 'log' | 'tap'> & { wantsLog: boolean; wantsTap: boolean };

export type LogLine = { level: 'debug' | 'info' | 'warn' | 'error'; fields: Record<string, unknown>; message: string };

/** The bytes of all events of a report lie one behind the other in one block, which crosses threads without a copy. */
export type PostedWireEvent = Omit<WireEvent, 'raw'> & { length: number };

export type FromWorker =
  | { type: 'ready'; listen: ListenPoint[]; adminPort: number }
  | { type: 'failed'; message: string }
  | { type: 'report'; lines: LogLine[]; events: PostedWireEvent[]; bytes: Uint8Array; dropped: number }
  | { type: 'stats'; id: number; stats: EngineStats }
  | { type: 'renewed'; id: number; fault: string | null }
  | { type: 'closed' };

export type ToWorker =
  | { type: 'reported' }
  | { type: 'stats'; id: number }
  | { type: 'renew-tls'; id: number; material: TlsMaterial }
  | { type: 'close' };
