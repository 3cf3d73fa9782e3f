import { WebStandardStreamableHTTPServerTransport as Transport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import { ErrorCode, McpError } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { GatewayError, isGatewayError } from '../../core/errors.js';
import type { ToolAnswer } from '../../domain/calls/ports.js';
import type { PhoneSession } from '../../domain/sessions/index.js';
import type { Principal } from '../../platform/access/index.js';
import type { ApiDeps } from '../deps.js';
import { protectedRoute, type Reply, type Route } from '../http/route.js';
import { sessionOver, visibleSession } from '../organization-of.js';
import { createMcpServer, type SessionTools } from './server.js';

/** Messages of one request: clients send one, batches are for a few notifications. */
const mostMessages = 20;
const mostBytes = 262_144;
/** Streams that wait for news of the list of tools: of one session, and of all. */
const mostStreams = { session: 2, all: 2_000 };
/** How often a stream looks whether its session is still live, ms. */
const lookEvery = 15_000;

const headersOf = (given: Readonly<Record<string, string | string[] | undefined>>): Headers => {
  const headers = new Headers();
  for (const name of ['accept', 'content-type', 'mcp-protocol-version', 'last-event-id']) {
    const value = given[name];
    if (value !== undefined) headers.set(name, String(value));
  }
  return headers;
};

/** A request of the transport's kind; its address is never looked at. */
const requestOf = (method: string, given: Parameters<typeof headersOf>[0]): Request =>
  new Request('http://gateway.invalid/mcp', { method, headers: headersOf(given) });

const replyOf = async (response: Response): Promise<Reply> => {
  const contentType = response.headers.get('content-type') ?? 'application/json';
  const { status, body } = response;
  if (body === null) return { status };
  if (contentType !== 'text/event-stream') return { status, contentType, body: await response.text() };
  const headers = { 'X-Accel-Buffering': 'no' };
  return { status, contentType, headers, stream: body };
};

/** A stream costs more than an answer, so only those get one who asked to hear how far a tool is. */
const wantsProgress = (message: unknown): boolean =>
  z
    .object({ params: z.object({ _meta: z.object({ progressToken: z.union([z.string(), z.number()]) }) }) })
    .safeParse(message).success;

/** Model Context Protocol over streamable HTTP, without state: any request may come to any instance. */
export const mcpRoutes = (
  deps: Pick<ApiDeps, 'sessions' | 'tools' | 'directory' | 'clock' | 'version' | 'log'>,
  /** The gateway ends: streams do not keep it. */
  closing: AbortSignal,
): readonly Route[] => {
  const streams = new Map<string, number>();
  const count = (sessionId: string, by: 1 | -1): void => {
    const now = (streams.get(sessionId) ?? 0) + by;
    if (now > 0) streams.set(sessionId, now);
    else streams.delete(sessionId);
  };

  /** The session of the token: nothing in the request can name another. */
  const sessionOf = async (principal: Principal): Promise<PhoneSession> => {
    if (principal.sessionId === undefined) {
      throw new GatewayError(
        'forbidden',
        'Only the token of a session opens its tools: an agent gets it with its call.',
      );
    }
    return visibleSession(deps, principal, 'tools:use', principal.sessionId);
  };

  /** What an agent may know of a failure; the log has the rest. */
  const sentenceOf = (err: unknown, sessionId: string): string => {
    if (isGatewayError(err)) return err.message;
    deps.log.error({ err, sessionId }, 'A request of the Model Context Protocol failed.');
    return 'The gateway failed; its log has the cause.';
  };

  const toolsOf = ({ orgId, id }: PhoneSession): SessionTools => ({
    list: () =>
      deps.tools.list(orgId, id).catch((err: unknown) => {
        throw new McpError(ErrorCode.InternalError, sentenceOf(err, id));
      }),
    use: (name, args) =>
      deps.tools.use(orgId, id, { name, args, key: null }).catch((err: unknown): ToolAnswer => {
        return { ok: false, fault: { code: 'failed', message: sentenceOf(err, id) } };
      }),
  });

  /** Tells the client of the stream when the organization changes, until it leaves or its session ends. */
  const follow = (session: PhoneSession, transport: Transport, changed: () => void, signal: AbortSignal): void => {
    count(session.id, 1);
    deps.log.debug({ sessionId: session.id }, 'A stream of news about tools was opened.');
    const unwatch = deps.directory.watch((orgId) => {
      if (orgId === null || orgId === session.orgId) changed();
    });
    const look = (): { cancel(): void } =>
      deps.clock.after(lookEvery, () => {
        deps.sessions.get(session.orgId, session.id).then(
          (now) => {
            if (signal.aborted) return;
            if (now !== null && now.status !== 'ended') timer = look();
            else void transport.close();
          },
          // Redis is away: the next look will tell.
          () => {
            if (!signal.aborted) timer = look();
          },
        );
      });
    let timer = look();
    const end = (): void => {
      timer.cancel();
      unwatch();
      count(session.id, -1);
      void transport.close();
    };
    // A client that left while its session was looked up will not leave again.
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  };

  return [
    protectedRoute({
      method: 'post',
      path: '/mcp',
      summary: 'Model Context Protocol: the tools of the session whose token is presented',
      tag: 'Tools',
      action: 'tools:use',
      // Each message of the protocol has an id of its own, and some are answered by a stream.
      idempotency: 'none',
      body: {
        schema: z.unknown(),
        documented: z.record(z.string(), z.unknown()).describe('A JSON-RPC message of MCP, or a few of them.'),
        maxBytes: mostBytes,
      },
      replies: {
        200: { description: 'The answer.', contentTypes: ['application/json', 'text/event-stream'] },
        202: { description: 'A notification was taken.' },
        406: { description: 'The client must accept `application/json` and `text/event-stream`.' },
      },
      errors: ['bad_request', 'not_found', 'store_unavailable', 'unsupported_media_type'],
      async handle({ principal, body, headers }) {
        const session = await sessionOf(principal);
        if (Array.isArray(body) && body.length > mostMessages) {
          throw new GatewayError('bad_request', `A batch holds at most ${mostMessages} messages.`);
        }
        const server = createMcpServer(deps.version, toolsOf(session), deps.clock);
        // Every request is a server of its own, so that it can be answered by any instance.
        const transport = new Transport({ enableJsonResponse: !wantsProgress(body) });
        await server.connect(transport);
        return replyOf(await transport.handleRequest(requestOf('POST', headers), { parsedBody: body }));
      },
    }),
    protectedRoute({
      method: 'get',
      path: '/mcp',
      summary: 'Model Context Protocol: a stream that tells when the list of tools has changed',
      tag: 'Tools',
      action: 'tools:use',
      replies: {
        200: { description: 'The stream; it ends with the session.', contentTypes: ['text/event-stream'] },
        406: { description: 'The client must accept `text/event-stream`.' },
      },
      errors: ['bad_request', 'not_found', 'store_unavailable'],
      async handle({ principal, headers, signal }) {
        const session = await sessionOf(principal);
        if (session.status === 'ended') throw sessionOver();
        const open = [...streams.values()].reduce((sum, each) => sum + each, 0);
        if ((streams.get(session.id) ?? 0) >= mostStreams.session || open >= mostStreams.all) {
          throw new GatewayError('rate_limited', 'There are enough streams of this session already.');
        }
        const server = createMcpServer(deps.version, toolsOf(session), deps.clock);
        const transport = new Transport();
        await server.connect(transport);
        const response = await transport.handleRequest(requestOf('GET', headers));
        if (response.status === 200) {
          const end = AbortSignal.any([signal, closing]);
          follow(session, transport, () => void server.sendToolListChanged(), end);
        }
        return replyOf(response);
      },
    }),
  ];
};
