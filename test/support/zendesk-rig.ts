import { randomUUID } from 'node:crypto';
import { prefetchRoutes } from '../../src/api/index.js';
import { systemClock } from '../../src/core/clock.js';
import { silentLogger } from '../../src/core/logger.js';
import type { OwnedSession } from '../../src/domain/sessions/index.js';
import { createZendesk, type Zendesk, type ZendeskOptions } from '../../src/domain/zendesk/index.js';
import { createEgressClient, createEgressPolicy } from '../../src/platform/egress/index.js';
import { startTestApi, type TestApi } from './api.js';
import { startZendeskServer, type ZendeskServer } from './zendesk-server.js';
import { renderTrigger, sendWebhook, type WebhookAnswer, type WebhookOptions } from './zendesk-webhook.js';

/** The API with everything of Zendesk, on a real Redis, over real HTTP, against a Zendesk of our own. */
export type ZendeskRig = {
  readonly api: TestApi;
  readonly server: ZendeskServer;
  zendesk(): Zendesk;
  /** What a second gateway on the same store would be made of. */
  parts(): Pick<ZendeskOptions, 'vault' | 'egress'>;
  /** The organization of the test in progress. */
  readonly org: string;
  /** A new organization, connected as usual: what earlier tests left cannot be seen from it. */
  fresh(): Promise<void>;
  /** Applies the organization with these settings of Zendesk over the usual ones. */
  connect(settings?: Readonly<Record<string, unknown>> | null, id?: string): Promise<void>;
  webhookUrl(org?: string): Promise<string>;
  call(e164: string | null, changes?: Parameters<TestApi['session']>[0]): Promise<OwnedSession>;
  trigger(values: Parameters<typeof renderTrigger>[0], options?: WebhookOptions): Promise<WebhookAnswer>;
  close(): Promise<void>;
};

export const startZendeskRig = async (options: Partial<ZendeskOptions> = {}): Promise<ZendeskRig> => {
  const server = await startZendeskServer();
  const egress = createEgressClient({ policy: createEgressPolicy({ loopbackOnly: true }) });
  let zendesk: Zendesk | null = null;
  let parts: Pick<ZendeskOptions, 'vault' | 'egress'> | null = null;
  const api = await startTestApi({
    onWork: (orgId) => zendesk?.wake(orgId),
    more: ({ deps, redis, vault, sessions }) => {
      parts = { vault, egress };
      zendesk = createZendesk({
        ...{ redis, vault, egress, sessions, clock: systemClock, log: silentLogger },
        directory: deps.directory.directory,
        contacts: deps.contacts,
        publicUrl: deps.publicUrl,
        instanceId: randomUUID(),
        organizations: deps.directory.organizations,
        countPrefetch: () => {},
        countEnrichment: () => {},
        ...options,
      });
      return prefetchRoutes(deps, zendesk);
    },
  });
  await (zendesk as Zendesk | null)?.start();
  const current = (): Zendesk => {
    if (zendesk === null) throw new Error('the API was made without Zendesk');
    return zendesk;
  };
  let serial = 0;
  const org = (): string => `acme${serial}`;
  const webhookUrl = async (id = org()): Promise<string> => {
    const response = await fetch(`${api.url}/backend/zendesk-v2/voice-prefetch-url`, {
      headers: { authorization: `Bearer ${await api.token('admin', id)}` },
    });
    return ((await response.json()) as { webhookUrl: string }).webhookUrl;
  };
  const rig: ZendeskRig = {
    api,
    server,
    zendesk: current,
    parts: () => {
      if (parts === null) throw new Error('the API was made without Zendesk');
      return parts;
    },
    get org() {
      return org();
    },
    async fresh() {
      serial += 1;
      await rig.connect();
    },
    async connect(settings = {}, id = org()) {
      const { email, token } = server.credentials;
      const base = { baseUrl: server.url, auth: { type: 'apiToken', email, token } };
      await api.directory.apply({
        orgId: id,
        document: {
          organization: {
            id,
            defaultCountry: 'US',
            zendesk: settings === null ? null : { ...base, ...settings },
          },
        },
        prune: true,
        dryRun: false,
        policy: { loopbackOnly: true, operator: true },
      });
    },
    webhookUrl,
    call: (e164, changes = {}) =>
      api.session({
        orgId: org(),
        caller: { e164, raw: e164 ?? 'anonymous', display: null, withheld: e164 === null },
        sipCallId: randomUUID(),
        linkContact: e164 !== null,
        ...changes,
      }),
    trigger: async (values, webhook = {}) => sendWebhook(await webhookUrl(), renderTrigger(values), webhook),
    async close() {
      await current().close();
      await api.close();
      await egress.close();
      await server.close();
    },
  };
  await rig.fresh();
  return rig;
};
