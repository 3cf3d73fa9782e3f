import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { startTestRedis, type TestRedis } from '../../../test/support/redis.js';
import { systemClock } from '../../core/clock.js';
import { silentLogger } from '../../core/logger.js';
import { connectRedis, type RedisConnection, replyText, replyTexts } from '../redis/index.js';
import { createVault, keyIdOf, parseKeyRing } from '../vault/index.js';
import { createConsoleSessions } from './console-sessions.js';
import { sharedAdminToken } from './shared-admin-token.js';

let server: TestRedis;
let redis: RedisConnection;
let folder = '';
beforeAll(async () => {
  server = await startTestRedis();
  redis = connectRedis({ socketPath: server.socketPath, log: silentLogger });
  await redis.ready(20_000);
  folder = mkdtempSync(join(tmpdir(), 'vg-sign-in-'));
});
afterAll(async () => {
  await redis?.close();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => redis.command('FLUSHALL'));

const [older, newer] = [`older:${randomBytes(32).toString('base64')}`, `newer:${randomBytes(32).toString('base64')}`];
const vaultOf = (...keys: readonly string[]) => createVault(parseKeyRing(keys.join(',')));
const fileOf = (instance: string): string => join(folder, instance, 'admin-token');
const start = (instance: string, vault = vaultOf(older)) => sharedAdminToken(fileOf(instance), { redis, vault });
const keptToken = async (): Promise<string> => replyText(await redis.command('GET', 'vg:{@admin-token}'));

it('instances that start at once have one admin token, each in its own file, and the store has it sealed', async () => {
  const starts = await Promise.all(['a', 'b', 'c'].map((instance) => start(instance)));
  const [token = ''] = starts.map(({ value }) => value);
  expect(token).toMatch(/^vga_/);
  expect(new Set(starts.map(({ value }) => value)).size).toBe(1);
  expect(starts.filter(({ created }) => created)).toHaveLength(1);
  for (const instance of ['a', 'b', 'c']) {
    expect(readFileSync(fileOf(instance), 'utf8').trim()).toBe(token);
    expect(statSync(fileOf(instance)).mode & 0o777).toBe(0o600);
  }
  expect(await keptToken()).not.toContain(token);
});

it('the token an instance had before goes to the others; one that comes later takes theirs', async () => {
  for (const [instance, token] of [
    ['old', 'vga_of-before'],
    ['late', 'vga_of-another'],
  ] as const) {
    mkdirSync(join(folder, instance));
    writeFileSync(fileOf(instance), `${token}\n`);
  }
  expect(await start('old')).toEqual({ value: 'vga_of-before', created: false });
  expect(await start('late')).toEqual({ value: 'vga_of-before', created: false });
  expect(readFileSync(fileOf('late'), 'utf8').trim()).toBe('vga_of-before');
});

it('a start with a new key in front seals the token with it, so that the old one can be retired', async () => {
  const { value } = await start('first');
  expect(keyIdOf(await keptToken())).toBe('older');
  expect((await start('second', vaultOf(newer, older))).value).toBe(value);
  expect(keyIdOf(await keptToken())).toBe('newer');
  expect((await start('third', vaultOf(newer))).value).toBe(value);
  await expect(start('stranger', vaultOf(`newer:${randomBytes(32).toString('base64')}`))).rejects.toMatchObject({
    code: 'credential_unreadable',
  });
});

it('a link signs in once, on whichever instance, within its quarter of an hour', async () => {
  const [one, other] = [0, 1].map(() => createConsoleSessions({ redis, vault: vaultOf(older), clock: systemClock }));
  const code = (await one?.code('vga_credential')) ?? '';
  const [key = ''] = replyTexts(await redis.command('KEYS', '*'));
  const kept = replyText(await redis.command('GET', key));
  expect([key.includes(code), kept.includes('vga_credential')]).toEqual([false, false]);
  const left = Number(await redis.command('PTTL', key));
  expect(left > 0 && left <= 15 * 60_000).toBe(true);
  const tries = await Promise.all([one, other, one, other].map((sessions) => sessions?.redeem(code)));
  expect(tries.filter((credential) => credential !== null)).toEqual(['vga_credential']);
  expect(await other?.redeem('never-made')).toBeNull();
});
