import type { Operations } from './schema.js';

export type Operation = keyof Operations;
export type Reply<O extends Operation> = Operations[O]['reply'];

type Given<Name extends string, Value> = [Value] extends [undefined]
  ? { readonly [N in Name]?: undefined }
  : { readonly [N in Name]: Value };

/** What an operation takes: what its path names, its query, its body. */
export type Input<O extends Operation> = Given<'path', Operations[O]['path']> &
  ([Operations[O]['query']] extends [undefined]
    ? { readonly query?: undefined }
    : { readonly query?: Operations[O]['query'] }) &
  Given<'body', Operations[O]['body']>;

export type Fault = { readonly path: string; readonly message: string };

/** An answer that is not the one asked for. The message is the gateway's sentence, for people. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: readonly Fault[] = [],
  ) {
    super(message);
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

const faultsIn = (value: unknown): readonly Fault[] =>
  Array.isArray(value)
    ? value.flatMap((each: unknown) =>
        isRecord(each) && typeof each.path === 'string' && typeof each.message === 'string'
          ? [{ path: each.path, message: each.message }]
          : [],
      )
    : [];

/** The failure an answer tells of. */
export const failureIn = (status: number, body: unknown): ApiError => {
  if (isRecord(body) && typeof body.message === 'string') {
    return new ApiError(status, String(body.code ?? ''), body.message, faultsIn(body.details));
  }
  return new ApiError(status, '', `The gateway answered ${status} and said nothing more.`);
};

/** The address of an operation, with what its path and query name. */
export const addressOf = (
  operation: Operation,
  input: { readonly path?: unknown; readonly query?: unknown },
): string => {
  const path = isRecord(input.path) ? input.path : {};
  const address = operation
    .slice(operation.indexOf(' ') + 1)
    .replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(path[name])));
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(isRecord(input.query) ? input.query : {})) {
    if (value !== undefined && value !== '') query.set(name, String(value));
  }
  return query.size === 0 ? address : `${address}?${query}`;
};

export type CallOptions = { readonly signal?: AbortSignal; readonly bearer?: string };

/** Calls the API. Throws ApiError, also when the gateway cannot be reached. */
export const call = async <O extends Operation>(
  operation: O,
  input: Input<O>,
  options: CallOptions = {},
): Promise<Reply<O>> => {
  const method = operation.slice(0, operation.indexOf(' '));
  const body = input.body === undefined ? undefined : JSON.stringify(input.body);
  let response: Response;
  try {
    response = await fetch(addressOf(operation, input), {
      method,
      headers: {
        Accept: 'application/json, text/plain;q=0.9',
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...(options.bearer === undefined ? {} : { Authorization: `Bearer ${options.bearer}` }),
      },
      ...(body === undefined ? {} : { body }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(0, 'unreachable', 'The gateway does not answer; this page tries again by itself.');
  }
  const text = await response.text();
  const json = response.headers.get('content-type')?.includes('json') === true && text !== '';
  const answer: unknown = json ? JSON.parse(text) : text === '' ? null : text;
  // A gateway that is not ready says so in the form of its readiness.
  if (!response.ok && !(operation === 'GET /readyz' && response.status === 503))
    throw failureIn(response.status, answer);
  // The types are made of the document the gateway serves with the same build.
  return answer as Reply<O>;
};

/** What went wrong, in a sentence. */
export const sentenceOf = (error: unknown): string =>
  error instanceof Error ? error.message : 'Something went wrong.';
