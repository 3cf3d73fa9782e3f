import type { Clock } from '../../core/clock.js';
import { type EgressClient, EgressFailure } from '../../platform/egress/index.js';
import type { Vault } from '../../platform/vault/index.js';
import { credentialScopes, type Organization, type ZendeskAuth } from '../directory/index.js';
import { failureOf, retryAfterOf, ZendeskFailure } from './failure.js';
import { tokenSchema } from './responses.js';

/** A token is renewed this long before it expires, ms. */
const AHEAD = 60_000;
/** ms a token without `expires_in` is believed; a 401 drops it earlier. */
const UNSTATED = 3_600_000;
const TIMEOUT = 10_000;
const MOST_TOKENS = 10_000;

/** Where an organization's Zendesk is: `baseUrl`, else the address of its subdomain. Null when it has neither. */
export const zendeskUrl = (organization: Organization): string | null => {
  const { zendesk } = organization;
  if (zendesk === null) return null;
  if (zendesk.baseUrl !== null) return zendesk.baseUrl;
  return zendesk.subdomain === null ? null : `https://${zendesk.subdomain}.zendesk.com`;
};

export type ZendeskCredentials = {
  /** The value of `Authorization`. Throws ZendeskFailure. */
  header(organization: Organization, signal?: AbortSignal): Promise<string>;
  /** Zendesk answered 401: true when another try with a fresh token makes sense. */
  refused(organization: Organization, header: string): boolean;
};

type Token = {
  readonly seal: string;
  readonly access: string;
  readonly refresh: string | null;
  readonly renewAt: number;
};

/**
 * API tokens (Basic, `email/token:token`) and OAuth (client credentials, then refresh tokens where Zendesk gives them:
 * developer.zendesk.com, OAuth tokens for grant types). One request for a token at a time and organization.
 */
export const createZendeskCredentials = (options: {
  readonly egress: EgressClient;
  readonly vault: Vault;
  readonly clock: Clock;
}): ZendeskCredentials => {
  const { egress, vault, clock } = options;
  const tokens = new Map<string, Token>();
  const fetching = new Map<string, Promise<Token>>();

  const askForToken = async (
    organization: Organization,
    auth: ZendeskAuth & { type: 'oauth' },
    refresh: string | null,
  ) => {
    const what = 'an OAuth token';
    const base = zendeskUrl(organization);
    if (base === null) throw new ZendeskFailure('unset', what, 'The organization has no address of its Zendesk.');
    const secret = vault.open(credentialScopes.zendeskAuth(organization.id), auth.sealed);
    const grant =
      refresh === null
        ? { grant_type: 'client_credentials', scope: auth.scope }
        : { grant_type: 'refresh_token', refresh_token: refresh };
    const answer = await egress
      .request({
        purpose: 'zendesk',
        method: 'POST',
        url: new URL(`${base}/oauth/tokens`),
        headers: ['content-type', 'application/json', 'accept', 'application/json'],
        body: JSON.stringify({ ...grant, client_id: auth.clientId, client_secret: secret }),
        timeoutMs: TIMEOUT,
        maxResponseBytes: 65_536,
      })
      .catch((cause: unknown) => {
        const why = cause instanceof EgressFailure ? cause.message : 'The request failed.';
        throw new ZendeskFailure('down', what, `Zendesk gave no OAuth token: ${why}`, { cause });
      });
    const header = answer.headers['retry-after'];
    const retryAfter = retryAfterOf(Array.isArray(header) ? header[0] : header, clock.now());
    const failure = failureOf(what, answer.status, retryAfter);
    if (failure !== null) {
      if (failure.retryable) throw failure;
      throw new ZendeskFailure('credentials', what, `Zendesk does not give an OAuth token (${answer.status}).`, {
        status: answer.status,
      });
    }
    try {
      const parsed = tokenSchema.parse(JSON.parse(answer.body.toString('utf8')));
      const life = parsed.expires_in === null || parsed.expires_in === undefined ? UNSTATED : parsed.expires_in * 1_000;
      return {
        seal: auth.sealed,
        access: parsed.access_token,
        refresh: parsed.refresh_token ?? null,
        renewAt: clock.monotonic() + Math.max(life - AHEAD, life / 2),
      };
    } catch (cause) {
      throw new ZendeskFailure('rejected', what, 'The answer of Zendesk to a token request cannot be read.', { cause });
    }
  };

  const renew = async (organization: Organization, auth: ZendeskAuth & { type: 'oauth' }): Promise<Token> => {
    const old = tokens.get(organization.id);
    const refresh = old?.seal === auth.sealed ? old.refresh : null;
    const token = await askForToken(organization, auth, refresh).catch((error: unknown) => {
      // A refresh token may be used up or revoked; the client's own credentials are still good.
      if (refresh !== null && error instanceof ZendeskFailure && !error.retryable) {
        return askForToken(organization, auth, null);
      }
      throw error;
    });
    if (tokens.size >= MOST_TOKENS) tokens.clear();
    tokens.set(organization.id, token);
    return token;
  };

  return {
    async header(organization) {
      const auth = organization.zendesk?.auth ?? null;
      if (auth === null) {
        throw new ZendeskFailure('unset', 'credentials', 'The organization has no credentials for Zendesk.');
      }
      if (auth.type === 'apiToken') {
        const token = vault.open(credentialScopes.zendeskAuth(organization.id), auth.sealed);
        return `Basic ${Buffer.from(`${auth.email}/token:${token}`).toString('base64')}`;
      }
      const known = tokens.get(organization.id);
      if (known !== undefined && known.seal === auth.sealed && known.renewAt > clock.monotonic()) {
        return `Bearer ${known.access}`;
      }
      const running = fetching.get(organization.id) ?? renew(organization, auth);
      fetching.set(organization.id, running);
      try {
        return `Bearer ${(await running).access}`;
      } finally {
        fetching.delete(organization.id);
      }
    },
    refused(organization, header) {
      const known = tokens.get(organization.id);
      if (organization.zendesk?.auth?.type !== 'oauth') return false;
      if (known !== undefined && header === `Bearer ${known.access}`)
        tokens.set(organization.id, { ...known, renewAt: 0 });
      return true;
    },
  };
};
