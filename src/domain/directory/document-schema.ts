import { z } from 'zod';

/**
 * The document of one organization, as `voice-gateway apply` sends it. The schema holds form and limits; what needs
 * more than one place to judge (references, countries, profiles) is judged where records are made from it.
 * Every field but names and keys is optional: what is left out stays as it is, or takes the default of a new record.
 */
const idForm = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const id = z.string().regex(idForm, 'must be 1 to 64 letters, digits, dots, - or _, and begin with a letter or digit');
const name = z.string().trim().min(1, 'must not be empty').max(255, 'must not be longer than 255 characters');
const text = (max: number) =>
  z.string().min(1, 'must not be empty').max(max, `must not be longer than ${max} characters`);
const seconds = (min: number, max: number) =>
  z.number().min(min, `must be at least ${min} seconds`).max(max, `must be at most ${max} seconds`);
const credential = text(8_192);
const list = <Item extends z.ZodType>(item: Item, max: number) =>
  z.array(item).max(max, `must not have more than ${max} entries`);

const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;
const keyed = <Value extends z.ZodType>(value: Value, what: string) =>
  z.record(z.string().regex(headerName, `is not a name for ${what}: letters, digits and !#$%&'*+.^_\`|~- only`), value);

export const zendeskAuthSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('apiToken'),
    email: z.email('must be an e-mail address').max(254),
    token: credential,
  }),
  z.strictObject({
    type: z.literal('oauth'),
    clientId: text(255),
    clientSecret: credential,
    scope: text(1_000).default('read write'),
  }),
]);

export const zendeskSchema = z.strictObject({
  subdomain: z
    .string()
    .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i, 'must be the name before .zendesk.com')
    .nullable()
    .optional(),
  baseUrl: text(500).nullable().optional(),
  auth: zendeskAuthSchema.nullable().optional(),
  holdEarlyPrefetch: seconds(0, 300).optional(),
  matchByTalkNumber: z.boolean().optional(),
  talkNumbers: list(text(64), 1_000).optional(),
  talkMatchWindow: seconds(1, 3_600).optional(),
  sharedNumbers: list(text(64), 1_000).optional(),
  webhookSigningSecret: credential.nullable().optional(),
  notes: z.boolean().optional(),
  createTicket: z.boolean().optional(),
});

export const organizationSchema = z.strictObject({
  id,
  uuid: z.uuid('must be a UUID').optional(),
  name: name.optional(),
  defaultCountry: z.string().length(2, 'must be a country code of two letters').toUpperCase().optional(),
  contextHeaders: z.boolean().optional(),
  zendesk: zendeskSchema.nullable().optional(),
});

export const numberSchema = z.strictObject({
  number: text(64),
  agent: id,
  profile: id,
  verified: z.boolean().optional(),
});

export const agentLegSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('builtin'),
    script: z.record(z.string(), z.unknown(), 'must be an object with steps'),
  }),
  z.looseObject({ type: z.literal('livekit'), agentName: text(255) }),
  z.looseObject({ type: z.literal('websocket'), url: text(2_000) }),
]);

export const agentSchema = z.strictObject({
  id,
  name: name.optional(),
  leg: agentLegSchema,
  transferDestinations: list(id, 100).optional(),
  actions: list(id, 200).optional(),
  fallback: id.nullable().optional(),
  record: z.boolean().optional(),
  maxDuration: seconds(0, 86_400).optional(),
});

export const destinationSchema = z.strictObject({
  id,
  name,
  type: z.enum(['sip', 'phone'], 'must be sip or phone'),
  value: text(500),
  profile: id.nullable().optional(),
  trunk: text(500).nullable().optional(),
  method: z.enum(['invite', 'refer'], 'must be invite or refer').optional(),
  callerId: z.enum(['caller', 'called'], 'must be caller or called').nullable().optional(),
  digest: z
    .strictObject({ username: text(255), password: credential })
    .nullable()
    .optional(),
  headers: keyed(z.string().max(1_024, 'must not be longer than 1024 characters'), 'a header').optional(),
  secureMedia: z.boolean().optional(),
  holdAudio: text(500).nullable().optional(),
  announcement: text(1_000).nullable().optional(),
  ringTimeout: seconds(1, 600).optional(),
  onFailure: z.enum(['return', 'next', 'hangup'], 'must be return, next or hangup').optional(),
  next: id.nullable().optional(),
  returnWithin: seconds(0, 600).optional(),
});

/** An action's own rules are judged by the actions; here it is a JSON object with a name. */
export const actionSchema = z.looseObject({
  name: z.string().trim().min(1, 'must not be empty').max(60, 'must not be longer than 60 characters'),
});

const certificateText = text(360_000);
const readByCli = (field: string) =>
  z.never(`is read by voice-gateway apply; the gateway takes ${field} with what is in the file`).optional();

/** A client certificate for mutual TLS, of any format. Only the command line reads files. */
export const certificateSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_-]{0,79}$/, 'must be 1 to 80 letters, digits, _ and -, and begin with no digit'),
  certificate: certificateText,
  key: certificateText.optional(),
  password: z.string().max(1_024, 'must not be longer than 1024 characters').optional(),
  certificateFile: readByCli('certificate'),
  keyFile: readByCli('key'),
});
export const certificatesSchema = list(certificateSchema, 100);

export const documentSchema = z.strictObject({
  organization: organizationSchema,
  numbers: list(numberSchema, 10_000).optional(),
  agents: list(agentSchema, 1_000).optional(),
  transferDestinations: list(destinationSchema, 1_000).optional(),
  actions: list(actionSchema, 1_000).optional(),
  globals: keyed(z.union([z.string().max(8_192), z.number(), z.boolean()]), 'a global').optional(),
  /** `null` takes a variable or secret away. */
  variables: keyed(credential.nullable(), 'a variable').optional(),
  secrets: keyed(credential.nullable(), 'a secret').optional(),
  certificates: certificatesSchema.optional(),
});

export type OrganizationDocument = z.input<typeof documentSchema>;
export type ParsedDocument = z.output<typeof documentSchema>;
export type ParsedOrganization = z.output<typeof organizationSchema>;
export type ParsedZendesk = z.output<typeof zendeskSchema>;
export type ParsedNumber = z.output<typeof numberSchema>;
export type ParsedAgent = z.output<typeof agentSchema>;
export type ParsedDestination = z.output<typeof destinationSchema>;
export type ParsedCertificate = z.output<typeof certificateSchema>;
export type ParsedAction = z.output<typeof actionSchema>;

/** The form of single records, by section of the document. */
export const recordSchemas = {
  numbers: numberSchema,
  agents: agentSchema,
  transferDestinations: destinationSchema,
} as const;
