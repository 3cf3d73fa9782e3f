import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestRedis, type TestRedis } from '../../../test/support/redis.js';
import { GatewayError } from '../../core/errors.js';
import { silentLogger } from '../../core/logger.js';
import { type CommandBus, createCommandBus } from './command-bus.js';
import { connectRedis, type RedisConnection } from './connection.js';
import { replyTexts } from './reply.js';

let server: TestRedis;
let connections: RedisConnection[];
let asking: CommandBus;
let serving: CommandBus;
let owner: string;
const timeout = 2_000;

const connection = async (): Promise<RedisConnection> => {
  const redis = connectRedis({ socketPath: server.socketPath, log: silentLogger });
  await redis.ready(5_000);
  connections.push(redis);
  return redis;
};

beforeAll(async () => {
  server = await startTestRedis();
});
afterAll(async () => {
  await server?.stop();
});
beforeEach(async () => {
  connections = [];
  asking = createCommandBus({ redis: await connection(), log: silentLogger });
  serving = createCommandBus({ redis: await connection(), log: silentLogger });
  owner = randomUUID();
});
afterEach(async () => {
  asking.close();
  serving.close();
  for (const redis of connections) await redis.close();
});

describe('the command bus', () => {
  it('carries a command to the instance that serves it and the answer back, leaving no key', async () => {
    await serving.serve(owner, async (name, payload) => ({ name, payload, nothing: undefined }));
    const payload = { sessionId: 's', text: 'grüße "\u2028', list: [1, null, true] };
    expect(await asking.request(owner, 'transfer', payload, { timeout })).toEqual({ name: 'transfer', payload });
    expect(await asking.request(owner, 'ping', undefined, { timeout })).toEqual({ name: 'ping', payload: null });
    expect(replyTexts(await connections[0]?.command('KEYS', '*'))).toEqual([]);
  });

  it('answers an instance that asks itself without Redis', async () => {
    await serving.serve(owner, async (_name, payload) => payload);
    server.pause();
    try {
      expect(await serving.request(owner, 'own', { a: 1 }, { timeout })).toEqual({ a: 1 });
    } finally {
      server.resume();
    }
  });

  it('brings the very error of the handler, and hides one that is not ours', async () => {
    const details = [{ path: 'destination', message: 'is not known' }];
    await serving.serve(owner, async (name) => {
      if (name === 'ours') throw new GatewayError('conflict', 'The call is being transferred already.', { details });
      throw new Error('password=hunter2');
    });
    await expect(asking.request(owner, 'ours', {}, { timeout })).rejects.toMatchObject({
      ...{ code: 'conflict', message: 'The call is being transferred already.', details },
    });
    const hidden = await asking.request(owner, 'other', {}, { timeout }).catch((error: Error) => error);
    expect(hidden).toMatchObject({ code: 'internal' });
    expect(JSON.stringify(hidden) + String(hidden)).not.toContain('hunter2');
  });

  it('says at once that an instance is not running, and does not wait for the deadline', async () => {
    await expect(asking.request(owner, 'hangup', {}, { timeout: 60_000 })).rejects.toMatchObject({
      ...{ code: 'owner_unreachable', message: `The instance that owns the session (${owner}) is not running.` },
    });
  });

  it('gives up at the deadline, and tells the handler', async () => {
    let told: AbortSignal | null = null;
    await serving.serve(owner, (_name, _payload, signal) => {
      told = signal;
      return new Promise(() => {});
    });
    await expect(asking.request(owner, 'slow', {}, { timeout: 50 })).rejects.toMatchObject({
      ...{ code: 'owner_unreachable', message: expect.stringContaining('did not answer within 50 ms') },
    });
    await expect.poll(() => (told as AbortSignal | null)?.aborted).toBe(true);
  });

  it('keeps many commands at once apart', async () => {
    await serving.serve(owner, async (_name, payload) => {
      await new Promise((resolve) => setImmediate(resolve));
      return payload;
    });
    const numbers = Array.from({ length: 500 }, (_, index) => index);
    const answers = await Promise.all(numbers.map((each) => asking.request(owner, 'echo', each, { timeout })));
    expect(answers).toEqual(numbers);
  });

  it('refuses a command and an answer beyond 1 MiB', async () => {
    await serving.serve(owner, async () => 'x'.repeat(1_100_000));
    await expect(asking.request(owner, 'big', 'x'.repeat(1_100_000), { timeout })).rejects.toMatchObject({
      code: 'payload_too_large',
    });
    await expect(asking.request(owner, 'small', '', { timeout })).rejects.toMatchObject({ code: 'payload_too_large' });
  });

  it('ignores messages it cannot read', async () => {
    await serving.serve(owner, async () => 'fine');
    const redis = connections[0] as RedisConnection;
    for (const message of [
      '',
      'null',
      '[]',
      '{"id":1}',
      '{"id":"a","answerTo":"b","name":"c","timeout":-1}',
      '{'.repeat(9_999),
    ]) {
      expect(await redis.publish(`vg:bus:${owner}`, message)).toBe(1);
    }
    expect(await asking.request(owner, 'still', {}, { timeout })).toBe('fine');
  });

  it('serves again after Redis was killed and started', async () => {
    await serving.serve(owner, async (name) => name);
    expect(await asking.request(owner, 'before', {}, { timeout })).toBe('before');
    await server.kill();
    await expect(asking.request(owner, 'during', {}, { timeout })).rejects.toMatchObject({ code: 'store_unavailable' });
    await server.start();
    await expect
      .poll(() => asking.request(owner, 'after', {}, { timeout: 500 }).catch(() => null), { timeout: 10_000 })
      .toBe('after');
  });
});
