import type { EgressResponse } from '../../platform/egress/index.js';
import type { CompiledAction } from './compile-action.js';
import type { Exchange } from './exchange.js';
import type { ActionCall, ActionResult, ExecuteOptions } from './executor.js';
import type { Failure } from './failure.js';
import type { Header } from './headers.js';
import { readLegacyResponse } from './legacy.js';
import type { JsonRecord } from './ports.js';
import type { PreparedRequest } from './prepare.js';
import { createRedactor, type Redactor, redactHeaders, showsSecret, unchanged } from './redaction.js';
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

/** Attributes as the AI is shown them: one that holds a whole response is cut like the response itself. */
const cappedOutputs = (outputs: JsonRecord, bodyLength: number): JsonRecord => {
  if (bodyLength <= aiTextLimit) return outputs;
  return Object.fromEntries(
    Object.entries(outputs).map(([name, value]) => {
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      return [name, text.length > aiTextLimit ? capped(text) : value];
    }),
  );
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
  outputs: JsonRecord;
  hidden: ReadonlySet<string>;
  notRepeated: ReadonlySet<string>;
  notes: readonly string[];
  failure?: Failure;
};

const none: ReadonlySet<string> = new Set();
const nothingMapped: Mapped = { success: false, outputs: {}, hidden: none, notRepeated: none, notes: [] };

const mapExchange = (action: CompiledAction, status: number, body: string): Mapped => {
  if (action.kind === 'webhook') return mapResponse(action.response, status, body);
  const { success, outputs, error } = readLegacyResponse(status, body, action.legacyOutputs);
  const mapped: Mapped = { ...nothingMapped, success, outputs };
  if (error !== undefined) mapped.failure = { type: 'legacy_response', operator: error, ai: error, status };
  return mapped;
};

/**
 * The mapped attributes without credentials. One in JSON within a string comes to light only when an expression reads
 * that, so what comes of a body that has any escapes is looked at once more.
 */
const cleanAttributes = (outputs: JsonRecord, body: string, redact: Redactor): JsonRecord => {
  if (redact === unchanged || !body.includes('\\')) return outputs;
  const text = JSON.stringify(outputs);
  return redact.finds(text) ? JSON.parse(redact.json(text)) : outputs;
};

const without = (attributes: JsonRecord, hidden: ReadonlySet<string>): JsonRecord =>
  hidden.size === 0 ? attributes : Object.fromEntries(Object.entries(attributes).filter(([name]) => !hidden.has(name)));

/** Whether anything of a run that is shown or stored holds a secret: most runs hold none and need no replacement. */
const exposes = (known: Redactor, finished: Finished, raw: string, received: readonly Header[]): boolean => {
  if (known === unchanged) return false;
  const { prepared, failure } = finished;
  return (
    known.finds(raw) ||
    // Written with escapes, it would be found in no text.
    raw.includes('\\') ||
    showsSecret(received, known) ||
    (failure !== undefined && (known.finds(failure.operator) || known.finds(failure.ai))) ||
    (prepared !== undefined &&
      (known.finds(prepared.url.href) || known.finds(prepared.body ?? '') || showsSecret(prepared.headers, known)))
  );
};

const requestRecord = (prepared: PreparedRequest, redact: Redactor): RunRecord['request'] => ({
  method: prepared.method,
  url: redact.text(prepared.url.href),
  headers: redactHeaders(prepared.headers, redact),
  body: prepared.body === undefined ? null : redact.json(prepared.body),
});

/** Attributes and the default outputs, which win. Copied by hand: spreading two objects costs ten times as much. */
const withDefaults = (
  attributes: JsonRecord,
  { outputNames }: CompiledAction,
  success: boolean,
  statusCode: number | null,
): JsonRecord => {
  const all: Record<string, JsonValue> = {};
  for (const name in attributes) all[name] = attributes[name] ?? null;
  all[outputNames.success] = success;
  all.action_success = success;
  all[outputNames.statusCode] = statusCode;
  return all;
};

/**
 * The two redactors of a run: `shown` for the record and whatever an operator reads, `mapped` for what the AI and later
 * actions get, which are spared the credentials alone.
 */
const redactorsOf = (finished: Finished, raw: string, received: readonly Header[]) => {
  const { prepared } = finished;
  const known = prepared === undefined ? unchanged : createRedactor(prepared.secrets);
  const shown = exposes(known, finished, raw, received) ? known : unchanged;
  if (prepared === undefined || shown === unchanged) return { shown, mapped: unchanged };
  const isSame = prepared.credentials.length === prepared.secrets.length;
  return { shown, mapped: isSame ? known : createRedactor(prepared.credentials) };
};

/**
 * Turns what happened into the result, the attributes and the record. Credentials are taken out before anything is
 * mapped, so that no expression can spell one differently; the JSON of the body stays whole.
 */
export const finish = (call: ActionCall, options: ExecuteOptions, finished: Finished): ActionResult => {
  const { action } = call;
  const { prepared, done } = finished;
  const raw = done === undefined ? '' : done.response.body.toString('utf8');
  const received = done === undefined ? [] : responseHeaders(done.response);
  const redact = redactorsOf(finished, raw, received);
  const body = redact.mapped.json(raw);
  const mapped = done === undefined ? nothingMapped : mapExchange(action, done.response.status, body);
  const failure = finished.failure ?? mapped.failure;
  const statusCode = done?.response.status ?? failure?.status ?? null;
  const success = failure === undefined && mapped.success;
  const error =
    failure === undefined ? undefined : { type: failure.type, message: redact.shown.text(failure.operator) };
  const attributes = cleanAttributes(mapped.outputs, body, redact.mapped);
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
    error: error ?? null,
    request: prepared === undefined ? null : requestRecord(prepared, redact.shown),
    response:
      done === undefined ? null : { headers: redactHeaders(received, redact.shown), body: redact.shown.json(raw) },
    timing: done?.response.timing ?? null,
    notes: mapped.notes.length === 0 ? (prepared?.notes ?? []) : [...(prepared?.notes ?? []), ...mapped.notes],
  };
  const told = failure === undefined ? undefined : redact.mapped.text(failure.ai);
  return {
    runId: finished.runId,
    success,
    statusCode,
    outputs: withDefaults(attributes, action, success, statusCode),
    error: error === undefined ? undefined : { code: error.type, message: error.message },
    durationMs: finished.durationMs,
    notRepeated: mapped.notRepeated,
    // Made when it is asked for: not every caller has an AI to tell.
    get ai() {
      const visible = cappedOutputs(without(attributes, mapped.hidden), body.length);
      const isMapped = Object.keys(attributes).length > 0;
      const text = capped(told ?? (isMapped ? JSON.stringify(visible) : body));
      const outputs = withDefaults(visible, action, success, statusCode);
      return isMapped || told !== undefined ? { text, outputs } : { text, outputs, body: text };
    },
    run,
  };
};
