import type { ActionTest, CompiledAction, JsonRecord, RunErrorType, RunStore } from '../../domain/actions/index.js';
import type { ActionRecord } from '../../domain/directory/index.js';

/** The answer to an execution, also when the target failed. */
export type ExecuteAnswer = {
  readonly success: boolean;
  readonly statusCode: number | null;
  readonly outputs: JsonRecord;
  readonly error?: { readonly code: RunErrorType; readonly message: string };
  readonly durationMs: number;
};

/** A stored action; without `action` it cannot run as it is stored, and `fault` says why. */
export type StoredAction = {
  readonly record: ActionRecord;
  readonly action: CompiledAction | null;
  readonly fault: string | null;
  /** Names of secrets and certificates it refers to and that do not exist. */
  readonly missing: readonly string[];
  /** Median of recent runs, ms; null before the first. */
  readonly expectedLatencyMs: number | null;
};

/** What the routes of actions stand on. */
export type ActionParts = {
  /** Throws GatewayError not_found. */
  list(orgId: string): Promise<readonly StoredAction[]>;
  /** Ids of agents that have the action as a tool. */
  agentsWith(orgId: string, slug: string): Promise<readonly string[]>;
  /**
   * Runs an action; in a session on the instance that owns it. Throws GatewayError not_found, conflict, session_ended,
   * owner_unreachable.
   */
  execute(request: {
    readonly orgId: string;
    readonly slug: string;
    readonly sessionId: string | null;
    readonly attributes: JsonRecord;
    /**
     * The same arguments under the same turn join the call in flight, and are the same to the target. What has none ends
     * with `signal`; who may ask again gets what came of it then.
     */
    readonly turn: string | null;
    readonly signal: AbortSignal | null;
  }): Promise<ExecuteAnswer>;
  /** Throws GatewayError bad_request (a definition with faults), not_found. */
  test(
    orgId: string,
    tested: { readonly slug: string } | { readonly definition: unknown },
    attributes: JsonRecord,
  ): Promise<ActionTest>;
  /** Replaces the headers of a live session; resolves with a warning for each that will not be sent. */
  setHeaders(orgId: string, sessionId: string, headers: Readonly<Record<string, string>>): Promise<readonly string[]>;
  setIdentity(orgId: string, sessionId: string, user: string): Promise<void>;
  readonly runs: RunStore;
};
