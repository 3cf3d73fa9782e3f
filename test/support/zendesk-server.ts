import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Json = Readonly<Record<string, unknown>>;

/** How the next requests to a path are answered, instead of with what is there. */
export type Trouble = {
  /** Matches `METHOD /path`. */
  readonly on: RegExp;
  readonly status: number;
  readonly retryAfter?: number | string;
  readonly body?: string;
  /** How often; default for ever. */
  times?: number;
  /** Instead of an answer the connection is cut. */
  readonly cut?: boolean;
  /** ms before the answer. */
  readonly delay?: number;
  /** What is asked for is done, and answered when this resolves. */
  readonly answerAfter?: Promise<unknown>;
};

export type SeenRequest = {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
  /** ms since the server began. */
  readonly at: number;
};

/**
 * A Zendesk of our own: tickets, users and organizations in the shapes of Zendesk's OpenAPI description, API tokens and
 * OAuth (client credentials and refresh), and every kind of trouble.
 */
export type ZendeskServer = {
  readonly url: string;
  readonly tickets: Map<string, Json>;
  readonly users: Map<string, Json>;
  readonly organizations: Map<string, Json>;
  /** Comments added, by ticket. */
  readonly comments: { ticketId: string; body: string; public: boolean }[];
  readonly requests: SeenRequest[];
  readonly credentials: {
    email: string;
    token: string;
    clientId: string;
    clientSecret: string;
    /** Seconds; null: tokens without `expires_in`. */
    expiresIn: number | null;
    refreshTokens: boolean;
  };
  trouble(entry: Trouble): void;
  calm(): void;
  /** Every token given out so far is refused from now on. */
  revokeTokens(): void;
  close(): Promise<void>;
};

const readBody = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk as Buffer));
  return Buffer.concat(chunks).toString('utf8');
};

const parsed = (text: string, type: string | undefined): Json => {
  if (text === '') return {};
  if (type?.includes('x-www-form-urlencoded')) return Object.fromEntries(new URLSearchParams(text));
  return JSON.parse(text) as Json;
};

export const startZendeskServer = async (): Promise<ZendeskServer> => {
  const begun = performance.now();
  const tickets = new Map<string, Json>();
  const users = new Map<string, Json>();
  const organizations = new Map<string, Json>();
  const comments: ZendeskServer['comments'] = [];
  const requests: SeenRequest[] = [];
  const access = new Set<string>();
  const refresh = new Set<string>();
  const byIdempotencyKey = new Map<string, Json>();
  const credentials: ZendeskServer['credentials'] = {
    email: 'admin@acme.test',
    token: 'zendesk-api-token-1',
    clientId: 'gateway',
    clientSecret: 'oauth-client-secret-1',
    expiresIn: 3_600,
    refreshTokens: false,
  };
  let troubles: Trouble[] = [];
  let serial = 0;
  let nextTicket = 90_001;

  const authorized = (header: string | undefined): boolean => {
    const basic = Buffer.from(`${credentials.email}/token:${credentials.token}`).toString('base64');
    return header === `Basic ${basic}` || (header?.startsWith('Bearer ') === true && access.has(header.slice(7)));
  };

  const grant = (body: Json): Json | null => {
    if (body.client_id !== credentials.clientId || body.client_secret !== credentials.clientSecret) return null;
    const refreshing = body.grant_type === 'refresh_token';
    if (refreshing && !refresh.delete(String(body.refresh_token))) return null;
    if (!refreshing && body.grant_type !== 'client_credentials') return null;
    serial += 1;
    access.add(`access-token-${serial}`);
    if (credentials.refreshTokens) refresh.add(`refresh-token-${serial}`);
    return {
      access_token: `access-token-${serial}`,
      token_type: 'bearer',
      scope: body.scope ?? 'read write',
      ...(credentials.refreshTokens ? { refresh_token: `refresh-token-${serial}` } : {}),
      ...(credentials.expiresIn === null ? {} : { expires_in: credentials.expiresIn }),
    };
  };

  const createTicket = (ticket: Json, key: string | undefined): Json => {
    const known = key === undefined ? undefined : byIdempotencyKey.get(key);
    if (known !== undefined) return known;
    const id = nextTicket;
    nextTicket += 1;
    const requester = ticket.requester as Json | undefined;
    const made: Json = {
      id,
      subject: ticket.subject,
      requester_id: ticket.requester_id ?? (requester === undefined ? 7_001 : 7_002),
      organization_id: null,
      tags: [],
      via: { channel: ticket.via_id === 34 ? 'voice' : 'api', source: { from: {}, to: {}, rel: null } },
      status: 'new',
    };
    tickets.set(String(id), made);
    if (key !== undefined) byIdempotencyKey.set(key, made);
    const comment = ticket.comment as Json | undefined;
    if (comment !== undefined) {
      comments.push({ ticketId: String(id), body: String(comment.body), public: comment.public !== false });
    }
    return made;
  };

  const answer = (request: IncomingMessage, body: Json): [number, Json] => {
    const path = new URL(request.url ?? '/', 'http://zendesk.test').pathname;
    if (request.method === 'POST' && path === '/oauth/tokens') {
      const token = grant(body);
      return token === null ? [401, { error: 'invalid_client' }] : [200, token];
    }
    if (!authorized(request.headers.authorization)) return [401, { error: "Couldn't authenticate you" }];
    if (path === '/api/v2/users/me.json') {
      return [200, { user: { id: 7_000, name: 'Gateway', email: credentials.email, role: 'admin', user_fields: {} } }];
    }
    if (request.method === 'POST' && path === '/api/v2/tickets.json') {
      const key = request.headers['idempotency-key'];
      return [201, { ticket: createTicket((body.ticket ?? {}) as Json, typeof key === 'string' ? key : undefined) }];
    }
    const [, kind, id] = /^\/api\/v2\/(tickets|users|organizations)\/(\d+)\.json$/.exec(path) ?? [];
    const found = { tickets, users, organizations }[kind ?? '']?.get(id ?? '');
    if (kind === undefined || id === undefined || found === undefined) {
      return [404, { error: 'RecordNotFound', description: 'Not found' }];
    }
    if (request.method === 'PUT' && kind === 'tickets') {
      const comment = ((body.ticket ?? {}) as Json).comment as Json | undefined;
      if (comment !== undefined) {
        comments.push({ ticketId: id, body: String(comment.body), public: comment.public !== false });
      }
    }
    return [200, { [kind.slice(0, -1)]: found }];
  };

  const takeTrouble = (line: string): Trouble | undefined => {
    const found = troubles.find((entry) => entry.on.test(line));
    if (found?.times !== undefined) {
      found.times -= 1;
      if (found.times <= 0) troubles = troubles.filter((entry) => entry !== found);
    }
    return found;
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = parsed(await readBody(request), request.headers['content-type']);
    const line = `${request.method ?? ''} ${request.url ?? ''}`;
    requests.push({
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body,
      at: performance.now() - begun,
    });
    const trouble = takeTrouble(line);
    const done = trouble?.answerAfter === undefined ? null : answer(request, body);
    await trouble?.answerAfter;
    if (trouble?.delay !== undefined) await new Promise((resolve) => setTimeout(resolve, trouble.delay));
    if (trouble?.cut === true) {
      request.socket.destroy();
      return;
    }
    if (trouble !== undefined && trouble.status !== 0) {
      response.writeHead(trouble.status, {
        'content-type': 'application/json',
        ...(trouble.retryAfter === undefined ? {} : { 'retry-after': String(trouble.retryAfter) }),
      });
      response.end(trouble.body ?? '{"error":"trouble"}');
      return;
    }
    const [status, value] = done ?? answer(request, body);
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
    response.end(JSON.stringify(value));
  };

  const server = createServer((request, response) => {
    handle(request, response).catch(() => {
      response.writeHead(400).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    tickets,
    users,
    organizations,
    comments,
    requests,
    credentials,
    trouble: (entry) => void troubles.push({ ...entry }),
    calm: () => {
      troubles = [];
    },
    revokeTokens: () => access.clear(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

/** A voice ticket in the shape of Zendesk's API. */
export const voiceTicket = (id: number, changes: Json = {}): Json => ({
  url: `https://acme.zendesk.com/api/v2/tickets/${id}.json`,
  id,
  external_id: null,
  via: {
    channel: 'voice',
    source: {
      from: { phone: '+14155550123', formatted_phone: '+1 (415) 555-0123', name: 'Ada Lovelace' },
      to: { formatted_phone: '+1 (415) 555-0100' },
      rel: 'inbound',
    },
  },
  subject: 'Phone call from +1 (415) 555-0123',
  status: 'new',
  requester_id: 7_101,
  submitter_id: 7_101,
  organization_id: 8_101,
  tags: [],
  custom_fields: [],
  brand_id: 1,
  ...changes,
});

/** A user with fields of its own. */
export const zendeskUser = (id: number, changes: Json = {}): Json => ({
  url: `https://acme.zendesk.com/api/v2/users/${id}.json`,
  id,
  name: 'Ada Lovelace',
  email: 'ada@example.test',
  phone: '+1 415-555-0123',
  shared_phone_number: null,
  external_id: 'crm-42',
  organization_id: 8_101,
  role: 'end-user',
  locale: 'en-US',
  tags: [],
  user_fields: {
    tier: 'gold',
    age: 36,
    vip: true,
    nickname: null,
    blank: '  ',
    address: { city: 'London', lines: ['12', 'St James'] },
  },
  ...changes,
});

export const zendeskOrganization = (id: number, changes: Json = {}): Json => ({
  url: `https://acme.zendesk.com/api/v2/organizations/${id}.json`,
  id,
  name: 'Analytical Engines',
  organization_fields: { plan: 'enterprise', seats: 12, region: '' },
  ...changes,
});
