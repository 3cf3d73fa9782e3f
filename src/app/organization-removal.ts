import type { OrganizationRemoval } from '../api/index.js';
import { GatewayError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { DirectoryService } from '../domain/directory/index.js';
import type { SessionStore } from '../domain/sessions/index.js';
import type { ApiKeys } from '../platform/access/index.js';
import { eraseOrganization, orgKey, type RedisConnection } from '../platform/redis/index.js';

export type OrganizationRemovalDeps = {
  readonly redis: RedisConnection;
  readonly directory: DirectoryService;
  readonly sessions: Pick<SessionStore, 'list'>;
  readonly apiKeys: Pick<ApiKeys, 'list' | 'revoke'>;
  readonly log: Logger;
};

/** The directory first, so that no new call finds the organization while the rest is removed. */
export const createOrganizationRemoval = (deps: OrganizationRemovalDeps): OrganizationRemoval => {
  const { redis, directory, sessions, apiKeys, log } = deps;
  return async (orgId) => {
    const { items } = await sessions.list({ orgId, live: true, limit: 1 });
    if (items.length > 0) {
      throw new GatewayError(
        'conflict',
        `${orgId} has calls in progress: end them or wait, and take its numbers away first if new ones keep coming.`,
      );
    }
    const there = await directory.remove(orgId);
    // Also of one that is gone already: what was broken off in the middle is finished by asking again.
    for (const { id } of await apiKeys.list(orgId)) await apiKeys.revoke(orgId, id);
    // What is left there is the version of the directory, which must count on.
    const removed = await eraseOrganization(redis, orgId, orgKey(orgId, 'directory'));
    if (there || removed > 0) {
      log.info({ organization: orgId, removed }, 'Everything kept under an organization was removed.');
    }
    return there || removed > 0;
  };
};
