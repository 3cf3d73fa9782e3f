import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endChildren, startChild } from '../../../test/support/child.js';
import type { StoreChildOrder, StoreChildReady } from '../../../test/support/store-child.js';
import { until } from '../../../test/support/until.js';
import { entryUrl } from '../../core/entry-path.js';
import { silentLogger } from '../../core/logger.js';
import { connectRedis, type RedisConnection } from './connection.js';
import { type EmbeddedRedis, startEmbeddedRedis } from './embedded.js';
import { replyText } from './reply.js';

const childEntry = entryUrl(import.meta.url, '../../../test/support/store-child.ts');

let root: string;
let dataDir: string;
let opened: EmbeddedRedis[];
let connections: RedisConnection[];
const log = silentLogger;

const start = async (
  options: { dataDir?: string; binary?: string; runtimeDir?: string } = {},
): Promise<EmbeddedRedis> => {
  const embedded = await startEmbeddedRedis({ dataDir, log, ...options });
  opened.push(embedded);
  return embedded;
};

const connectTo = async (embedded: { socketPath: string }): Promise<RedisConnection> => {
  const redis = connectRedis({ socketPath: embedded.socketPath, log });
  connections.push(redis);
  await redis.ready(5_000);
  return redis;
};

const runs = (pid: number): boolean => {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

const order = (changes: Partial<StoreChildOrder> = {}): StoreChildOrder => ({
  ...{ dataDir, instanceId: randomUUID(), orgId: 'acme', sessionIds: [randomUUID()] },
  ...changes,
});

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'vg-test-'));
  dataDir = join(root, 'data');
  opened = [];
  connections = [];
});
afterEach(async () => {
  for (const redis of connections) await redis.close();
  await endChildren();
  // A server whose gateway was killed is taken over first, so that it can be ended.
  if (opened.length === 0 && existsSync(join(dataDir, 'redis', 'server.pid'))) await start();
  for (const embedded of opened) await embedded.stop();
  rmSync(root, { recursive: true, force: true });
});

describe('embedded redis', () => {
  it('comes up on a unix socket in a session of its own, keeps its data over a stop, and leaves nothing behind', async () => {
    const first = await start();
    const redis = await connectTo(first);
    await redis.command('SET', 'kept', 'yes');
    // Field 5 of proc(5) stat is the process group: its own, so a terminal's Ctrl-C does not reach it.
    expect(readFileSync(`/proc/${first.pid()}/stat`, 'utf8').split(') ')[1]?.split(' ')[2]).toBe(String(first.pid()));
    await redis.close();
    await first.stop();
    expect(runs(first.pid())).toBe(false);
    expect(existsSync(dirname(first.socketPath))).toBe(false);
    expect(readdirSync(dataDir)).toEqual(['redis']);
    expect(readdirSync(join(dataDir, 'redis')).sort()).toEqual(['appendonlydir', 'redis.log']);
    const second = await start();
    expect(replyText(await (await connectTo(second)).command('GET', 'kept'))).toBe('yes');
    expect(second.adopted).toBe(false);
  });

  it('names the install command when there is no redis-server', async () => {
    await expect(start({ binary: 'redis-server-that-is-not-there' })).rejects.toMatchObject({
      code: 'config_invalid',
      message:
        'redis-server-that-is-not-there is not installed: install it with `sudo apt-get install redis-server` (Debian, Ubuntu) or `brew install redis` (macOS), or set REDIS_URL.',
    });
    expect(existsSync(join(dataDir, 'gateway.lock'))).toBe(false);
  });

  it('refuses a server that is too old or is none', async () => {
    const fake = (name: string, output: string): string => {
      const path = join(root, name);
      writeFileSync(path, `#!/bin/sh\necho '${output}'\n`, { mode: 0o755 });
      return path;
    };
    const old = fake('old-redis', 'Redis server v=5.0.14 sha=00000000:0 malloc=libc bits=64');
    await expect(start({ binary: old })).rejects.toThrow(`Redis 5.0.14 (${old}) is too old: 6.0 or newer is needed.`);
    await expect(start({ binary: fake('none', 'hello') })).rejects.toThrow('does not tell its version');
    await expect(start({ binary: fake('fails', '').replace('fails', 'gone') })).rejects.toThrow('is not installed');
  });

  it('says where to look when the server ends at once', async () => {
    const path = join(root, 'broken-redis');
    writeFileSync(path, '#!/bin/sh\n[ "$1" = --version ] && echo "Redis server v=7.0.0" && exit 0\nexit 3\n', {
      mode: 0o755,
    });
    await expect(start({ binary: path })).rejects.toThrow(
      `redis-server ended at once (exit code 3); its log is ${join(dataDir, 'redis', 'redis.log')}.`,
    );
    expect(existsSync(join(dataDir, 'gateway.lock'))).toBe(false);
  });

  it('is refused to a second gateway on the same DATA_DIR in one sentence, until the first has stopped', async () => {
    const first = await start();
    await expect(start()).rejects.toMatchObject({
      code: 'config_invalid',
      message: `Another gateway (process ${process.pid}) uses DATA_DIR ${dataDir}: stop it, or give this one a DATA_DIR of its own.`,
    });
    expect(runs(first.pid())).toBe(true);
    await first.stop();
    await start();
  });

  it('lets exactly one of ten gateways that start at once have the DATA_DIR', async () => {
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => start()));
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
  });

  it('works under a DATA_DIR deeper than a socket path may be long', async () => {
    dataDir = join(root, 'x'.repeat(120), 'y'.repeat(60));
    mkdirSync(dataDir, { recursive: true });
    const embedded = await start();
    expect(Buffer.byteLength(embedded.socketPath)).toBeLessThan(108);
    expect(await (await connectTo(embedded)).command('PING')).toBe('PONG');
  });

  it('uses /tmp when the temporary folder is too deep for a socket', async () => {
    const deep = join(root, 'z'.repeat(100));
    mkdirSync(deep);
    const embedded = await start({ runtimeDir: deep });
    expect(embedded.socketPath.startsWith('/tmp/vg-')).toBe(true);
  });

  it('is started again on the same data when it is killed', async () => {
    const embedded = await start();
    const redis = await connectTo(embedded);
    await redis.command('SET', 'kept', 'yes');
    const before = embedded.pid();
    process.kill(before, 'SIGKILL');
    await until('a new server', () => embedded.pid() !== before && redis.isUp());
    expect(await redis.command('GET', 'kept')).toBe('yes');
  });
});

describe('after kill -9 of the gateway', () => {
  it('its redis-server is taken over, with the data, and no second one is started', async () => {
    const child = await startChild<StoreChildReady>(childEntry, order());
    await child.end('SIGKILL');
    expect(runs(child.ready.redisPid)).toBe(true);
    const left = /^socket=(.*)$/m.exec(readFileSync(join(dataDir, 'gateway.lock'), 'utf8'))?.[1] ?? '';
    expect(existsSync(left)).toBe(true);
    const embedded = await start();
    expect(existsSync(dirname(left))).toBe(false);
    expect(embedded.adopted).toBe(true);
    expect(embedded.pid()).toBe(child.ready.redisPid);
    expect(embedded.socketPath).toBe(child.ready.socketPath);
    const redis = await connectTo(embedded);
    expect(await redis.command('ZCARD', 'vg:{acme}:live')).toBe(1);
    await embedded.stop();
    expect(runs(child.ready.redisPid)).toBe(false);
  });

  it('a redis-server that hangs is ended and its data are found by a new one', async () => {
    const child = await startChild<StoreChildReady>(childEntry, order());
    await child.end('SIGKILL');
    process.kill(child.ready.redisPid, 'SIGSTOP');
    const embedded = await start();
    expect(embedded.adopted).toBe(false);
    expect(embedded.pid()).not.toBe(child.ready.redisPid);
    expect(runs(child.ready.redisPid)).toBe(false);
    expect(await (await connectTo(embedded)).command('ZCARD', 'vg:{acme}:live')).toBe(1);
  });

  it('a redis-server whose socket was removed is ended and its data are found by a new one', async () => {
    const child = await startChild<StoreChildReady>(childEntry, order());
    await child.end('SIGKILL');
    rmSync(dirname(child.ready.socketPath), { recursive: true });
    const embedded = await start();
    expect(runs(child.ready.redisPid)).toBe(false);
    expect(await (await connectTo(embedded)).command('ZCARD', 'vg:{acme}:live')).toBe(1);
  });

  it('a process number that now belongs to another program is left alone', async () => {
    mkdirSync(join(dataDir, 'redis'), { recursive: true });
    writeFileSync(join(dataDir, 'redis', 'server.pid'), `${process.pid}\n/tmp/vg-gone/r.sock\n`);
    const embedded = await start();
    expect(embedded.adopted).toBe(false);
  });

  it('the next gateway ends the calls of the killed one at once, as nobody else can be alive', async () => {
    const killed = order();
    const child = await startChild<StoreChildReady>(childEntry, killed);
    await child.end('SIGKILL');
    const next = await startChild<StoreChildReady>(childEntry, order({ sessionIds: [] }));
    expect(next.ready.adopted).toBe(true);
    const redis = await connectTo(next.ready);
    const key = `vg:{acme}:session:${killed.sessionIds[0]}`;
    expect(await redis.command('HMGET', key, 'status', 'endReason')).toEqual(['ended', 'instance-lost']);
    expect(await redis.command('ZCARD', 'vg:{acme}:live')).toBe(0);
    await redis.close();
    await next.end('SIGKILL');
  });
});

describe('the lock of another host', () => {
  const foreign = (): void => {
    mkdirSync(dataDir, { recursive: true });
    writeFileSync(join(dataDir, 'gateway.lock'), 'pid=7\nhost=elsewhere\nsocket=/tmp/vg-lock-gone/s\ntoken=t\n');
  };

  it('holds while it is touched', async () => {
    foreign();
    await expect(start()).rejects.toThrow('Another gateway (process 7 on elsewhere) uses DATA_DIR');
  });
});
