import { GatewayError } from '../../../core/errors.js';

/** How samples lie in a WAV file. */
export type WavEncoding = 'pcm8' | 'pcm16' | 'pcm24' | 'float32' | 'pcmu' | 'pcma';

export type WavFormat = {
  readonly encoding: WavEncoding;
  readonly channels: number;
  readonly sampleRate: number;
  /** Of one sample of all channels. */
  readonly bytesPerFrame: number;
};

/** Rates between which and 8 kHz the resampler converts. */
export const wavSampleRates: readonly number[] = [
  8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000,
];
const mostChannels = 8;

export const audioInvalid = (sentence: string): GatewayError => new GatewayError('audio_invalid', sentence);

const formatTags = { pcm: 1, float: 3, pcma: 6, pcmu: 7, extensible: 0xfffe } as const;

const encodings: ReadonlyMap<string, readonly [WavEncoding, number]> = new Map([
  [`${formatTags.pcm}/8`, ['pcm8', 1]],
  [`${formatTags.pcm}/16`, ['pcm16', 2]],
  [`${formatTags.pcm}/24`, ['pcm24', 3]],
  [`${formatTags.float}/32`, ['float32', 4]],
  [`${formatTags.pcma}/8`, ['pcma', 1]],
  [`${formatTags.pcmu}/8`, ['pcmu', 1]],
]);

/**
 * Reads the body of a `fmt ` chunk.
 *
 * @throws GatewayError audio_invalid with a sentence that says what is not supported
 */
export const parseFormatChunk = (body: Buffer): WavFormat => {
  if (body.length < 16) throw audioInvalid(`The format chunk of the WAV file has ${body.length} bytes instead of 16.`);
  let tag = body.readUInt16LE(0);
  const channels = body.readUInt16LE(2);
  const sampleRate = body.readUInt32LE(4);
  const bits = body.readUInt16LE(14);
  // The true tag of the extensible form is the beginning of its sub-format GUID.
  if (tag === formatTags.extensible && body.length >= 26) tag = body.readUInt16LE(24);
  const encoding = encodings.get(`${tag}/${bits}`);
  if (encoding === undefined) {
    throw audioInvalid(
      `The WAV file has format ${tag} with ${bits} bits; 8, 16 and 24 bits PCM, 32 bits float, A-law and µ-law are supported.`,
    );
  }
  if (channels < 1 || channels > mostChannels) {
    throw audioInvalid(`The WAV file has ${channels} channels; 1 to ${mostChannels} are supported.`);
  }
  if (!wavSampleRates.includes(sampleRate)) {
    throw audioInvalid(`The WAV file has ${sampleRate} samples a second; supported are ${wavSampleRates.join(', ')}.`);
  }
  return { encoding: encoding[0], channels, sampleRate, bytesPerFrame: encoding[1] * channels };
};

export const wavHeaderLength = 44;

/** Header of a file of 16-bit PCM with `dataBytes` bytes behind it. */
export const wavHeader = (channels: number, sampleRate: number, dataBytes: number): Buffer => {
  const header = Buffer.alloc(wavHeaderLength);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(wavHeaderLength - 8 + dataBytes, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(formatTags.pcm, 20);
  header.writeUInt16LE(channels, 22);
  header.writeUInt32LE(sampleRate, 24);
  header.writeUInt32LE(sampleRate * channels * 2, 28);
  header.writeUInt16LE(channels * 2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(dataBytes, 40);
  return header;
};
