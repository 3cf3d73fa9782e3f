import { z } from 'zod';
import { GatewayError } from '../../core/errors.js';
import type { ApiDeps } from '../deps.js';
import { protectedRoute, type Route } from '../http/route.js';
import { actingOrganization } from '../organization-of.js';
import { contactSchema, organizationQuery } from '../schemas.js';
import { contactView } from '../views.js';

export const contactRoutes = (deps: ApiDeps): readonly Route[] => [
  protectedRoute({
    method: 'get',
    path: '/v1/contacts/{id}',
    summary: 'A contact',
    tag: 'Contacts',
    action: 'contacts:read',
    params: z.strictObject({ id: z.string().min(1).max(64) }),
    query: z.strictObject({ organization: organizationQuery }),
    replies: { 200: { description: 'The contact.', schema: contactSchema } },
    errors: ['not_found', 'store_unavailable'],
    async handle({ principal, params, query }) {
      const orgId = await actingOrganization(deps, principal, 'contacts:read', query.organization);
      const contact = await deps.contacts.get(orgId, params.id);
      if (contact === null) throw new GatewayError('not_found', `There is no contact ${JSON.stringify(params.id)}.`);
      return { status: 200, body: contactView(contact) };
    },
  }),
];
