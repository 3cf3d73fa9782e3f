import type { EngineStats } from './engine.js';
import type { EngineOptions, WireEvent } from './options.js';
import type { ListenPoint } from './transport.js';

/** Engine options without what cannot cross to a thread; `log` and `tap` say whether the other side wants them. */
export type WorkerOptions = Omit<EngineOptions, 'clock' | 'log' | 'tap'> & { wantsLog: boolean; wantsTap: boolean };

export type LogLine = { level: 'debug' | 'info' | 'warn' | 'error'; fields: Record<string, unknown>; message: string };

/** Buffers become plain byte arrays when they cross threads. */
export type PostedWireEvent = Omit<WireEvent, 'raw'> & { raw: Uint8Array };

export type FromWorker =
  | { type: 'ready'; listen: ListenPoint[]; adminPort: number }
  | { type: 'failed'; message: string }
  | { type: 'report'; lines: LogLine[]; events: PostedWireEvent[]; dropped: number }
  | { type: 'stats'; id: number; stats: EngineStats }
  | { type: 'closed' };

export type ToWorker = { type: 'reported' } | { type: 'stats'; id: number } | { type: 'close' };
