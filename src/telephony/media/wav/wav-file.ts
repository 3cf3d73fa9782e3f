import { open } from 'node:fs/promises';
import { GatewayError } from '../../../core/errors.js';
import type { WavLimits } from './wav-decoder.js';
import { createWavDecoder } from './wav-decoder.js';
import { audioInvalid } from './wav-header.js';

/** Small enough that decoding and resampling one piece takes well under a frame of 20 ms. */
const pieceLength = 32 * 1024;

/**
 * Reads a WAV file as mono samples at 8 kHz, a piece at a time, so that calls go on meanwhile.
 *
 * @throws GatewayError audio_invalid, with the path in the sentence, also when there is no such file; the signal's reason
 * when aborted
 */
export const readWavFile = async (
  path: string,
  { signal, ...limits }: WavLimits & { readonly signal?: AbortSignal } = {},
): Promise<Int16Array> => {
  try {
    return await readPieces(path, limits, signal);
  } catch (cause) {
    if (signal?.aborted) throw cause;
    if (cause instanceof GatewayError) throw new GatewayError(cause.code, `${path}: ${cause.message}`, { cause });
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
    throw new GatewayError('audio_invalid', `${path}: The file cannot be read (${reason}).`, { cause });
  }
};

const readPieces = async (path: string, limits: WavLimits, signal: AbortSignal | undefined): Promise<Int16Array> => {
  const file = await open(path, 'r');
  try {
    // Opening a FIFO or a device as a prompt would wait for ever.
    if (!(await file.stat()).isFile()) throw audioInvalid('It is not a file.');
    const decoder = createWavDecoder(limits);
    const piece = Buffer.allocUnsafe(pieceLength);
    for (;;) {
      signal?.throwIfAborted();
      const { bytesRead } = await file.read(piece, 0, pieceLength, null);
      if (bytesRead === 0) return decoder.finish();
      decoder.push(piece.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
};
