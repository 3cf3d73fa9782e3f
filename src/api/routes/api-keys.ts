import { z } from 'zod';
import { GatewayError } from '../../core/errors.js';
import { type ApiKey, type ApiKeys, isScope } from '../../platform/access/index.js';
import type { ApiDeps } from '../deps.js';
import { protectedRoute, type Route } from '../http/route.js';
import { actingOrganization } from '../organization-of.js';
import { organizationQuery } from '../schemas.js';

const moment = z.iso.datetime();
const query = z.strictObject({ organization: organizationQuery });
const keySchema = z.strictObject({
  id: z.string(),
  name: z.string(),
  scopes: z.array(z.string()),
  createdAt: moment,
  createdBy: z.string(),
  expiresAt: moment.nullable(),
  lastUsedAt: moment.nullable().describe('To the minute.'),
});
const createdSchema = keySchema.extend({ key: z.string().describe('The key: shown this once.') });
const bodySchema = z.strictObject({
  name: z.string().trim().min(1).max(100).describe('What it is for.'),
  scopes: z
    .array(z.string().refine(isScope, 'is not a scope'))
    .min(1)
    .max(64)
    .describe('`resource:action` or `resource:*`, as the OpenAPI document names what a route needs.'),
  expiresAt: moment.optional(),
});

const iso = (at: number): string => new Date(at).toISOString();
const isoOrNull = (at: number | null): string | null => (at === null ? null : iso(at));
const view = ({
  id,
  name,
  scopes,
  createdAt,
  createdBy,
  expiresAt,
  lastUsedAt,
}: ApiKey): z.input<typeof keySchema> => ({
  ...{ id, name, scopes: [...scopes], createdBy },
  ...{ createdAt: iso(createdAt), expiresAt: isoOrNull(expiresAt), lastUsedAt: isoOrNull(lastUsedAt) },
});

/** API keys of an organization: for programs, which have no dashboard. */
export const apiKeyRoutes = (deps: ApiDeps, keys: ApiKeys): readonly Route[] => [
  protectedRoute({
    method: 'get',
    path: '/v1/api-keys',
    summary: 'The API keys of the organization, newest first',
    tag: 'Credentials',
    action: 'api-keys:read',
    query,
    replies: {
      200: { description: 'All of them.', schema: z.strictObject({ items: z.array(keySchema), next: z.null() }) },
    },
    errors: ['bad_request', 'store_unavailable'],
    async handle({ principal, query: { organization } }) {
      const orgId = await actingOrganization(deps, principal, 'api-keys:read', organization);
      return { status: 200, body: { items: (await keys.list(orgId)).map(view), next: null } };
    },
  }),
  protectedRoute({
    method: 'post',
    path: '/v1/api-keys',
    summary: 'Makes an API key; the answer is the only place where it can be read',
    tag: 'Credentials',
    action: 'api-keys:write',
    query,
    body: { schema: bodySchema },
    replies: { 201: { description: 'The key.', schema: createdSchema } },
    errors: ['bad_request', 'not_found', 'conflict', 'unsupported_media_type', 'store_unavailable'],
    async handle({ principal, query: { organization }, body }) {
      const orgId = await actingOrganization(deps, principal, 'api-keys:write', organization);
      if ((await deps.directory.directory.organization(orgId)) === null) {
        throw new GatewayError('not_found', `There is no organization ${JSON.stringify(orgId)}.`);
      }
      const expiresAt = body.expiresAt === undefined ? null : Date.parse(body.expiresAt);
      if (expiresAt !== null && expiresAt <= deps.clock.now()) {
        throw new GatewayError('bad_request', 'The body cannot be used: expiresAt must lie ahead.');
      }
      const { name, scopes } = body;
      const { apiKey, key } = await keys.create({ orgId, name, scopes, createdBy: principal.sub, expiresAt });
      return {
        status: 201,
        body: { ...view(apiKey), key },
        changes: [`created API key ${apiKey.id} for ${scopes.join(' ')}`],
      };
    },
  }),
  protectedRoute({
    method: 'delete',
    path: '/v1/api-keys/{id}',
    summary: 'Revokes an API key: the next request with it is refused',
    tag: 'Credentials',
    action: 'api-keys:write',
    params: z.strictObject({ id: z.string().min(1).max(64) }),
    query,
    replies: { 204: { description: 'It is void.' } },
    errors: ['bad_request', 'not_found', 'store_unavailable'],
    async handle({ principal, params: { id }, query: { organization } }) {
      const orgId = await actingOrganization(deps, principal, 'api-keys:write', organization);
      if (!(await keys.revoke(orgId, id))) {
        throw new GatewayError('not_found', `There is no API key ${JSON.stringify(id)}.`);
      }
      return { status: 204, changes: [`revoked API key ${id}`] };
    },
  }),
];
