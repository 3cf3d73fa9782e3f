import { stringify } from 'yaml';
import { z } from 'zod';
import { GatewayError } from '../../core/errors.js';
import { type ApplyResult, documentSchema } from '../../domain/directory/index.js';
import { authorize } from '../../platform/access/index.js';
import type { ApiDeps } from '../deps.js';
import { protectedRoute, type Route } from '../http/route.js';
import { flag } from '../schemas.js';

const params = z.strictObject({ id: z.string().min(1).max(64) });
const MAX_DOCUMENT = 4 * 1_024 * 1_024;

const change = z.strictObject({
  kind: z.enum([
    'organization',
    'number',
    'agent',
    'transferDestination',
    'action',
    'global',
    'variable',
    'secret',
    'certificate',
  ]),
  id: z.string(),
  fields: z.array(z.string()).optional(),
});

const applyResult = z.strictObject({
  organization: z.string(),
  dryRun: z.boolean(),
  created: z.array(change),
  changed: z.array(change),
  unchanged: z.array(change),
  removed: z.array(change),
  warnings: z.array(z.strictObject({ path: z.string(), message: z.string() })),
});

const wantsYaml = (accept: string | undefined): boolean =>
  accept !== undefined && /\byaml\b/i.test(accept) && !/application\/json/i.test(accept);

export const organizationRoutes = (deps: ApiDeps): readonly Route[] => [
  protectedRoute({
    method: 'get',
    path: '/v1/organizations',
    summary: 'The organizations the credential may see',
    tag: 'Organizations',
    action: 'document:read',
    replies: {
      200: {
        description: 'All of them.',
        schema: z.strictObject({ items: z.array(z.strictObject({ id: z.string() })), next: z.null() }),
      },
    },
    errors: ['store_unavailable'],
    async handle({ principal }) {
      const all = await deps.directory.organizations();
      const visible = all.filter((id) => principal.orgId === null || principal.orgId === id);
      return { status: 200, body: { items: visible.map((id) => ({ id })), next: null } };
    },
  }),
  protectedRoute({
    method: 'get',
    path: '/v1/organizations/{id}/document',
    summary: 'The document of an organization, credentials as placeholders',
    tag: 'Organizations',
    action: 'document:read',
    params,
    replies: {
      200: {
        description: 'The document.',
        schema: documentSchema,
        contentTypes: ['application/json', 'application/yaml'],
      },
    },
    errors: ['not_found', 'store_unavailable'],
    async handle({ principal, params: { id }, headers }) {
      authorize(principal, 'document:read', id);
      const document = await deps.directory.export(id);
      if (document === null) throw new GatewayError('not_found', `There is no organization ${JSON.stringify(id)}.`);
      return wantsYaml(headers.accept)
        ? { status: 200, body: stringify(document), contentType: 'application/yaml; charset=utf-8' }
        : { status: 200, body: document };
    },
  }),
  protectedRoute({
    method: 'put',
    path: '/v1/organizations/{id}/document',
    summary: 'Makes an organization what the document says',
    tag: 'Organizations',
    action: 'document:write',
    params,
    query: z.strictObject({
      prune: flag.default(false).describe('Remove what the document does not have.'),
      dryRun: flag.default(false).describe('Say what would change, change nothing.'),
    }),
    // Judged by the directory, which knows more than form: every fault is named at once.
    body: { schema: z.unknown(), documented: documentSchema, types: ['json', 'yaml'], maxBytes: MAX_DOCUMENT },
    replies: { 200: { description: 'What was created, changed, left and removed.', schema: applyResult } },
    errors: ['bad_request', 'conflict', 'not_found', 'unsupported_media_type', 'store_unavailable'],
    async handle({ principal, params: { id }, query, body }) {
      authorize(principal, 'document:write', id);
      const result = await deps.directory.apply({
        orgId: id,
        document: body,
        prune: query.prune,
        dryRun: query.dryRun,
        policy: { operator: principal.role === 'operator', loopbackOnly: deps.loopbackOnly },
      });
      const named = (verb: string, list: ApplyResult['created']): string[] =>
        list.map((each) => `${verb} ${each.kind} ${each.id}`);
      const { created, changed, removed } = result;
      const changes = [...named('created', created), ...named('changed', changed), ...named('removed', removed)];
      return { status: 200, body: result, changes: query.dryRun ? [] : changes };
    },
  }),
];
