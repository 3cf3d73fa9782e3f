import { createHash, timingSafeEqual } from 'node:crypto';
import { GatewayError } from '../../core/errors.js';
import { newToken } from '../../core/ids.js';
import { type RedisConnection, replyFields, sharedKey } from '../redis/index.js';
import type { CredentialReader } from './access.js';

/** Longer than any call may last, so that nothing of a lost instance stays for ever. */
const TTL = 90_000_000;
const tokenForm = /^vgs_([0-9a-f-]{36})_([A-Za-z0-9_-]{43})$/;

export type SessionTokenOwner = { readonly orgId: string; readonly sessionId: string };

/** Credentials of the AI's leg: one session each, good on every instance, gone with the session. */
export type SessionTokens = {
  /** Throws GatewayError store_unavailable. */
  mint(owner: SessionTokenOwner): Promise<string>;
  /** The session is over: its tokens are worth nothing from now on. Throws GatewayError store_unavailable. */
  revoke(sessionId: string): Promise<void>;
  readonly reader: CredentialReader;
};

/** A key for each session, so that a Cluster spreads them. */
const keyOf = (sessionId: string): string => sharedKey(`session-token.${sessionId}`);
const digest = (secret: string): string => createHash('sha256').update(secret).digest('base64url');

/** Session tokens in Redis, as digests: what is stored lets nobody in. */
export const createSessionTokens = (redis: RedisConnection): SessionTokens => ({
  async mint({ orgId, sessionId }) {
    const secret = newToken(32);
    const key = keyOf(sessionId);
    const [written] = await redis.pipeline([
      ['HSET', key, 'org', orgId, 'digest', digest(secret)],
      ['PEXPIRE', key, TTL],
    ]);
    if (written !== undefined && !written.ok) throw written.error;
    return `vgs_${sessionId}_${secret}`;
  },
  async revoke(sessionId) {
    await redis.command('DEL', keyOf(sessionId));
  },
  async reader(credential) {
    if (!credential.startsWith('vgs_')) return null;
    const [, sessionId, secret] = tokenForm.exec(credential) ?? [];
    const refused = new GatewayError(
      'unauthorized',
      'The session token is not valid: its session has ended, the caller was transferred, or it was never one.',
    );
    if (sessionId === undefined || secret === undefined) throw refused;
    const stored = replyFields(await redis.command('HGETALL', keyOf(sessionId)));
    const [org, known] = [stored.get('org'), stored.get('digest')];
    if (org === undefined || known === undefined) throw refused;
    if (!timingSafeEqual(Buffer.from(known), Buffer.from(digest(secret)))) throw refused;
    return { kind: 'session', orgId: org, role: 'agent', scopes: null, sub: `session:${sessionId}`, sessionId };
  },
});
