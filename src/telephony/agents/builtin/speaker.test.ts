import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packageRoot } from '../../../core/entry-path.js';
import { type LogFields, type Logger, silentLogger } from '../../../core/logger.js';
import { shippedPrompts } from './shipped-prompts.js';
import { createSpeaker, type SpeakerOptions } from './speaker.js';

const shippedFolder = join(packageRoot(import.meta.url), 'assets/prompts');
const hasEspeak = spawnSync('espeak-ng', ['--version']).status === 0;
if (!hasEspeak) console.info('espeak-ng is not on this machine: speaking itself is not tested');

let folder: string;
let lines: { message: string; fields: LogFields }[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'speaker-'));
  lines = [];
  await mkdir(join(folder, 'prompts'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const log: Logger = {
  ...silentLogger,
  warn: (fields, message) => void lines.push({ fields, message }),
};
const speaker = (overrides: Partial<SpeakerOptions> = {}) =>
  createSpeaker({
    shippedFolder,
    promptFolders: [join(folder, 'prompts')],
    cacheFolder: join(folder, 'cache'),
    log,
    ...overrides,
  });
const options = { voice: null, question: 'none', keep: true, signal: new AbortController().signal } as const;
const pathOf = (spoken: { source: unknown }): string => {
  const { source } = spoken;
  return typeof source === 'object' && source !== null && 'path' in source ? String(source.path) : '';
};

/** A program in espeak-ng's place that notes its arguments and does as told. */
const standInProgram = async (body: string): Promise<string> => {
  const path = join(folder, 'speak.sh');
  await writeFile(path, `#!/bin/sh\nprintf '%s\\n' "$@" >> ${folder}/arguments\n${body}\n`);
  await chmod(path, 0o755);
  return path;
};

describe('the shipped prompts', () => {
  it.each(Object.keys(shippedPrompts))('%s is an 8 kHz mono WAV of a few seconds', async (name) => {
    const file = await readFile(join(shippedFolder, `${name}.wav`));
    expect(file.toString('latin1', 0, 4)).toBe('RIFF');
    expect(file.readUInt16LE(22)).toBe(1);
    expect(file.readUInt32LE(24)).toBe(8000);
    expect(file.length).toBeGreaterThan(8_000);
    expect(file.length).toBeLessThan(100_000);
  });
});

describe('speaking a text', () => {
  it.runIf(hasEspeak)('makes a WAV file once, however many calls want it at once, and finds it again', async () => {
    const speech = speaker();
    const [a, b] = await Promise.all([speech.say('Hello', options), speech.say('Hello', options)]);
    expect(pathOf(a)).toBe(pathOf(b));
    expect((await readFile(pathOf(a))).toString('latin1', 0, 4)).toBe('RIFF');
    expect(pathOf(await speaker().say('Hello', options))).toBe(pathOf(a));
    expect(await readdir(join(folder, 'cache'))).toHaveLength(1);
    expect(lines).toEqual([]);
  });

  it.runIf(hasEspeak)("with a caller's data in it leaves nothing behind once it is released", async () => {
    const spoken = await speaker().say('Order 17', { ...options, keep: false });
    expect(await readdir(join(folder, 'cache'))).toHaveLength(1);
    spoken.release();
    spoken.release();
    await expect.poll(() => readdir(join(folder, 'cache'))).toEqual([]);
  });

  it('hands the text over as one argument after --, whatever it looks like', async () => {
    const command = await standInProgram('while [ "$1" != "-w" ]; do shift; done; echo RIFF > "$2"');
    await speaker({ command }).say('-f /etc/passwd; $(reboot) [[h@]] \n x', options);
    const given = (await readFile(join(folder, 'arguments'), 'utf8')).trimEnd().split('\n');
    expect(given.slice(-2)).toEqual(['--', '-f /etc/passwd; $(reboot) [h@]   x']);
  });

  it('without espeak-ng a shipped prompt stands for it, with a line in the log', async () => {
    const speech = speaker({ command: join(folder, 'missing') });
    expect(pathOf(await speech.say('Goodbye', options))).toBe(join(shippedFolder, 'goodbye.wav'));
    expect(pathOf(await speech.say('Press 1', { ...options, question: 'choice' }))).toBe(
      join(shippedFolder, 'press-a-key.wav'),
    );
    expect(lines.map((line) => line.message)).toEqual([
      'a text could not be spoken',
      'a shipped prompt stands for a text that this machine cannot speak',
      'a shipped prompt stands for a text that this machine cannot speak',
    ]);
  });

  it('that fails or takes too long ends in a shipped prompt, and the next one is tried again', async () => {
    const failing = speaker({ command: await standInProgram('echo "no such voice" >&2; exit 1') });
    expect(pathOf(await failing.say('Welcome', options))).toContain('welcome.wav');
    expect(lines[0]?.fields).toEqual({ error: expect.stringContaining('no such voice') });
    const slow = speaker({ command: await standInProgram('exec sleep 30'), timeout: 100 });
    expect(pathOf(await slow.say('Welcome', options))).toContain('welcome.wav');
    expect(lines.at(-2)?.fields).toEqual({ error: expect.stringContaining('longer than 100 ms') });
    expect((await readdir(join(folder, 'cache'))).filter((name) => name.startsWith('kept'))).toEqual([]);
  });

  it('keeps the cache within its size: what was not used for longest goes', async () => {
    const command = await standInProgram('while [ "$1" != "-w" ]; do shift; done; head -c 1000 /dev/zero > "$2"');
    const speech = speaker({ command, cacheBytes: 10_000 });
    for (let index = 0; index < 50; index++) await speech.say(`text ${index}`, options);
    const names = await readdir(join(folder, 'cache'));
    expect(names).toHaveLength(10);
  });
});

describe('playing a file of a script', () => {
  it('finds it in the folder of prompts, then among the shipped ones', async () => {
    await writeFile(join(folder, 'prompts', 'jingle.wav'), 'RIFF');
    const speech = speaker();
    expect(pathOf(await speech.play('jingle.wav'))).toContain('prompts/jingle.wav');
    expect(pathOf(await speech.play('goodbye.wav'))).toBe(join(shippedFolder, 'goodbye.wav'));
  });

  it('never leaves the folder, not by name and not by link', async () => {
    await writeFile(join(folder, 'secret.wav'), 'RIFF');
    await symlink(join(folder, 'secret.wav'), join(folder, 'prompts', 'link.wav'));
    await mkdir(join(folder, 'prompts', 'folder.wav'));
    const speech = speaker();
    for (const file of ['../secret.wav', 'link.wav', join(folder, 'secret.wav'), 'folder.wav', 'none.wav', '.']) {
      expect(pathOf(await speech.play(file))).toBe(join(shippedFolder, 'announcement-unavailable.wav'));
    }
    expect(lines).toHaveLength(6);
  });
});
