import { z } from 'zod';
import { GatewayError } from '../../core/errors.js';
import {
  groupByAction,
  moreRunsToCsv,
  type RunFilter,
  type RunHead,
  type RunPage,
  runErrorTypes,
  runsToCsv,
  summariesToCsv,
  summarizeRuns,
} from '../../domain/actions/index.js';
import type { ApiDeps } from '../deps.js';
import { protectedRoute, type Reply, type Route } from '../http/route.js';
import { actingOrganization } from '../organization-of.js';
import { flag, moment, organizationQuery, streamCursor } from '../schemas.js';
import type { ActionParts } from './action-parts.js';

const statusGroups = ['1xx', '2xx', '3xx', '4xx', '5xx', 'none'] as const;
const format = z.enum(['json', 'csv'], 'must be json or csv').default('json');

const filterQuery = z.strictObject({
  organization: organizationQuery,
  action: z.string().max(60).optional().describe('Slug.'),
  session: z.string().max(64).optional(),
  success: flag.optional(),
  status: z.enum(statusGroups).optional().describe('none: no answer came.'),
  error: z.enum(runErrorTypes).optional(),
  from: moment.optional().describe('Begun at or after.'),
  to: moment.optional().describe('Begun at or before.'),
  test: flag.optional().describe('Made by the testing panel, or not.'),
});

const filterOf = (query: z.output<typeof filterQuery>): RunFilter => ({
  ...(query.action === undefined ? {} : { action: query.action }),
  ...(query.session === undefined ? {} : { sessionId: query.session }),
  ...(query.success === undefined ? {} : { success: query.success }),
  ...(query.status === undefined ? {} : { statusGroup: query.status }),
  ...(query.error === undefined ? {} : { errorType: query.error }),
  ...(query.from === undefined ? {} : { from: query.from }),
  ...(query.to === undefined ? {} : { to: query.to }),
  ...(query.test === undefined ? {} : { test: query.test }),
});

const headSchema = z.strictObject({
  id: z.uuid(),
  at: z.iso.datetime(),
  action: z.string(),
  kind: z.enum(['webhook', 'legacy-webhook']),
  sessionId: z.string().nullable(),
  test: z.boolean(),
  success: z.boolean(),
  statusCode: z.int().nullable(),
  durationMs: z.number(),
  attempts: z.int(),
  error: z.strictObject({ type: z.enum(runErrorTypes), message: z.string() }).nullable(),
  method: z.string().nullable(),
  url: z.string().nullable(),
});

const headView = (head: RunHead): z.input<typeof headSchema> => ({
  id: head.id,
  at: new Date(head.at).toISOString(),
  action: head.action,
  kind: head.kind,
  sessionId: head.sessionId,
  test: head.test,
  success: head.success,
  statusCode: head.statusCode,
  durationMs: Math.round(head.durationMs * 10) / 10,
  attempts: head.attempts,
  error: head.error === null ? null : { ...head.error },
  method: head.method,
  url: head.url,
});

const summarySchema = z.looseObject({
  runs: z.int(),
  success: z.int(),
  failures: z.int(),
  meanDurationMs: z.number(),
  p95DurationMs: z.number(),
});

const MOST_LISTED = 1_000;
const USUALLY_LISTED = 100;
/** Whole records read at a time for an export. */
const EXPORTED_AT_ONCE = 250;
const CSV = 'text/csv; charset=utf-8';
const csv = (name: string): Reply => ({
  status: 200,
  contentType: CSV,
  headers: { 'Content-Disposition': `attachment; filename="${name}"` },
});

/** Every run from the page on, read as the client takes them. */
async function* exported(
  { runs }: Pick<ActionParts, 'runs'>,
  orgId: string,
  filter: RunFilter,
  first: RunPage,
): AsyncGenerator<string> {
  let page = first;
  const records = (): ReturnType<typeof runs.records> =>
    runs.records(
      orgId,
      page.items.map(({ id }) => id),
    );
  yield runsToCsv(await records());
  while (page.next !== null) {
    page = await runs.list(orgId, filter, { limit: EXPORTED_AT_ONCE, cursor: page.next });
    yield moreRunsToCsv(await records());
  }
}

/** The run history of actions. Everything in it was redacted before it was stored. */
export const runRoutes = (deps: ApiDeps, { runs }: Pick<ActionParts, 'runs'>): readonly Route[] => [
  protectedRoute({
    method: 'get',
    path: '/v1/runs',
    summary: 'Runs of actions, newest first; as CSV the whole records, of all that are kept when no `limit` is given',
    tag: 'Actions',
    action: 'runs:read',
    query: filterQuery.extend({
      format,
      limit: z.coerce
        .number('must be a number')
        .int('must be a whole number')
        .min(1, 'must be at least 1')
        .max(MOST_LISTED, `must be at most ${MOST_LISTED}`)
        .optional()
        .describe(`${USUALLY_LISTED} when it is left out; as CSV all.`),
      cursor: streamCursor.optional(),
    }),
    replies: {
      200: {
        description: 'One page; as CSV the header `X-Next-Cursor` has the `next` of a page that is not the last.',
        schema: z.strictObject({ items: z.array(headSchema), next: z.string().nullable() }),
        contentTypes: ['application/json', 'text/csv'],
      },
    },
    errors: ['bad_request', 'not_found', 'store_unavailable'],
    async handle({ principal, query }) {
      const { format: wanted, limit, cursor, ...rest } = query;
      const orgId = await actingOrganization(deps, principal, 'runs:read', query.organization);
      const filter = filterOf(rest);
      const most = limit ?? (wanted === 'csv' ? EXPORTED_AT_ONCE : USUALLY_LISTED);
      const page = await runs.list(orgId, filter, { limit: most, ...(cursor === undefined ? {} : { cursor }) });
      if (wanted === 'json') return { status: 200, body: { items: page.items.map(headView), next: page.next } };
      if (limit === undefined) return { ...csv('runs.csv'), stream: exported({ runs }, orgId, filter, page) };
      const ids = page.items.map((head) => head.id);
      const { headers, ...reply } = csv('runs.csv');
      return {
        ...reply,
        headers: { ...headers, ...(page.next === null ? {} : { 'X-Next-Cursor': page.next }) },
        body: runsToCsv(await runs.records(orgId, ids)),
      };
    },
  }),
  protectedRoute({
    method: 'get',
    path: '/v1/runs/summary',
    summary: 'Counts and durations of runs, in all and for each action',
    tag: 'Actions',
    action: 'runs:read',
    query: filterQuery.extend({ format }),
    replies: {
      200: {
        description: 'The counts.',
        schema: z.strictObject({ total: summarySchema, actions: z.record(z.string(), summarySchema) }),
        contentTypes: ['application/json', 'text/csv'],
      },
    },
    errors: ['bad_request', 'not_found', 'store_unavailable'],
    async handle({ principal, query }) {
      const { format: wanted, ...rest } = query;
      const orgId = await actingOrganization(deps, principal, 'runs:read', query.organization);
      const heads = await runs.all(orgId, filterOf(rest));
      if (wanted === 'csv') return { ...csv('runs-by-action.csv'), body: summariesToCsv(heads) };
      const actions = [...groupByAction(heads)].map(([slug, group]) => [slug, summarizeRuns(group)] as const);
      return { status: 200, body: { total: summarizeRuns(heads), actions: Object.fromEntries(actions) } };
    },
  }),
  protectedRoute({
    method: 'get',
    path: '/v1/runs/{id}',
    summary: 'One run: what was sent and what came back, redacted',
    tag: 'Actions',
    action: 'runs:read',
    params: z.strictObject({ id: z.string().min(1).max(64) }),
    query: z.strictObject({ organization: organizationQuery }),
    replies: { 200: { description: 'The run.', schema: z.looseObject({ id: z.uuid(), at: z.iso.datetime() }) } },
    errors: ['not_found', 'store_unavailable'],
    async handle({ principal, params: { id }, query: { organization } }) {
      const orgId = await actingOrganization(deps, principal, 'runs:read', organization);
      const run = await runs.get(orgId, id);
      if (run === null) throw new GatewayError('not_found', `There is no run ${JSON.stringify(id)} (any more).`);
      const { organizationId: _organization, at, ...rest } = run;
      return { status: 200, body: { ...rest, at: new Date(at).toISOString() } };
    },
  }),
];
