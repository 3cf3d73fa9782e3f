import { z } from 'zod';
import { GatewayError } from '../../core/errors.js';
import { secretsOf } from '../../domain/actions/index.js';
import type { ApiDeps } from '../deps.js';
import { protectedRoute, type Route } from '../http/route.js';
import { actingOrganization } from '../organization-of.js';
import { organizationQuery } from '../schemas.js';
import type { ActionParts } from './action-parts.js';
import { editDocument } from './edit-document.js';
import { snapshotOf } from './variables.js';

const params = z.strictObject({ name: z.string().min(1).max(128) });
const query = z.strictObject({ organization: organizationQuery });
const secretSchema = z
  .strictObject({ name: z.string(), usedBy: z.array(z.string()).describe('Slugs of actions that refer to it.') })
  .describe('A secret; never its value.');

/** Slugs of actions by the secret or certificate they refer to. */
export const usersOfSecrets = async (
  parts: Pick<ActionParts, 'list'>,
  orgId: string,
): Promise<ReadonlyMap<string, readonly string[]>> => {
  const users = new Map<string, string[]>();
  for (const { record, action } of await parts.list(orgId)) {
    for (const name of action === null ? [] : secretsOf(action)) {
      users.set(name, [...(users.get(name) ?? []), record.id]);
    }
  }
  return users;
};

export const refuseWhenUsed = (what: string, name: string, users: readonly string[] = []): void => {
  if (users.length === 0) return;
  const list = users.map((slug) => JSON.stringify(slug)).join(', ');
  throw new GatewayError('conflict', `The ${what} ${JSON.stringify(name)} is used by the action ${list}.`);
};

/** Secrets: texts that actions refer to as `{secret.name}`. Their values go in and never come out. */
export const secretRoutes = (deps: ApiDeps, parts: Pick<ActionParts, 'list'>): readonly Route[] => [
  protectedRoute({
    method: 'get',
    path: '/v1/secrets',
    summary: 'Names of the secrets',
    tag: 'Variables and secrets',
    action: 'credentials:read',
    query,
    replies: {
      200: { description: 'All of them.', schema: z.strictObject({ items: z.array(secretSchema), next: z.null() }) },
    },
    errors: ['not_found', 'store_unavailable'],
    async handle({ principal, query: { organization } }) {
      const orgId = await actingOrganization(deps, principal, 'credentials:read', organization);
      const users = await usersOfSecrets(parts, orgId);
      const names = Object.keys((await snapshotOf(deps, orgId)).secrets).sort();
      const items = names.map((name) => ({ name, usedBy: [...(users.get(name) ?? [])] }));
      return { status: 200, body: { items, next: null } };
    },
  }),
  protectedRoute({
    method: 'put',
    path: '/v1/secrets/{name}',
    summary: 'Sets a secret; the next call of an action uses it',
    tag: 'Variables and secrets',
    action: 'credentials:write',
    params,
    query,
    body: { schema: z.strictObject({ value: z.string().min(1).max(8_192) }) },
    replies: { 204: { description: 'It is set.' } },
    errors: ['bad_request', 'not_found', 'conflict', 'unsupported_media_type', 'store_unavailable'],
    async handle({ principal, params: { name }, query: { organization }, body }) {
      const orgId = await actingOrganization(deps, principal, 'credentials:write', organization);
      await editDocument(deps, principal, orgId, { parts: { secrets: { [name]: body.value } }, prefix: '' });
      return { status: 204 };
    },
  }),
  protectedRoute({
    method: 'delete',
    path: '/v1/secrets/{name}',
    summary: 'Removes a secret that no action refers to',
    tag: 'Variables and secrets',
    action: 'credentials:write',
    params,
    query,
    replies: { 204: { description: 'It is gone.' } },
    errors: ['not_found', 'conflict', 'store_unavailable'],
    async handle({ principal, params: { name }, query: { organization } }) {
      const orgId = await actingOrganization(deps, principal, 'credentials:write', organization);
      if (!Object.hasOwn((await snapshotOf(deps, orgId)).secrets, name)) {
        throw new GatewayError('not_found', `There is no secret ${JSON.stringify(name)}.`);
      }
      refuseWhenUsed('secret', name, (await usersOfSecrets(parts, orgId)).get(name));
      await editDocument(deps, principal, orgId, { parts: { secrets: { [name]: null } }, prefix: '' });
      return { status: 204 };
    },
  }),
];
