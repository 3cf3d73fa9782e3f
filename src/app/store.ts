import { mkdir } from 'node:fs/promises';
import type { Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import type { Redactor } from '../core/redaction.js';
import { connectRedis, type RedisConnection, startEmbeddedRedis } from '../platform/redis/index.js';
import {
  checkRing,
  createVault,
  type KeyRing,
  loadKeyRing,
  redisRingChecks,
  type Vault,
} from '../platform/vault/index.js';
import type { Config } from './config.js';
import type { ShutdownStack } from './shutdown-stack.js';

/** How long a start waits for Redis, ms. */
const redisPatience = 30_000;

export type Store = {
  readonly redis: RedisConnection;
  readonly vault: Vault;
  readonly ring: KeyRing;
  readonly embedded: boolean;
};

/** Redis (the configured one or our own), and the vault whose keys must fit what Redis holds. */
export const openStore = async (
  config: Config,
  /** Learns each credential that is opened, so that none reaches the log. */
  redactor: Redactor,
  log: Logger,
  clock: Clock,
  stack: ShutdownStack,
): Promise<Store> => {
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const { ring } = loadKeyRing({
    configured: config.encryptionKeys ?? null,
    dataDir: config.dataDir,
    sharedStore: config.redis !== undefined,
  });
  const server = config.redis === undefined ? await startEmbeddedRedis({ dataDir: config.dataDir, log, clock }) : null;
  if (server !== null) stack.push('embedded redis-server', () => server.stop());
  const redis = connectRedis({
    ...(server === null ? { url: config.redis?.url ?? '' } : { socketPath: server.socketPath }),
    log,
    clock,
  });
  stack.push('redis connection', () => redis.close());
  await redis.ready(redisPatience);
  await checkRing(ring, redisRingChecks(redis));
  return { redis, ring, vault: createVault(ring, (plain) => redactor.add(plain)), embedded: server !== null };
};
