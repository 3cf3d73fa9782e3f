import { type Fault, GatewayError } from '../../core/errors.js';
import { faultsOf } from '../../core/faults.js';
import { type CertificateAuth, compileCertificateAuth } from './certificate-auth.js';
import {
  type ActionDefinition,
  type Authentication,
  actionDefinitionSchema,
  defaultResponseBytes,
  defaultTimeoutSeconds,
  type LegacyAction,
  slugFault,
  slugOf,
  type WebhookAction,
} from './definition.js';
import { compileHeaderAuth, type HeaderAuth } from './header-auth.js';
import { isConnectionHeader, isReservedHeader } from './headers.js';
import { compileOAuth, type OAuthAuth } from './oauth-auth.js';
import { type ParameterFault, type ParameterSchema, readParameters } from './parameters.js';
import type { JsonRecord } from './ports.js';
import { compileResponse, type ResponseMapping } from './response-mapping.js';
import { type BodyTemplate, compileBody } from './template/body-template.js';
import { compileHeader, type HeaderTemplate } from './template/header-template.js';
import { eachReference, type Part, type Reference, TemplateError } from './template/syntax.js';
import { compileUrl, type UrlTemplate } from './template/url-template.js';

export type CompiledAuth = { readonly type: 'none' } | HeaderAuth | CertificateAuth | OAuthAuth;

/** An action made ready to run: every template, schema and expression is parsed. */
export type CompiledAction = {
  readonly definition: ActionDefinition;
  readonly kind: 'webhook' | 'legacy-webhook';
  readonly slug: string;
  /** The names of the default outputs. */
  readonly outputNames: { readonly success: string; readonly statusCode: string };
  readonly method: WebhookAction['method'];
  readonly url: UrlTemplate;
  readonly headers: readonly HeaderTemplate[];
  readonly body: BodyTemplate | undefined;
  readonly response: ResponseMapping;
  readonly auth: CompiledAuth;
  readonly parameters: ParameterSchema | undefined;
  readonly staticValues: JsonRecord;
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  /** Further attempts after the first. */
  readonly retries: number;
  /** The legacy kind: the attributes that may come back; `undefined` = any. */
  readonly legacyOutputs: ReadonlySet<string> | undefined;
  /** What was saved and will not work as written, a sentence each. */
  readonly warnings: readonly string[];
};

/** Paths as everywhere in an action: `response.2xx.outputs.state`. */
const dotted = (path: readonly PropertyKey[]): string => path.map(String).join('.');

const invalid = (faults: readonly Fault[]): GatewayError => {
  const [first] = faults;
  const where = first === undefined || first.path === '' ? '' : `${first.path}: `;
  return new GatewayError('bad_request', `The action is not valid: ${where}${first?.message ?? 'unknown fault'}.`, {
    details: faults,
  });
};

type Collector = {
  readonly faults: Fault[];
  readonly warnings: string[];
  try<T>(path: string, work: () => T): T | undefined;
};

const createCollector = (): Collector => {
  const faults: Fault[] = [];
  return {
    faults,
    warnings: [],
    try(path, work) {
      try {
        return work();
      } catch (error) {
        if (!(error instanceof TemplateError)) throw error;
        faults.push({ path, message: error.message });
        return undefined;
      }
    },
  };
};

const compileHeaders = (headers: Record<string, string>, collect: Collector): HeaderTemplate[] => {
  const compiled: HeaderTemplate[] = [];
  for (const [name, text] of Object.entries(headers)) {
    const path = `headers.${name}`;
    if (isReservedHeader(name)) {
      collect.warnings.push(`The header ${name} is set by the gateway alone and is not sent as written here.`);
    } else if (isConnectionHeader(name)) {
      collect.faults.push({ path, message: 'this header belongs to the connection and cannot be set' });
    } else {
      const header = collect.try(path, () => compileHeader(name, text));
      if (header !== undefined) compiled.push(header);
    }
  }
  return compiled;
};

const compileAuth = (auth: Authentication | undefined, collect: Collector): CompiledAuth => {
  switch (auth?.type) {
    case 'header': {
      for (const name of Object.keys(auth.headers)) {
        if (isReservedHeader(name)) {
          collect.warnings.push(`The header ${name} is set by the gateway alone and is not sent as written here.`);
        } else if (isConnectionHeader(name)) {
          collect.faults.push({
            path: `auth.headers.${name}`,
            message: 'this header belongs to the connection and cannot be set',
          });
        }
      }
      return collect.try('auth', () => compileHeaderAuth(auth)) ?? { type: 'none' };
    }
    case 'mtls':
      return collect.try('auth.certificate', () => compileCertificateAuth(auth)) ?? { type: 'none' };
    case 'oauth2':
      return collect.try('auth', () => compileOAuth(auth)) ?? { type: 'none' };
    default:
      return { type: 'none' };
  }
};

const shared = (definition: ActionDefinition, collect: Collector) => {
  const slug = definition.slug ?? slugOf(definition.name);
  const taken = slugFault(slug, new Set());
  if (taken !== undefined)
    collect.faults.push({ path: definition.slug === undefined ? 'name' : 'slug', message: taken });
  const parameterFaults: ParameterFault[] = [];
  const { parameters } = definition;
  const schema = parameters === undefined ? undefined : readParameters(parameters, parameterFaults);
  collect.faults.push(...parameterFaults);
  return {
    definition,
    slug,
    outputNames: { success: `${slug}_action_success`, statusCode: `${slug}_status_code` },
    url: collect.try('url', () => compileUrl(definition.url)),
    headers: compileHeaders(definition.headers ?? {}, collect),
    parameters: schema,
    staticValues: definition.staticValues ?? {},
    timeoutMs: Math.round((definition.limits?.timeout ?? defaultTimeoutSeconds) * 1000),
    maxResponseBytes: definition.limits?.responseSize ?? defaultResponseBytes,
  };
};

const compileWebhook = (definition: WebhookAction, collect: Collector): CompiledAction => {
  const base = shared(definition, collect);
  const { body } = definition;
  const compiledBody =
    body === undefined || body === '' || body === null ? undefined : collect.try('body', () => compileBody(body));
  const response = compileResponse(definition.response, (path, message) => collect.faults.push({ path, message }));
  const auth = compileAuth(definition.auth, collect);
  if (base.url === undefined || collect.faults.length > 0) throw invalid(collect.faults);
  return {
    ...base,
    url: base.url,
    kind: 'webhook',
    method: definition.method,
    body: compiledBody,
    response,
    auth,
    retries: definition.retries?.attempts ?? 0,
    legacyOutputs: undefined,
    warnings: collect.warnings,
  };
};

const compileLegacy = (definition: LegacyAction, collect: Collector): CompiledAction => {
  const base = shared(definition, collect);
  const attributes = Object.fromEntries((definition.inputs ?? []).map((name) => [name, `{user.${name}}`]));
  const body = compileBody({ input_data: { attributes } });
  if (base.url === undefined || collect.faults.length > 0) throw invalid(collect.faults);
  return {
    ...base,
    url: base.url,
    kind: 'legacy-webhook',
    method: 'POST',
    body,
    response: compileResponse(undefined, () => {}),
    auth: { type: 'none' },
    retries: 0,
    legacyOutputs: definition.outputs === undefined ? undefined : new Set(definition.outputs),
    warnings: collect.warnings,
  };
};

/** Compiles a definition that has the right shape. Throws `bad_request` with every fault and its path. */
export const compileAction = (definition: ActionDefinition): CompiledAction =>
  definition.kind === 'legacy-webhook'
    ? compileLegacy(definition, createCollector())
    : compileWebhook(definition, createCollector());

/**
 * Reads a definition from outside. Throws `bad_request` whose details name each faulty field; what is returned is
 * ready to run, with warnings for what is saved but will not take effect.
 */
export const parseAction = (input: unknown): CompiledAction => {
  const parsed = actionDefinitionSchema.safeParse(input);
  if (!parsed.success) throw invalid(faultsOf(parsed.error.issues, dotted));
  return compileAction(parsed.data);
};

/** Every template of an action. */
const partsOf = (action: CompiledAction): readonly Part[] => [
  ...action.url.parts,
  ...action.headers.flatMap((header) => header.parts),
  ...(action.body?.parts ?? []),
  ...(action.auth.type === 'none' ? [] : action.auth.parts),
];

/** The attributes an action reads, for the testing panel: `user`, `session` and `contact` ones, each once. */
export const inputAttributes = (action: CompiledAction): readonly string[] => {
  const names = new Set<string>();
  eachReference(partsOf(action), ({ context, name }: Reference) => {
    if (context === 'user') names.add(name);
    else if (context === 'session' || context === 'contact') names.add(`${context}.${name}`);
  });
  for (const name of Object.keys(action.staticValues)) names.delete(name);
  return [...names];
};

/** Names of secrets an action refers to, for "used by" lists and for refusing to delete one that is in use. */
export const secretsOf = (action: CompiledAction): ReadonlySet<string> => {
  const names = new Set<string>();
  eachReference(partsOf(action), ({ context, name }) => {
    if (context === 'secret') names.add(name);
  });
  if (action.auth.type === 'mtls') names.add(action.auth.certificate);
  return names;
};
