import type { Clock } from '../../core/clock.js';
import { newUuid } from '../../core/ids.js';
import type { Logger } from '../../core/logger.js';
import { silentTracer, type Tracer } from '../../core/tracing.js';
import type { EgressClient } from '../../platform/egress/index.js';
import type { CompiledAction } from './compile-action.js';
import { createExchanger, type Exchange } from './exchange.js';
import { type Failure, failureOf } from './failure.js';
import { createLatencyTracker } from './latency.js';
import { createTokenSource } from './oauth-token.js';
import { finish } from './outcome.js';
import { checkArguments } from './parameters.js';
import type {
  ActionOrganization,
  ActionSession,
  CertificateReader,
  JsonRecord,
  RunRecorder,
  SecretReader,
  UserAttributes,
  VariableReader,
} from './ports.js';
import { idempotencyKeyOf, type PreparedRequest, prepareAhead, prepareRequest } from './prepare.js';
import type { RunErrorType, RunRecord } from './runs.js';
import type { ContextReader } from './template/scope.js';
import { recordReader } from './template/scope.js';
import type { JsonValue, Tagged } from './template/values.js';

export type ActionCall = {
  readonly organization: ActionOrganization;
  readonly action: CompiledAction;
  readonly session?: ActionSession | undefined;
  /** Held by the owner of the session, in memory alone. */
  readonly sessionHeaders?: ReadonlyMap<string, string> | undefined;
  readonly user: UserAttributes;
  /** What the AI (or the caller of the API) supplies. */
  readonly args: JsonRecord;
  /** The turn of the conversation: the same arguments in the same turn are the same call. */
  readonly turn?: string | undefined;
  /** For callers that know of no turns: a call of the session with the same arguments joins one that is in flight. */
  readonly joins?: boolean;
  readonly signal?: AbortSignal | undefined;
};

export type ActionResult = {
  readonly runId: string;
  readonly success: boolean;
  readonly statusCode: number | null;
  /** Every attribute that was set; `null` where a path found nothing. */
  readonly outputs: JsonRecord;
  readonly error: { readonly code: RunErrorType; readonly message: string } | undefined;
  readonly durationMs: number;
  /** Attributes among the outputs that no agent is told of later: hidden from the AI, or the whole response. */
  readonly notRepeated: ReadonlySet<string>;
  /** What the AI is told: text, and the attributes it may see. */
  readonly ai: {
    readonly text: string;
    readonly outputs: JsonRecord;
    /** What came back, when the action maps nothing of it. */
    readonly body?: string;
  };
  /** The run as the history has it, for operators; redacted. */
  readonly run: RunRecord;
};

export type ExecuteOptions = {
  /** Marks the run as a test and makes it on a connection of its own, so that its timing shows every step. */
  readonly test?: boolean;
};

export type ActionExecutor = {
  /** Runs an action. Never rejects: what goes wrong is in the result. */
  execute(call: ActionCall, options?: ExecuteOptions): Promise<ActionResult>;
  /** Opens connections and fetches tokens at the start of a call, so that the first action finds them ready. */
  warm(calls: readonly Pick<ActionCall, 'organization' | 'action' | 'session' | 'user'>[]): Promise<void>;
  /** The median duration of recent runs, milliseconds; nothing before the first. */
  expectedLatencyMs(organizationId: string, slug: string): number | undefined;
};

export type ExecutorDependencies = {
  readonly http: EgressClient;
  readonly clock: Clock;
  readonly log: Logger;
  /** Nothing is traced when left out. */
  readonly tracer?: Tracer;
  readonly variables: VariableReader;
  readonly secrets: SecretReader;
  readonly certificates: CertificateReader;
  readonly runs: RunRecorder;
};

/** Values the AI may not replace stand first; what it may supply by declaration comes before the session's own. */
const userContext = (
  action: CompiledAction,
  user: UserAttributes,
  args: ReadonlyMap<string, JsonValue>,
): ContextReader => {
  const fixed = recordReader(action.staticValues, 'server');
  const declared = action.parameters?.properties;
  return (name) => {
    const own = fixed(name);
    if (own !== undefined) return own;
    const given = args.get(name);
    if (given === undefined) return user.read(name);
    const asked: Tagged = { value: given, trust: 'ai' };
    return declared?.has(name) === true ? asked : (user.read(name) ?? asked);
  };
};

/**
 * The one executor behind every door: in-call tools, the API, the testing panel and MCP. Each call works on one
 * snapshot and under one total deadline.
 */
export const createActionExecutor = (dependencies: ExecutorDependencies): ActionExecutor => {
  const { http, clock, log, tracer = silentTracer } = dependencies;
  const tokens = createTokenSource(http, clock);
  const exchange = createExchanger(http, tokens, clock);
  const latency = createLatencyTracker();
  const inFlight = new Map<string, Promise<ActionResult>>();
  const noHeaders: ReadonlyMap<string, string> = new Map();
  const noArguments: ReadonlyMap<string, JsonValue> = new Map();

  const perform = async (
    call: ActionCall,
    options: ExecuteOptions,
    idempotencyKey: string | undefined,
  ): Promise<ActionResult> => {
    const { action, organization } = call;
    const begin = clock.monotonic();
    const at = clock.now();
    const left = (): number => action.timeoutMs - (clock.monotonic() - begin);
    const runId = newUuid();
    const span = tracer.part('action', call.session?.id ?? null, {
      fields: { 'organization.id': organization.id, 'action.name': action.slug, 'action.run': runId },
    });
    let prepared: PreparedRequest | undefined;
    let done: Exchange | undefined;
    let failure: Failure | undefined;
    let attempts = 1;
    try {
      const { values, faults } = checkArguments(call.args, action.parameters, action.staticValues);
      const [fault] = faults;
      if (fault !== undefined) {
        const sentence = `The argument ${fault.path} ${fault.message}.`;
        failure = { type: 'arguments', operator: sentence, ai: sentence, status: null };
      } else {
        prepared = await prepareRequest(
          {
            action,
            organization,
            session: call.session,
            sessionHeaders: call.sessionHeaders ?? noHeaders,
            variables: await dependencies.variables.read(organization.id),
            user: userContext(action, call.user, values),
            idempotencyKey,
            traceparent: span.traceparent,
            request: { uuid: newUuid, nowMs: at },
          },
          dependencies,
        );
        done = await exchange({
          action,
          prepared,
          signal: call.signal,
          ownConnection: options.test === true,
          left,
          shown(request, attempt) {
            prepared = request;
            attempts = attempt;
          },
        });
        prepared = done.request;
      }
    } catch (error) {
      failure = failureOf(error, action.timeoutMs);
      if (failure.type === 'internal')
        log.error(
          { action: action.slug, organizationId: organization.id, runId, err: error },
          'An action could not be run.',
        );
    }
    const result = finish(call, options, {
      runId,
      at,
      durationMs: clock.monotonic() - begin,
      prepared,
      done,
      failure,
      attempts,
    });
    span.end(
      {
        'action.attempts': attempts,
        ...(result.statusCode === null ? {} : { 'http.response.status_code': result.statusCode }),
      },
      result.error?.code,
    );
    if (done !== undefined) latency.add(organization.id, action.slug, result.durationMs);
    const storing = settle(call, result);
    if (storing !== undefined) await storing;
    return result;
  };

  /**
   * Writes what the run brought. Neither a store nor a history that is down takes the result away, and the AI does not
   * wait for the history.
   */
  const settle = (call: ActionCall, result: ActionResult): Promise<void> | undefined => {
    const { run } = result;
    const fields = {
      action: run.action,
      organizationId: run.organizationId,
      sessionId: run.sessionId,
      runId: run.id,
      success: result.success,
      statusCode: result.statusCode,
      durationMs: result.durationMs,
      error: result.error?.code ?? null,
    };
    const unrecorded = (err: unknown): void =>
      log.error({ ...fields, err }, 'The run of an action could not be recorded.');
    try {
      const recording = dependencies.runs.record(run);
      if (recording !== undefined) recording.catch(unrecorded);
    } catch (error) {
      unrecorded(error);
    }
    log.info(fields, 'An action was run.');
    const unstored = (err: unknown): void =>
      log.error({ ...fields, err }, 'The attributes of an action could not be stored.');
    try {
      const storing = call.user.apply(result.outputs);
      return storing === undefined ? undefined : storing.catch(unstored);
    } catch (error) {
      unstored(error);
      return undefined;
    }
  };

  return {
    execute(call, options = {}) {
      const { action, organization, session, turn, joins = turn !== undefined } = call;
      const reads = action.method === 'GET';
      if (!joins || (session === undefined && turn === undefined) || options.test === true) {
        return perform(call, options, reads ? undefined : newUuid());
      }
      const key = idempotencyKeyOf([organization.id, session?.id ?? '', turn ?? '', action.slug], call.args);
      const running = inFlight.get(key);
      if (running !== undefined) return running;
      // Without a turn the same order may be meant twice: only what runs at once is the same call.
      const idempotencyKey = turn === undefined ? newUuid() : key;
      const started = perform(call, options, reads ? undefined : idempotencyKey).finally(() => inFlight.delete(key));
      inFlight.set(key, started);
      return started;
    },
    async warm(calls) {
      await Promise.all(
        calls.map(async ({ organization, action, session, user }) => {
          if (action.url.staticOrigin === undefined) return;
          try {
            const request = { uuid: newUuid, nowMs: clock.now() };
            const known = { action, organization, session, user: userContext(action, user, noArguments), request };
            const { credential, token } = await prepareAhead(known, dependencies);
            await Promise.all([
              http.warm(new URL(action.url.staticOrigin), 'action', credential),
              ...(token === undefined ? [] : [tokens.warm(token)]),
            ]);
          } catch {
            // What does not work yet is reported by the call that needs it.
          }
        }),
      );
    },
    expectedLatencyMs: (organizationId, slug) => latency.median(organizationId, slug),
  };
};

/** Runs several actions in order; each sees the attributes of those before, and a failure does not stop the rest. */
export const executeInOrder = async (
  executor: ActionExecutor,
  calls: readonly ActionCall[],
): Promise<readonly ActionResult[]> => {
  const results: ActionResult[] = [];
  for (const call of calls) results.push(await executor.execute(call));
  return results;
};
