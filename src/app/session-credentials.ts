import type { Logger } from '../core/logger.js';
import type { AgentCredential } from '../domain/calls/ports.js';
import { type Access, createSessionTokens } from '../platform/access/index.js';
import type { RedisConnection } from '../platform/redis/index.js';

/** What agents' legs may ask the API with: minted at the first wish, gone with the session. */
export const sessionCredentials = (deps: {
  readonly redis: RedisConnection;
  readonly access: Access;
  readonly apiUrl: string;
  readonly log: Logger;
}) => {
  const tokens = createSessionTokens(deps.redis);
  deps.access.register(tokens.reader);
  const minted = new Set<string>();
  return {
    async mint(owner: { readonly orgId: string; readonly sessionId: string }): Promise<AgentCredential> {
      minted.add(owner.sessionId);
      return { token: await tokens.mint(owner), apiUrl: deps.apiUrl };
    },
    revoke(sessionId: string): void {
      if (!minted.delete(sessionId)) return;
      // A token that outlives its session opens nothing: whatever it may do needs the live call.
      tokens
        .revoke(sessionId)
        .catch((err: unknown) => deps.log.warn({ err, sessionId }, 'A session token was not removed.'));
    },
  };
};
