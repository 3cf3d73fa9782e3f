import { z } from 'zod';
import { GatewayError } from '../../core/errors.js';
import { BULLETS } from '../../core/redaction.js';
import {
  actionDefinitionSchema,
  type CompiledAction,
  convertLegacyAction,
  importOpenApi,
  inputAttributes,
  type JsonRecord,
  legacyActionSchema,
  slugOf,
  toolOf,
} from '../../domain/actions/index.js';
import { exportAction } from '../../domain/directory/index.js';
import type { ApiDeps } from '../deps.js';
import { protectedRoute, type Reply, type Route } from '../http/route.js';
import { actingOrganization, visibleSession } from '../organization-of.js';
import { organizationQuery } from '../schemas.js';
import type { ActionParts, StoredAction } from './action-parts.js';
import { editDocument } from './edit-document.js';
import { executeSchema, turnOf } from './execute.js';

const params = z.strictObject({ id: z.string().min(1).max(60).describe('Slug of the action.') });
const query = z.strictObject({ organization: organizationQuery });
const values = z.record(z.string().max(128), z.json());
/** Judged by the actions, which name every fault with its path. */
const definition = z.looseObject({ name: z.string().max(60) });
const MAX_DEFINITION = 512 * 1_024;

const toolSchema = z
  .strictObject({
    name: z.string(),
    description: z.string(),
    parameters: z.unknown().describe('JSON Schema, strict subset.'),
    readOnly: z.boolean().describe('It changes nothing at the target.'),
  })
  .describe('What the AI is given of it.');

export const actionSchema = z
  .strictObject({
    id: z.string().describe('Slug; the name of the tool.'),
    name: z.string(),
    description: z.string().nullable(),
    kind: z.enum(['webhook', 'legacy-webhook']),
    method: z.string(),
    url: z.string(),
    inputs: z.array(z.string()).describe('Attributes its templates read.'),
    warnings: z.array(z.string()).describe('What is saved and will not work as written.'),
    fault: z.string().nullable().describe('Why it cannot run as it is stored.'),
    expectedLatencyMs: z.number().nullable().describe('Median of recent runs on this instance.'),
    tool: toolSchema.nullable(),
    definition: z.record(z.string(), z.unknown()).describe('Credentials written into it are shown as bullets.'),
  })
  .describe('An action.');

const toolView = (action: CompiledAction): z.input<typeof toolSchema> => {
  const { name, description, parameters, readOnly } = toolOf(action);
  return { name, description, parameters, readOnly };
};

const testSchema = z.looseObject({
  runId: z.string(),
  success: z.boolean(),
  statusCode: z.int().nullable(),
  inputs: z.array(z.string()),
  outputs: z.record(z.string(), z.unknown()),
});

const remarks = z.array(z.strictObject({ path: z.string().describe('Method and path.'), message: z.string() }));
const importSchema = z.strictObject({
  created: z.array(z.string()).describe('Slugs.'),
  changed: z.array(z.string()),
  unchanged: z.array(z.string()),
  skipped: remarks.describe('Operations that cannot become actions.'),
  notes: remarks.describe('What is different from the document.'),
});

const viewOf = ({ record, action, fault, missing, expectedLatencyMs }: StoredAction): z.input<typeof actionSchema> => {
  const shown = exportAction(record, () => BULLETS);
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  return {
    id: record.id,
    name: text(shown.name),
    description: typeof shown.description === 'string' ? shown.description : null,
    kind: shown.kind === 'legacy-webhook' ? 'legacy-webhook' : 'webhook',
    method: shown.kind === 'legacy-webhook' ? 'POST' : text(shown.method),
    url: text(shown.url),
    inputs: action === null ? [] : [...inputAttributes(action)],
    warnings: [
      ...(action?.warnings ?? []),
      ...missing.map(
        (name) => `There is no secret or certificate ${JSON.stringify(name)}; the action fails without it.`,
      ),
    ],
    tool: action === null ? null : toolView(action),
    fault,
    expectedLatencyMs: expectedLatencyMs === null ? null : Math.round(expectedLatencyMs),
    definition: { ...shown },
  };
};

/** The slug an action will have. */
const slugFor = (given: z.output<typeof definition>): string =>
  typeof given.slug === 'string' ? given.slug : slugOf(given.name);

const saveErrors = ['bad_request', 'not_found', 'conflict', 'unsupported_media_type', 'store_unavailable'] as const;

export const actionRoutes = (deps: ApiDeps, parts: ActionParts): readonly Route[] => {
  const stored = async (orgId: string, slug: string): Promise<StoredAction> => {
    const found = (await parts.list(orgId)).find(({ record }) => record.id === slug);
    if (found === undefined) throw new GatewayError('not_found', `There is no action ${JSON.stringify(slug)}.`);
    return found;
  };
  const shown = async (status: number, orgId: string, slug: string): Promise<Reply> => ({
    status,
    body: viewOf(await stored(orgId, slug)),
  });
  const one = { 200: { description: 'The action.', schema: actionSchema } };
  const body = { schema: definition, documented: actionDefinitionSchema, maxBytes: MAX_DEFINITION };

  return [
    protectedRoute({
      method: 'get',
      path: '/v1/actions',
      summary: 'The actions of the organization',
      tag: 'Actions',
      action: 'actions:read',
      query,
      replies: {
        200: { description: 'All of them.', schema: z.strictObject({ items: z.array(actionSchema), next: z.null() }) },
      },
      errors: ['not_found', 'store_unavailable'],
      async handle({ principal, query: { organization } }) {
        const orgId = await actingOrganization(deps, principal, 'actions:read', organization);
        return { status: 200, body: { items: (await parts.list(orgId)).map(viewOf), next: null } };
      },
    }),
    protectedRoute({
      method: 'post',
      path: '/v1/actions',
      summary: 'Makes an action',
      tag: 'Actions',
      action: 'actions:write',
      query,
      body,
      replies: { 201: { description: 'The action.', schema: actionSchema } },
      errors: saveErrors,
      async handle({ principal, query: { organization }, body: given }) {
        const orgId = await actingOrganization(deps, principal, 'actions:write', organization);
        const slug = slugFor(given);
        await editDocument(deps, principal, orgId, {
          parts: { actions: [given] },
          edit: { create: slug },
          prefix: 'actions[0]',
        });
        return shown(201, orgId, slug);
      },
    }),
    protectedRoute({
      method: 'get',
      path: '/v1/actions/{id}',
      summary: 'An action',
      tag: 'Actions',
      action: 'actions:read',
      params,
      query,
      replies: one,
      errors: ['not_found', 'store_unavailable'],
      async handle({ principal, params: { id }, query: { organization } }) {
        return shown(200, await actingOrganization(deps, principal, 'actions:read', organization), id);
      },
    }),
    protectedRoute({
      method: 'put',
      path: '/v1/actions/{id}',
      summary: 'Replaces an action; it keeps its slug, and bullets keep the credential they stand for',
      tag: 'Actions',
      action: 'actions:write',
      params,
      query,
      body,
      replies: one,
      errors: saveErrors,
      async handle({ principal, params: { id }, query: { organization }, body: given }) {
        const orgId = await actingOrganization(deps, principal, 'actions:write', organization);
        if (given.slug !== undefined && given.slug !== id) {
          const details = [{ path: 'slug', message: `must stay ${JSON.stringify(id)}: agents know the action by it` }];
          throw new GatewayError('bad_request', 'The slug of an action cannot be changed.', { details });
        }
        const kept = slugFor(given) === id ? given : { ...given, slug: id };
        await editDocument(deps, principal, orgId, {
          parts: { actions: [kept] },
          edit: { replace: id },
          prefix: 'actions[0]',
        });
        return shown(200, orgId, id);
      },
    }),
    protectedRoute({
      method: 'delete',
      path: '/v1/actions/{id}',
      summary: 'Removes an action that no agent has as a tool',
      tag: 'Actions',
      action: 'actions:write',
      params,
      query,
      replies: { 204: { description: 'It is gone.' } },
      errors: ['not_found', 'conflict', 'store_unavailable'],
      async handle({ principal, params: { id }, query: { organization } }) {
        const orgId = await actingOrganization(deps, principal, 'actions:write', organization);
        const agents = await parts.agentsWith(orgId, id);
        if (agents.length > 0) {
          throw new GatewayError(
            'conflict',
            `The action is a tool of the agent ${agents.map((agent) => JSON.stringify(agent)).join(', ')}.`,
          );
        }
        await editDocument(deps, principal, orgId, { edit: { remove: { actions: [id] } }, prefix: '' });
        return { status: 204 };
      },
    }),
    protectedRoute({
      method: 'post',
      path: '/v1/actions/{id}/convert',
      summary: 'Makes a legacy webhook action a webhook action, under the same slug',
      tag: 'Actions',
      action: 'actions:write',
      params,
      query,
      replies: one,
      errors: saveErrors,
      async handle({ principal, params: { id }, query: { organization } }) {
        const orgId = await actingOrganization(deps, principal, 'actions:write', organization);
        const { record } = await stored(orgId, id);
        // Headers that are credentials stay sealed: bullets keep them.
        const legacy = legacyActionSchema.safeParse(exportAction(record, () => BULLETS));
        if (!legacy.success) throw new GatewayError('conflict', 'The action is not a legacy webhook action.');
        const converted = { ...convertLegacyAction(legacy.data), slug: id };
        await editDocument(deps, principal, orgId, {
          parts: { actions: [converted] },
          edit: { replace: id },
          prefix: 'actions[0]',
        });
        return shown(200, orgId, id);
      },
    }),
    protectedRoute({
      method: 'post',
      path: '/v1/actions/{id}/execute',
      summary: 'Runs an action, in a live session when one is named; with an `Idempotency-Key` once',
      tag: 'Actions',
      action: 'actions:execute',
      params,
      query,
      body: {
        schema: z.strictObject({ sessionId: z.uuid().optional(), attributes: values.default({}) }),
        maxBytes: 262_144,
      },
      replies: { 200: { description: 'What came of it, also when the target failed.', schema: executeSchema } },
      errors: [...saveErrors, 'session_ended', 'owner_unreachable'],
      async handle({ principal, params: { id }, query: { organization }, body: given, headers, signal }) {
        const once = turnOf(principal, headers['idempotency-key'], signal);
        const attributes: JsonRecord = given.attributes;
        if (given.sessionId === undefined) {
          const orgId = await actingOrganization(deps, principal, 'actions:execute', organization);
          const answer = await parts.execute({ orgId, slug: id, sessionId: null, attributes, ...once });
          return { status: 200, body: answer };
        }
        const session = await visibleSession(deps, principal, 'actions:execute', given.sessionId);
        if (session.status === 'ended') throw new GatewayError('session_ended', 'The session has ended already.');
        const { orgId, id: sessionId } = session;
        return { status: 200, body: await parts.execute({ orgId, slug: id, sessionId, attributes, ...once }) };
      },
    }),
    protectedRoute({
      method: 'post',
      path: '/v1/actions/{id}/test',
      summary: 'Runs an action with temporary values and shows what was sent and what came back',
      tag: 'Actions',
      action: 'actions:write',
      params,
      query,
      body: { schema: z.strictObject({ attributes: values.default({}) }), maxBytes: 262_144 },
      replies: { 200: { description: 'What was sent, secrets masked, and what came back.', schema: testSchema } },
      errors: saveErrors,
      async handle({ principal, params: { id }, query: { organization }, body: given }) {
        const orgId = await actingOrganization(deps, principal, 'actions:write', organization);
        return { status: 200, body: await parts.test(orgId, { slug: id }, given.attributes) };
      },
    }),
    protectedRoute({
      method: 'post',
      path: '/v1/actions/import',
      summary: 'Makes an action of each operation of an OpenAPI 3.x document; a later import updates those',
      tag: 'Actions',
      action: 'actions:write',
      query: query.extend({
        server: z.string().max(2_000).optional().describe('Where the API is, instead of what the document says.'),
      }),
      body: {
        schema: z.unknown(),
        documented: z.looseObject({ openapi: z.string() }),
        types: ['json', 'yaml'],
        maxBytes: 4_194_304,
      },
      replies: { 200: { description: 'What became of the operations.', schema: importSchema } },
      errors: saveErrors,
      async handle({ principal, query: { organization, server }, body: document }) {
        const orgId = await actingOrganization(deps, principal, 'actions:write', organization);
        const existing = (await parts.list(orgId)).map(({ record }) => ({
          slug: record.id,
          definition: exportAction(record, () => BULLETS),
        }));
        const { actions, skipped, notes } = importOpenApi(document, existing, server);
        const { created, changed, unchanged } = await editDocument(deps, principal, orgId, {
          parts: { actions },
          prefix: '',
        });
        const slugs = new Set(actions.map((action) => action.slug));
        const slugsOf = (changes: typeof created): string[] =>
          changes.filter(({ kind, id }) => kind === 'action' && slugs.has(id)).map(({ id }) => id);
        return {
          status: 200,
          body: {
            created: slugsOf(created),
            changed: slugsOf(changed),
            unchanged: slugsOf(unchanged),
            ...{ skipped, notes },
          },
        };
      },
    }),
    protectedRoute({
      method: 'post',
      path: '/v1/actions/test',
      summary: 'Runs an action that is not saved, like the test of one that is',
      tag: 'Actions',
      action: 'actions:write',
      query,
      body: {
        schema: z.strictObject({ definition: z.unknown(), attributes: values.default({}) }),
        documented: z.strictObject({ definition: actionDefinitionSchema, attributes: values.optional() }),
        maxBytes: MAX_DEFINITION,
      },
      replies: { 200: { description: 'What was sent, secrets masked, and what came back.', schema: testSchema } },
      errors: saveErrors,
      async handle({ principal, query: { organization }, body: given }) {
        const orgId = await actingOrganization(deps, principal, 'actions:write', organization);
        return { status: 200, body: await parts.test(orgId, { definition: given.definition }, given.attributes) };
      },
    }),
  ];
};
