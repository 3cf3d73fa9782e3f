import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { field } from '../compose.js';
import { parseNameAddr } from '../header-values.js';
import type { RequestHandler } from '../options.js';
import { serialize } from '../serializer.js';
import type { ServerTransaction } from '../transactions/server-transaction.js';
import { parseUri } from '../uri.js';

/** What a web server says about a request (the request-handler protocol of drachtio-server). */
export type RoutingAnswer =
  | { action: 'connect'; host: string; port: number; tls: boolean }
  | { action: 'tag'; tag: string }
  | { action: 'reject'; status: number; reason: string | undefined }
  | { action: 'redirect'; contacts: string[] }
  | { action: 'proxy'; destinations: string[]; recordRoute: boolean; followRedirects: boolean; simultaneous: boolean };

/** How long a web server may take, ms. */
const httpTimeout = 3_000;
const maxAnswerBytes = 65_536;

const strings = (value: unknown): string[] =>
  (Array.isArray(value) ? value : [value]).filter((item): item is string => typeof item === 'string' && item !== '');

/** `host:port;transport=tls` as drachtio writes the place of an application. */
export const parsePlace = (text: string): Extract<RoutingAnswer, { action: 'connect' }> | undefined => {
  const match = /^(?:(tcp|tls):\/\/)?(\[[0-9a-f:.]+\]|[^:;/[\]]+):(\d{1,5})(?:;transport=(tcp|tls))?\/?$/i.exec(
    text.trim(),
  );
  const port = Number(match?.[3]);
  if (!match || port < 1 || port > 65_535) return undefined;
  const transport = (match[4] ?? match[1] ?? 'tcp').toLowerCase();
  return { action: 'connect', host: (match[2] ?? '').replace(/^\[|\]$/g, ''), port, tls: transport === 'tls' };
};

/** Reads the JSON a web server answered; undefined when it is none of the known actions. */
export const parseRoutingAnswer = (text: string): RoutingAnswer | undefined => {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof answer !== 'object' || answer === null || !('action' in answer)) return undefined;
  const data: Record<string, unknown> =
    'data' in answer && typeof answer.data === 'object' && answer.data !== null ? { ...answer.data } : {};
  switch (answer.action) {
    case 'route':
      if (typeof data.uri === 'string') return parsePlace(data.uri);
      return typeof data.tag === 'string' ? { action: 'tag', tag: data.tag } : undefined;
    case 'reject': {
      const status = Number(data.status);
      if (!Number.isInteger(status) || status < 300 || status > 699) return undefined;
      return { action: 'reject', status, reason: typeof data.reason === 'string' ? data.reason : undefined };
    }
    case 'redirect':
      return { action: 'redirect', contacts: strings(data.contact) };
    case 'proxy':
      return {
        action: 'proxy',
        destinations: strings(data.destination),
        recordRoute: data.recordRoute === true,
        followRedirects: data.followRedirects === true,
        simultaneous: data.simultaneous === true,
      };
    default:
      return undefined;
  }
};

/** The facts of a request as the query of the web server's URL. */
export const routingQuery = ({ request, flow }: Pick<ServerTransaction, 'request' | 'flow'>): URLSearchParams => {
  const uri = parseUri(request.message.uri);
  const userOf = (value: string | undefined): string => parseUri(parseNameAddr(value ?? '')?.uri ?? '')?.user ?? '';
  const query = new URLSearchParams({
    method: request.message.method,
    domain: uri?.host ?? '',
    protocol: flow.transport,
    source_address: flow.remoteAddress,
    fromUser: userOf(field(request.message, 'From')),
    toUser: userOf(field(request.message, 'To')),
    uriUser: uri?.user ?? '',
    contentType: field(request.message, 'Content-Type') ?? '',
    uri: request.message.uri,
  });
  for (const [name, value] of uri?.params ?? []) if (!query.has(name)) query.set(name, value);
  return query;
};

/** Asks a web server where a request goes. Rejects when it does not answer, or not with 200, in time. */
export const askWebServer = (handler: RequestHandler, transaction: ServerTransaction): Promise<string> =>
  new Promise((resolve, reject) => {
    const url = new URL(handler.url);
    for (const [name, value] of routingQuery(transaction)) url.searchParams.set(name, value);
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const post = handler.httpMethod === 'POST';
    const sent = send(url, {
      method: post ? 'POST' : 'GET',
      headers: post ? { 'content-type': 'text/plain' } : {},
      signal: AbortSignal.timeout(httpTimeout),
    });
    sent.on('error', reject);
    sent.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
        if (text.length > maxAnswerBytes) sent.destroy(new Error('the answer is too long'));
      });
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`HTTP status ${response.statusCode}`));
      });
    });
    sent.end(post ? serialize(transaction.request.message) : undefined);
  });
