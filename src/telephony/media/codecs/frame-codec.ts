import type { CodecName } from '../../../domain/calls/ports.js';
import {
  decodePcma,
  decodePcmu,
  encodePcma,
  encodePcmu,
  pcmaSilence,
  pcmaToPcmu,
  pcmuSilence,
  pcmuToPcma,
} from './g711.js';
import { createG722Decoder, createG722Encoder } from './g722.js';

/** Turns octets of one stream into samples; a decoder of G.722 carries on from what it has heard. */
export type FrameDecoder = {
  /** Decodes `input[start..end)` into `output` from `at` on. */
  decode(input: Uint8Array, start: number, end: number, output: Int16Array, at: number): void;
};

export type FrameEncoder = {
  /** Encodes `input[start..end)` into `output` from `at` on. */
  encode(input: Int16Array, start: number, end: number, output: Uint8Array, at: number): void;
};

/**
 * A codec of one octet a sample at 8 kHz, as the media plane uses it. G.722 is one, too: its lower band is the voice at
 * 8 kHz, so it is taken in and out without filters, resampler and their delay. Two legs of G.722 on a bridge keep the
 * upper band, since their octets pass as they are.
 */
export type FrameCodec = {
  readonly name: CodecName;
  /** The octet of a zero sample; null where it depends on what was said before. */
  readonly silence: number | null;
  /** For one stream. */
  decoder(): FrameDecoder;
  encoder(): FrameEncoder;
};

const g711 = (
  name: CodecName,
  silence: number,
  decode: FrameDecoder['decode'],
  encode: FrameEncoder['encode'],
): FrameCodec => {
  // Nothing is remembered from sample to sample: all streams share one.
  const both = { decode, encode };
  return { name, silence, decoder: () => both, encoder: () => both };
};

const codecs: ReadonlyMap<CodecName, FrameCodec> = new Map([
  ['PCMU', g711('PCMU', pcmuSilence, decodePcmu, encodePcmu)],
  ['PCMA', g711('PCMA', pcmaSilence, decodePcma, encodePcma)],
  [
    'G722',
    {
      name: 'G722',
      silence: null,
      decoder: () => createG722Decoder(8_000),
      encoder: () => createG722Encoder(8_000),
    },
  ],
]);

/** The codec of that name, or null when the media plane does not speak it. */
export const frameCodec = (name: CodecName): FrameCodec | null => codecs.get(name) ?? null;

/** Rewrites a payload of a stream from one codec to the other; `out` may be the payload itself. */
export type PayloadConverter = (payload: Uint8Array, start: number, end: number, out: Uint8Array, at: number) => void;

const pieceSamples = 480;

/** How the payloads of one stream get from one codec to another; null when nothing has to be done. */
export const payloadConverter = (from: FrameCodec, to: FrameCodec): PayloadConverter | null => {
  if (from.name === to.name) return null;
  if (from.name === 'PCMU' && to.name === 'PCMA') return pcmuToPcma;
  if (from.name === 'PCMA' && to.name === 'PCMU') return pcmaToPcmu;
  const decoder = from.decoder();
  const encoder = to.encoder();
  const samples = new Int16Array(pieceSamples);
  return (payload, start, end, out, at) => {
    for (let from = start; from < end; from += pieceSamples) {
      const count = Math.min(pieceSamples, end - from);
      decoder.decode(payload, from, from + count, samples, 0);
      encoder.encode(samples, 0, count, out, at + from - start);
    }
  };
};
