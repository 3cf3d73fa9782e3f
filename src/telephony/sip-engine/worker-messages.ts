import type { EngineStats } from './engine.js';
import type { EngineOptions, TargetAddress, TlsMaterial, WireEvent } from './options.js';
import type { ListenPoint } from './transport.js';

/** Engine options without what cannot cross to a thread; the rest says whether the other side wants to be told or asked. */
export type WorkerOptions = Omit<EngineOptions, 'clock' | 'log' | 'tap' | 'permit'> & {
  wantsLog: boolean;
  wantsTap: boolean;
  permits: boolean;
};

export type LogLine = { level: 'debug' | 'info' | 'warn' | 'error'; fields: Record<string, unknown>; message: string };

/** The bytes of all events of a report lie one behind the other in one block, which crosses threads without a copy. */
export type PostedWireEvent = Omit<WireEvent, 'raw'> & { length: number };

export type FromWorker =
  | { type: 'ready'; listen: ListenPoint[]; adminPort: number }
  | { type: 'failed'; message: string }
  | { type: 'report'; lines: LogLine[]; events: PostedWireEvent[]; bytes: Uint8Array; dropped: number }
  | { type: 'stats'; id: number; stats: EngineStats }
  | { type: 'permit'; id: number; callId: string; targets: readonly TargetAddress[] }
  | { type: 'renewed'; id: number; fault: string | null }
  | { type: 'closed' };

export type ToWorker =
  | { type: 'reported' }
  | { type: 'stats'; id: number }
  | { type: 'permitted'; id: number; allowed: readonly boolean[] }
  | { type: 'renew-tls'; id: number; material: TlsMaterial }
  | { type: 'close' };
