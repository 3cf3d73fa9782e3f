import { isIP } from 'node:net';
import { isCountry, toE164 } from '../../core/e164.js';
import { newUuid } from '../../core/ids.js';
import { credentialScopes } from './credential-scopes.js';
import type { ParsedOrganization, ParsedZendesk } from './document-schema.js';
import type { ApplyPolicy, Findings } from './policy.js';
import type { Organization, ZendeskAuth, ZendeskSettings } from './records.js';
import type { Sealer } from './sealer.js';

type Context = {
  readonly found: Findings;
  readonly sealer: Sealer;
  readonly policy: ApplyPolicy;
  readonly orgId: string;
};

const zendeskDefaults: ZendeskSettings = {
  subdomain: null,
  baseUrl: null,
  auth: null,
  holdEarlyPrefetch: 0,
  matchByTalkNumber: false,
  talkNumbers: [],
  talkMatchWindow: 120,
  sharedNumbers: [],
  webhookSigningSecret: null,
  notes: false,
  createTicket: false,
};

const loopbackHost = (host: string): boolean => {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  return bare === 'localhost' || bare === '::1' || (isIP(bare) === 4 && bare.startsWith('127.'));
};

const baseUrl = (text: string, context: Context): string => {
  const path = 'organization.zendesk.baseUrl';
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['https:', 'http:'].includes(url.protocol)) {
    context.found.fault(path, 'must be an https: address');
  } else if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    context.found.fault(path, 'must not carry credentials, a query or a fragment');
  } else if (url.protocol === 'http:' && !(loopbackHost(url.hostname) && context.policy.loopbackOnly)) {
    context.found.fault(
      path,
      'may be http: only to a loopback address and while the gateway itself listens on loopback only',
    );
  } else return url.href.replace(/(?<!\/)\/+$/, '');
  return text;
};

const auth = (given: ParsedZendesk['auth'], previous: ZendeskAuth | null, context: Context): ZendeskAuth | null => {
  if (given === undefined) return previous;
  if (given === null) return null;
  const secret = given.type === 'apiToken' ? given.token : given.clientSecret;
  const field = given.type === 'apiToken' ? 'token' : 'clientSecret';
  const scope = credentialScopes.zendeskAuth(context.orgId);
  const sealed = context.sealer.seal(`organization.zendesk.auth.${field}`, scope, secret);
  return given.type === 'apiToken'
    ? { type: 'apiToken', email: given.email, sealed }
    : { type: 'oauth', clientId: given.clientId, scope: given.scope, sealed };
};

/** Where the credentials of Zendesk go. Whoever may change it must not get them in this way. */
const originOf = ({ subdomain, baseUrl }: Pick<ZendeskSettings, 'subdomain' | 'baseUrl'>): string | null => {
  if (baseUrl === null) return subdomain === null ? null : `https://${subdomain}.zendesk.com`;
  return URL.canParse(baseUrl) ? new URL(baseUrl).origin : baseUrl;
};

const zendesk = (
  given: ParsedZendesk,
  previous: ZendeskSettings,
  country: string,
  context: Context,
): ZendeskSettings => {
  const numbers = (field: 'talkNumbers' | 'sharedNumbers'): readonly string[] =>
    (given[field] ?? previous[field]).map((text, index) => {
      const number = toE164(text, country);
      if (number === null) {
        context.found.fault(
          `organization.zendesk.${field}[${index}]`,
          'is not a telephone number that can be written in E.164',
        );
      }
      return number ?? text;
    });
  const subdomain = given.subdomain === undefined ? previous.subdomain : (given.subdomain?.toLowerCase() ?? null);
  const base =
    given.baseUrl === undefined ? previous.baseUrl : given.baseUrl === null ? null : baseUrl(given.baseUrl, context);
  const moved = originOf({ subdomain, baseUrl: base }) !== originOf(previous);
  if (moved && previous.auth !== null && given.auth === undefined) {
    context.found.fault('organization.zendesk.auth', 'must be given again: its credentials were for another address');
  }
  const signing = given.webhookSigningSecret;
  const previousSigning = previous.webhookSigningSecret;
  const result: ZendeskSettings = {
    subdomain,
    baseUrl: base,
    auth: auth(given.auth, previous.auth, context),
    holdEarlyPrefetch: given.holdEarlyPrefetch ?? previous.holdEarlyPrefetch,
    matchByTalkNumber: given.matchByTalkNumber ?? previous.matchByTalkNumber,
    talkNumbers: numbers('talkNumbers'),
    talkMatchWindow: given.talkMatchWindow ?? previous.talkMatchWindow,
    sharedNumbers: numbers('sharedNumbers'),
    webhookSigningSecret:
      signing === undefined
        ? previousSigning
        : signing === null
          ? null
          : {
              sealed: context.sealer.seal(
                'organization.zendesk.webhookSigningSecret',
                credentialScopes.zendeskSigningSecret(context.orgId),
                signing,
              ),
            },
    notes: given.notes ?? previous.notes,
    createTicket: given.createTicket ?? previous.createTicket,
  };
  if (result.auth !== null && result.subdomain === null && result.baseUrl === null) {
    context.found.fault('organization.zendesk', 'has credentials and neither subdomain nor baseUrl to use them at');
  }
  if (result.subdomain !== null && result.baseUrl !== null) {
    context.found.warn('organization.zendesk.baseUrl', 'is used; subdomain is not');
  }
  return result;
};

/** The organization of a document over the one there is (`previous`: null when it is new, or with prune). */
export const makeOrganization = (
  given: ParsedOrganization,
  previous: Organization | null,
  keepUuid: string | null,
  context: Context,
): Organization => {
  const defaultCountry = given.defaultCountry ?? previous?.defaultCountry ?? 'US';
  if (!isCountry(defaultCountry)) {
    context.found.fault('organization.defaultCountry', 'is not a country with a telephone numbering plan');
  }
  return {
    id: given.id,
    uuid: given.uuid?.toLowerCase() ?? keepUuid ?? newUuid(),
    name: given.name ?? previous?.name ?? given.id,
    defaultCountry,
    contextHeaders: given.contextHeaders ?? previous?.contextHeaders ?? false,
    zendesk:
      given.zendesk === undefined
        ? (previous?.zendesk ?? null)
        : given.zendesk === null
          ? null
          : zendesk(given.zendesk, previous?.zendesk ?? zendeskDefaults, defaultCountry, context),
  };
};
