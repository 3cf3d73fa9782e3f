import { execFile } from 'node:child_process';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PromptSource } from '../../domain/calls/ports.js';
import { CliError } from '../exit-codes.js';

const run = promisify(execFile);

/** What the caller says: a WAV file, a spoken text, or nothing. `release` removes what was made for it. */
export const spokenOrPlayed = async (from: {
  readonly say: string | null;
  readonly wav: string | null;
}): Promise<{ readonly source: PromptSource | null; readonly release: () => Promise<void> }> => {
  const nothing = async (): Promise<void> => {};
  if (from.wav !== null) {
    await access(from.wav).catch(() => {
      throw new CliError('usage', `--wav: there is no file ${from.wav}.`);
    });
    return { source: { type: 'wav', path: from.wav }, release: nothing };
  }
  if (from.say === null) return { source: null, release: nothing };
  const folder = await mkdtemp(join(tmpdir(), 'voice-gateway-call-'));
  const path = join(folder, 'speech.wav');
  const release = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    await run('espeak-ng', ['-w', path, '--', from.say], { timeout: 20_000 });
  } catch (error) {
    await release();
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw new CliError(
      'failed',
      missing
        ? '--say needs espeak-ng: install it (apt-get install espeak-ng), or play a file with --wav.'
        : 'espeak-ng could not speak the text.',
    );
  }
  return { source: { type: 'wav', path }, release };
};
