import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { GatewayError } from '../core/errors.js';
import { silentLogger } from '../core/logger.js';
import { type ManualClock, manualClock } from '../core/manual-clock.js';
import { type CommandBus, type CommandHandler, InstanceAbsent } from '../platform/redis/index.js';
import { createVault, parseKeyRing } from '../platform/vault/index.js';
import { createRecordings, type Recordings } from './recordings.js';
import { openRecordingsFolder } from './recordings-folder.js';

const session = '11111111-2222-4333-8444-555555555555';
const file = `${session}-2.wav`;
const vault = createVault(parseKeyRing(`k:${randomBytes(32).toString('base64')}`));

let root: string;
let clock: ManualClock;
let handlers: Map<string, CommandHandler>;
/** What went over the bus. */
let told: string[];
let bus: CommandBus;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'vg-recordings-'));
  clock = manualClock();
  handlers = new Map();
  told = [];
  bus = {
    async serve(id, handler) {
      handlers.set(id, handler);
      return () => void handlers.delete(id);
    },
    async request(id, name, payload) {
      const handler = handlers.get(id);
      if (handler === undefined) throw new InstanceAbsent(id);
      const answer = await handler(name, JSON.parse(JSON.stringify(payload)), new AbortController().signal);
      told.push(JSON.stringify(answer ?? null));
      return JSON.parse(told.at(-1) ?? '');
    },
    close: () => {},
  };
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const instance = async (name: string): Promise<{ readonly recordings: Recordings; readonly part: Part }> => {
  const place = await openRecordingsFolder(join(root, name));
  const recordings = createRecordings({
    ...{ place, bus, vault, clock, log: silentLogger, retention: 60_000 },
    sessions: { locate: async () => null },
  });
  return { recordings, part: { part: 2, file, at: 0, store: place.store, host: 'voice-1' } };
};
type Part = Parameters<Recordings['parts']['open']>[0];

const all = async (stream: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
};

it('fetches a recording from the instance that has its folder, sealed and in pieces, and says where it was when that is gone', async () => {
  const [owner, other] = [await instance('one'), await instance('two')];
  const sound = Buffer.alloc(300_000, 'what people said');
  writeFileSync(join(root, 'one/recordings', file), sound);
  let stop = await owner.recordings.serve();
  const { parts } = other.recordings;
  const found = await parts.open(owner.part);
  expect(found.bytes).toBe(sound.length);
  expect((await all(found.read(0, found.bytes - 1))).equals(sound)).toBe(true);
  expect(await all(found.read(5, 11))).toEqual(sound.subarray(5, 12));
  expect(Math.max(...told.map((each) => each.length))).toBeLessThan(256 * 1024);
  expect(told.join('')).not.toContain(sound.subarray(0, 30).toString('base64').slice(0, 30));
  expect(await parts.sizes([owner.part])).toEqual(new Map([[file, sound.length]]));

  stop();
  await expect(parts.open(owner.part)).rejects.toMatchObject({
    code: 'not_found',
    message: `The recording is in the folder of voice-1 (${owner.part.store}), which no instance that is running has.`,
  });
  await expect(parts.remove(owner.part)).rejects.toMatchObject({ code: 'not_found' });
  // A list has it still.
  expect(await parts.sizes([owner.part])).toEqual(new Map([[file, null]]));

  // Another process with the same folder is found as the one before it was.
  const again = await instance('one');
  stop = await again.recordings.serve();
  expect((await parts.open(owner.part)).bytes).toBe(sound.length);
  await parts.remove(owner.part);
  expect(existsSync(join(root, 'one/recordings', file))).toBe(false);
  await expect(parts.open(owner.part)).rejects.toMatchObject({ code: 'not_found', message: /and is not any more/ });
  stop();
});

it('says of an instance that does not answer that it may do so later', async () => {
  const other = await instance('two');
  bus = {
    ...bus,
    request: () => Promise.reject(new GatewayError('owner_unreachable', 'It did not answer within 5000 ms.')),
  };
  const late = await instance('three');
  const elsewhere = { ...other.part, store: '99999999-0000-4000-8000-000000000000' };
  await expect(late.recordings.parts.open(elsewhere)).rejects.toMatchObject({
    code: 'owner_unreachable',
    message: expect.stringContaining('the folder of voice-1'),
  });
});

it('reads a folder that is shared without asking anybody', async () => {
  const [one, two] = [await instance('shared'), await instance('shared')];
  writeFileSync(join(root, 'shared/recordings', file), 'RIFF');
  const found = await two.recordings.parts.open(one.part);
  expect((await all(found.read(0, 3))).toString()).toBe('RIFF');
  await two.recordings.parts.remove(one.part);
  await expect(one.recordings.parts.open(one.part)).rejects.toMatchObject({ code: 'not_found' });
  expect(told).toEqual([]);
});

it('gives nothing but recordings, whoever asks', async () => {
  const owner = await instance('one');
  const stop = await owner.recordings.serve();
  const ask = (name: string, payload: unknown) =>
    bus.request(`${owner.part.store}.recordings`, name, payload, { timeout: 1_000 });
  for (const [name, payload] of [
    ['piece', { file: '../redis/dump.rdb', from: 0, to: 10 }],
    ['piece', { file: '.store', from: 0, to: 10 }],
    ['piece', { file, from: 0, to: 10_000_000 }],
    ['piece', { file, from: -1, to: 10 }],
    ['sizes', { files: ['../admin-token'] }],
    ['remove', { file: '../admin-token' }],
    ['constructor', {}],
  ] as const) {
    await expect(ask(name, payload), name).rejects.toMatchObject({ code: 'bad_request' });
  }
  stop();
});

it('sweeps its folder now and then, and not after its end', async () => {
  const owner = await instance('one');
  const path = join(root, 'one/recordings', file);
  const old = clock.now() / 1_000 - 120;
  const make = (): void => {
    writeFileSync(path, 'RIFF');
    utimesSync(path, old, old);
  };
  make();
  const stop = await owner.recordings.serve();
  clock.advance(600_000);
  await expect.poll(() => readdirSync(join(root, 'one/recordings')), { timeout: 30_000 }).toEqual(['.store']);
  await expect.poll(() => clock.pending(), { timeout: 30_000 }).toBe(1);
  stop();
  expect(clock.pending()).toBe(0);
});
