import { z } from 'zod';

/** Ids are numbers in Zendesk's JSON (developer.zendesk.com/api-reference); here they are text. */
const id = z.union([z.int().nonnegative(), z.string().regex(/^\d{1,20}$/)]).transform(String);
const optionalId = id.nullish().transform((value) => value ?? null);
const optionalText = z
  .string()
  .nullish()
  .transform((value) => (value === undefined || value === null || value.trim() === '' ? null : value.trim()));
const fields = z
  .record(z.string(), z.unknown())
  .nullish()
  .transform((value) => value ?? {});

export const ticketSchema = z.object({
  ticket: z.object({
    id,
    requester_id: optionalId,
    organization_id: optionalId,
    tags: z
      .array(z.string())
      .nullish()
      .transform((value) => value ?? []),
    via: z
      .object({
        channel: z.union([z.string(), z.number()]).nullish(),
        source: z.object({ from: z.object({ phone: optionalText }).nullish() }).nullish(),
      })
      .nullish(),
  }),
});
export type ZendeskTicket = {
  readonly id: string;
  readonly requesterId: string | null;
  readonly organizationId: string | null;
  readonly tags: readonly string[];
  readonly channel: string | null;
  readonly fromPhone: string | null;
};

export const ticketOf = ({ ticket }: z.output<typeof ticketSchema>): ZendeskTicket => {
  const channel = ticket.via?.channel ?? null;
  return {
    id: ticket.id,
    requesterId: ticket.requester_id,
    organizationId: ticket.organization_id,
    tags: ticket.tags,
    channel: channel === null ? null : String(channel),
    fromPhone: ticket.via?.source?.from?.phone ?? null,
  };
};

export const userSchema = z.object({
  user: z.object({
    id,
    name: optionalText,
    email: optionalText,
    phone: optionalText,
    external_id: optionalText,
    organization_id: optionalId,
    role: optionalText,
    user_fields: fields,
  }),
});
export type ZendeskUser = z.output<typeof userSchema>['user'];

export const organizationSchema = z.object({ organization: z.object({ id, organization_fields: fields }) });
export type ZendeskOrganization = z.output<typeof organizationSchema>['organization'];

export const tokenSchema = z.object({
  access_token: z.string().min(1).max(8_192),
  refresh_token: z.string().max(8_192).nullish(),
  expires_in: z.number().positive().nullish(),
});
