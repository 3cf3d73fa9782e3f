import type { z } from 'zod';
import type { Clock } from '../../core/clock.js';
import { type EgressClient, EgressFailure, type EgressResponse } from '../../platform/egress/index.js';
import type { Organization } from '../directory/index.js';
import { type ZendeskCredentials, zendeskUrl } from './credentials.js';
import { failureOf, retryAfterOf, ZendeskFailure } from './failure.js';
import {
  organizationSchema,
  ticketOf,
  ticketSchema,
  userSchema,
  type ZendeskOrganization,
  type ZendeskTicket,
  type ZendeskUser,
} from './responses.js';

const LARGEST = 2_097_152;
const idForm = /^\d{1,20}$/;

export type Limits = { readonly timeout?: number; readonly signal?: AbortSignal };

export type NewTicket = {
  readonly subject: string;
  readonly body: string;
  readonly requester: { readonly id: string } | { readonly name: string; readonly phone: string | null };
  /** Sent as `Idempotency-Key`: the same ticket comes back when the request is repeated. */
  readonly idempotencyKey: string;
};

/**
 * The requests this gateway makes to Zendesk's REST API, all of them: everything goes by an id. Each throws
 * ZendeskFailure. There is no search, since a search by telephone number is fuzzy and would take one person for another.
 */
export type ZendeskClient = {
  ticket(organization: Organization, id: string, limits?: Limits): Promise<ZendeskTicket>;
  user(organization: Organization, id: string, limits?: Limits): Promise<ZendeskUser>;
  organization(organization: Organization, id: string, limits?: Limits): Promise<ZendeskOrganization>;
  /** Who the credentials belong to. */
  me(organization: Organization, limits?: Limits): Promise<ZendeskUser>;
  /** Adds a comment that only agents see. */
  addNote(organization: Organization, ticketId: string, body: string, limits?: Limits): Promise<void>;
  createTicket(organization: Organization, ticket: NewTicket, limits?: Limits): Promise<ZendeskTicket>;
};

type Call = {
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly path: string;
  readonly what: string;
  readonly body?: unknown;
  readonly headers?: readonly string[];
};

/** Phone call, incoming (support.zendesk.com 8397061704474). */
const VIA_PHONE_INBOUND = 34;

export const createZendeskClient = (options: {
  readonly egress: EgressClient;
  readonly credentials: ZendeskCredentials;
  readonly clock: Clock;
  /** ms one request may take where its caller does not say; default 10 s. */
  readonly timeout?: number;
}): ZendeskClient => {
  const { egress, credentials, clock, timeout = 10_000 } = options;

  const send = async (base: string, call: Call, authorization: string, limits: Limits): Promise<EgressResponse> => {
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    try {
      return await egress.request({
        purpose: 'zendesk',
        method: call.method,
        url: new URL(`${base}/api/v2/${call.path}`),
        headers: [
          ...['authorization', authorization, 'accept', 'application/json', 'user-agent', 'voice-gateway'],
          ...(body === undefined ? [] : ['content-type', 'application/json']),
          ...(call.headers ?? []),
        ],
        body,
        timeoutMs: limits.timeout ?? timeout,
        maxResponseBytes: LARGEST,
        signal: limits.signal,
      });
    } catch (cause) {
      if (!(cause instanceof EgressFailure)) throw cause;
      const kind = cause.kind === 'refused_address' || cause.kind === 'bad_request' ? 'rejected' : 'down';
      throw new ZendeskFailure(kind, call.what, cause.message, { cause });
    }
  };

  const perform = async (organization: Organization, call: Call, limits: Limits = {}): Promise<EgressResponse> => {
    const base = zendeskUrl(organization);
    if (base === null) throw new ZendeskFailure('unset', call.what, 'The organization has no address of its Zendesk.');
    for (let attempt = 0; ; attempt += 1) {
      const authorization = await credentials.header(organization);
      const answer = await send(base, call, authorization, limits);
      const header = answer.headers['retry-after'];
      const retryAfter = retryAfterOf(Array.isArray(header) ? header[0] : header, clock.now());
      const failure = failureOf(call.what, answer.status, retryAfter);
      if (failure === null) return answer;
      if (failure.kind === 'credentials' && attempt === 0 && credentials.refused(organization, authorization)) continue;
      throw failure;
    }
  };

  const read = <S extends z.ZodType>(schema: S, call: Call, answer: EgressResponse): z.output<S> => {
    try {
      return schema.parse(JSON.parse(answer.body.toString('utf8')));
    } catch (cause) {
      throw new ZendeskFailure('rejected', call.what, `The answer of Zendesk for ${call.what} cannot be read.`, {
        cause,
      });
    }
  };

  const get = async <S extends z.ZodType>(
    organization: Organization,
    schema: S,
    [path, what]: readonly [string, string],
    limits?: Limits,
  ): Promise<z.output<S>> => {
    const call: Call = { method: 'GET', path, what };
    return read(schema, call, await perform(organization, call, limits));
  };

  const numbered = (kind: 'ticket' | 'user' | 'organization', id: string): readonly [string, string] => {
    if (!idForm.test(id)) throw new ZendeskFailure('missing', kind, `${JSON.stringify(id)} is no id of a ${kind}.`);
    return [`${kind}s/${id}.json`, `${kind} ${id}`];
  };

  return {
    ticket: async (organization, id, limits) =>
      ticketOf(await get(organization, ticketSchema, numbered('ticket', id), limits)),
    user: async (organization, id, limits) => (await get(organization, userSchema, numbered('user', id), limits)).user,
    organization: async (organization, id, limits) =>
      (await get(organization, organizationSchema, numbered('organization', id), limits)).organization,
    me: async (organization, limits) =>
      (await get(organization, userSchema, ['users/me.json', 'its own user'], limits)).user,
    async addNote(organization, ticketId, body, limits) {
      const [path, what] = numbered('ticket', ticketId);
      await perform(
        organization,
        { method: 'PUT', path, what, body: { ticket: { comment: { body, public: false } } } },
        limits,
      );
    },
    async createTicket(organization, { subject, body, requester, idempotencyKey }, limits) {
      const call: Call = {
        method: 'POST',
        path: 'tickets.json',
        what: 'a new ticket',
        headers: ['idempotency-key', idempotencyKey],
        body: {
          ticket: {
            subject,
            via_id: VIA_PHONE_INBOUND,
            comment: { body, public: false },
            ...('id' in requester
              ? { requester_id: Number(requester.id) }
              : {
                  requester: { name: requester.name, ...(requester.phone === null ? {} : { phone: requester.phone }) },
                }),
          },
        },
      };
      return ticketOf(read(ticketSchema, call, await perform(organization, call, limits)));
    },
  };
};
