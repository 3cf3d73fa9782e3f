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

/** A codec of one octet a sample at 8 kHz, as the media plane uses it. */
export type FrameCodec = {
  readonly name: CodecName;
  /** The octet of a zero sample. */
  readonly silence: number;
  /** Decodes `input[start..end)` into `output` from `at` on. */
  decode(input: Uint8Array, start: number, end: number, output: Int16Array, at: number): void;
  /** Encodes `input[start..end)` into `output` from `at` on. */
  encode(input: Int16Array, start: number, end: number, output: Uint8Array, at: number): void;
};

const pcmu: FrameCodec = { name: 'PCMU', silence: pcmuSilence, decode: decodePcmu, encode: encodePcmu };
const pcma: FrameCodec = { name: 'PCMA', silence: pcmaSilence, decode: decodePcma, encode: encodePcma };

const codecs: ReadonlyMap<CodecName, FrameCodec> = new Map([
  ['PCMU', pcmu],
  ['PCMA', pcma],
]);

/** The codec of that name, or null when the media plane does not speak it. */
export const frameCodec = (name: CodecName): FrameCodec | null => codecs.get(name) ?? null;

/** Rewrites a payload in place from one codec to the other. */
export type PayloadConverter = (payload: Uint8Array, start: number, end: number, out: Uint8Array, at: number) => void;

/** How payloads get from one codec to another without being decoded; null when nothing has to be done. */
export const payloadConverter = (from: FrameCodec, to: FrameCodec): PayloadConverter | null => {
  if (from.name === to.name) return null;
  return from.name === 'PCMU' ? pcmuToPcma : pcmaToPcmu;
};
