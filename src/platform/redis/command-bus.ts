import type { Clock } from '../../core/clock.js';
import { systemClock } from '../../core/clock.js';
import { type ErrorCode, errorCatalogue, GatewayError, isGatewayError } from '../../core/errors.js';
import { newUuid } from '../../core/ids.js';
import type { Logger } from '../../core/logger.js';
import type { RedisConnection } from './connection.js';
import { keyPart, keyPrefix } from './keys.js';

/** `owner_unreachable`, and for sure: nobody takes commands under that name. A Redis Cluster cannot tell. */
export class InstanceAbsent extends GatewayError {
  constructor(instanceId: string) {
    super('owner_unreachable', `The instance that owns the session (${instanceId}) is not running.`);
  }
}

/** Answers one command. `signal` aborts at the deadline of the asker: nobody waits for the answer after it. */
export type CommandHandler = (name: string, payload: unknown, signal: AbortSignal) => Promise<unknown>;

/**
 * Commands from any instance to the one that owns a call, over publish/subscribe: nothing of them is stored or reaches
 * the append-only file. Payloads and answers are JSON values; what must not be readable on the way is sealed by the
 * caller. At most once: a command is never repeated, and when no answer came it may or may not have been carried out.
 */
export type CommandBus = {
  /** Takes commands for this instance until the returned function is called. */
  serve(instanceId: string, handler: CommandHandler): Promise<() => void>;
  /**
   * Asks an instance and waits for its answer, at most `timeout` ms. An error the handler threw arrives as the same
   * GatewayError; `owner_unreachable` when nobody serves that instance (InstanceAbsent) or the time is over.
   */
  request(instanceId: string, name: string, payload: unknown, options: { readonly timeout: number }): Promise<unknown>;
  close(): void;
};

export type CommandBusOptions = { readonly redis: RedisConnection; readonly log: Logger; readonly clock?: Clock };

/** Bytes of one message. Larger ones would hold up every other subscriber. */
const maxMessage = 1024 * 1024;

type Request = {
  readonly id: string;
  readonly answerTo: string;
  readonly name: string;
  readonly timeout: number;
  readonly payload: unknown;
};
type Answer = { readonly id: string; readonly ok: boolean; readonly value: unknown };

const channelOf = (instanceId: string): string => `${keyPrefix}bus:${keyPart(instanceId)}`;

const record = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};

const parse = (message: string): Record<string, unknown> => {
  try {
    return record(JSON.parse(message));
  } catch {
    return {};
  }
};

const readRequest = (message: string): Request | null => {
  const { id, answerTo, name, timeout, payload } = parse(message);
  if (typeof id !== 'string' || typeof answerTo !== 'string' || typeof name !== 'string') return null;
  if (typeof timeout !== 'number' || !(timeout > 0)) return null;
  return { id, answerTo, name, timeout, payload };
};

const readAnswer = (message: string): Answer | null => {
  const { id, ok, value } = parse(message);
  return typeof id === 'string' && typeof ok === 'boolean' ? { id, ok, value } : null;
};

const isErrorCode = (code: unknown): code is ErrorCode =>
  typeof code === 'string' && Object.hasOwn(errorCatalogue, code);

const errorToWire = (error: unknown): { code: ErrorCode; message: string; details: unknown } =>
  isGatewayError(error)
    ? { code: error.code, message: error.message, details: error.details }
    : { code: 'internal', message: 'The instance that owns the session failed.', details: [] };

const errorFromWire = (value: unknown): GatewayError => {
  const { code, message, details } = record(value);
  const faults = (Array.isArray(details) ? details : []).flatMap((each) => {
    const fault = record(each);
    return typeof fault.path === 'string' && typeof fault.message === 'string'
      ? [{ path: fault.path, message: fault.message }]
      : [];
  });
  const sentence = typeof message === 'string' ? message : 'The instance that owns the session failed.';
  return new GatewayError(isErrorCode(code) ? code : 'internal', sentence, { details: faults });
};

/** Makes the bus of one instance. */
export const createCommandBus = ({ redis, log, clock = systemClock }: CommandBusOptions): CommandBus => {
  const answerChannel = `${keyPrefix}bus-answers:${newUuid()}`;
  const waiting = new Map<string, (answer: Answer) => void>();
  const handlers = new Map<string, CommandHandler>();
  const running = new Set<AbortController>();
  let listening: Promise<() => void> | null = null;

  /** Answers come to one channel of this process, subscribed with the first request. */
  const listen = (): Promise<() => void> => {
    listening ??= redis
      .subscribe(answerChannel, (message) => {
        const answer = readAnswer(message);
        if (answer !== null) waiting.get(answer.id)?.(answer);
      })
      .catch((error: unknown) => {
        listening = null;
        throw error;
      });
    return listening;
  };

  /** Runs a handler within its deadline. */
  const handle = async (
    handler: CommandHandler,
    name: string,
    payload: unknown,
    timeout: number,
  ): Promise<Omit<Answer, 'id'>> => {
    const abort = new AbortController();
    running.add(abort);
    const timer = clock.after(timeout, () => abort.abort());
    try {
      return { ok: true, value: await handler(name, payload, abort.signal) };
    } catch (error) {
      if (!isGatewayError(error)) log.error({ err: error, command: name }, 'A command from another instance failed.');
      return { ok: false, value: errorToWire(error) };
    } finally {
      timer.cancel();
      running.delete(abort);
    }
  };

  const onRequest = async (handler: CommandHandler, message: string): Promise<void> => {
    const request = readRequest(message);
    if (request === null) {
      log.warn({ bytes: message.length }, 'A message on the command bus could not be read.');
      return;
    }
    const outcome = await handle(handler, request.name, request.payload, request.timeout);
    let answer = JSON.stringify({ id: request.id, ...outcome, value: outcome.value ?? null });
    if (Buffer.byteLength(answer) > maxMessage) {
      const tooLarge = new GatewayError('payload_too_large', `The answer to ${request.name} is larger than 1 MiB.`);
      answer = JSON.stringify({ id: request.id, ok: false, value: errorToWire(tooLarge) });
    }
    await redis.publish(request.answerTo, answer);
  };

  const overRedis: CommandBus['request'] = async (instanceId, name, payload, { timeout }) => {
    await listen();
    const id = newUuid();
    const message = JSON.stringify({ id, answerTo: answerChannel, name, timeout, payload: payload ?? null });
    if (Buffer.byteLength(message) > maxMessage) {
      throw new GatewayError('payload_too_large', `The command ${name} is larger than 1 MiB.`);
    }
    const answered = new Promise<Answer>((resolve, reject) => {
      const timer = clock.after(timeout, () => {
        waiting.delete(id);
        const late = `did not answer within ${timeout} ms; the command may have been carried out`;
        reject(new GatewayError('owner_unreachable', `The instance that owns the session (${instanceId}) ${late}.`));
      });
      waiting.set(id, (answer) => {
        waiting.delete(id);
        timer.cancel();
        resolve(answer);
      });
    });
    answered.catch(() => {});
    const receivers = await redis.publish(channelOf(instanceId), message);
    // In a Cluster the count is that of one node and says nothing about the others.
    if (receivers === 0 && !redis.clustered) {
      waiting.get(id)?.({ id, ok: false, value: null });
      throw new InstanceAbsent(instanceId);
    }
    const answer = await answered;
    if (!answer.ok) throw errorFromWire(answer.value);
    return answer.value;
  };

  return {
    serve: async (instanceId, handler) => {
      handlers.set(instanceId, handler);
      const off = await redis.subscribe(channelOf(instanceId), (message) => {
        onRequest(handler, message).catch((error: unknown) =>
          log.warn({ err: error }, 'The answer to a command could not be sent.'),
        );
      });
      return () => {
        handlers.delete(instanceId);
        off();
      };
    },
    request: async (instanceId, name, payload, options) => {
      const own = handlers.get(instanceId);
      if (own === undefined) return overRedis(instanceId, name, payload, options);
      // Our own call: no way over Redis, which may be away. The values take the same shape as if they had travelled.
      const outcome = await handle(own, name, JSON.parse(JSON.stringify(payload ?? null)), options.timeout);
      if (!outcome.ok) throw errorFromWire(outcome.value);
      return JSON.parse(JSON.stringify(outcome.value ?? null));
    },
    close: () => {
      for (const abort of running) abort.abort();
      handlers.clear();
      listening?.then(
        (off) => off(),
        () => {},
      );
    },
  };
};
