import type { Contact } from './records.js';

/** Custom data are fields of their own: `c:<name>`. */
export const customDataPrefix = 'c:';

/** Reads a contact from its hash; null when there is none. */
export const decodeContact = (fields: ReadonlyMap<string, string>): Contact | null => {
  const id = fields.get('id');
  const orgId = fields.get('orgId');
  if (id === undefined || orgId === undefined) return null;
  const optional = (name: string): string | null => fields.get(name) ?? null;
  const custom = [...fields].filter(([name]) => name.startsWith(customDataPrefix));
  return {
    id,
    orgId,
    name: optional('name'),
    email: optional('email'),
    phone: optional('phone'),
    externalId: optional('externalId'),
    zendeskUserId: optional('zendeskUserId'),
    customData: Object.fromEntries(custom.map(([name, value]) => [name.slice(customDataPrefix.length), value])),
    createdAt: Number(fields.get('createdAt') ?? 0),
    updatedAt: Number(fields.get('updatedAt') ?? 0),
  };
};
