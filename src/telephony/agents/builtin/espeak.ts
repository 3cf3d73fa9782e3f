import { spawn } from 'node:child_process';
import { GatewayError } from '../../../core/errors.js';

/** Longest text spoken in one go, characters: as much as a script may say. */
export const MAX_SPOKEN = 2000;

const WORDS_PER_MINUTE = '160';

export type SpeakRequest = {
  readonly text: string;
  readonly voice: string;
  /** Where the WAV file goes. */
  readonly file: string;
  /** ms until the process is ended. */
  readonly timeout: number;
  readonly signal: AbortSignal;
};

/** Text as espeak-ng may have it: no control characters, no `[[…]]`, which it would read as phonemes. */
const speakable = (text: string): string =>
  text
    .replace(/[\u0000-\u001f\u007f]/g, ' ')
    .replaceAll('[[', '[')
    .replaceAll(']]', ']')
    .slice(0, MAX_SPOKEN);

/**
 * Speaks a text into a WAV file with espeak-ng, in a child process without a shell; the text is an argument after `--`,
 * so nothing in it can be an option. Rejects with GatewayError not_available when the machine has no espeak-ng, with
 * internal when it fails or takes too long, with the signal's reason when aborted.
 */
export const espeak = (request: SpeakRequest, command = 'espeak-ng'): Promise<void> =>
  new Promise((resolve, reject) => {
    const { signal } = request;
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const args = ['-v', request.voice, '-s', WORDS_PER_MINUTE, '-w', request.file, '--', speakable(request.text)];
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], shell: false });
    let stderr = '';
    let fault: unknown = null;
    const end = (why: unknown): void => {
      fault ??= why;
      child.kill('SIGKILL');
    };
    const onAbort = (): void => end(signal.reason);
    const timer = setTimeout(
      () => end(new GatewayError('internal', `espeak-ng took longer than ${request.timeout} ms.`)),
      request.timeout,
    );
    signal.addEventListener('abort', onAbort);
    child.stderr.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString()).slice(0, 500);
    });
    child.once('error', (error) => {
      const missing = 'code' in error && error.code === 'ENOENT';
      fault ??= missing
        ? new GatewayError('not_available', 'This machine has no espeak-ng.')
        : new GatewayError('internal', 'espeak-ng could not be started.', { cause: error });
    });
    const settle = (code: number | null): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      child.stderr.destroy();
      if (fault !== null) reject(fault);
      else if (code === 0) resolve();
      else reject(new GatewayError('internal', `espeak-ng failed with ${code}: ${stderr.trim().split('\n')[0] ?? ''}`));
    };
    // One that was killed is not waited for any longer: something it started may hold its output open.
    child.once('exit', (code) => {
      if (fault !== null) settle(code);
    });
    child.once('close', settle);
  });
