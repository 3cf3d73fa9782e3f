import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../../src/core/logger.js';
import { connectRedis } from '../../src/platform/redis/index.js';
import { freePort } from './ports.js';
import { until } from './until.js';

export type RedisCluster = {
  /** For REDIS_URL. */
  readonly url: string;
  stop(): Promise<void>;
};

/** Asks one redis-server on a port of this machine. */
export const askRedis = async (port: number, ...command: [string, ...(string | number)[]]): Promise<unknown> => {
  const redis = connectRedis({ url: `redis://127.0.0.1:${port}`, log: silentLogger, reconnectCap: 50 });
  try {
    await redis.ready(20_000);
    return await redis.command(...command);
  } finally {
    await redis.close();
  }
};

type Node = { readonly child: ChildProcess; readonly port: number; readonly busPort: number };

const startNode = async (dir: string, index: number): Promise<Node> => {
  const [port, busPort] = [await freePort(), await freePort()];
  const listen = ['--port', String(port), '--cluster-port', String(busPort), '--bind', '127.0.0.1'];
  const cluster = ['--cluster-enabled', 'yes', '--cluster-config-file', `nodes-${index}.conf`];
  const args = [...listen, ...cluster, '--cluster-node-timeout', '2000', '--dir', dir, '--save', ''];
  return { child: spawn('redis-server', args, { stdio: 'ignore' }), port, busPort };
};

/** Three masters, each with a third of the slots, without replicas. */
export const startRedisCluster = async (): Promise<RedisCluster> => {
  const dir = mkdtempSync(join(tmpdir(), 'vg-test-'));
  const nodes = await Promise.all([0, 1, 2].map((index) => startNode(dir, index)));
  const bounds = [0, 5_461, 10_923, 16_384];
  for (const [index, { port }] of nodes.entries()) {
    await askRedis(port, 'CLUSTER', 'ADDSLOTSRANGE', bounds[index] ?? 0, (bounds[index + 1] ?? 0) - 1);
    await askRedis(port, 'CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
  }
  const [first, ...others] = nodes;
  for (const { port, busPort } of others) {
    await askRedis(first?.port ?? 0, 'CLUSTER', 'MEET', '127.0.0.1', port, busPort);
  }
  for (const { port } of nodes) {
    await until(
      'the cluster',
      async () => String(await askRedis(port, 'CLUSTER', 'INFO')).includes('cluster_state:ok'),
      30_000,
    );
  }
  return {
    url: nodes.map(({ port }) => `redis://127.0.0.1:${port}`).join(','),
    stop: async () => {
      for (const { child } of nodes) {
        const gone = once(child, 'exit');
        child.kill('SIGKILL');
        await gone;
      }
      rmSync(dir, { recursive: true, force: true });
    },
  };
};
