import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openRecordingsFolder, recordingFiles } from './recordings-folder.js';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'vg-recordings-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

it('has one id for all who open the folder, at once or later', async () => {
  const together = await Promise.all(Array.from({ length: 5 }, () => openRecordingsFolder(dataDir)));
  const later = await openRecordingsFolder(dataDir);
  expect(new Set([...together, later].map(({ store }) => store)).size).toBe(1);
  expect(later.store).toMatch(/^[0-9a-f-]{36}$/);
});

it('removes what is old and of no session any more, and nothing else', async () => {
  const { folder } = await openRecordingsFolder(dataDir);
  const ids = ['a', 'b', 'c'].map((digit) => `${digit.repeat(8)}-0000-4000-8000-000000000000`);
  const [gone, kept, young] = ids as [string, string, string];
  const now = Date.now();
  const make = (name: string, ageSeconds: number): void => {
    writeFileSync(join(folder, name), 'RIFF');
    utimesSync(join(folder, name), (now - 1_000 * ageSeconds) / 1_000, (now - 1_000 * ageSeconds) / 1_000);
  };
  make(`${gone}.wav`, 100);
  make(`${gone}-2.wav`, 100);
  make(`${kept}.wav`, 100);
  make(`${young}.wav`, 10);
  make('notes.wav', 100);
  make(`${gone}.wav.part`, 100);
  const asked: string[] = [];
  const files = recordingFiles(folder);
  const removed = await files.sweep(now - 60_000, async (id) => {
    asked.push(id);
    return id === kept;
  });
  expect(removed).toBe(2);
  expect(readdirSync(folder).sort()).toEqual(
    ['.store', `${kept}.wav`, `${young}.wav`, 'notes.wav', `${gone}.wav.part`].sort(),
  );
  expect(new Set(asked)).toEqual(new Set([gone, kept]));
  // Whoever cannot ask removes nothing.
  make(`${gone}.wav`, 100);
  await expect(files.sweep(now - 60_000, () => Promise.reject(new Error('Redis is away')))).rejects.toThrow('away');
  expect(await files.size(`${gone}.wav`)).toBe(4);
});
