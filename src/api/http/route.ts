import type { IncomingHttpHeaders } from 'node:http';
import type { z } from 'zod';
import { type ErrorCode, GatewayError } from '../../core/errors.js';
import { faultsOf } from '../../core/faults.js';
import type { Logger } from '../../core/logger.js';
import type { Action, Principal } from '../../platform/access/index.js';
import { type BodyType, parseBody } from './body.js';

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

/**
 * What a handler answers. Without `contentType` the body is sent as JSON; without `body` nothing is; bytes are sent as they
 * are. A `stream` is written as its reader takes it, and is ended (`return`) when the client is gone.
 */
export type Reply = {
  readonly status: number;
  readonly body?: unknown;
  readonly stream?: AsyncIterable<string | Uint8Array>;
  readonly contentType?: string;
  /** For the audit trail: what was changed, by name. An empty list: nothing was. */
  readonly changes?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
};

/** A request before its parts were looked at. */
export type RawRequest = {
  readonly principal: Principal | null;
  readonly params: unknown;
  readonly query: unknown;
  readonly body: Buffer;
  readonly headers: IncomingHttpHeaders;
  /** Path and query as they were sent. */
  readonly target: string;
  readonly requestId: string;
  readonly log: Logger;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
};

export type ReplyDoc = {
  readonly description: string;
  readonly schema?: z.ZodType;
  /** Default `application/json`. */
  readonly contentTypes?: readonly string[];
};

/**
 * Who may come: `anyone`; whoever has a valid credential, whatever it allows (`credential`); those allowed an action; or
 * `local-or`: anyone while only this machine reaches the API, else those allowed the action.
 */
export type RouteAccess =
  | { readonly kind: 'anyone' }
  | { readonly kind: 'credential' }
  | { readonly kind: 'action' | 'local-or'; readonly action: Action };

type Common = {
  readonly method: Method;
  /** With `{name}` for parameters, as OpenAPI writes it. */
  readonly path: string;
  readonly summary: string;
  readonly tag: string;
  readonly replies: Readonly<Record<number, ReplyDoc>>;
  /** Codes besides those every route can answer (credential, rate, internal). */
  readonly errors: readonly ErrorCode[];
  /** Not in the access log at `info`: probes and scrapes. */
  readonly quiet?: boolean;
  /**
   * What becomes of an `Idempotency-Key`. `kept`, the default of a POST with a credential: the same request is given the
   * first one's answer, and nothing is done again. `handled`: the handler reads the key itself. `none`: it is ignored, as
   * it must be where the answer is a stream.
   */
  readonly idempotency?: 'kept' | 'handled' | 'none';
  /** What a failure looks like on this route, where its callers expect another form than that of all others. */
  readonly failure?: (error: GatewayError) => Pick<Reply, 'body' | 'headers'> & { readonly status?: number };
};

/** A route as the server mounts it and the OpenAPI document shows it. */
export type Route = Common & {
  readonly access: RouteAccess;
  readonly params: z.ZodType | null;
  readonly query: z.ZodType | null;
  readonly body: {
    /** What the OpenAPI document shows: the schema that judges the body, here or behind the handler. */
    readonly documented: z.ZodType;
    readonly types: readonly BodyType[];
    /** The media type the document names, when it is none of `types`. */
    readonly media?: string;
    readonly maxBytes: number;
  } | null;
  run(raw: RawRequest): Promise<Reply>;
};

type Input<P, Q, B> = Pick<RawRequest, 'headers' | 'requestId' | 'log' | 'signal'> & {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
};

type Spec<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> = Common & {
  readonly params?: P;
  readonly query?: Q;
  readonly body?: {
    readonly schema: B;
    /** The schema behind the handler, when the route itself takes any value. */
    readonly documented?: z.ZodType;
    readonly types?: readonly BodyType[];
    /** Bytes, after inflating; default 64 KiB. */
    readonly maxBytes?: number;
  };
};

const parsed = <S extends z.ZodType>(schema: S | undefined, value: unknown, what: string): z.output<S> => {
  // Without a schema the type is unknown and nobody can read the value.
  if (schema === undefined) return undefined as z.output<S>;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const details = faultsOf(result.error.issues);
  const list = details.map((fault) => (fault.path === '' ? `it ${fault.message}` : `${fault.path} ${fault.message}`));
  throw new GatewayError('bad_request', `The ${what} cannot be used: ${list.slice(0, 3).join('; ')}.`, { details });
};

const route = <P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType>(
  spec: Spec<P, Q, B>,
  access: RouteAccess,
  handle: (input: Input<z.output<P>, z.output<Q>, z.output<B>>, principal: Principal | null) => Promise<Reply>,
): Route => {
  const types = spec.body?.types ?? ['json'];
  return {
    ...spec,
    access,
    params: spec.params ?? null,
    query: spec.query ?? null,
    body:
      spec.body === undefined
        ? null
        : { documented: spec.body.documented ?? spec.body.schema, types, maxBytes: spec.body.maxBytes ?? 65_536 },
    run: (raw) =>
      handle(
        {
          headers: raw.headers,
          requestId: raw.requestId,
          log: raw.log,
          signal: raw.signal,
          params: parsed(spec.params, raw.params, 'path'),
          query: parsed(spec.query, raw.query, 'query'),
          body: parsed(spec.body?.schema, spec.body && parseBody(raw.body, raw.headers['content-type'], types), 'body'),
        },
        raw.principal,
      ),
  };
};

/** A route for those whose credential allows `action`; the handler still checks the organization. */
export const protectedRoute = <P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType>(
  spec: Spec<P, Q, B> & {
    readonly action: Action;
    readonly handle: (
      input: Input<z.output<P>, z.output<Q>, z.output<B>> & { readonly principal: Principal },
    ) => Promise<Reply>;
  },
): Route =>
  route(
    { idempotency: spec.method === 'post' ? 'kept' : 'none', ...spec },
    { kind: 'action', action: spec.action },
    (input, principal) => {
      if (principal === null) throw new GatewayError('unauthorized', 'The request carries no credential.');
      return spec.handle({ ...input, principal });
    },
  );

/** A route for whoever has a valid credential: what it answers is about the credential itself. */
export const credentialRoute = (
  spec: Common & {
    readonly handle: (input: Pick<RawRequest, 'headers' | 'log'> & { readonly principal: Principal }) => Promise<Reply>;
  },
): Route =>
  route(spec, { kind: 'credential' }, (input, principal) => {
    if (principal === null) throw new GatewayError('unauthorized', 'The request carries no credential.');
    return spec.handle({ headers: input.headers, log: input.log, principal });
  });

/** A route without a credential whose body reaches the handler as it came, whatever its type says. */
export const rawRoute = <P extends z.ZodType, Q extends z.ZodType>(
  spec: Omit<Spec<P, Q, z.ZodUndefined>, 'body'> & {
    /** `maxBytes`: after inflating. */
    readonly body: { readonly documented: z.ZodType; readonly media?: string; readonly maxBytes: number };
    readonly handle: (
      input: Omit<Input<z.output<P>, z.output<Q>, undefined>, 'body'> &
        Pick<RawRequest, 'target'> & { readonly bytes: Buffer },
    ) => Promise<Reply>;
  },
): Route => ({
  ...spec,
  access: { kind: 'anyone' },
  params: spec.params ?? null,
  query: spec.query ?? null,
  body: { ...spec.body, types: ['json'] },
  run: ({ headers, requestId, log, signal, target, params, query, body }) =>
    spec.handle({
      ...{ headers, requestId, log, signal, target, bytes: body },
      params: parsed(spec.params, params, 'path'),
      query: parsed(spec.query, query, 'query'),
    }),
});

/** A route without a credential, or with one only where the listener is open to others (`unlessLocal`). */
export const openRoute = <P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType>(
  spec: Spec<P, Q, B> & {
    readonly unlessLocal?: Action;
    readonly handle: (input: Input<z.output<P>, z.output<Q>, z.output<B>>) => Promise<Reply>;
  },
): Route =>
  route(
    spec,
    spec.unlessLocal === undefined ? { kind: 'anyone' } : { kind: 'local-or', action: spec.unlessLocal },
    (input) => spec.handle(input),
  );
