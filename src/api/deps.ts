import type { Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import type { RecordingAction, RecordingView } from '../domain/calls/index.js';
import type { DirectoryService } from '../domain/directory/index.js';
import type { ContactStore, SessionStore } from '../domain/sessions/index.js';
import type { Access, AuditTrail, ConsoleSessions } from '../platform/access/index.js';
import type { KeptAnswers } from '../platform/redis/index.js';
import type { Metrics } from '../platform/telemetry/index.js';
import type { ToolControl } from './routes/tools.js';

/** What the API may do to calls, wherever they live. */
export type CallControl = {
  /**
   * Ends the call on whichever instance owns it; resolves once the owner has begun. Throws GatewayError session_ended,
   * owner_unreachable or not_found.
   */
  hangup(orgId: string, sessionId: string): Promise<void>;
  /**
   * Starts, pauses, resumes or stops the recording of a call on the instance that owns it. Throws GatewayError conflict,
   * session_ended, owner_unreachable or not_found.
   */
  record(orgId: string, sessionId: string, action: RecordingAction): Promise<RecordingView>;
};

/** SIP ladders of calls, as the recorder keeps them; null when there is none (any more). */
export type LadderReader = {
  json(orgId: string, sessionId: string): Promise<unknown>;
  text(orgId: string, sessionId: string): Promise<string | null>;
  /** A capture file in the format of libpcap. */
  capture(orgId: string, sessionId: string): Promise<Buffer | null>;
};

/** One thing the gateway stands on. `optional`: without it calls are taken all the same, and get what is configured instead. */
export type ReadinessCheck = {
  readonly name: string;
  readonly ok: boolean;
  readonly reason?: string;
  readonly optional?: true;
};

export type ApiDeps = {
  readonly access: Access;
  readonly audit: AuditTrail;
  /** Answers by Idempotency-Key. */
  readonly keptAnswers: KeptAnswers;
  /** Cookies of signed-in consoles; without it there is no console. */
  readonly console?: ConsoleSessions;
  /** Folder of the built console. */
  readonly consoleFiles?: string;
  readonly directory: DirectoryService;
  readonly sessions: Pick<SessionStore, 'get' | 'list' | 'locate' | 'timeline' | 'forgetRecording'>;
  readonly contacts: ContactStore;
  readonly calls: CallControl;
  readonly tools: ToolControl;
  readonly ladders: LadderReader;
  readonly readiness: () => Promise<readonly ReadinessCheck[]>;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly clock: Clock;
  readonly version: string;
  /** Digest of the settings that every instance should have alike. */
  readonly configDigest: string;
  /** PUBLIC_URL: its host is one the API answers to, its origin one that pages may call from. */
  readonly publicUrl: string;
  /** Further names in `Host`, for set-ups behind several names. */
  readonly allowedHosts?: readonly string[];
  /** Whether what this peer says in `X-Forwarded-For` is believed; default: nobody is. */
  readonly trustsProxy?: (address: string) => boolean;
  /** Only programs of this machine reach the API, since no proxy brings others: `/metrics` is open then. */
  readonly httpLoopback: boolean;
  /** HTTP and SIP listen on loopback only: a development machine (verified `local` numbers, http: to Zendesk). */
  readonly loopbackOnly: boolean;
  /** Requests per second and credential, and how many at once; default 500 and 1,000. */
  readonly rateLimit?: { readonly perSecond: number; readonly burst: number };
  /** The same for the token of an agent's session; default 50 and 100: a call needs a handful of tools a minute. */
  readonly agentRateLimit?: { readonly perSecond: number; readonly burst: number };
};
