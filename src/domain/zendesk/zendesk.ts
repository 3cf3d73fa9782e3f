import type { Clock } from '../../core/clock.js';
import type { Logger } from '../../core/logger.js';
import { silentTracer, type Tracer } from '../../core/tracing.js';
import type { EgressClient } from '../../platform/egress/index.js';
import { createWorkQueue, type RedisConnection } from '../../platform/redis/index.js';
import type { Vault } from '../../platform/vault/index.js';
import type { Directory } from '../directory/index.js';
import type { ContactStore, SessionStore } from '../sessions/index.js';
import { createZendeskCheck, type ZendeskCheck } from './check.js';
import { createZendeskClient, type ZendeskClient } from './client.js';
import { createZendeskCredentials } from './credentials.js';
import { createDeliveryLog } from './deliveries.js';
import { createEnrichment, type EnrichmentDeps } from './enrichment.js';
import { createNotes } from './notes.js';
import type { DeliveryLog, PrefetchResult } from './ports.js';
import { createPrefetch, type Prefetch } from './prefetch.js';
import { createPrefetchKeys, type PrefetchKeys, prefetchUrl } from './prefetch-keys.js';
import { waitForEnrichment } from './settled.js';
import { createStatusBoard, type StatusBoard } from './status.js';
import { createTicketCallReader } from './ticket-call.js';
import { createTickets, type EnsureTicket } from './tickets.js';
import { readWork, workGroup, workStream } from './work.js';

export type ZendeskOptions = {
  readonly redis: RedisConnection;
  readonly vault: Vault;
  readonly egress: EgressClient;
  readonly directory: Directory;
  readonly sessions: SessionStore;
  readonly contacts: ContactStore;
  readonly instanceId: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Nothing is traced when left out. */
  readonly tracer?: Tracer;
  readonly countPrefetch: (result: PrefetchResult) => void;
  readonly countEnrichment: EnrichmentDeps['count'];
  /** PUBLIC_URL: where Zendesk and people reach this gateway. */
  readonly publicUrl: string;
  /** Organizations that may have work waiting. */
  readonly organizations: () => Promise<readonly string[]>;
  /** No other instance can be alive (embedded Redis). */
  readonly exclusive?: boolean;
  readonly queueTimes?: { readonly lease?: number; readonly sweep?: number };
  /** ms one request to Zendesk may take; default 10 s. */
  readonly requestTimeout?: number;
  /** ms a webhook address is good for. */
  readonly addressLifetime?: number;
};

export type Zendesk = {
  readonly keys: PrefetchKeys;
  readonly prefetch: Prefetch;
  readonly deliveries: DeliveryLog;
  readonly client: ZendeskClient;
  readonly status: StatusBoard;
  readonly ensureTicket: EnsureTicket;
  readonly check: (orgId: string) => Promise<ZendeskCheck>;
  /** Begins to work off the queue; what a former process left is done first. */
  start(): Promise<void>;
  /** There is work of this organization in the queue. */
  wake(orgId: string): void;
  close(): Promise<void>;
};

/** Everything the gateway does with Zendesk, put together. */
export const createZendesk = (options: ZendeskOptions): Zendesk => {
  const { redis, vault, egress, directory, sessions, clock, tracer = silentTracer } = options;
  const log = options.log.child({ part: 'zendesk' });
  const credentials = createZendeskCredentials({ egress, vault, clock });
  const client = createZendeskClient({
    ...{ egress, credentials, clock },
    ...(options.requestTimeout === undefined ? {} : { timeout: options.requestTimeout }),
  });
  const keys = createPrefetchKeys({
    ...{ redis, vault, clock },
    ...(options.addressLifetime === undefined ? {} : { lifetime: options.addressLifetime }),
  });
  const deliveries = createDeliveryLog({ redis, clock });
  const status = createStatusBoard(redis, clock);
  const enrich = createEnrichment({
    ...{ client, directory, sessions, contacts: options.contacts, status, clock, log, tracer },
    count: options.countEnrichment,
  });
  const note = createNotes({ client, directory, sessions, status, publicUrl: options.publicUrl, clock });
  const ensureTicket = createTickets({ client, directory, sessions, contacts: options.contacts, clock, log });
  const queue = createWorkQueue({
    ...{ redis, clock, log, instanceId: options.instanceId, organizations: options.organizations },
    ...{ stream: workStream, group: workGroup, of: 'Zendesk', read: readWork },
    ...{ exclusive: options.exclusive ?? false, ...options.queueTimes },
    handle: (work, attempt, signal) => (work.kind === 'enrich' ? enrich : note)(work, attempt, signal),
  });
  const prefetch = createPrefetch({
    ...{ keys, directory, sessions, vault, deliveries, clock, log, tracer },
    readTicketCall: createTicketCallReader({ client, directory }),
    after: { wake: queue.wake, settled: waitForEnrichment(sessions, clock) },
    count: options.countPrefetch,
  });
  return {
    ...{ keys, prefetch, deliveries, client, status, ensureTicket },
    check: createZendeskCheck({
      ...{ directory, client, keys, deliveries, status, clock },
      webhookUrl: (token) => prefetchUrl(options.publicUrl, token),
    }),
    start: queue.start,
    wake: queue.wake,
    async close() {
      await queue.stop();
      await deliveries.close();
    },
  };
};
