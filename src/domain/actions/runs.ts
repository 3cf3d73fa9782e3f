import type { ExchangeTiming } from '../../platform/egress/index.js';
import type { Header } from './headers.js';

/** Why a run failed. A closed set: filters, counts and metrics are keyed by it. */
export const runErrorTypes = [
  'arguments',
  'template',
  'authentication',
  'token',
  'refused_address',
  'dns',
  'connect',
  'tls',
  'server_certificate',
  'client_certificate',
  'timeout',
  'aborted',
  'connection_lost',
  'protocol',
  'headers_too_large',
  'response_too_large',
  'bad_encoding',
  'bad_request',
  'legacy_response',
  'internal',
] as const;
export type RunErrorType = (typeof runErrorTypes)[number];

/** One run of an action as the history keeps it. Everything in it is redacted already. */
export type RunRecord = {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly organizationId: string;
  readonly sessionId: string | null;
  readonly action: string;
  readonly kind: 'webhook' | 'legacy-webhook';
  /** Made by the testing panel. */
  readonly test: boolean;
  readonly durationMs: number;
  readonly success: boolean;
  readonly statusCode: number | null;
  readonly attempts: number;
  readonly error: { readonly type: RunErrorType; readonly message: string } | null;
  readonly request: {
    readonly method: string;
    readonly url: string;
    readonly headers: readonly Header[];
    readonly body: string | null;
  } | null;
  readonly response: { readonly headers: readonly Header[]; readonly body: string } | null;
  readonly timing: ExchangeTiming | null;
  /** What is worth knowing and no failure: dropped headers, mappings that found nothing. */
  readonly notes: readonly string[];
};

/** Which runs are meant; every part that is given must match. */
export type RunFilter = {
  readonly action?: string;
  readonly sessionId?: string;
  readonly success?: boolean;
  readonly statusGroup?: '1xx' | '2xx' | '3xx' | '4xx' | '5xx' | 'none';
  readonly errorType?: RunErrorType;
  /** Milliseconds since the epoch, both ends included. */
  readonly from?: number;
  readonly to?: number;
  readonly test?: boolean;
};

export const statusGroupOf = (statusCode: number | null): Required<RunFilter>['statusGroup'] => {
  if (statusCode === null || statusCode < 100 || statusCode > 599) return 'none';
  return (['1xx', '2xx', '3xx', '4xx', '5xx'] as const)[Math.floor(statusCode / 100) - 1] ?? 'none';
};

/** What a filter looks at. */
export type RunFacts = Pick<RunRecord, 'action' | 'sessionId' | 'success' | 'statusCode' | 'error' | 'at' | 'test'>;

export const matchesRunFilter = (run: RunFacts, filter: RunFilter): boolean =>
  (filter.action === undefined || run.action === filter.action) &&
  (filter.sessionId === undefined || run.sessionId === filter.sessionId) &&
  (filter.success === undefined || run.success === filter.success) &&
  (filter.statusGroup === undefined || statusGroupOf(run.statusCode) === filter.statusGroup) &&
  (filter.errorType === undefined || run.error?.type === filter.errorType) &&
  (filter.from === undefined || run.at >= filter.from) &&
  (filter.to === undefined || run.at <= filter.to) &&
  (filter.test === undefined || run.test === filter.test);

/** What is counted of a run. */
export type CountedRun = Pick<RunRecord, 'success' | 'statusCode' | 'error' | 'durationMs' | 'action'>;

/** Counts over a set of runs. Durations are milliseconds, 0 when there are no runs. */
export type RunSummary = {
  readonly runs: number;
  readonly success: number;
  readonly failures: number;
  readonly meanDurationMs: number;
  readonly p95DurationMs: number;
  readonly statuses: Readonly<Record<'1xx' | '2xx' | '3xx' | '4xx' | '5xx' | 'none', number>>;
  readonly errors: Readonly<Partial<Record<RunErrorType, number>>>;
  readonly mostCommonError: RunErrorType | null;
};

export const summarizeRuns = (runs: readonly CountedRun[]): RunSummary => {
  const statuses = { '1xx': 0, '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0, none: 0 };
  const errors: Partial<Record<RunErrorType, number>> = {};
  let success = 0;
  for (const run of runs) {
    if (run.success) success += 1;
    statuses[statusGroupOf(run.statusCode)] += 1;
    if (run.error !== null) errors[run.error.type] = (errors[run.error.type] ?? 0) + 1;
  }
  const durations = runs.map((run) => run.durationMs).sort((a, b) => a - b);
  const mean = durations.reduce((sum, value) => sum + value, 0) / Math.max(1, durations.length);
  const p95 = durations[Math.max(0, Math.ceil(durations.length * 0.95) - 1)] ?? 0;
  const ranked = runErrorTypes
    .filter((type) => errors[type] !== undefined)
    .sort((a, b) => (errors[b] ?? 0) - (errors[a] ?? 0));
  return {
    runs: runs.length,
    success,
    failures: runs.length - success,
    meanDurationMs: mean,
    p95DurationMs: p95,
    statuses,
    errors,
    mostCommonError: ranked[0] ?? null,
  };
};

const detailColumns = [
  'id',
  'time',
  'action',
  'session',
  'success',
  'durationMs',
  'statusCode',
  'attempts',
  'requestMethod',
  'requestUrl',
  'requestHeaders',
  'requestBody',
  'responseHeaders',
  'responseBody',
  'errorType',
  'errorMessage',
  'test',
] as const;

/** RFC 4180 quoting; a leading sign is disarmed, or a spreadsheet would run the cell as a formula. */
const cell = (value: string | number | boolean | null): string => {
  const text = value === null ? '' : String(value);
  const safe = typeof value === 'string' && /^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

const headerText = (headers: readonly Header[]): string =>
  headers.map(([name, value]) => `${name}: ${value}`).join('\n');

const row = (run: RunRecord): string =>
  [
    run.id,
    new Date(run.at).toISOString(),
    run.action,
    run.sessionId,
    run.success,
    Math.round(run.durationMs * 10) / 10,
    run.statusCode,
    run.attempts,
    run.request?.method ?? null,
    run.request?.url ?? null,
    run.request === null ? null : headerText(run.request.headers),
    run.request?.body ?? null,
    run.response === null ? null : headerText(run.response.headers),
    run.response?.body ?? null,
    run.error?.type ?? null,
    run.error?.message ?? null,
    run.test,
  ]
    .map(cell)
    .join(',');

const lines = (all: readonly string[]): string => all.map((line) => `${line}\r\n`).join('');

/** The detailed export: one line a run, RFC 4180, CRLF line ends. */
export const runsToCsv = (runs: readonly RunRecord[]): string => lines([detailColumns.join(','), ...runs.map(row)]);

/** The lines of further runs behind those of `runsToCsv`. */
export const moreRunsToCsv = (runs: readonly RunRecord[]): string => lines(runs.map(row));

/** The aggregate export: one line for each action. */
export const summariesToCsv = (runs: readonly CountedRun[]): string => {
  const head =
    'action,successfulRuns,failedRuns,averageDurationSeconds,p95DurationSeconds,errors,mostCommonError,2xx,3xx,4xx,5xx';
  const lines = [...groupByAction(runs)].map(([action, group]) => {
    const { success, failures, meanDurationMs, p95DurationMs, statuses, errors, mostCommonError } =
      summarizeRuns(group);
    const total = Object.values(errors).reduce((sum, count) => sum + count, 0);
    const seconds = (ms: number): string => (ms / 1000).toFixed(3);
    return [
      action,
      success,
      failures,
      seconds(meanDurationMs),
      seconds(p95DurationMs),
      total,
      mostCommonError,
      statuses['2xx'],
      statuses['3xx'],
      statuses['4xx'],
      statuses['5xx'],
    ]
      .map(cell)
      .join(',');
  });
  return `${[head, ...lines].join('\r\n')}\r\n`;
};

export const groupByAction = <Run extends { readonly action: string }>(runs: readonly Run[]): Map<string, Run[]> => {
  const groups = new Map<string, Run[]>();
  for (const run of runs) {
    const group = groups.get(run.action);
    if (group === undefined) groups.set(run.action, [run]);
    else group.push(run);
  }
  return groups;
};
