import type { EgressResponse } from '../../platform/egress/index.js';
import type { CompiledAction } from './compile-action.js';
import type { Exchange } from './exchange.js';
import type { ActionCall, ActionResult, ExecuteOptions } from './executor.js';
import type { Failure } from './failure.js';
import type { Header } from './headers.js';
import { readLegacyResponse } from './legacy.js';
import type { JsonRecord } from './ports.js';
import type { PreparedRequest } from './prepare.js';
import { createRedactor, openValues, type Redactor, redactHeaders, unchanged } from './redaction.js';
import { mapResponse } from './response-mapping.js';
import type { RunRecord } from './runs.js';
import type { JsonValue } from './template/values.js';

/** What the AI is shown of one response at most, characters. */
export const aiTextLimit = 15_000;

const responseHeaders = (response: EgressResponse): Header[] => {
  const headers: Header[] = [];
  for (const name in response.headers) {
    const value = response.headers[name];
    if (typeof value === 'string') headers.push([name, value]);
    else for (const one of value ?? []) headers.push([name, one]);
  }
  return headers;
};

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

const nothingMapped: Mapped = { success: false, outputs: new Map(), hidden: new Set(), notes: [] };

/**
 * The mapped attributes and their JSON. A secret that was written with escapes comes to light only when the JSON is
 * read, so a body that has any is looked at once more.
 */
const attributesOf = (mapped: Mapped, body: string, redact: Redactor): { values: JsonRecord; text: string } => {
  if (mapped.outputs.size === 0) return { values: {}, text: body };
  const values: Record<string, JsonValue> = {};
  for (const [name, value] of mapped.outputs) values[name] = value;
  const text = JSON.stringify(values);
  if (!body.includes('\\') || !redact.finds(text)) return { values, text };
  const clean = redact(text);
  return { values: JSON.parse(clean), text: clean };
};

const without = (attributes: JsonRecord, hidden: ReadonlySet<string>): JsonRecord =>
  Object.fromEntries(Object.entries(attributes).filter(([name]) => !hidden.has(name)));

/** Everything of a run that is shown or stored, in one text: most runs hold no secret and are done with one look. */
const exposedText = (finished: Finished, raw: string, received: readonly Header[]): string => {
  const { prepared, failure } = finished;
  const sent =
    prepared === undefined ? '' : `${prepared.url.href}\n${prepared.body ?? ''}\n${openValues(prepared.headers)}`;
  return `${raw}\n${openValues(received)}\n${sent}\n${failure === undefined ? '' : failure.operator}`;
};

/** Turns what happened into the result, the attributes and the record. Secrets are taken out before anything else. */
export const finish = (call: ActionCall, options: ExecuteOptions, finished: Finished): ActionResult => {
  const { action } = call;
  const { prepared, done } = finished;
  const raw = done === undefined ? '' : done.response.body.toString('utf8');
  const received = done === undefined ? [] : responseHeaders(done.response);
  const known = createRedactor(prepared?.secrets ?? []);
  const redact = known.finds(exposedText(finished, raw, received)) ? known : unchanged;
  const body = redact(raw);
  const mapped = done === undefined ? nothingMapped : mapExchange(action, done.response.status, body);
  const failure = finished.failure ?? mapped.failure;
  const statusCode = done?.response.status ?? failure?.status ?? null;
  const success = failure === undefined && mapped.success;
  const message = failure === undefined ? undefined : redact(failure.operator);
  const attributes = attributesOf(mapped, body, known);
  const defaults: JsonRecord = {
    [action.outputNames.success]: success,
    action_success: success,
    [action.outputNames.statusCode]: statusCode,
  };
  const outputs: JsonRecord = { ...attributes.values, ...defaults };
  const isShortened = mapped.hidden.size > 0;
  const visible = isShortened ? without(attributes.values, mapped.hidden) : attributes.values;
  const answered = isShortened ? JSON.stringify(visible) : attributes.text;
  const text = failure === undefined ? answered : redact(failure.ai);
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
    response: done === undefined ? null : { headers: redactHeaders(received, redact), body },
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
    ai: { text: capped(text), outputs: isShortened ? { ...visible, ...defaults } : outputs },
    run,
  };
};
