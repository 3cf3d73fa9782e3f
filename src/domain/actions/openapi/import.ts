import { type Fault, GatewayError, isGatewayError } from '../../../core/errors.js';
import { parseAction } from '../compile-action.js';
import { slugFault } from '../definition.js';
import { isRecord, type JsonValue } from '../template/values.js';
import { field, type JsonObject, listField, OperationFault, objectField, textField } from './document.js';
import { type ImportedOperation, operationMethods, readOperation } from './operation.js';

/** An action there is, as its author would see it. */
export type ExistingAction = { readonly slug: string; readonly definition: Readonly<Record<string, unknown>> };

export type OpenApiImport = {
  /** Definitions to store, each with its slug. */
  readonly actions: readonly (JsonObject & { readonly slug: string })[];
  /** Operations that cannot become actions, and why. */
  readonly skipped: readonly Fault[];
  /** What is different from the document. */
  readonly notes: readonly Fault[];
};

/** Operations in one import. */
export const mostOperations = 200;

const refuse = (path: string, message: string): GatewayError =>
  new GatewayError('bad_request', `The OpenAPI document cannot be imported: ${path} ${message}.`, {
    details: [{ path, message }],
  });

/** The address before each path: the one given, or the document's first server with its variables at their defaults. */
const originOf = (document: JsonObject, given: string | undefined): string => {
  const [server] = listField(document, 'servers');
  const stated = textField(server, 'url')?.replace(
    /\{([^{}]+)\}/g,
    (_whole, name: string) => textField(objectField(objectField(server, 'variables'), name), 'default') ?? '',
  );
  const base = given ?? stated;
  if (base === undefined) throw refuse('servers', 'is missing: say where the API is with ?server=');
  if (!URL.canParse(base)) throw refuse('servers[0].url', 'is not absolute: say where the API is with ?server=');
  const url = new URL(base);
  if (url.protocol !== 'https:') throw refuse('servers[0].url', 'must be an https: address');
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw refuse('servers[0].url', 'must not carry credentials, a query or a fragment');
  }
  return `${url.origin}${url.pathname.replace(/(?<!\/)\/+$/, '')}`;
};

/** What its author has set on an action that was imported before stays: authentication, response, limits, own headers. */
const updated = (existing: ExistingAction, { fields, source }: ImportedOperation): JsonObject & { slug: string } => {
  // What is stored came out of JSON.
  const before: JsonObject = JSON.parse(JSON.stringify(existing.definition));
  const { description: _description, body: _body, ...rest } = before;
  const headers = { ...objectField(before, 'headers'), ...objectField(fields, 'headers') };
  return {
    ...rest,
    ...fields,
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
    slug: existing.slug,
    importedFrom: source,
  };
};

const freeSlug = (wanted: string, taken: Set<string>): string => {
  let candidate = wanted;
  for (let next = 2; slugFault(candidate, taken) !== undefined; next += 1) {
    candidate = `${wanted.slice(0, 56)}_${next}`;
  }
  taken.add(candidate);
  return candidate;
};

/**
 * The actions an OpenAPI 3.x document describes, one for each operation. An action that an earlier import of the
 * document made is updated and keeps its slug; others are never touched. Throws GatewayError bad_request when the
 * document as a whole cannot be used; single operations are skipped with a reason.
 */
export const importOpenApi = (input: unknown, existing: readonly ExistingAction[], server?: string): OpenApiImport => {
  const document: JsonValue = JSON.parse(JSON.stringify(input ?? null));
  if (!isRecord(document)) throw refuse('openapi', 'is missing: the body is no OpenAPI document');
  if (textField(document, 'openapi')?.startsWith('3.') !== true) throw refuse('openapi', 'must be 3.x');
  const origin = originOf(document, server);
  const title = (textField(objectField(document, 'info'), 'title') ?? 'OpenAPI').slice(0, 100);
  const bySource = new Map(existing.map((action) => [String(action.definition.importedFrom ?? ''), action]));
  const taken = new Set(existing.map((action) => action.slug));
  const actions: (JsonObject & { readonly slug: string })[] = [];
  const skipped: Fault[] = [];
  const notes: Fault[] = [];
  for (const [path, value] of Object.entries(objectField(document, 'paths'))) {
    const item = isRecord(value) ? value : {};
    for (const method of operationMethods) {
      if (!isRecord(field(item, method))) continue;
      const place = `${method.toUpperCase()} ${path}`;
      if (actions.length + skipped.length >= mostOperations) {
        throw refuse('paths', `has more than ${mostOperations} operations: import it in parts`);
      }
      try {
        const operation = readOperation(document, origin, title, path, method, item);
        const known = bySource.get(operation.source);
        const definition =
          known === undefined
            ? { ...operation.fields, slug: operation.identifier, importedFrom: operation.source }
            : updated(known, operation);
        parseAction(definition);
        const slug = known?.slug ?? freeSlug(operation.identifier, taken);
        actions.push({ ...definition, slug });
        notes.push(...operation.notes.map((message) => ({ path: place, message })));
      } catch (error) {
        if (!(error instanceof OperationFault) && !isGatewayError(error)) throw error;
        skipped.push({ path: place, message: error.message });
      }
    }
  }
  return { actions, skipped, notes };
};
