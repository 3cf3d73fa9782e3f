import { z } from 'zod';
import type { ApiDeps } from '../deps.js';
import { protectedRoute, type Route } from '../http/route.js';
import { actingOrganization } from '../organization-of.js';
import { organizationQuery, streamCursor } from '../schemas.js';

const entrySchema = z.strictObject({
  id: z.string(),
  at: z.iso.datetime(),
  who: z.string().describe('The kind of the credential, and who it is.'),
  role: z.string(),
  action: z.string().describe('The permission it took.'),
  request: z.string(),
  changes: z.array(z.string()),
  remote: z.string().describe('The address the request came from.'),
  requestId: z.string(),
});

/** The changes that were made, and by whom. */
export const auditRoutes = (deps: Pick<ApiDeps, 'directory' | 'audit'>): readonly Route[] => {
  const limit = z.coerce.number('must be a number').int().min(1).max(500).default(100);
  const cursor = streamCursor.optional();
  const listSchema = z.strictObject({ items: z.array(entrySchema), next: z.string().nullable() });
  const page = async (
    orgId: string | null,
    query: { readonly limit: number; readonly cursor?: string | undefined },
  ) => {
    const { items, next } = await deps.audit.list(orgId, { limit: query.limit, cursor: query.cursor ?? null });
    return {
      status: 200,
      body: { items: items.map((entry) => ({ ...entry, at: new Date(entry.at).toISOString() })), next },
    };
  };
  return [
    protectedRoute({
      method: 'get',
      path: '/v1/audit',
      summary: 'Changes made in the organization, newest first',
      tag: 'Credentials',
      action: 'audit:read',
      query: z.strictObject({ organization: organizationQuery, limit, cursor }),
      replies: { 200: { description: 'One page.', schema: listSchema } },
      errors: ['bad_request', 'store_unavailable'],
      handle: async ({ principal, query }) =>
        page(await actingOrganization(deps, principal, 'audit:read', query.organization), query),
    }),
    protectedRoute({
      method: 'get',
      path: '/v1/system/audit',
      summary: 'Changes that concern no organization, newest first',
      tag: 'Operation',
      action: 'system:read',
      query: z.strictObject({ limit, cursor }),
      replies: { 200: { description: 'One page.', schema: listSchema } },
      errors: ['bad_request', 'store_unavailable'],
      handle: ({ query }) => page(null, query),
    }),
  ];
};
