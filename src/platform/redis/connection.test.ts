import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTestRedis, type TestRedis } from '../../../test/support/redis.js';
import { until } from '../../../test/support/until.js';
import { silentLogger } from '../../core/logger.js';
import { connectRedis, type RedisConnection, type RedisEvents } from './connection.js';
import { redisEndpoint } from './endpoint.js';
import { keyPart, orgKey, sharedKey } from './keys.js';
import { replyFields, replyNumber, replyText } from './reply.js';
import { scriptOf } from './script.js';

describe('where Redis is', () => {
  const read = (url: string): unknown => redisEndpoint({ url });

  it('is read from one URL, several URLs or a socket', () => {
    expect(read('redis://r1')).toMatchObject({ kind: 'single', name: 'r1:6379' });
    expect(read('rediss://us%65r:p%40ss@r1:7000/3')).toMatchObject({
      options: { host: 'r1', port: 7000, username: 'user', password: 'p@ss', db: 3, tls: { servername: 'r1' } },
    });
    expect(read('redis://[::1]:7')).toMatchObject({ options: { host: '::1', port: 7 } });
    expect(read('unix:///run/r.sock')).toMatchObject({ kind: 'socket', path: '/run/r.sock' });
    expect(read('redis://:pw@a:1, redis://b:2')).toMatchObject({
      ...{ kind: 'cluster', name: 'a:1,b:2', options: { password: 'pw' } },
      nodes: [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
      ],
    });
  });

  it('is asked of sentinels', () => {
    expect(read('sentinel://s1,s2:7000,[::1]:7001/primary')).toMatchObject({
      ...{ kind: 'sentinel', name: 'primary by s1:26379,s2:7000,::1:7001', master: 'primary', options: {} },
      sentinels: [
        { host: 's1', port: 26_379 },
        { host: 's2', port: 7000 },
        { host: '::1', port: 7001 },
      ],
    });
    expect(read('sentinels://us%65r:p%40ss@s1/primary/3?username=watch&password=w%26d')).toMatchObject({
      options: { username: 'user', password: 'p@ss', db: 3, tls: {} },
      credentials: { username: 'watch', password: 'w&d' },
    });
  });

  it('is refused in one sentence that never holds the password', () => {
    for (const url of [
      '',
      'r1:6379',
      'http://:secret@r1',
      'redis://:secret@',
      'redis://:secret%zz@r1',
      'redis://:secret@r1/x',
      'redis://:secret@a/1,redis://b',
      'sentinel://:secret@s1',
      'sentinel://:secret@s1:x/primary',
      'sentinel://:secret@/primary',
      'sentinel://:secret%zz@s1/primary',
      'sentinel://:secret@s1/primary?pasword=secret',
      'sentinel://:secret@s1/primary/all',
    ]) {
      let message = '';
      try {
        read(url);
      } catch (error) {
        message = (error as Error).message;
      }
      expect(message).toMatch(/^REDIS_URL .*\.$/);
      expect(message).not.toContain('secret');
    }
  });
});

describe('keys', () => {
  it('keep what comes from outside from naming another key or slot', () => {
    expect(orgKey('acme', 'session', 'x')).toBe('vg:{acme}:session:x');
    expect(orgKey('a}{b', 'a:b', '')).toBe('vg:{a%7D%7Bb}:a%3Ab:%');
    expect(sharedKey('instances', 'beats')).toBe('vg:{@instances}:beats');
    expect(orgKey('@instances', 'beats')).not.toBe(sharedKey('instances', 'beats'));
    expect(keyPart('+1 (415)')).toBe('%2B1%20%28415%29');
    expect(keyPart('\ud800')).toBe('%EF%BF%BD');
  });
});

describe('a connection', () => {
  let server: TestRedis;
  let redis: RedisConnection;
  let events: [string, RedisEvents['up'] | RedisEvents['down']][];

  beforeEach(async () => {
    server = await startTestRedis();
    redis = connectRedis({ socketPath: server.socketPath, log: silentLogger, commandTimeout: 200, reconnectCap: 100 });
    events = [];
    redis.on('up', (event) => events.push(['up', event]));
    redis.on('down', (event) => events.push(['down', event]));
    await redis.ready(5_000);
  });
  afterEach(async () => {
    await redis.close();
    await server.stop();
  });

  it('gives commands, pipelines and scripts their replies, and each command of a pipeline its own outcome', async () => {
    await redis.command('HSET', 'h', 'a', 1, 'b', 'zwei');
    expect(replyFields(await redis.command('HGETALL', 'h'))).toEqual(
      new Map([
        ['a', '1'],
        ['b', 'zwei'],
      ]),
    );
    const outcomes = await redis.pipeline([
      ['INCR', 'n'],
      ['INCR', 'h'],
      ['GET', 'n'],
    ]);
    expect(outcomes.map((each) => (each.ok ? each.reply : each.error.code))).toEqual([1, 'internal', '1']);
    const script = scriptOf('echo', 'return {KEYS[1], ARGV[1]}');
    expect(await redis.run(script, ['k'], ['v'])).toEqual(['k', 'v']);
    await redis.command('SCRIPT', 'FLUSH');
    expect(await redis.run(script, ['k'], [2])).toEqual(['k', '2']);
  });

  it('refuses a wrong command as a fault of ours, and a full memory as an outage', async () => {
    await expect(redis.command('HGET', 'x')).rejects.toMatchObject({ code: 'internal' });
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    await expect(redis.command('SET', 'a', 'b')).rejects.toMatchObject({ code: 'store_unavailable' });
    const script = scriptOf('set', "return redis.call('SET', KEYS[1], 'x')");
    await expect(redis.run(script, ['k'], [])).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(redis.isUp()).toBe(true);
  });

  it('fails at once while the server is gone, and is up again by itself', async () => {
    await server.kill();
    await expect.poll(() => redis.isUp()).toBe(false);
    const begun = performance.now();
    await expect(redis.command('GET', 'a')).rejects.toMatchObject({ code: 'store_unavailable' });
    await expect(redis.run(scriptOf('one', 'return 1'), [], [])).rejects.toMatchObject({ code: 'store_unavailable' });
    await expect(redis.pipeline([['GET', 'a']])).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(performance.now() - begun).toBeLessThan(100);
    await server.start();
    await redis.ready(5_000);
    expect(events.map(([name]) => name)).toEqual(['up', 'down', 'up']);
    expect(events[2]?.[1]).toMatchObject({ outage: expect.any(Number) });
  });

  it('finds out that the server hangs although nobody asks, and that it goes on', async () => {
    server.pause();
    await expect.poll(() => redis.isUp(), { timeout: 3_000 }).toBe(false);
    await expect(redis.command('GET', 'a')).rejects.toMatchObject({ code: 'store_unavailable' });
    server.resume();
    await redis.ready(5_000);
    expect(replyNumber(await redis.command('INCR', 'n'))).toBe(1);
  });

  it('does not take it for silence of the server when this process itself did not run', async () => {
    const standStill = (ms: number): void => {
      const end = performance.now() + ms;
      while (performance.now() < end);
    };
    const answers = [redis.command('INCR', 'n'), redis.pipeline([['INCR', 'n']]).then(([outcome]) => outcome?.ok)];
    standStill(600);
    expect(await Promise.all(answers)).toEqual([1, true]);
    // A pause of the whole machine: the server goes on together with us, and answers after our timers have come.
    server.pause();
    const later = redis.command('INCR', 'n');
    standStill(600);
    server.resume();
    expect(await later).toBe(3);
    expect(events.map(([name]) => name)).toEqual(['up']);
  });

  it('never carries out a command twice over an outage', async () => {
    server.pause();
    const first = redis.command('INCR', 'n').catch((error: Error) => error);
    expect(await first).toMatchObject({ code: 'store_unavailable' });
    server.resume();
    await redis.ready(5_000);
    // It was in the socket when the server went on: carried out once, late; ioredis has not sent it again.
    expect(replyText(await redis.command('GET', 'n'))).toBe('1');
  });

  it('opens a new socket when the old one stays mute, and keeps its subscriptions', async () => {
    const warnings: string[] = [];
    const log = { ...silentLogger, warn: (_fields: object, message: string) => void warnings.push(message) };
    const patient = connectRedis({ socketPath: server.socketPath, log, commandTimeout: 100, giveUpAfter: 300 });
    try {
      await patient.ready(5_000);
      const before = await patient.command('CLIENT', 'ID');
      const heard: string[] = [];
      await patient.subscribe('news', (message) => heard.push(message));
      server.pause();
      await until('the socket to be given up', () =>
        warnings.includes('The connection to Redis stays mute and is opened anew.'),
      );
      server.resume();
      await patient.ready(10_000);
      expect(await patient.command('CLIENT', 'ID')).not.toBe(before);
      await until('a message', () => patient.publish('news', 'x').then(() => heard.length > 0));
    } finally {
      await patient.close();
    }
  });

  it('hands a message to the listeners of its channel until they leave', async () => {
    const heard: string[] = [];
    const off = await redis.subscribe('a', (message) => heard.push(`1${message}`));
    await redis.subscribe('a', () => {
      throw new Error('a listener that fails breaks nobody');
    });
    await redis.subscribe('a', (message) => heard.push(`3${message}`));
    await redis.publish('a', 'x');
    await expect.poll(() => heard).toEqual(['1x', '3x']);
    off();
    await redis.publish('a', 'y');
    await expect.poll(() => heard).toEqual(['1x', '3x', '3y']);
  });

  it('says in one sentence why it is not ready', async () => {
    const nowhere = connectRedis({ url: 'redis://127.0.0.1:1', log: silentLogger });
    await expect(nowhere.ready(300)).rejects.toThrow(
      'Redis at 127.0.0.1:1 does not answer: connect ECONNREFUSED 127.0.0.1:1.',
    );
    await nowhere.close();
  });
});
