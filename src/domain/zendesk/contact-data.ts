import type { EnrichRequest } from '../sessions/index.js';
import { usablePhone } from './phone.js';
import type { ZendeskOrganization, ZendeskUser } from './responses.js';

/** A field's value as text; null for what says nothing and must not erase what is known. */
const valueText = (value: unknown): string | null => {
  if (value === null || value === undefined) return null;
  const text = typeof value === 'string' ? value : typeof value === 'object' ? JSON.stringify(value) : String(value);
  return text.trim() === '' ? null : text;
};

const collect = (target: Map<string, string>, fields: Readonly<Record<string, unknown>>, prefix: string): void => {
  for (const [name, value] of Object.entries(fields)) {
    const text = valueText(value);
    if (text !== null && name !== '') target.set(prefix + name, text);
  }
};

/** What a requester and their organization say about a contact (zendesk.md Z3): user fields, organization fields as `org_…`. */
export const contactData = (
  user: ZendeskUser,
  organization: ZendeskOrganization | null,
  country: string,
): Pick<EnrichRequest, 'fields' | 'customData' | 'phone' | 'zendeskUserId'> => {
  const customData = new Map<string, string>();
  collect(customData, user.user_fields, '');
  collect(customData, organization?.organization_fields ?? {}, 'org_');
  const phone = usablePhone(user.phone, country);
  const phoneText = phone ?? user.phone;
  return {
    zendeskUserId: user.id,
    fields: {
      ...(user.name === null ? {} : { name: user.name }),
      ...(user.email === null ? {} : { email: user.email }),
      ...(phoneText === null ? {} : { phone: phoneText }),
      ...(user.external_id === null ? {} : { externalId: user.external_id }),
    },
    customData,
    phone,
  };
};
