import { z } from 'zod';
import type { JsonValue } from './template/values.js';

/** The five HTTP methods an action may use. */
export const actionMethods = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'] as const;
export const statusGroups = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const;
export type StatusGroup = (typeof statusGroups)[number];

export const defaultTimeoutSeconds = 10;
export const maxTimeoutSeconds = 60;
export const defaultResponseBytes = 1_048_576;
const maxResponseBytes = 10_485_760;

const slugPattern = /^[a-z][a-z0-9_]*$/;
const attributePattern = /^(?!__proto__$)[A-Za-z_][A-Za-z0-9_-]*$/;

const name = z.string().trim().min(1, 'a name is required').max(60, 'at most 60 characters');
const description = z.string().max(120, 'at most 120 characters');
const slug = z.string().max(60).regex(slugPattern, 'lower-case letters, digits and "_", a letter first');
const attributeName = z.string().max(80).regex(attributePattern, 'letters, digits, "_" and "-", no digit first');
const template = z.string().max(65_536);
const json: z.ZodType<JsonValue> = z.json();
const headers = z.record(z.string(), template);

const limits = z.strictObject({
  /** Seconds. */
  timeout: z.number().min(0.1).max(maxTimeoutSeconds).optional(),
  /** Bytes, as received and as inflated. */
  responseSize: z.number().int().min(1).max(maxResponseBytes).optional(),
});

const retries = z.strictObject({
  /** Further attempts after the first; within the action's total timeout. */
  attempts: z.number().int().min(0).max(5),
});

/** TRUE, FALSE or an expression that yields a boolean. */
const actionSuccess = z.union([z.boolean(), z.string().min(1).max(2_048)]);

const output = z.union([
  z.string().min(1).max(2_048),
  z.strictObject({
    expression: z.string().min(1).max(2_048),
    /** The attribute is set but kept from what the AI is shown. */
    hideFromAi: z.boolean().optional(),
  }),
]);

const statusResponse = z.strictObject({
  action_success: actionSuccess.optional(),
  outputs: z.record(attributeName, output).optional(),
  /** The string attribute that takes the whole response. */
  raw_response: attributeName.optional(),
});

const response = z.strictObject({
  '1xx': statusResponse.optional(),
  '2xx': statusResponse.optional(),
  '3xx': statusResponse.optional(),
  '4xx': statusResponse.optional(),
  '5xx': statusResponse.optional(),
  /** For every status group that does not name its own. */
  raw_response: attributeName.optional(),
});

export const clientAuthentications = ['post', 'basic', 'basic-raw'] as const;

const authentication = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('none') }),
  z.strictObject({
    type: z.literal('header'),
    variables: z.record(z.string().regex(attributePattern, 'letters, digits, "_" and "-"'), template).optional(),
    headers,
  }),
  z.strictObject({
    type: z.literal('mtls'),
    /** `{secret.name}` of a certificate. */
    certificate: template,
    /** Taken as OpenDialog has it; the password is needed once, when the certificate is uploaded. */
    password: template.optional(),
    /** Base64 of PEM: authorities trusted instead of the system's. */
    caCertificate: template.optional(),
  }),
  z.strictObject({
    type: z.literal('oauth2'),
    tokenUrl: template,
    clientId: template,
    clientSecret: template,
    scope: template.optional(),
    /** How id and secret are sent: in the body, as RFC 6749 Basic, or as Basic without form encoding (curl -u). */
    clientAuthentication: z.enum(clientAuthentications).optional(),
  }),
]);

/** A webhook action (A1). Durations are seconds, as everywhere in documents. */
export const webhookActionSchema = z.strictObject({
  kind: z.literal('webhook').optional(),
  name,
  slug: slug.optional(),
  description: description.optional(),
  method: z.enum(actionMethods),
  url: z.string().min(1).max(8_192),
  headers: headers.optional(),
  body: json.optional(),
  /** JSON Schema of what the AI supplies. */
  parameters: json.optional(),
  /** Values that stand besides, and before, whatever the AI supplies; never shown to it. */
  staticValues: z.record(attributeName, json).optional(),
  response: response.optional(),
  auth: authentication.optional(),
  limits: limits.optional(),
  retries: retries.optional(),
  /** The operation of an OpenAPI document it was made of; a later import of the document updates it. */
  importedFrom: z.string().max(300).optional(),
});

/** The older kind (A9): the request and response have a fixed form. */
export const legacyActionSchema = z.strictObject({
  kind: z.literal('legacy-webhook'),
  name,
  slug: slug.optional(),
  description: description.optional(),
  url: z.string().min(1).max(8_192),
  headers: headers.optional(),
  /** The attributes that are sent. */
  inputs: z.array(attributeName).max(100).optional(),
  /** The attributes that may come back; all when it is left out. */
  outputs: z.array(attributeName).max(100).optional(),
  parameters: json.optional(),
  staticValues: z.record(attributeName, json).optional(),
  limits: limits.optional(),
});

export const actionDefinitionSchema = z.discriminatedUnion('kind', [webhookActionSchema, legacyActionSchema]);

export type WebhookAction = z.infer<typeof webhookActionSchema>;
export type LegacyAction = z.infer<typeof legacyActionSchema>;
export type ActionDefinition = z.infer<typeof actionDefinitionSchema>;
export type Authentication = z.infer<typeof authentication>;
export type StatusResponse = z.infer<typeof statusResponse>;
export type ClientAuthentication = (typeof clientAuthentications)[number];

/** The names of the tools that every call has; an action cannot take them. */
const reservedSlugs: ReadonlySet<string> = new Set([
  'transfer_call',
  'end_call',
  'send_dtmf',
  'execute_action',
  'list_tools',
  'action_success',
]);

/** The snake_case slug of a name: what the AI sees as the tool's name and what prefixes the default outputs. */
export const slugOf = (text: string): string => {
  const plain = text
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '');
  const base = /^[a-z]/.test(plain) ? plain : `action_${plain}`;
  return base.slice(0, 60).replace(/_+$/, '');
};

/** Why a slug cannot be taken, as a sentence, or nothing. `taken` holds the other slugs of the organization. */
export const slugFault = (candidate: string, taken: ReadonlySet<string>): string | undefined => {
  if (reservedSlugs.has(candidate)) return `"${candidate}" is the name of a built-in tool; choose another name`;
  if (taken.has(candidate)) return `another action of this organization already has the slug "${candidate}"`;
  return undefined;
};
