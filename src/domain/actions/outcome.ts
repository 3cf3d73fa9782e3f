import type { EgressResponse } from '../../platform/egress/index.js';
import type { CompiledAction } from './compile-action.js';
import type { Exchange } from './exchange.js';
import type { ActionCall, ActionResult, ExecuteOptions } from './executor.js';
import type { Failure } from './failure.js';
import type { Header } from './headers.js';
import { readLegacyResponse } from './legacy.js';
import type { JsonRecord } from './ports.js';
import type { PreparedRequest } from './prepare.js';
import { createRedactor, redactHeaders } from './redaction.js';
import { mapResponse } from './response-mapping.js';
import type { RunRecord } from './runs.js';
import type { JsonValue } from './template/values.js';

/** What the AI is shown of one response at most, characters. */
export const aiTextLimit = 15_000;

const responseHeaders = (response: EgressResponse): Header[] =>
  Object.entries(response.headers).flatMap(([name, value]): Header[] =>
    value === undefined ? [] : Array.isArray(value) ? value.map((one): Header => [name, one]) : [[name, value]],
  );

const capped = (text: string): string =>
  text.length <= aiTextLimit
    ? text
    : `${text.slice(0, aiTextLimit)}\n[The response is longer; ${text.length - aiTextLimit} characters were cut.]`;

export type Finished = {
  readonly runId: string;
  readonly at: number;
  readonly durationMs: number;
  readonly prepared: PreparedRequest | undefined;
  readonly done: Exchange | undefined;
  readonly failure: Failure | undefined;
  readonly attempts: number;
};

type Mapped = {
  success: boolean;
  outputs: ReadonlyMap<string, JsonValue>;
  hidden: ReadonlySet<string>;
  notes: readonly string[];
  failure?: Failure;
};

const mapExchange = (action: CompiledAction, status: number, body: string): Mapped => {
  if (action.kind === 'webhook') return mapResponse(action.response, status, body);
  const legacy = readLegacyResponse(status, body, action.legacyOutputs);
  const failure: Failure | undefined =
    legacy.error === undefined
      ? undefined
      : { type: 'legacy_response', operator: legacy.error, ai: legacy.error, status };
  return {
    success: legacy.success,
    outputs: legacy.outputs,
    hidden: new Set(),
    notes: [],
    ...(failure === undefined ? {} : { failure }),
  };
};

/** Turns what happened into the result, the attributes and the record. Secrets are taken out before anything else. */
export const finish = (call: ActionCall, options: ExecuteOptions, finished: Finished): ActionResult => {
  const { action } = call;
  const { prepared, done } = finished;
  const redact = createRedactor(prepared?.secrets ?? []);
  const body = done === undefined ? '' : redact(done.response.body.toString('utf8'));
  const mapped: Mapped =
    done === undefined
      ? { success: false, outputs: new Map(), hidden: new Set(), notes: [] }
      : mapExchange(action, done.response.status, body);
  const failure = finished.failure ?? mapped.failure;
  const statusCode = done?.response.status ?? failure?.status ?? null;
  const success = failure === undefined && mapped.success;
  const message = failure === undefined ? undefined : redact(failure.operator);
  const defaults: JsonRecord = {
    [`${action.slug}_action_success`]: success,
    action_success: success,
    [`${action.slug}_status_code`]: statusCode,
  };
  const outputs: JsonRecord = { ...Object.fromEntries(mapped.outputs), ...defaults };
  const visible = Object.fromEntries([...mapped.outputs].filter(([name]) => !mapped.hidden.has(name)));
  const text = failure !== undefined ? redact(failure.ai) : mapped.outputs.size > 0 ? JSON.stringify(visible) : body;
  const run: RunRecord = {
    id: finished.runId,
    at: finished.at,
    organizationId: call.organization.id,
    sessionId: call.session?.id ?? null,
    action: action.slug,
    kind: action.kind,
    test: options.test === true,
    durationMs: finished.durationMs,
    success,
    statusCode,
    attempts: finished.attempts,
    error: failure === undefined ? null : { type: failure.type, message: message ?? '' },
    request:
      prepared === undefined
        ? null
        : {
            method: prepared.method,
            url: redact(prepared.url.href),
            headers: redactHeaders(prepared.headers, redact),
            body: prepared.body === undefined ? null : redact(prepared.body),
          },
    response: done === undefined ? null : { headers: redactHeaders(responseHeaders(done.response), redact), body },
    timing: done?.response.timing ?? null,
    notes: [...(prepared?.notes ?? []), ...mapped.notes],
  };
  return {
    runId: finished.runId,
    success,
    statusCode,
    outputs,
    ...(failure === undefined ? {} : { error: { code: failure.type, message: message ?? '' } }),
    durationMs: finished.durationMs,
    ai: { text: capped(text), outputs: { ...visible, ...defaults } },
    run,
  };
};
