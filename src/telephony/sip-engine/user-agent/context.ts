import type { DialogTable } from '../dialogs/dialog-table.js';
import type { CdrReporter } from '../drachtio/cdr.js';
import type { ApplicationRegistry } from '../drachtio/registry.js';
import type { EngineClock } from '../engine-clock.js';
import type { EngineOptions } from '../options.js';
import type { TransactionTable } from '../transactions/table.js';
import type { Target, TransportLayer } from '../transport.js';
import type { Identity } from './identity.js';

export type EngineLog = NonNullable<EngineOptions['log']>;

/** What the parts of the engine share. */
export type EngineContext = {
  readonly options: EngineOptions;
  readonly clock: EngineClock;
  readonly transport: () => TransportLayer;
  readonly transactions: TransactionTable;
  readonly dialogs: DialogTable;
  readonly identity: Identity;
  readonly applications: ApplicationRegistry;
  readonly cdr: CdrReporter;
  readonly log: EngineLog;
  /**
   * Where a request to this URI may go, best first. Numeric hosts are answered at once, names by DNS (RFC 3263).
   * A string is a sentence why the URI leads nowhere.
   */
  readonly resolve: (uri: string) => Target[] | string | Promise<Target[] | string>;
};
