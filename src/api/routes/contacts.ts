import { z } from 'zod';
import { isE164 } from '../../core/e164.js';
import { GatewayError } from '../../core/errors.js';
import type { ContactChange } from '../../domain/sessions/index.js';
import type { ApiDeps } from '../deps.js';
import { protectedRoute, type Route } from '../http/route.js';
import { actingOrganization } from '../organization-of.js';
import { contactSchema, organizationQuery } from '../schemas.js';
import { contactView } from '../views.js';

const query = z.strictObject({ organization: organizationQuery });
const params = z.strictObject({ id: z.string().min(1).max(64) });
const e164 = z.string().refine(isE164, 'is not a telephone number in E.164');
const text = (most: number) => z.string().trim().min(1, 'must not be empty').max(most).nullable().optional();

const listQuery = query.extend({
  phone: e164.optional().describe('The one contact a caller with this number is.'),
  limit: z.coerce.number('must be a number').int().min(1).max(500).default(50),
  cursor: z.string().max(200).optional(),
});
const body = z.strictObject({
  name: text(255),
  email: text(320),
  phone: e164.nullable().optional().describe('A caller with this number is this contact.'),
  externalId: text(255),
  custom_data: z
    .record(z.string().min(1).max(128), z.string().max(8_192).nullable())
    .refine((data) => Object.keys(data).length <= 200, 'must not have more than 200 values')
    .optional()
    .describe('Added to what is there.'),
});

const saveErrors = ['bad_request', 'not_found', 'conflict', 'unsupported_media_type', 'store_unavailable'] as const;

/** What the body says, as the store takes it. */
const changeOf = ({ custom_data, ...fields }: z.output<typeof body>, at: number): ContactChange => ({
  at,
  ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)),
  ...(custom_data === undefined ? {} : { customData: custom_data }),
});

/** Who callers are: made by their first call, by Zendesk, or here. */
export const contactRoutes = (deps: ApiDeps): readonly Route[] => {
  const missing = (id: string): GatewayError =>
    new GatewayError('not_found', `There is no contact ${JSON.stringify(id)}.`);
  const tag = 'Contacts';
  const one = { description: 'The contact.', schema: contactSchema };
  return [
    protectedRoute({
      method: 'get',
      path: '/v1/contacts',
      summary: 'The contacts of the organization, newest first',
      ...{ tag, action: 'contacts:read', query: listQuery },
      replies: {
        200: {
          description: 'A page.',
          schema: z.strictObject({ items: z.array(contactSchema), next: z.string().nullable() }),
        },
      },
      errors: ['bad_request', 'store_unavailable'],
      async handle({ principal, query: { organization, phone, limit, cursor } }) {
        const orgId = await actingOrganization(deps, principal, 'contacts:read', organization);
        if (phone !== undefined) {
          const found = await deps.contacts.byPhone(orgId, phone);
          return { status: 200, body: { items: found === null ? [] : [contactView(found)], next: null } };
        }
        const page = await deps.contacts.list({ orgId, limit, ...(cursor === undefined ? {} : { cursor }) });
        return { status: 200, body: { items: page.items.map(contactView), next: page.next } };
      },
    }),
    protectedRoute({
      method: 'post',
      path: '/v1/contacts',
      summary: 'Makes a contact, so that a caller is known before the first call',
      ...{ tag, action: 'contacts:write', query },
      body: { schema: body, maxBytes: 2_097_152 },
      replies: { 201: one },
      errors: saveErrors,
      async handle({ principal, query: { organization }, body: given }) {
        const orgId = await actingOrganization(deps, principal, 'contacts:write', organization);
        if ((await deps.directory.directory.organization(orgId)) === null) {
          throw new GatewayError('not_found', `There is no organization ${JSON.stringify(orgId)}.`);
        }
        const contact = await deps.contacts.create(orgId, changeOf(given, deps.clock.now()));
        return { status: 201, body: contactView(contact), changes: [`created contact ${contact.id}`] };
      },
    }),
    protectedRoute({
      method: 'get',
      path: '/v1/contacts/{id}',
      summary: 'A contact',
      ...{ tag, action: 'contacts:read', params, query },
      replies: { 200: one },
      errors: ['not_found', 'store_unavailable'],
      async handle({ principal, params: { id }, query: { organization } }) {
        const orgId = await actingOrganization(deps, principal, 'contacts:read', organization);
        const contact = await deps.contacts.get(orgId, id);
        if (contact === null) throw missing(id);
        return { status: 200, body: contactView(contact) };
      },
    }),
    protectedRoute({
      method: 'put',
      path: '/v1/contacts/{id}',
      summary: 'Changes a contact; fields that are left out stay, null takes one off',
      ...{ tag, action: 'contacts:write', params, query },
      body: { schema: body, maxBytes: 2_097_152 },
      replies: { 200: one },
      errors: saveErrors,
      async handle({ principal, params: { id }, query: { organization }, body: given }) {
        const orgId = await actingOrganization(deps, principal, 'contacts:write', organization);
        const contact = await deps.contacts.change(orgId, id, changeOf(given, deps.clock.now()));
        if (contact === null) throw missing(id);
        return { status: 200, body: contactView(contact), changes: [`changed contact ${id}`] };
      },
    }),
    protectedRoute({
      method: 'delete',
      path: '/v1/contacts/{id}',
      summary: 'Removes a contact: the next call with its number is a new one’s',
      ...{ tag, action: 'contacts:write', params, query },
      replies: { 204: { description: 'It is gone.' } },
      errors: ['not_found', 'store_unavailable'],
      async handle({ principal, params: { id }, query: { organization } }) {
        const orgId = await actingOrganization(deps, principal, 'contacts:write', organization);
        if (!(await deps.contacts.remove(orgId, id))) throw missing(id);
        return { status: 204, changes: [`removed contact ${id}`] };
      },
    }),
  ];
};
