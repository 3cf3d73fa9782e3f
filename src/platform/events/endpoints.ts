import type { Clock } from '../../core/clock.js';
import { GatewayError } from '../../core/errors.js';
import { newToken, newUuid } from '../../core/ids.js';
import { orgKey, type RedisConnection, replyFields, replyTextOrNull, replyTexts, sharedKey } from '../redis/index.js';
import { countKeys, rewrapped, type SealedValues, type SealScope, type Vault } from '../vault/index.js';
import type { WebhookEndpoint, WebhookEvent } from './records.js';

export type WebhookEndpoints = {
  /** `secret` is shown this once. Throws GatewayError conflict (too many), store_unavailable. */
  create(
    orgId: string,
    request: { readonly url: string; readonly events: readonly WebhookEvent[] },
  ): Promise<{ readonly endpoint: WebhookEndpoint; readonly secret: string }>;
  /** Oldest first. */
  list(orgId: string): Promise<readonly WebhookEndpoint[]>;
  get(orgId: string, id: string): Promise<WebhookEndpoint | null>;
  /** False when there is none of this id. */
  remove(orgId: string, id: string): Promise<boolean>;
  secretOf(endpoint: WebhookEndpoint): string;
  /** Organizations that have ever had an endpoint. */
  organizations(): Promise<readonly string[]>;
  /** The signing secrets, for the rotation of keys. */
  readonly sealed: SealedValues;
};

const mostEndpoints = 10;

const recordsKey = (orgId: string): string => orgKey(orgId, 'webhooks');
/** What the session scripts look at: id to the events it hears of, in one text. */
const indexKey = (orgId: string): string => orgKey(orgId, 'webhook-endpoints');
const orgsKey = sharedKey('webhooks', 'orgs');
const scopeOf = (orgId: string, id: string): SealScope => ({ organization: orgId, kind: 'webhook', name: id });

/** Written by `create` alone. */
const decode = (text: string): WebhookEndpoint => JSON.parse(text) as WebhookEndpoint;

export const createWebhookEndpoints = ({
  redis,
  vault,
  clock,
}: {
  readonly redis: RedisConnection;
  readonly vault: Vault;
  readonly clock: Clock;
}): WebhookEndpoints => {
  const list = async (orgId: string): Promise<readonly WebhookEndpoint[]> =>
    [...replyFields(await redis.command('HGETALL', recordsKey(orgId))).values()]
      .map(decode)
      .sort((one, other) => one.createdAt - other.createdAt);
  return {
    async create(orgId, { url, events }) {
      if ((await list(orgId)).length >= mostEndpoints) {
        throw new GatewayError('conflict', `There are ${mostEndpoints} endpoints already.`);
      }
      const id = newUuid();
      const secret = `whsec_${newToken(32)}`;
      const sealedSecret = vault.seal(scopeOf(orgId, id), secret);
      const endpoint: WebhookEndpoint = { id, orgId, url, events, createdAt: clock.now(), sealedSecret };
      await redis.command('SADD', orgsKey, orgId);
      await redis.command('HSET', recordsKey(orgId), id, JSON.stringify(endpoint));
      // Last: from now on calls are told.
      await redis.command('HSET', indexKey(orgId), id, events.join(' '));
      return { endpoint, secret };
    },
    list,
    async get(orgId, id) {
      const text = replyTextOrNull(await redis.command('HGET', recordsKey(orgId), id));
      return text === null ? null : decode(text);
    },
    async remove(orgId, id) {
      await redis.command('HDEL', indexKey(orgId), id);
      return (await redis.command('HDEL', recordsKey(orgId), id)) === 1;
    },
    secretOf: ({ orgId, id, sealedSecret }) => vault.open(scopeOf(orgId, id), sealedSecret),
    organizations: async () => replyTexts(await redis.command('SMEMBERS', orgsKey)),
    sealed: {
      what: 'signing secrets of webhooks',
      count: async (orgId) => countKeys((await list(orgId)).map(({ sealedSecret }) => sealedSecret)),
      async rewrap(orgId) {
        let [moved, unreadable] = [0, 0];
        for (const endpoint of await list(orgId)) {
          const next = rewrapped(vault, scopeOf(orgId, endpoint.id), endpoint.sealedSecret);
          if (next === null) unreadable += 1;
          else if (next !== endpoint.sealedSecret) {
            await redis.command(
              'HSET',
              recordsKey(orgId),
              endpoint.id,
              JSON.stringify({ ...endpoint, sealedSecret: next }),
            );
            moved += 1;
          }
        }
        return { moved, unreadable };
      },
    },
  };
};
