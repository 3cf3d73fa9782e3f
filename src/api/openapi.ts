import { z } from 'zod';
import { type ErrorCode, errorCatalogue } from '../core/errors.js';
import { permissions } from '../platform/access/index.js';
import { errorSchema, statusOf } from './http/error-view.js';
import type { Route } from './http/route.js';

type Json = Record<string, unknown>;

const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): Json => {
  const { $schema, $defs, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12', io, unrepresentable: 'any' });
  // Definitions are made only of schemas that contain themselves, and the one such schema is "any JSON value". Their
  // references would lead to the root of this document, where they are not.
  return $defs === undefined ? rest : JSON.parse(JSON.stringify(rest), anyValueForReference);
};

const anyValueForReference = (_name: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && '$ref' in value ? {} : value;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const parameters = (schema: z.ZodType | null, place: 'path' | 'query'): Json[] => {
  if (schema === null) return [];
  const { properties, required } = schemaOf(schema, 'input');
  const needed = new Set(Array.isArray(required) ? required : []);
  return Object.entries(isObject(properties) ? properties : {}).map(([name, value]) => {
    const { description, ...rest } = isObject(value) ? value : {};
    return {
      name,
      in: place,
      required: place === 'path' || needed.has(name),
      ...(typeof description === 'string' ? { description } : {}),
      schema: rest,
    };
  });
};

const keyParameter: Json = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'The same request under the same key is answered alike and acts once; another one under it gets 409.',
  schema: { type: 'string', pattern: '^[!-~]{1,255}$' },
};

const errorReplies = (codes: readonly ErrorCode[], schema: Json): Json => {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) byStatus.set(statusOf(code), [...(byStatus.get(statusOf(code)) ?? []), code]);
  return Object.fromEntries(
    [...byStatus].map(([status, list]) => [
      String(status),
      {
        description: list.map((code) => `\`${code}\`: ${errorCatalogue[code].meaning}`).join(' '),
        content: { 'application/json': { schema } },
      },
    ]),
  );
};

/** Refused before a route is looked for. */
const tooLong = {
  '431': {
    description: 'The request line and headers are larger than 16 KiB.',
    content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
  },
};

const everywhere: readonly ErrorCode[] = ['internal', 'host_refused', 'origin_refused'];
const withCredential: readonly ErrorCode[] = ['unauthorized', 'forbidden', 'rate_limited', 'identity_unavailable'];

const operation = (route: Route): Json => {
  // Whatever a schema judges can be refused.
  const judged: readonly ErrorCode[] =
    route.params === null && route.query === null && route.body === null ? [] : ['bad_request'];
  const sized: readonly ErrorCode[] = route.body === null ? [] : ['payload_too_large'];
  const own = route.failure === undefined ? undefined : route.replies[200]?.schema;
  const failure = own === undefined ? { $ref: '#/components/schemas/Error' } : schemaOf(own, 'input');
  const keyed = route.idempotency === 'kept' || route.idempotency === 'handled';
  const query = parameters(route.query, 'query');
  // Whose credential is another organization's hears that there is none of that name.
  const named: readonly ErrorCode[] = query.some(({ name }) => name === 'organization') ? ['not_found'] : [];
  const codes = [
    ...new Set([
      ...[...judged, ...sized, ...named, ...route.errors],
      ...(keyed ? (['bad_request', 'conflict'] as const) : []),
      // Who acts once asks first whether it was done.
      ...(route.idempotency === 'kept' ? (['store_unavailable'] as const) : []),
      ...(route.access.kind === 'anyone' ? [] : withCredential),
      ...everywhere,
    ]),
  ];
  const successes = Object.entries(route.replies).map(([status, reply]) => {
    const types = reply.contentTypes ?? (reply.schema === undefined ? [] : ['application/json']);
    const schema = reply.schema === undefined ? {} : { schema: schemaOf(reply.schema, 'input') };
    const content = Object.fromEntries(types.map((type) => [type, type === 'text/plain' ? {} : schema]));
    return [status, { description: reply.description, ...(types.length > 0 ? { content } : {}) }] as const;
  });
  const permission = 'action' in route.access ? route.access.action : null;
  const roles = permission === null ? null : permissions[permission].join(', ');
  return {
    summary: route.summary,
    tags: [route.tag],
    operationId: `${route.method}${route.path.replace(/[^A-Za-z0-9]+(\w)?/g, (_, letter: string | undefined) => letter?.toUpperCase() ?? '')}`,
    ...(roles === null
      ? { security: route.access.kind === 'credential' ? [{ bearer: [] }] : [] }
      : { description: `Permission \`${permission}\`; roles: ${roles}.`, security: [{ bearer: [] }] }),
    parameters: [...parameters(route.params, 'path'), ...query, ...(keyed ? [keyParameter] : [])],
    ...(route.body === null
      ? {}
      : {
          requestBody: {
            required: true,
            content: Object.fromEntries(
              (route.body.media === undefined
                ? route.body.types.map((type) => `application/${type}`)
                : [route.body.media]
              ).map((media) => [media, { schema: schemaOf(route.body?.documented ?? z.unknown(), 'input') }]),
            ),
          },
        }),
    responses: { ...errorReplies(codes, failure), ...tooLong, ...Object.fromEntries(successes) },
  };
};

/** The OpenAPI 3.1 document of these routes, made from the schemas that judge their requests. */
export const openApiDocument = (
  routes: readonly Route[],
  info: { readonly version: string; readonly url: string },
): Json => {
  const paths: Record<string, Json> = {};
  for (const route of routes) paths[route.path] = { ...paths[route.path], [route.method]: operation(route) };
  return {
    openapi: '3.1.0',
    info: { title: 'Voice gateway', version: info.version },
    servers: [{ url: info.url }],
    paths,
    components: {
      schemas: { Error: schemaOf(errorSchema, 'output') },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'A dashboard JWT or the admin token of the gateway.' },
      },
    },
  };
};
