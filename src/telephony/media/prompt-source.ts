import { stat } from 'node:fs/promises';
import type { PromptSource } from '../../domain/calls/ports.js';
import { arrayReader, type PcmReader } from './pcm-reader.js';
import { frequencySamples, toneSamples } from './tones/tone-samples.js';
import { readWavFile } from './wav/wav-file.js';

/** Samples of decoded files a worker keeps; prompts are few and played again and again. */
const cacheLimit = 16 * 1024 * 1024;

type Cached = { readonly version: string; readonly samples: Promise<Int16Array>; length: number };

/** Decoded WAV files by path, the least recently played thrown out first. A file that changed is read anew. */
const cache = new Map<string, Cached>();

const trim = (): void => {
  let total = 0;
  for (const entry of cache.values()) total += entry.length;
  for (const [path, entry] of cache) {
    if (total <= cacheLimit || cache.size === 1) return;
    cache.delete(path);
    total -= entry.length;
  }
};

const wavSamples = async (path: string): Promise<Int16Array> => {
  // A file that cannot be looked at is refused by the reader, in its words.
  const found = await stat(path).catch(() => null);
  if (found === null) return readWavFile(path);
  const version = `${found.mtimeMs} ${found.size}`;
  const known = cache.get(path);
  const entry: Cached = known?.version === version ? known : { version, samples: readWavFile(path), length: 0 };
  cache.delete(path);
  cache.set(path, entry);
  try {
    const samples = await entry.samples;
    entry.length = samples.length;
    trim();
    return samples;
  } catch (error) {
    if (cache.get(path) === entry) cache.delete(path);
    throw error;
  }
};

/** @throws GatewayError audio_invalid when a file cannot be read. */
export const openPrompt = async (source: PromptSource, country: string): Promise<PcmReader> => {
  switch (source.type) {
    case 'wav':
      return arrayReader(await wavSamples(source.path));
    case 'tone':
      return arrayReader(toneSamples(country, source.tone));
    case 'frequency':
      return arrayReader(frequencySamples(source.hz, source.durationMs));
    case 'pcm':
      return arrayReader(source.samples);
  }
};
