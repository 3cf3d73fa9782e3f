import { join } from 'node:path';
import type { CliContext } from './context.js';
import { CliError, type ExitName } from './exit-codes.js';
import { dataDirOf, readIfThere } from './local-files.js';

export type ApiRequest = {
  readonly method?: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  readonly accept?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** ms until the request counts as unanswered; default 15,000. */
  readonly patience?: number;
};

export type Client = {
  readonly url: string;
  /** The answer's body as text. Throws CliError with the gateway's own sentence. */
  text(path: string, request?: ApiRequest): Promise<string>;
  json(path: string, request?: ApiRequest): Promise<unknown>;
  /**
   * The answer's text as it comes, until it ends or the signal aborts. Throws CliError as the others do; a connection
   * that breaks later is an end.
   */
  stream(path: string, request?: ApiRequest): Promise<AsyncIterable<string>>;
};

const DEFAULT_URL = 'http://127.0.0.1:8080';
/** ms until a request counts as unanswered. */
const PATIENCE = 15_000;

export const isLoopback = (host: string): boolean => host === 'localhost' || host === '[::1]' || /^127\./.test(host);

const baseUrl = (context: CliContext): URL => {
  const text = context.env.VOICE_GATEWAY_URL || DEFAULT_URL;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new CliError('usage', 'VOICE_GATEWAY_URL must be an http: or https: address.');
  }
  return url;
};

/** VOICE_GATEWAY_TOKEN; on the gateway's own machine the admin token, which is never sent to another one. */
const credential = (context: CliContext, url: URL): string => {
  const given = context.env.VOICE_GATEWAY_TOKEN;
  if (given !== undefined && given !== '') return given;
  const path = join(dataDirOf(context), 'admin-token');
  const admin = isLoopback(url.hostname) ? readIfThere(path)?.trim() : undefined;
  if (admin !== undefined && admin !== '') return admin;
  const local = isLoopback(url.hostname) ? ` and there is no admin token at ${path}` : '';
  throw new CliError(
    'refused',
    `VOICE_GATEWAY_TOKEN is not set${local}: set it to a dashboard JWT, or DATA_DIR to the gateway's folder.`,
  );
};

const exitOf = (status: number): ExitName => {
  if (status === 401 || status === 403) return 'refused';
  if (status === 404) return 'notFound';
  if (status === 409) return 'conflict';
  return status >= 400 && status < 500 ? 'invalid' : 'failed';
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
};

const failure = (status: number, text: string, url: URL): CliError => {
  const body = parseJson(text);
  if (!isRecord(body) || typeof body.message !== 'string') {
    return new CliError('failed', `What answers at ${url.origin} is not a voice gateway (HTTP ${status}).`);
  }
  const details = Array.isArray(body.details) ? body.details : [];
  const lines = details.filter(isRecord).map((fault) => `${String(fault.path)}: ${String(fault.message)}`);
  return new CliError(exitOf(status), body.message, lines);
};

async function* chunks(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  try {
    for await (const chunk of body) yield decoder.decode(chunk, { stream: true });
  } catch {
    // Broken off, or ended by Ctrl-C: whoever follows comes again or has had enough.
  }
}

/** A client of the gateway's HTTP API. */
export const createClient = (context: CliContext): Client => {
  const url = baseUrl(context);
  const token = credential(context, url);
  const targetOf = (path: string, request: ApiRequest): URL => {
    const target = new URL(path, url);
    for (const [name, value] of Object.entries(request.query ?? {})) {
      if (value !== undefined) target.searchParams.set(name, value);
    }
    return target;
  };
  /** Runs `ask`; one that gets no answer is told with what to do. */
  const reach = async <Answer>(patience: number, ask: () => Promise<Answer>): Promise<Answer> => {
    try {
      return await ask();
    } catch (error) {
      if (context.signal.aborted) throw error;
      const late = error instanceof Error && error.name === 'TimeoutError';
      throw new CliError(
        'unreachable',
        late
          ? `The gateway at ${url.origin} did not answer within ${patience / 1_000} s.`
          : `No gateway answers at ${url.origin}: start one with \`npm start\` or \`voice-gateway start\`, or set VOICE_GATEWAY_URL.`,
      );
    }
  };
  const send = (path: string, request: ApiRequest, signal: AbortSignal): Promise<Response> =>
    fetch(targetOf(path, request), {
      method: request.method ?? 'GET',
      headers: {
        authorization: `Bearer ${token}`,
        accept: request.accept ?? 'application/json',
        ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...request.headers,
      },
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      redirect: 'error',
      signal,
    });
  const text: Client['text'] = async (path, request = {}) => {
    const patience = request.patience ?? PATIENCE;
    const signal = AbortSignal.any([context.signal, AbortSignal.timeout(patience)]);
    const { response, received } = await reach(patience, async () => {
      const answer = await send(path, request, signal);
      return { response: answer, received: await answer.text() };
    });
    if (!response.ok) throw failure(response.status, received, url);
    return received;
  };
  const stream: Client['stream'] = async (path, request = {}) => {
    const response = await reach(PATIENCE, () => send(path, request, context.signal));
    if (!response.ok || response.body === null) throw failure(response.status, await response.text(), url);
    return chunks(response.body);
  };
  return {
    url: url.origin,
    text,
    stream,
    async json(path, request) {
      const received = await text(path, request);
      const value = parseJson(received);
      if (value === null) throw new CliError('failed', `What answers at ${url.origin} is not a voice gateway.`);
      return value;
    },
  };
};
