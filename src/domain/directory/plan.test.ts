import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createVault, parseKeyRing } from '../../platform/vault/index.js';
import { openAction } from './action-credentials.js';
import { credentialScopes } from './credential-scopes.js';
import { exportDocument } from './export.js';
import { type Plan, type PlanRequest, planDocument } from './plan.js';
import type { OrganizationSnapshot } from './records.js';

const placeholder = (name: string): string => ['$', '{', name, '}'].join('');
const vault = createVault(parseKeyRing(`k:${randomBytes(32).toString('base64')}`));
const script = { steps: [{ say: 'Hello' }, { hangup: {} }] };

/** The document of the contract page, placeholders filled in. */
const full = () => ({
  organization: {
    id: 'acme',
    uuid: '7b2c1c1e-6f0a-4b9e-9a53-1f3d4e5a6b7c',
    name: 'Acme',
    defaultCountry: 'US',
    contextHeaders: true,
    zendesk: {
      subdomain: 'acme',
      auth: { type: 'apiToken', email: 'admin@acme.test', token: 'zendesk-token-value' },
      holdEarlyPrefetch: 0,
      matchByTalkNumber: false,
      talkNumbers: ['+1 415 555 0142'],
      talkMatchWindow: 120,
      sharedNumbers: [],
      webhookSigningSecret: null as string | null,
      notes: false,
      createTicket: false,
    },
  },
  numbers: [{ number: '(415) 555-0100', agent: 'support', profile: 'local', verified: true }],
  agents: [
    {
      id: 'support',
      name: 'Support',
      leg: { type: 'builtin', script },
      transferDestinations: ['zendesk', 'owner'],
      actions: ['order_status'],
      fallback: 'zendesk',
    },
  ],
  transferDestinations: [
    {
      id: 'zendesk',
      name: 'Zendesk human agent',
      type: 'sip',
      value: 'sip:support@127.0.0.1:5080',
      profile: 'zendesk-sip-in',
      ringTimeout: 30,
      onFailure: 'return',
    },
    {
      id: 'owner',
      name: "Owner's mobile",
      type: 'phone',
      value: '+14155550199',
      profile: 'generic-trunk',
      trunk: 'sip:127.0.0.1:5090',
      method: 'invite',
      callerId: 'called',
      digest: { username: 'u', password: 'digest-password-value' },
    },
  ],
  actions: [
    {
      name: 'Order status',
      description: 'Looks up where an order is',
      method: 'GET',
      url: 'https://shop.example.com/orders/{order_id}',
      parameters: { type: 'object', properties: { order_id: { type: 'string' } }, required: ['order_id'] },
      response: { '2xx': { outputs: { order_state: 'status' } } },
    },
  ],
  globals: { oauth_client_id: 'abc' },
  variables: { 'X-Api-Key': 'shop-key-value' } as Record<string, string | null>,
  secrets: { hmac_signing_key: 'hmac-key-value' } as Record<string, string | null>,
});
type Full = ReturnType<typeof full>;

const plan = (document: unknown, changes: Partial<PlanRequest> = {}): Plan =>
  planDocument({
    orgId: 'acme',
    document,
    previous: null,
    prune: false,
    policy: { operator: false, loopbackOnly: true },
    checks: { profiles: () => ['local', 'zendesk-sip-in', 'generic-trunk', 'twilio'] },
    vault,
    ...changes,
  });

const good = (outcome: Plan): Plan & { ok: true } => {
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.faults));
  return outcome;
};
const faults = (outcome: Plan): string[] =>
  outcome.ok ? ['accepted'] : outcome.faults.map((fault) => `${fault.path} ${fault.message}`);
const edit = (change: (document: Full) => void): Full => {
  const document = full();
  change(document);
  return document;
};
const loose = (document: object): Record<string, unknown> => document as Record<string, unknown>;
const base: OrganizationSnapshot = good(plan(full())).snapshot;

describe('planning a document', () => {
  it('makes records of the contract document, numbers in E.164, slugs, defaults', () => {
    const { snapshot, changes, warnings } = good(plan(full()));
    expect(snapshot.numbers).toEqual([
      { number: '+14155550100', orgId: 'acme', agentId: 'support', profile: 'local', verified: true },
    ]);
    expect(snapshot.organization.zendesk?.talkNumbers).toEqual(['+14155550142']);
    expect(snapshot.actions[0]?.id).toBe('order_status');
    expect(snapshot.agents[0]).toMatchObject({ record: false, maxDuration: 0, fallback: 'zendesk' });
    expect(snapshot.destinations.find((d) => d.id === 'zendesk')).toMatchObject({
      method: 'invite',
      returnWithin: 0,
      secureMedia: false,
      headers: {},
    });
    expect(changes.created.map((c) => `${c.kind} ${c.id}`)).toEqual([
      'organization acme',
      'number +14155550100',
      'agent support',
      'transferDestination owner',
      'transferDestination zendesk',
      'action order_status',
      'global oauth_client_id',
      'variable X-Api-Key',
      'secret hmac_signing_key',
    ]);
    expect(warnings).toEqual([]);
  });

  it('keeps no credential in clear, and seals each for its own place', () => {
    const text = JSON.stringify(base);
    for (const value of ['zendesk-token-value', 'digest-password-value', 'shop-key-value', 'hmac-key-value']) {
      expect(text).not.toContain(value);
    }
    const opened = vault.open(credentialScopes.variable('acme', 'X-Api-Key'), base.variables['X-Api-Key'] ?? '');
    expect(opened).toBe('shop-key-value');
    expect(vault.open(credentialScopes.zendeskAuth('acme'), base.organization.zendesk?.auth?.sealed ?? '')).toBe(
      'zendesk-token-value',
    );
    expect(() =>
      vault.open(credentialScopes.variable('globex', 'X-Api-Key'), base.variables['X-Api-Key'] ?? ''),
    ).toThrow();
  });

  it('changes nothing when applied twice, with prune or without', () => {
    for (const prune of [false, true]) {
      const { changes, snapshot } = good(plan(full(), { previous: base, prune }));
      expect([changes.created, changes.changed, changes.removed]).toEqual([[], [], []]);
      expect(changes.unchanged).toHaveLength(9);
      expect(snapshot).toEqual(base);
    }
  });

  it('names the fields that change, a credential included, and only those', () => {
    const document = edit((d) => {
      d.agents[0]!.name = 'Help';
      d.variables = { 'X-Api-Key': 'new-value' };
      d.organization.zendesk.auth.token = 'new-token';
    });
    const { changes } = good(plan(document, { previous: base }));
    expect(changes.changed).toEqual([
      { kind: 'organization', id: 'acme', fields: ['zendesk'] },
      { kind: 'agent', id: 'support', fields: ['name'] },
      { kind: 'variable', id: 'X-Api-Key' },
    ]);
  });

  it('leaves alone what the document omits, and removes it with prune', () => {
    const document = { organization: { id: 'acme' } };
    const kept = good(plan(document, { previous: base }));
    expect(kept.snapshot).toEqual(base);
    const pruned = good(plan(document, { previous: base, prune: true }));
    expect(pruned.changes.removed).toHaveLength(8);
    expect(pruned.snapshot.organization).toMatchObject({ uuid: base.organization.uuid, zendesk: null });
    const field = {
      organization: { id: 'acme' },
      transferDestinations: [{ id: 'owner', name: 'Owner', type: 'phone', value: '+14155550199' }],
    };
    const merged = good(plan(field, { previous: base })).snapshot.destinations.find((d) => d.id === 'owner');
    expect(merged).toMatchObject({ name: 'Owner', trunk: 'sip:127.0.0.1:5090', callerId: 'called' });
    expect(merged?.digest?.username).toBe('u');
  });

  const again = 'must be given again: its credentials were for another';
  const owner = { id: 'owner', name: 'Owner', type: 'phone', value: '+14155550199' };
  it.each<[string, object, string]>([
    ['a base URL', { zendesk: { baseUrl: 'https://collector.test' } }, `organization.zendesk.auth ${again} address`],
    ['a subdomain', { zendesk: { subdomain: 'other' } }, `organization.zendesk.auth ${again} address`],
    ['the same in other letters', { zendesk: { subdomain: 'ACME', baseUrl: 'https://acme.zendesk.com/' } }, 'accepted'],
    ['none, and no credentials', { zendesk: { subdomain: null, auth: null } }, 'accepted'],
  ])('sends the sealed credentials of Zendesk to no other address: %s', (_what, change, expected) => {
    expect(faults(plan({ organization: { id: 'acme', ...change } }, { previous: base }))).toEqual([expected]);
  });

  it.each<[string, object, string]>([
    ['another trunk', { ...owner, trunk: 'sip:collector.test' }, `${again} host`],
    ['another port of it', { ...owner, trunk: 'sip:127.0.0.1:5091' }, `${again} host`],
    ['a line', { ...owner, type: 'sip', value: 'sip:x@collector.test' }, `${again} host`],
    ['the same trunk, another number', { ...owner, value: '+14155550198', trunk: 'sip:127.0.0.1:5090' }, 'accepted'],
    [
      'another trunk with its own',
      { ...owner, trunk: 'sip:b.test', digest: { username: 'v', password: 'w' } },
      'accepted',
    ],
  ])('nor the digest of a destination to another host: %s', (_what, destination, expected) => {
    const document = { organization: { id: 'acme' }, transferDestinations: [destination] };
    const path = expected === 'accepted' ? '' : 'transferDestinations[0].digest ';
    expect(faults(plan(document, { previous: base }))).toEqual([path + expected]);
  });

  it('takes a variable away by null', () => {
    const { changes } = good(
      plan({ organization: { id: 'acme' }, variables: { 'X-Api-Key': null } }, { previous: base }),
    );
    expect(changes.removed).toEqual([{ kind: 'variable', id: 'X-Api-Key' }]);
  });

  it('exports a document with placeholders that applies to no change once they are filled in', () => {
    const exported = exportDocument(base);
    const text = JSON.stringify(exported);
    for (const name of ['ZENDESK_TOKEN', 'OWNER_DIGEST_PASSWORD', 'X_API_KEY', 'HMAC_SIGNING_KEY']) {
      expect(text).toContain(`\${${name}}`);
    }
    expect(text).not.toMatch(/sealed|v1\.k\./);
    const values: Record<string, string> = {
      ZENDESK_TOKEN: 'zendesk-token-value',
      OWNER_DIGEST_PASSWORD: 'digest-password-value',
      X_API_KEY: 'shop-key-value',
      HMAC_SIGNING_KEY: 'hmac-key-value',
    };
    const filled: unknown = JSON.parse(text.replace(/\$\{(\w+)\}/g, (_, name: string) => values[name] ?? 'missing'));
    const { changes } = good(plan(filled, { previous: base, prune: true }));
    expect([changes.created, changes.changed, changes.removed]).toEqual([[], [], []]);
    expect(faults(plan(exported, { previous: base })).join()).toContain(
      'organization.zendesk.auth.token has an unreplaced $NAME',
    );
  });

  it.each<[string, (d: Full) => void]>([
    ['organization.id is not "acme"', (d) => (d.organization.id = 'globex')],
    ['organization.zendesk.subdmain is not a known field', (d) => (loose(d.organization.zendesk).subdmain = 'x')],
    ['colour is not a known field', (d) => (loose(d).colour = 'red')],
    ['organization.defaultCountry is not a country', (d) => (d.organization.defaultCountry = 'ZZ')],
    ['organization.uuid must be a UUID', (d) => (d.organization.uuid = 'nope')],
    ['organization.contextHeaders must be a boolean', (d) => (loose(d.organization).contextHeaders = 'yes')],
    [
      'organization.zendesk.baseUrl may be http: only',
      (d) => (loose(d.organization.zendesk).baseUrl = 'http://example.com'),
    ],
    [
      'organization.zendesk.baseUrl must not carry credentials',
      (d) => (loose(d.organization.zendesk).baseUrl = 'https://u:p@x.test'),
    ],
    [
      'organization.zendesk.auth.token has an unreplaced',
      (d) => (d.organization.zendesk.auth.token = '${' + 'ZENDESK_TOKEN}'),
    ],
    [
      'organization.zendesk.auth.type must be one of apiToken, oauth',
      (d) => (d.organization.zendesk.auth.type = 'magic'),
    ],
    [
      'organization.zendesk.talkNumbers[0] is not a telephone number',
      (d) => (d.organization.zendesk.talkNumbers = ['12']),
    ],
    ['numbers[0].number is not a telephone number', (d) => (d.numbers[0]!.number = 'reception')],
    ['numbers[0].agent names the agent "nobody"', (d) => (d.numbers[0]!.agent = 'nobody')],
    [
      'numbers[0].profile is not the name of a SIP profile; there are generic-trunk, local',
      (d) => (d.numbers[0]!.profile = 'lokal'),
    ],
    ['numbers[1] repeats "+14155550100"', (d) => d.numbers.push({ ...d.numbers[0]!, number: '+1 415 555 0100' })],
    ['agents[0].leg.type must be one of builtin, livekit, websocket', (d) => (d.agents[0]!.leg.type = 'robot')],
    ['agents[0].leg.agentName is missing', (d) => (d.agents[0]!.leg = { type: 'livekit' } as never)],
    [
      'agents[0].transferDestinations[1] names the destination "ower"',
      (d) => (d.agents[0]!.transferDestinations = ['zendesk', 'ower']),
    ],
    ['agents[0].actions[0] names the action "track"', (d) => (d.agents[0]!.actions = ['track'])],
    ['agents[0].fallback names the destination', (d) => (d.agents[0]!.fallback = 'none')],
    ['transferDestinations[0].value must not be sips:', (d) => (d.transferDestinations[0]!.value = 'sips:a@b')],
    [
      "transferDestinations[0].value must not be an address of Twilio's ranges",
      (d) => (d.transferDestinations[0]!.value = 'sip:a@54.172.60.2'),
    ],
    ['transferDestinations[1].value is not a telephone number', (d) => (d.transferDestinations[1]!.value = 'sip:a@b')],
    [
      'transferDestinations[0].ringTimeout must be at most 600',
      (d) => (d.transferDestinations[0]!.ringTimeout = 9_999),
    ],
    ['transferDestinations[0].type must be sip or phone', (d) => (d.transferDestinations[0]!.type = 'fax')],
    ['transferDestinations[0].next is missing', (d) => (d.transferDestinations[0]!.onFailure = 'next')],
    [
      'transferDestinations[0].next leads back',
      (d) => Object.assign(d.transferDestinations[0]!, { onFailure: 'next', next: 'zendesk' }),
    ],
    ['transferDestinations[1].name is also the name or id', (d) => (d.transferDestinations[1]!.name = 'ZENDESK')],
    [
      'transferDestinations[0].headers["Call-ID"] is a header the gateway writes itself',
      (d) => Object.assign(d.transferDestinations[0]!, { headers: { 'Call-ID': 'x' } }),
    ],
    ['transferDestinations[1].trunk is missing', (d) => delete loose(d.transferDestinations[1]!).trunk],
    [
      'transferDestinations[0].headers["X-A"] must have a value of printable',
      (d) => Object.assign(d.transferDestinations[0]!, { headers: { 'X-A': 'a\r\nb' } }),
    ],
    ['variables["bad name"] is not a name for a variable', (d) => (d.variables = { 'bad name': 'x' })],
    ['secrets.hmac_signing_key has an unreplaced', (d) => (d.secrets = { hmac_signing_key: '${' + 'HMAC_KEY}' })],
    [
      'actions[0] holds a key that is kept',
      (d) => Object.assign(d.actions[0]!, { headers: { Cookie: { $sealed: 'x' } } }),
    ],
    ['agents must be an array', (d) => (loose(d).agents = 'many')],
    ['organization is missing', (d) => delete loose(d).organization],
  ])('refuses, naming the path: %s', (expected, change) => {
    const list = faults(plan(edit(change)));
    expect(
      list.filter((text) => text.startsWith(expected)),
      list.join('\n'),
    ).toHaveLength(1);
  });

  it('never repeats a credential in a fault', () => {
    const text = faults(
      plan(
        edit((d) => {
          d.variables = { 'bad name': 'canary-value', Other: 7 as never };
          d.organization.zendesk.auth.token = { canary: 'canary-value' } as never;
        }),
      ),
    ).join('\n');
    expect(text).not.toContain('canary-value');
  });

  it('finds every fault at once', () => {
    const list = faults(
      plan(
        edit((d) => {
          d.numbers[0]!.number = 'x';
          d.numbers[0]!.profile = 'y';
          d.transferDestinations[0]!.value = 'z';
        }),
      ),
    );
    expect(list).toHaveLength(3);
  });

  it('refuses trees that reach for prototypes or have no bottom', () => {
    const hostile: unknown = JSON.parse('{"organization":{"id":"acme"},"globals":{"__proto__":{"polluted":true}}}');
    expect(faults(plan(hostile))).toEqual(['globals.__proto__ is not an allowed name']);
    let deep: unknown = 'end';
    for (let i = 0; i < 10_000; i += 1) deep = [deep];
    expect(faults(plan({ organization: { id: 'acme' }, actions: deep }))[0]).toContain('nested deeper');
    for (const input of [null, 'text', 7, [], new Date()]) expect(plan(input).ok).toBe(false);
  });

  it('seals a credential written into an action, and only what is one', () => {
    const document = edit((d) => {
      Object.assign(d.actions[0]!, {
        headers: { Authorization: 'Bearer canary-header', Accept: 'json', 'X-Api-Key': '{secret.shop}' },
        auth: { type: 'oauth2', tokenUrl: 'https://id.test', clientId: 'app', clientSecret: 'canary-client' },
        response: { '2xx': { outputs: { token: 'data.token' } } },
      });
    });
    const { snapshot } = good(plan(document));
    const [record] = snapshot.actions;
    expect(JSON.stringify(snapshot)).not.toContain('canary');
    expect(openAction(vault, record!)).toEqual(document.actions[0]);
    expect(record?.definition).toMatchObject({
      headers: { Accept: 'json', 'X-Api-Key': '{secret.shop}' },
      response: { '2xx': { outputs: { token: 'data.token' } } },
    });
    expect(exportDocument(snapshot).actions?.[0]).toMatchObject({
      headers: { Authorization: placeholder('ORDER_STATUS_AUTHORIZATION') },
      auth: { clientId: 'app', clientSecret: placeholder('ORDER_STATUS_CLIENTSECRET') },
    });
    expect(good(plan(document, { previous: snapshot, prune: true })).changes.changed).toEqual([]);
    const unfilled = edit(
      (d) => void Object.assign(d.actions[0]!, { headers: { Authorization: placeholder('TOKEN') } }),
    );
    expect(faults(plan(unfilled))[0]).toContain('actions[0].headers.Authorization has an unreplaced $NAME');
  });

  it('lets verified count for operators, and for local numbers on a loopback gateway', () => {
    const document = (profile: string, verified?: boolean) =>
      edit(
        (d) =>
          (d.numbers = [
            {
              number: '+14155550100',
              agent: 'support',
              profile,
              ...(verified === undefined ? {} : { verified }),
            } as Full['numbers'][0],
          ]),
      );
    const judged = (
      profile: string,
      verified: boolean | undefined,
      operator: boolean,
      loopbackOnly: boolean,
      previous: OrganizationSnapshot | null = null,
    ) => {
      const outcome = good(plan(document(profile, verified), { policy: { operator, loopbackOnly }, previous }));
      return {
        verified: outcome.snapshot.numbers[0]?.verified,
        snapshot: outcome.snapshot,
        warnings: outcome.warnings.map((w) => w.path),
      };
    };
    expect(judged('local', true, false, true)).toMatchObject({ verified: true, warnings: [] });
    expect(judged('local', true, false, false)).toMatchObject({ verified: false, warnings: ['numbers[0].verified'] });
    expect(judged('twilio', true, false, true)).toMatchObject({ verified: false, warnings: ['numbers[0].verified'] });
    const byOperator = judged('twilio', true, true, false);
    expect(byOperator.verified).toBe(true);
    expect(judged('twilio', undefined, false, false, byOperator.snapshot).verified).toBe(true);
    expect(judged('twilio', true, false, false, byOperator.snapshot)).toMatchObject({ verified: true, warnings: [] });
    expect(judged('twilio', false, false, false, byOperator.snapshot).verified).toBe(false);
    const local = judged('local', true, false, true);
    expect(judged('twilio', undefined, false, true, local.snapshot).verified).toBe(false);
  });

  it('knows the secrets that legs name', () => {
    const checks = { secretsOfLeg: () => [{ path: 'bearer', name: 'bot_token' }] };
    expect(faults(plan(full(), { checks }))).toEqual([
      'agents[0].leg.bearer names the secret "bot_token", which does not exist',
    ]);
    const withSecret = { ...full(), secrets: { bot_token: 'x' } };
    expect(faults(plan(withSecret, { checks }))).toEqual(['accepted']);
  });

  it('hands legs and actions to those who know them and puts their faults in place', () => {
    const checks = {
      leg: () => [{ path: 'script.steps[0]', message: 'has no verb' }],
      action: () => [{ path: 'url', message: 'must be https:' }],
    };
    expect(faults(plan(full(), { checks }))).toEqual([
      'agents[0].leg.script.steps[0] has no verb',
      'actions[0].url must be https:',
    ]);
  });
});
