import { z } from 'zod';
import { type Fault, GatewayError, isGatewayError } from '../../core/errors.js';
import { BULLETS } from '../../core/redaction.js';
import { type ApplyResult, type ChangeKind, recordSchemas } from '../../domain/directory/index.js';
import type { Action, Principal } from '../../platform/access/index.js';
import type { ApiDeps } from '../deps.js';
import { protectedRoute, type Route } from '../http/route.js';
import { actingOrganization } from '../organization-of.js';
import { organizationQuery } from '../schemas.js';
import { editDocument } from './edit-document.js';

/** A record as the document has it, credentials as bullets. */
export type DocumentRecord = Readonly<Record<string, unknown>>;

type Kind = {
  readonly section: keyof typeof recordSchemas;
  readonly change: ChangeKind;
  /** Field that names the record. */
  readonly key: 'number' | 'id';
  readonly path: string;
  /** As sentences call it. */
  readonly one: string;
  readonly many: string;
  readonly read: Action;
  readonly write: Action;
};

const kinds: readonly Kind[] = [
  {
    ...{ section: 'numbers', change: 'number', key: 'number', path: '/v1/numbers' },
    ...{ one: 'number', many: 'telephone numbers', read: 'numbers:read', write: 'numbers:write' },
  },
  {
    ...{ section: 'agents', change: 'agent', key: 'id', path: '/v1/agents' },
    ...{ one: 'agent', many: 'AI agents', read: 'agents:read', write: 'agents:write' },
  },
  {
    ...{ section: 'transferDestinations', change: 'transferDestination', key: 'id', path: '/v1/transfer-destinations' },
    ...{ one: 'destination', many: 'transfer destinations', read: 'destinations:read', write: 'destinations:write' },
  },
];

const query = z.strictObject({ organization: organizationQuery });
const params = z.strictObject({ id: z.string().min(1).max(64) });
const MAX_RECORD = 1_048_576;

/** Placeholders of the document stand for credentials; here bullets do, and sent back they keep them. */
const withBullets = (record: DocumentRecord): DocumentRecord =>
  JSON.parse(JSON.stringify(record), (name, value: unknown) =>
    name === 'password' && typeof value === 'string' ? BULLETS : value,
  );

/** All records of a kind. Throws GatewayError not_found when there is no such organization. */
export const recordsOf = async (
  deps: Pick<ApiDeps, 'directory'>,
  orgId: string,
  section: Kind['section'],
): Promise<readonly DocumentRecord[]> => {
  const document = await deps.directory.export(orgId);
  if (document === null) throw new GatewayError('not_found', `There is no organization ${JSON.stringify(orgId)}.`);
  return document[section].map(withBullets);
};

const find = async (
  deps: Pick<ApiDeps, 'directory'>,
  orgId: string,
  kind: Kind,
  id: string,
): Promise<DocumentRecord | null> =>
  (await recordsOf(deps, orgId, kind.section)).find((record) => record[kind.key] === id) ?? null;

const named = (result: ApplyResult): string[] => [
  ...result.created.map(({ kind, id }) => `created ${kind} ${id}`),
  ...result.changed.map(({ kind, id }) => `changed ${kind} ${id}`),
  ...result.removed.map(({ kind, id }) => `removed ${kind} ${id}`),
];

/** Makes one record that must not be there yet, or makes or changes the one of this key. */
export const saveRecord = async (
  deps: Pick<ApiDeps, 'directory' | 'loopbackOnly'>,
  principal: Principal,
  orgId: string,
  { section, change }: Pick<Kind, 'section' | 'change'>,
  record: DocumentRecord,
  isNew: boolean,
): Promise<{ readonly changes: readonly string[]; readonly id: string | null }> => {
  const result = await editDocument(deps, principal, orgId, {
    parts: { [section]: [record] },
    edit: isNew ? { createOne: change } : {},
    prefix: `${section}[0]`,
  });
  const done = [...result.created, ...result.changed].find(({ kind }) => kind === change);
  return { changes: named(result), id: done?.id ?? null };
};

/** Something still names the record: what it is stands in the details. */
const inUse = (error: unknown, one: string): unknown => {
  if (!isGatewayError(error, 'bad_request')) return error;
  const details: readonly Fault[] = error.details;
  const where = details.map(({ path }) => path).slice(0, 3);
  return new GatewayError('conflict', `The ${one} is still used: ${where.join(', ')}.`, { details });
};

const saveErrors = ['bad_request', 'not_found', 'conflict', 'unsupported_media_type', 'store_unavailable'] as const;

const routesOf = (deps: ApiDeps, kind: Kind): readonly Route[] => {
  const schema = recordSchemas[kind.section];
  const { path, one, many, read, write, key, section } = kind;
  const tag = 'Directory';
  const body = {
    schema: z.record(z.string(), z.unknown(), 'must be an object'),
    documented: schema,
    maxBytes: MAX_RECORD,
  };
  const shown = async (status: number, orgId: string, id: string, changes: readonly string[] = []) => {
    const record = await find(deps, orgId, kind, id);
    if (record === null) throw new GatewayError('not_found', `There is no ${one} ${JSON.stringify(id)}.`);
    return { status, body: record, changes };
  };
  return [
    protectedRoute({
      method: 'get',
      path,
      summary: `The ${many} of the organization`,
      ...{ tag, action: read, query },
      replies: {
        200: { description: 'All of them.', schema: z.strictObject({ items: z.array(schema), next: z.null() }) },
      },
      errors: ['bad_request', 'not_found', 'store_unavailable'],
      async handle({ principal, query: { organization } }) {
        const orgId = await actingOrganization(deps, principal, read, organization);
        return { status: 200, body: { items: await recordsOf(deps, orgId, section), next: null } };
      },
    }),
    protectedRoute({
      method: 'post',
      path,
      summary: `Makes a ${one} that is not there yet`,
      ...{ tag, action: write, query, body },
      replies: { 201: { description: `The ${one}.`, schema } },
      errors: saveErrors,
      async handle({ principal, query: { organization }, body: given }) {
        const orgId = await actingOrganization(deps, principal, write, organization);
        const { id, changes } = await saveRecord(deps, principal, orgId, kind, given, true);
        return shown(201, orgId, id ?? String(given[key]), changes);
      },
    }),
    protectedRoute({
      method: 'get',
      path: `${path}/{id}`,
      summary: `One ${one}`,
      ...{ tag, action: read, params, query },
      replies: { 200: { description: `The ${one}.`, schema } },
      errors: ['bad_request', 'not_found', 'store_unavailable'],
      handle: async ({ principal, params: { id }, query: { organization } }) =>
        shown(200, await actingOrganization(deps, principal, read, organization), id),
    }),
    protectedRoute({
      method: 'put',
      path: `${path}/{id}`,
      summary: `Makes or changes a ${one}; fields that are left out stay, bullets keep a credential`,
      ...{ tag, action: write, params, query },
      body: { ...body, documented: schema.partial() },
      replies: { 200: { description: `The ${one}.`, schema } },
      errors: saveErrors,
      async handle({ principal, params: { id }, query: { organization }, body: given }) {
        const orgId = await actingOrganization(deps, principal, write, organization);
        if (given[key] !== undefined && given[key] !== id) {
          const details = [{ path: key, message: `must be ${JSON.stringify(id)}, as the path says` }];
          throw new GatewayError('bad_request', `The ${key} of a ${one} cannot be changed.`, { details });
        }
        const before = await find(deps, orgId, kind, id);
        const { changes } = await saveRecord(deps, principal, orgId, kind, { ...before, ...given, [key]: id }, false);
        return shown(200, orgId, id, changes);
      },
    }),
    protectedRoute({
      method: 'delete',
      path: `${path}/{id}`,
      summary: `Removes a ${one} that nothing uses`,
      ...{ tag, action: write, params, query },
      replies: { 204: { description: 'It is gone.' } },
      errors: ['bad_request', 'not_found', 'conflict', 'store_unavailable'],
      async handle({ principal, params: { id }, query: { organization } }) {
        const orgId = await actingOrganization(deps, principal, write, organization);
        const edit = { remove: { [section]: [id] } };
        const result = await editDocument(deps, principal, orgId, { edit, prefix: '' }).catch((error: unknown) => {
          throw inUse(error, one);
        });
        return { status: 204, changes: named(result) };
      },
    }),
  ];
};

/** Numbers, agents and destinations one by one: the same records as the document's, under the same rules. */
export const recordRoutes = (deps: ApiDeps): readonly Route[] => kinds.flatMap((kind) => routesOf(deps, kind));
