import { z } from 'zod';
import { GatewayError } from '../../core/errors.js';
import { certificateWarnings } from '../../domain/actions/index.js';
import { type ClientCertificate, certificateSchema as uploadSchema } from '../../domain/directory/index.js';
import type { ApiDeps } from '../deps.js';
import { protectedRoute, type Route } from '../http/route.js';
import { actingOrganization } from '../organization-of.js';
import { organizationQuery } from '../schemas.js';
import type { ActionParts } from './action-parts.js';
import { editDocument } from './edit-document.js';
import { refuseWhenUsed, usersOfSecrets } from './secrets.js';
import { snapshotOf } from './variables.js';

const params = uploadSchema.pick({ name: true });
const query = z.strictObject({ organization: organizationQuery });
const time = z.iso.datetime().describe('ISO 8601, UTC.');

const certificateSchema = z
  .strictObject({
    name: z.string(),
    subject: z.string(),
    issuer: z.string(),
    fingerprint: z.string().describe('SHA-256.'),
    keyType: z.string(),
    chainLength: z.int(),
    notBefore: time,
    notAfter: time,
    uploadedAt: time,
    warnings: z.array(z.string()),
    usedBy: z.array(z.string()).describe('Slugs of actions that refer to it.'),
  })
  .describe('A client certificate; never its key.');

const iso = (at: number): string => new Date(at).toISOString();

/** Client certificates for mutual TLS, of any format, brought into one at upload. */
export const certificateRoutes = (deps: ApiDeps, parts: Pick<ActionParts, 'list'>): readonly Route[] => {
  const viewOf = (
    record: ClientCertificate,
    users: ReadonlyMap<string, readonly string[]>,
  ): z.input<typeof certificateSchema> => {
    const { name, subject, issuer, fingerprint, keyType, chainLength } = record;
    return {
      ...{ name, subject, issuer, fingerprint, keyType, chainLength },
      notBefore: iso(record.notBefore),
      notAfter: iso(record.notAfter),
      uploadedAt: iso(record.uploadedAt),
      warnings: certificateWarnings(record, deps.clock.now()),
      usedBy: [...(users.get(name) ?? [])],
    };
  };
  return [
    protectedRoute({
      method: 'get',
      path: '/v1/certificates',
      summary: 'The client certificates',
      tag: 'Variables and secrets',
      action: 'credentials:read',
      query,
      replies: {
        200: {
          description: 'All of them.',
          schema: z.strictObject({ items: z.array(certificateSchema), next: z.null() }),
        },
      },
      errors: ['not_found', 'store_unavailable'],
      async handle({ principal, query: { organization } }) {
        const orgId = await actingOrganization(deps, principal, 'credentials:read', organization);
        const users = await usersOfSecrets(parts, orgId);
        const items = (await snapshotOf(deps, orgId)).certificates.map((record) => viewOf(record, users));
        return { status: 200, body: { items, next: null } };
      },
    }),
    protectedRoute({
      method: 'put',
      path: '/v1/certificates/{name}',
      summary: 'Uploads a client certificate with its key: P12, PFX, PEM, CER, CRT, KEY',
      tag: 'Variables and secrets',
      action: 'credentials:write',
      params,
      query,
      body: {
        schema: uploadSchema.pick({ certificate: true, key: true, password: true }),
        maxBytes: 1_048_576,
      },
      replies: { 200: { description: 'What the certificate says of itself.', schema: certificateSchema } },
      errors: [
        ...(['bad_request', 'conflict', 'not_found'] as const),
        ...(['unsupported_media_type', 'store_unavailable'] as const),
      ],
      async handle({ principal, params: { name }, query: { organization }, body, log }) {
        const orgId = await actingOrganization(deps, principal, 'credentials:write', organization);
        await editDocument(deps, principal, orgId, {
          parts: { certificates: [{ name, ...body }] },
          prefix: 'certificates[0]',
        });
        const record = (await snapshotOf(deps, orgId)).certificates.find((each) => each.name === name);
        if (record === undefined) throw new GatewayError('conflict', 'The certificate was removed at once by another.');
        const { fingerprint } = record;
        log.info({ organization: orgId, name, fingerprint, by: principal.sub }, 'A client certificate was uploaded.');
        return { status: 200, body: viewOf(record, await usersOfSecrets(parts, orgId)) };
      },
    }),
    protectedRoute({
      method: 'delete',
      path: '/v1/certificates/{name}',
      summary: 'Removes a client certificate that no action refers to',
      tag: 'Variables and secrets',
      action: 'credentials:write',
      params,
      query,
      replies: { 204: { description: 'It is gone.' } },
      errors: ['not_found', 'conflict', 'store_unavailable'],
      async handle({ principal, params: { name }, query: { organization } }) {
        const orgId = await actingOrganization(deps, principal, 'credentials:write', organization);
        refuseWhenUsed('certificate', name, (await usersOfSecrets(parts, orgId)).get(name));
        await editDocument(deps, principal, orgId, { edit: { remove: { certificates: [name] } }, prefix: '' });
        return { status: 204 };
      },
    }),
  ];
};
