import type { Input } from '../../api/client.js';
import { isRecord, parseJson, pretty } from '../../ui/json.js';

type Definition = Input<'POST /v1/actions'>['body'];

/** An action while it is edited: structured parts as the text of their JSON. */
export type Draft = {
  readonly name: string;
  readonly description: string;
  readonly method: string;
  readonly url: string;
  readonly headers: string;
  readonly body: string;
  readonly parameters: string;
  readonly response: string;
  readonly auth: string;
  readonly timeout: string;
  /** Fields that the builder does not show; they stay as they are. */
  readonly rest: Readonly<Record<string, unknown>>;
};

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const jsonOr = (value: unknown, empty: string): string => (value === undefined ? empty : pretty(value));

export const draftOf = (definition: Readonly<Record<string, unknown>>): Draft => {
  const { name, description, method, url, headers, body, parameters, response, auth, limits, ...rest } = definition;
  const timeout = isRecord(limits) ? limits.timeout : undefined;
  return {
    ...{ name: text(name), description: text(description), method: text(method) || 'GET', url: text(url) },
    ...{ headers: jsonOr(headers, '{}'), body: jsonOr(body, ''), parameters: jsonOr(parameters, '') },
    ...{ response: jsonOr(response, '{}'), auth: jsonOr(auth, '{ "type": "none" }') },
    timeout: typeof timeout === 'number' ? String(timeout) : '',
    rest: { ...rest, ...(isRecord(limits) ? { limits } : {}) },
  };
};

const parts = ['headers', 'body', 'parameters', 'response', 'auth'] as const;

/** The definition of a draft, or which part is no JSON. The gateway judges everything else and names each fault. */
export const definitionOf = (
  draft: Draft,
): { readonly ok: true; readonly definition: Definition } | { readonly ok: false; readonly error: Error } => {
  const structured: Record<string, unknown> = {};
  for (const part of parts) {
    if (draft[part].trim() === '') continue;
    const parsed = parseJson(draft[part]);
    if (!parsed.ok)
      return { ok: false, error: new Error(`${part[0]?.toUpperCase()}${part.slice(1)}: ${parsed.error.message}`) };
    structured[part] = parsed.value;
  }
  const before = isRecord(draft.rest.limits) ? draft.rest.limits : {};
  const limits = draft.timeout === '' ? before : { ...before, timeout: Number(draft.timeout) };
  const definition = {
    ...draft.rest,
    ...{ name: draft.name, method: draft.method, url: draft.url },
    ...(draft.description === '' ? {} : { description: draft.description }),
    ...structured,
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
  };
  return { ok: true, definition: definition as Definition };
};

/** Attributes in braces that the templates of a draft read: what the testing panel asks values for. */
export const attributesIn = (draft: Draft): readonly string[] => {
  const found = new Set<string>();
  for (const template of [draft.url, draft.headers, draft.body, draft.auth]) {
    for (const [, name] of template.matchAll(/\{\s*(?:user\.)?([A-Za-z_][A-Za-z0-9_-]*)\s*(?=[}|[])/g))
      if (name !== undefined) found.add(name);
  }
  return [...found];
};

/** What every session has, whatever the action. */
export const given: readonly string[] = [
  ...['id', 'ticketNumber', 'ticket', 'caller', 'called', 'agent', 'direction', 'startedAt', 'authenticatedUser'].map(
    (name) => `session.${name}`,
  ),
  ...['id', 'name', 'email', 'phone', 'externalId', 'zendeskUserId'].map((name) => `contact.${name}`),
];

/** Attributes that the AI is asked for, by the schema of the draft as far as it can be read. */
export const suppliedBy = ({ parameters }: Draft): readonly string[] => {
  const parsed = parseJson(parameters);
  const properties = parsed.ok && isRecord(parsed.value) ? parsed.value.properties : null;
  return isRecord(properties) ? Object.keys(properties) : [];
};
