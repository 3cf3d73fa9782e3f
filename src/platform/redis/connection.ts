import { Cluster, type ClusterOptions, Pipeline, Redis, type RedisOptions } from 'ioredis';
import type { Clock, Timer } from '../../core/clock.js';
import { systemClock } from '../../core/clock.js';
import { GatewayError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import { typedEvents } from '../../core/typed-events.js';
import { type RedisEndpoint, redisEndpoint } from './endpoint.js';
import { isTimeout, isUnknownScript, storeError } from './failures.js';
import { PatientCommand } from './patient-command.js';
import type { RedisCommand, RedisReply } from './reply.js';
import type { RedisScript } from './script.js';
import { subscriber } from './subscriber.js';

export type RedisConnectOptions = {
  /** `redis://`, `rediss://` (TLS), `unix://` or `sentinel://`; several separated by commas are nodes of a Redis Cluster. */
  readonly url?: string;
  /** Path of a unix socket, instead of `url`. */
  readonly socketPath?: string;
  readonly log: Logger;
  readonly clock?: Clock;
  /**
   * ms until a command counts as unanswered; default 2,000. A busy disk holds up a Redis that writes an append-only
   * file for close to a second (measured: 0.97 s while it was rewritten), which is no outage.
   */
  readonly commandTimeout?: number;
  /** ms of the longest pause between two attempts to connect; default 1,000. */
  readonly reconnectCap?: number;
  /** ms of silence after which the socket is given up and opened anew; default 5,000. */
  readonly giveUpAfter?: number;
};

export type RedisEvents = {
  /** Redis answers (again). `outage` is how long it did not, ms; null at the first time. */
  up: { readonly outage: number | null };
  /** Redis is gone or does not answer. */
  down: { readonly reason: string };
};

/**
 * A connection that fails at once rather than waits. While Redis is away every command rejects with GatewayError
 * `store_unavailable`; nothing is queued here and nothing is sent a second time by itself, because a command whose
 * answer is missing may have been carried out. Who needs a write to survive an outage uses the outage buffer.
 */
export type RedisConnection = {
  isUp(): boolean;
  on<K extends keyof RedisEvents>(name: K, listener: (event: RedisEvents[K]) => void): () => void;
  /** Resolves when Redis answers; rejects with `store_unavailable` after `timeout` ms. */
  ready(timeout: number): Promise<void>;
  command(...command: RedisCommand): Promise<RedisReply>;
  /** Commands sent together. One may fail and the others succeed: each has its own outcome, in order. */
  pipeline(commands: readonly RedisCommand[]): Promise<readonly PipelineOutcome[]>;
  /** Runs a script atomically. On a Cluster all `keys` must share a hash tag. */
  run(script: RedisScript, keys: readonly string[], args: readonly (string | number)[]): Promise<RedisReply>;
  publish(channel: string, message: string): Promise<number>;
  /** Messages of a channel, until the returned function is called. Kept over reconnects; messages sent meanwhile are lost. */
  subscribe(channel: string, listener: (message: string) => void): Promise<() => void>;
  /** True when this is a Redis Cluster: PUBLISH then counts the receivers of one node only. */
  readonly clustered: boolean;
  /** Commands sent since the start: for benches, which count round trips. */
  commandsSent(): number;
  close(): Promise<void>;
};

export type PipelineOutcome =
  | { readonly ok: true; readonly reply: RedisReply }
  | { readonly ok: false; readonly error: GatewayError };

type Client = Redis | Cluster;

/** ms between two looks at a silent server. */
const probeInterval = 500;

/**
 * The decisions about ioredis, each on purpose:
 * - no offline queue and no retry per request: the call path hears of an outage at once;
 * - unanswered commands are not sent again after a reconnect: what may be repeated is repeated by those who number it;
 * - back-off from 50 ms doubling to the cap, for ever: an outage ends without anyone's doing;
 * - READONLY (a replica after a fail-over) reconnects, so that the new master is found.
 */
const clientOptions = (options: RedisConnectOptions): RedisOptions => ({
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  commandTimeout: options.commandTimeout ?? 2_000,
  connectTimeout: 5_000,
  maxLoadingRetryTime: 500,
  retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt - 1, 10), options.reconnectCap ?? 1_000),
  reconnectOnError: (error) => error.message.startsWith('READONLY'),
  keepAlive: 10_000,
  connectionName: 'voice-gateway',
  disableClientInfo: true,
});

/**
 * After a fail-over the connection to the old master closes (it died, or the sentinels made it close all when they demoted
 * it), answers READONLY, or stays mute until it is given up; each time the sentinels are asked anew. So their news need no
 * connections of their own, whose errors ioredis would print.
 */
const sentinelOptions = (endpoint: Extract<RedisEndpoint, { kind: 'sentinel' }>): RedisOptions => {
  const { sentinels, master, options, credentials } = endpoint;
  return {
    ...options,
    sentinels: [...sentinels],
    name: master,
    sentinelCommandTimeout: 2_000,
    sentinelRetryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt - 1, 10), 1_000),
    ...(options.tls === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: options.tls }),
    ...(credentials.username === undefined ? {} : { sentinelUsername: credentials.username }),
    ...(credentials.password === undefined ? {} : { sentinelPassword: credentials.password }),
  };
};

const openClient = (endpoint: RedisEndpoint, options: RedisOptions): Client => {
  if (endpoint.kind === 'socket') return new Redis({ ...options, path: endpoint.path });
  if (endpoint.kind === 'single') return new Redis({ ...options, ...endpoint.options });
  if (endpoint.kind === 'sentinel') return new Redis({ ...options, ...sentinelOptions(endpoint) });
  const cluster: ClusterOptions = {
    redisOptions: { ...options, ...endpoint.options },
    enableOfflineQueue: false,
    clusterRetryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt - 1, 10), 1_000),
  };
  return new Cluster([...endpoint.nodes], cluster);
};

/** Opens a connection. Returns at once: `ready` tells when Redis answers. Throws GatewayError `config_invalid` for a bad URL. */
export const connectRedis = (options: RedisConnectOptions): RedisConnection => {
  const { log } = options;
  const clock = options.clock ?? systemClock;
  const endpoint = redisEndpoint(options);
  const client = openClient(endpoint, clientOptions(options));
  const clustered = endpoint.kind === 'cluster';
  const giveUpAfter = options.giveUpAfter ?? 5_000;
  const events = typedEvents<RedisEvents>((error, name) =>
    log.error({ err: error, event: name }, 'A listener of the Redis connection failed.'),
  );
  let up = false;
  let closing = false;
  let downSince: number | null = null;
  let lastAnswer = clock.monotonic();
  let sent = 0;
  let probe: Timer | null = null;
  let lastError: Error | null = null;

  const goUp = (): void => {
    if (up || closing) return;
    up = true;
    const outage = downSince === null ? null : Math.round(clock.monotonic() - downSince);
    downSince = null;
    if (outage === null) log.info({ redis: endpoint.name }, 'Redis is connected.');
    else log.info({ redis: endpoint.name, outage }, 'Redis answers again.');
    events.emit('up', { outage });
  };

  const goDown = (reason: string): void => {
    if (!up || closing) return;
    up = false;
    downSince = clock.monotonic();
    log.error({ redis: endpoint.name, reason }, 'Redis does not answer.');
    events.emit('down', { reason });
  };

  const answered = (): void => {
    lastAnswer = clock.monotonic();
    if (!up && client.status === 'ready') goUp();
  };

  const failed = (error: unknown): GatewayError => {
    if (isTimeout(error)) goDown('a command was not answered in time');
    return storeError(error);
  };

  const unavailable = (): GatewayError =>
    new GatewayError('store_unavailable', `Redis does not answer (${endpoint.name}).`, {
      cause: lastError ?? undefined,
    });

  // The edge of ioredis: its replies are typed `unknown`, RESP 2 without maps is what RedisReply says.
  const ask = (name: string, args: readonly (string | number | Buffer)[]): Promise<RedisReply> =>
    client.sendCommand(new PatientCommand(name, args)) as Promise<RedisReply>;

  const send = async (name: string, args: readonly (string | number | Buffer)[]): Promise<RedisReply> => {
    sent += 1;
    const reply = await ask(name, args);
    answered();
    return reply;
  };

  const command = async (name: string, ...args: (string | number | Buffer)[]): Promise<RedisReply> => {
    if (!up) throw unavailable();
    try {
      return await send(name, args);
    } catch (error) {
      throw failed(error);
    }
  };

  const pipelineSingle = async (single: Redis, commands: readonly RedisCommand[]): Promise<PipelineOutcome[]> => {
    sent += commands.length;
    const batch = new Pipeline(single);
    for (const [name, ...args] of commands) batch.sendCommand(new PatientCommand(name, args));
    const outcomes: [Error | null, unknown][] = (await batch.exec()) ?? [];
    answered();
    return outcomes.map(([error, reply]) =>
      error === null ? { ok: true, reply: reply as RedisReply } : { ok: false, error: failed(error) },
    );
  };

  const pipeline = async (commands: readonly RedisCommand[]): Promise<readonly PipelineOutcome[]> => {
    if (!up) throw unavailable();
    if (commands.length === 0) return [];
    try {
      if (client instanceof Redis) return await pipelineSingle(client, commands);
    } catch (error) {
      throw failed(error);
    }
    // The nodes of a Cluster are asked side by side; ioredis pipelines cannot span slots.
    return Promise.all(
      commands.map(
        (entry): Promise<PipelineOutcome> =>
          send(entry[0], entry.slice(1)).then(
            (reply) => ({ ok: true, reply }),
            (error: unknown) => ({ ok: false, error: failed(error) }),
          ),
      ),
    );
  };

  const run: RedisConnection['run'] = async (script, keys, args) => {
    if (!up) throw unavailable();
    try {
      return await send('EVALSHA', [script.sha, keys.length, ...keys, ...args]);
    } catch (error) {
      if (!isUnknownScript(error)) throw failed(error);
    }
    // EVAL also loads the script, so the next EVALSHA finds it; an EVALSHA that was not found has done nothing.
    try {
      return await send('EVAL', [script.source, keys.length, ...keys, ...args]);
    } catch (error) {
      throw failed(error);
    }
  };

  /** Looks at a silent server: finds a hang while nothing else is asked, and its end. */
  const look = (): void => {
    probe = clock.after(probeInterval, () => {
      if (client.status === 'ready' && clock.monotonic() - lastAnswer >= probeInterval) {
        ask('PING', []).then(answered, (error: unknown) => {
          failed(error);
          // A socket that has been mute this long may be dead at the other end without a word (NAT, power loss).
          if (clock.monotonic() - lastAnswer >= giveUpAfter && client instanceof Redis && !closing) {
            lastAnswer = clock.monotonic();
            log.warn({ redis: endpoint.name }, 'The connection to Redis stays mute and is opened anew.');
            client.disconnect(true);
          }
        });
      }
      look();
    });
  };

  client.on('ready', () => {
    ask('PING', []).then(answered, failed);
  });
  client.on('close', () => goDown('the connection was closed'));
  client.on('error', (error: Error) => {
    if (lastError?.message !== error.message)
      log.warn({ redis: endpoint.name, err: error }, 'The connection to Redis failed.');
    lastError = error;
  });
  look();

  const ready = (timeout: number): Promise<void> =>
    new Promise((resolve, reject) => {
      if (up) return resolve();
      const timer = clock.after(timeout, () => {
        off();
        const why = lastError === null ? '' : `: ${lastError.message}`;
        reject(new GatewayError('store_unavailable', `Redis at ${endpoint.name} does not answer${why}.`));
      });
      const off = events.on('up', () => {
        off();
        timer.cancel();
        resolve();
      });
    });

  const subscriptions = subscriber(client, log);

  return {
    isUp: () => up,
    on: events.on,
    ready,
    command,
    pipeline,
    run,
    publish: async (channel, message) => {
      const receivers = await command('PUBLISH', channel, message);
      return typeof receivers === 'number' ? receivers : 0;
    },
    subscribe: subscriptions.subscribe,
    clustered,
    commandsSent: () => sent,
    close: async () => {
      if (closing) return;
      closing = true;
      up = false;
      probe?.cancel();
      events.clear();
      subscriptions.close();
      // QUIT lets answers on their way arrive; a server that hangs is not waited for.
      const quit = client.status === 'ready' ? client.quit().catch(() => {}) : Promise.resolve();
      await Promise.race([quit, new Promise<void>((resolve) => void clock.after(500, resolve))]);
      client.disconnect();
    },
  };
};
