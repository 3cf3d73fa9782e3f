import { createHash } from 'node:crypto';
import type { RequestUrl, TlsCredential } from '../../platform/egress/index.js';
import type { CompiledAction } from './compile-action.js';
import type { AuthRequest } from './header-auth.js';
import { createHeaderSet, flatHeaders, type Header } from './headers.js';
import type { TokenRequest } from './oauth-token.js';
import type { ActionOrganization, ActionSession, CertificateReader, SecretReader } from './ports.js';
import { addSecretsOf, isCredential, isSensitiveHeader } from './redaction.js';
import type { Scope } from './template/render.js';
import { type ContextReader, type Contexts, createScope, recordReader } from './template/scope.js';
import { eachReference, TemplateError } from './template/syntax.js';
import type { JsonValue, Tagged } from './template/values.js';

/** A request as it will be sent, and what must never be shown of it. */
export type PreparedRequest = {
  readonly method: string;
  readonly url: RequestUrl;
  readonly headers: readonly Header[];
  readonly wireHeaders: readonly string[];
  readonly body: string | undefined;
  readonly credential: TlsCredential | undefined;
  readonly token: TokenRequest | undefined;
  /** Everything that is kept out of what is stored and shown. */
  readonly secrets: readonly string[];
  /** Those of them that nobody gets to see, neither the AI nor another action. */
  readonly credentials: readonly string[];
  readonly notes: readonly string[];
  /** The same request with the token of the target's liking in `Authorization`. */
  withToken(token: string): PreparedRequest;
};

/** An action that cannot be authenticated as configured; nothing was sent. */
export class AuthenticationFault extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'AuthenticationFault';
  }
}

export type PrepareInput = {
  readonly action: CompiledAction;
  readonly organization: ActionOrganization;
  readonly session: ActionSession | undefined;
  readonly sessionHeaders: ReadonlyMap<string, string>;
  readonly variables: ReadonlyMap<string, string>;
  readonly user: ContextReader;
  readonly idempotencyKey: string | undefined;
  /** W3C Trace Context, when the call is traced; an action's own header of that name replaces it. */
  readonly traceparent: string | null;
  readonly request: AuthRequest;
};

/** What authentication looks at. */
type AuthInput = Pick<PrepareInput, 'action' | 'organization' | 'session' | 'user' | 'request'>;

export type PreparePorts = { readonly secrets: SecretReader; readonly certificates: CertificateReader };

const contextHeaders = (organization: ActionOrganization, session: ActionSession | undefined): Header[] => {
  if (!organization.contextHeaders) return [];
  const headers: Header[] = [['x-opencx-org-id', organization.uuid]];
  if (session === undefined) return headers;
  headers.push(['x-opencx-session-id', session.id]);
  if (session.ticketNumber !== null) headers.push(['x-opencx-ticket-number', String(session.ticketNumber)]);
  const { externalUserId } = session;
  // An id that a header cannot carry is left out rather than changed: half an identity is a wrong one.
  if (externalUserId !== null && /^[\x21-\x7e](?:[\x20-\x7e]{0,510}[\x21-\x7e])?$/.test(externalUserId)) {
    headers.push(['x-opencx-external-user-id', externalUserId]);
  }
  return headers;
};

/** `_webhook`: the request exactly as it will be sent, without what authentication adds. */
const webhookContext = (
  method: string,
  url: RequestUrl,
  headers: readonly Header[],
  body: string | undefined,
): ContextReader => {
  const read = (name: string): JsonValue | undefined => {
    switch (name) {
      case 'url':
        return url.href;
      case 'body':
        return body ?? '';
      case 'method':
        return method;
      case 'headers':
        return Object.fromEntries(headers);
      case 'content_type':
        return headers.find((header) => header[0].toLowerCase() === 'content-type')?.[1] ?? '';
      case 'query_params':
        return Object.fromEntries(new URLSearchParams(url.search));
      default:
        return undefined;
    }
  };
  return (name) => {
    const value = read(name);
    return value === undefined ? undefined : { value, trust: 'session' };
  };
};

const noSecrets: ReadonlyMap<string, string> = new Map();

const readSecrets = async (
  ports: PreparePorts,
  organizationId: string,
  names: ReadonlySet<string>,
): Promise<ReadonlyMap<string, string>> => {
  const found = await ports.secrets.read(organizationId, [...names]);
  for (const name of names) {
    if (!found.has(name)) throw new AuthenticationFault(`The secret "${name}" does not exist.`);
  }
  return found;
};

const secretReader =
  (secrets: ReadonlyMap<string, string>): ContextReader =>
  (name) => {
    const value = secrets.get(name);
    return value === undefined ? undefined : { value, trust: 'server' };
  };

type AuthParts = { headers: Header[]; secrets: string[]; credential?: TlsCredential; token?: TokenRequest };

const jsonContent: Header = ['Content-Type', 'application/json'];

const noContext: ContextReader = () => undefined;

const noAuth: AuthParts = { headers: [], secrets: [] };

const authenticate = async (
  input: AuthInput,
  ports: PreparePorts,
  plain: Contexts,
  plainScope: Scope,
  webhook: ContextReader,
): Promise<AuthParts> => {
  const { action, organization } = input;
  const { auth } = action;
  if (auth.type === 'none') return { headers: [], secrets: [] };
  const secrets = auth.secrets.size === 0 ? noSecrets : await readSecrets(ports, organization.id, auth.secrets);
  const secret = secretReader(secrets);
  const known = [...secrets.values()];
  try {
    if (auth.type === 'header') {
      const scope = createScope({ ...plain, secret, _webhook: webhook });
      const headers = auth.resolve(scope, input.request);
      for (const header of headers) {
        if (auth.sensitive.has(header[0]) || isSensitiveHeader(header[0])) addSecretsOf(header, known);
      }
      return { headers, secrets: known };
    }
    const open = createScope({ ...plain, secret });
    if (auth.type === 'oauth2') {
      const token = auth.tokenRequest({ open, plain: plainScope }, organization.id);
      // A client secret may stand in the definition itself; it is as secret as one of the vault.
      return { headers: [], secrets: [...known, token.clientSecret], token };
    }
    const stored = await ports.certificates.read(organization.id, auth.certificate);
    if (stored === undefined) throw new AuthenticationFault(`The certificate "${auth.certificate}" does not exist.`);
    if (stored.notAfter <= input.request.nowMs) {
      const day = new Date(stored.notAfter).toISOString().slice(0, 10);
      throw new AuthenticationFault(`The certificate "${auth.certificate}" expired on ${day}; upload a new one.`);
    }
    return {
      headers: [],
      secrets: known,
      credential: auth.credential(stored, organization.id, auth.authorities(open)),
    };
  } catch (error) {
    if (error instanceof TemplateError)
      throw new AuthenticationFault(`Authentication cannot be computed: ${error.message}.`);
    throw error;
  }
};

const contextsOf = ({ organization, session, user }: AuthInput): Contexts => ({
  user,
  global: recordReader(organization.globals, 'server'),
  session: session === undefined ? noContext : recordReader(session.fields, 'session'),
  contact: session === undefined ? noContext : recordReader(session.contact, 'session'),
});

const isMissing = (value: Tagged['value']): boolean => value === undefined || value === null || value === '';

/**
 * What of the authentication can be made ready before the action is called: of a token or a certificate all that its
 * templates need is known by then, or there is none. A client secret must not go to the host that a template with a
 * hole in it spells. Throws TemplateError or AuthenticationFault.
 */
export const prepareAhead = async (
  input: AuthInput,
  ports: PreparePorts,
): Promise<Pick<PreparedRequest, 'credential' | 'token'>> => {
  const { auth, parameters, staticValues } = input.action;
  const nothing = { credential: undefined, token: undefined };
  if (auth.type === 'none' || auth.type === 'header') return nothing;
  const contexts = contextsOf(input);
  const scope = createScope(contexts);
  let complete = true;
  eachReference(auth.parts, (reference) => {
    const { context, name } = reference;
    // What the AI will supply is not known yet either.
    const asked =
      context === 'user' && parameters?.properties?.has(name) === true && !Object.hasOwn(staticValues, name);
    if (asked || (context !== 'secret' && isMissing(scope.resolve(reference).value))) complete = false;
  });
  if (!complete) return nothing;
  const { credential, token } = await authenticate(input, ports, contexts, scope, noContext);
  return { credential, token };
};

const droppedNotes = (dropped: readonly string[]): readonly string[] => {
  if (dropped.length === 0) return dropped;
  return [...new Set(dropped)].map(
    (name) => `The header ${name.slice(0, 128)} was left out: it is reserved or not valid.`,
  );
};

/**
 * Builds the request of one call from one snapshot: values that change while it is under way are seen by the next
 * call. Throws TemplateError or AuthenticationFault; nothing has been sent then.
 */
export const prepareRequest = async (input: PrepareInput, ports: PreparePorts): Promise<PreparedRequest> => {
  const { action, organization, session } = input;
  const contexts = contextsOf(input);
  const scope = createScope(contexts);
  const url = action.url.render(scope);
  const body = action.body?.render(scope);
  const context = contextHeaders(organization, session);
  const set = createHeaderSet();
  const credentials: string[] = [];
  const confided: string[] = [];
  if (body !== undefined) set.add(jsonContent);
  if (input.idempotencyKey !== undefined) set.add(['Idempotency-Key', input.idempotencyKey]);
  if (input.traceparent !== null) set.add(['traceparent', input.traceparent]);
  for (const template of action.headers) {
    const header: Header = [template.name, template.render(scope)];
    set.add(header);
    if (isSensitiveHeader(template.name)) addSecretsOf(header, credentials);
  }
  set.addUnchecked(input.variables);
  set.addUnchecked(input.sessionHeaders);
  const unsigned = set.list(context);
  const auth =
    action.auth.type === 'none'
      ? noAuth
      : await authenticate(input, ports, contexts, scope, webhookContext(action.method, url, unsigned, body));
  for (const header of auth.headers) set.add(header);
  const headers = auth.headers.length === 0 ? unsigned : set.list(context);
  credentials.push(...auth.secrets);
  for (const layer of [input.variables, input.sessionHeaders]) {
    for (const header of layer) addSecretsOf(header, isCredential(header) ? credentials : confided);
  }
  const secrets = confided.length === 0 ? credentials : [...credentials, ...confided];
  const notes = droppedNotes(set.dropped);
  const prepared: PreparedRequest = {
    method: action.method,
    url,
    headers,
    wireHeaders: flatHeaders(headers),
    body,
    credential: auth.credential,
    token: auth.token,
    secrets,
    credentials,
    notes,
    withToken(token) {
      set.add(['Authorization', `Bearer ${token}`]);
      const authorized = set.list(context);
      return {
        ...prepared,
        headers: authorized,
        wireHeaders: flatHeaders(authorized),
        secrets: [...secrets, token],
        credentials: [...credentials, token],
      };
    },
  };
  return prepared;
};

const canonical = (value: JsonValue): JsonValue => {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, canonical(item as JsonValue)]),
  );
};

/** The same call in the same turn has the same key, over retries and repetitions by the model alike. */
export const idempotencyKeyOf = (parts: readonly string[], args: JsonValue): string => {
  const hex = createHash('sha256')
    .update(JSON.stringify([...parts, canonical(args)]))
    .digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
};
