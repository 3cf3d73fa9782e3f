import { exportAction } from './action-credentials.js';
import type { Agent, Organization, OrganizationSnapshot, TransferDestination, ZendeskSettings } from './records.js';

/** Names for placeholders: upper case, unique in one document. */
const placeholders = (): ((...parts: readonly string[]) => string) => {
  const used = new Set<string>();
  return (...parts) => {
    const base =
      parts
        .join('_')
        .toUpperCase()
        .replace(/[^A-Z0-9]+/g, '_')
        .replace(/^_+|_+$/g, '')
        .replace(/^(?=\d)/, '_') || 'VALUE';
    let name = base;
    for (let n = 2; used.has(name); n += 1) name = `${base}_${n}`;
    used.add(name);
    return `\${${name}}`;
  };
};

type Placeholder = ReturnType<typeof placeholders>;

const zendesk = (settings: ZendeskSettings, secret: Placeholder) => ({
  ...(settings.subdomain === null ? {} : { subdomain: settings.subdomain }),
  ...(settings.baseUrl === null ? {} : { baseUrl: settings.baseUrl }),
  auth:
    settings.auth === null
      ? null
      : settings.auth.type === 'apiToken'
        ? { type: 'apiToken' as const, email: settings.auth.email, token: secret('zendesk', 'token') }
        : {
            type: 'oauth' as const,
            clientId: settings.auth.clientId,
            clientSecret: secret('zendesk', 'client', 'secret'),
            scope: settings.auth.scope,
          },
  holdEarlyPrefetch: settings.holdEarlyPrefetch,
  matchByTalkNumber: settings.matchByTalkNumber,
  talkNumbers: [...settings.talkNumbers],
  talkMatchWindow: settings.talkMatchWindow,
  sharedNumbers: [...settings.sharedNumbers],
  webhookSigningSecret:
    settings.webhookSigningSecret === null ? null : secret('zendesk', 'webhook', 'signing', 'secret'),
  notes: settings.notes,
  createTicket: settings.createTicket,
});

const organization = (record: Organization, secret: Placeholder) => ({
  id: record.id,
  uuid: record.uuid,
  name: record.name,
  defaultCountry: record.defaultCountry,
  contextHeaders: record.contextHeaders,
  ...(record.zendesk === null ? {} : { zendesk: zendesk(record.zendesk, secret) }),
});

const agent = ({ orgId: _, ...record }: Agent) => ({
  ...record,
  transferDestinations: [...record.transferDestinations],
  actions: [...record.actions],
});

const destination = ({ orgId: _, digest, ...record }: TransferDestination, secret: Placeholder) => {
  const fields = Object.fromEntries(Object.entries(record).filter(([, value]) => value !== null));
  return {
    ...fields,
    id: record.id,
    name: record.name,
    type: record.type,
    value: record.value,
    ...(digest === null
      ? {}
      : { digest: { username: digest.username, password: secret(record.id, 'digest', 'password') } }),
  };
};

const sealedNames = (names: Readonly<Record<string, string>>, secret: Placeholder): Record<string, string> =>
  Object.fromEntries(Object.keys(names).map((name) => [name, secret(name)]));

/**
 * The document that describes an organization as it is: applying it with the placeholders filled in changes nothing.
 * Credentials are written as `NAME` in `$` and braces, taken from what they are for; their values are never read.
 */
export const exportDocument = (snapshot: OrganizationSnapshot) => {
  const secret = placeholders();
  return {
    organization: organization(snapshot.organization, secret),
    numbers: snapshot.numbers.map(({ number, agentId, profile, verified }) => ({
      number,
      agent: agentId,
      profile,
      verified,
    })),
    agents: snapshot.agents.map(agent),
    transferDestinations: snapshot.destinations.map((record) => destination(record, secret)),
    actions: snapshot.actions.map((record) => exportAction(record, secret)),
    globals: { ...snapshot.globals },
    variables: sealedNames(snapshot.variables, secret),
    secrets: sealedNames(snapshot.secrets, secret),
    // The certificate itself is shown to every server it is used at; its key is the secret.
    certificates: snapshot.certificates.map(({ name, certificateChain }) => ({
      name,
      certificate: certificateChain,
      key: secret(name, 'key'),
    })),
  };
};

export type ExportedDocument = ReturnType<typeof exportDocument>;
