import { z } from 'zod';
import { GatewayError } from '../../core/errors.js';
import { headerFaults } from '../../domain/actions/index.js';
import type { OrganizationSnapshot } from '../../domain/directory/index.js';
import type { ApiDeps } from '../deps.js';
import { protectedRoute, type Route } from '../http/route.js';
import { actingOrganization } from '../organization-of.js';
import { organizationQuery } from '../schemas.js';
import { editDocument, warningsOf } from './edit-document.js';

const params = z.strictObject({ name: z.string().min(1).max(128).describe('Name of the header.') });
const query = z.strictObject({ organization: organizationQuery });
const warnings = z.array(z.string()).describe('What is saved and will not be sent.');
const variableSchema = z.strictObject({ name: z.string(), warnings }).describe('A global variable; never its value.');

/** Throws GatewayError not_found. */
export const snapshotOf = async (deps: Pick<ApiDeps, 'directory'>, orgId: string): Promise<OrganizationSnapshot> => {
  const snapshot = await deps.directory.directory.snapshot(orgId);
  if (snapshot === null) throw new GatewayError('not_found', `There is no organization ${JSON.stringify(orgId)}.`);
  return snapshot;
};

const saveErrors = ['bad_request', 'not_found', 'conflict', 'unsupported_media_type', 'store_unavailable'] as const;

/** Global variables: headers that every action sends. Their values go in and never come out. */
export const variableRoutes = (deps: ApiDeps): readonly Route[] => [
  protectedRoute({
    method: 'get',
    path: '/v1/variables',
    summary: 'Names of the global variables',
    tag: 'Variables and secrets',
    action: 'credentials:read',
    query,
    replies: {
      200: { description: 'All of them.', schema: z.strictObject({ items: z.array(variableSchema), next: z.null() }) },
    },
    errors: ['not_found', 'store_unavailable'],
    async handle({ principal, query: { organization } }) {
      const orgId = await actingOrganization(deps, principal, 'credentials:read', organization);
      const names = Object.keys((await snapshotOf(deps, orgId)).variables).sort();
      const items = names.map((name) => ({ name, warnings: [...headerFaults({ [name]: '' }).warnings] }));
      return { status: 200, body: { items, next: null } };
    },
  }),
  protectedRoute({
    method: 'put',
    path: '/v1/variables/{name}',
    summary: 'Sets a global variable; the next call of an action sends it',
    tag: 'Variables and secrets',
    action: 'credentials:write',
    params,
    query,
    body: { schema: z.strictObject({ value: z.string().min(1).max(8_192) }) },
    replies: { 200: { description: 'It is set.', schema: variableSchema } },
    errors: saveErrors,
    async handle({ principal, params: { name }, query: { organization }, body }) {
      const orgId = await actingOrganization(deps, principal, 'credentials:write', organization);
      const parts = { variables: { [name]: body.value } };
      const result = await editDocument(deps, principal, orgId, { parts, prefix: '' });
      return { status: 200, body: { name, warnings: [...warningsOf(result)] } };
    },
  }),
  protectedRoute({
    method: 'delete',
    path: '/v1/variables/{name}',
    summary: 'Removes a global variable',
    tag: 'Variables and secrets',
    action: 'credentials:write',
    params,
    query,
    replies: { 204: { description: 'It is gone.' } },
    errors: ['not_found', 'store_unavailable'],
    async handle({ principal, params: { name }, query: { organization } }) {
      const orgId = await actingOrganization(deps, principal, 'credentials:write', organization);
      if (!Object.hasOwn((await snapshotOf(deps, orgId)).variables, name)) {
        throw new GatewayError('not_found', `There is no variable ${JSON.stringify(name)}.`);
      }
      await editDocument(deps, principal, orgId, { parts: { variables: { [name]: null } }, prefix: '' });
      return { status: 204 };
    },
  }),
];

const globalSchema = z.strictObject({ name: z.string(), value: z.union([z.string(), z.number(), z.boolean()]) });

/** Globals: values that are not secret and that templates read as `{global.name}`. */
export const globalRoutes = (deps: ApiDeps): readonly Route[] => [
  protectedRoute({
    method: 'get',
    path: '/v1/globals',
    summary: 'The globals of the organization',
    tag: 'Variables and secrets',
    action: 'actions:read',
    query,
    replies: {
      200: { description: 'All of them.', schema: z.strictObject({ items: z.array(globalSchema), next: z.null() }) },
    },
    errors: ['not_found', 'store_unavailable'],
    async handle({ principal, query: { organization } }) {
      const orgId = await actingOrganization(deps, principal, 'actions:read', organization);
      const { globals } = await snapshotOf(deps, orgId);
      const items = Object.entries(globals).map(([name, value]) => ({ name, value }));
      return { status: 200, body: { items, next: null } };
    },
  }),
  protectedRoute({
    method: 'put',
    path: '/v1/globals/{name}',
    summary: 'Sets a global',
    tag: 'Variables and secrets',
    action: 'actions:write',
    params,
    query,
    body: { schema: z.strictObject({ value: z.union([z.string().max(8_192), z.number(), z.boolean()]) }) },
    replies: { 200: { description: 'It is set.', schema: globalSchema } },
    errors: saveErrors,
    async handle({ principal, params: { name }, query: { organization }, body: { value } }) {
      const orgId = await actingOrganization(deps, principal, 'actions:write', organization);
      await editDocument(deps, principal, orgId, { parts: { globals: { [name]: value } }, prefix: '' });
      return { status: 200, body: { name, value } };
    },
  }),
  protectedRoute({
    method: 'delete',
    path: '/v1/globals/{name}',
    summary: 'Removes a global',
    tag: 'Variables and secrets',
    action: 'actions:write',
    params,
    query,
    replies: { 204: { description: 'It is gone.' } },
    errors: ['not_found', 'store_unavailable'],
    async handle({ principal, params: { name }, query: { organization } }) {
      const orgId = await actingOrganization(deps, principal, 'actions:write', organization);
      await editDocument(deps, principal, orgId, { edit: { remove: { globals: [name] } }, prefix: '' });
      return { status: 204 };
    },
  }),
];
