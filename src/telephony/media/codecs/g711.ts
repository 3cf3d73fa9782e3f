/**
 * G.711 (ITU-T G.711, 1988), PCMU (µ-law) and PCMA (A-law), by tables: 128 kB that are filled once make a frame of 20 ms
 * cost a quarter of a microsecond.
 *
 * Linear samples are 16 bits. The recommendation speaks of 14 (µ-law) and 13 bits (A-law): those are the upper bits.
 */

/** The code of a zero sample, which fills silence. */
export const pcmuSilence = 0xff;
export const pcmaSilence = 0xd5;

const pcmuToLinearTable = new Int16Array(256);
const pcmaToLinearTable = new Int16Array(256);
/** Indexed by the sample's 16 bits, read as unsigned. */
const linearToPcmuTable = new Uint8Array(65_536);
const linearToPcmaTable = new Uint8Array(65_536);
const pcmuToPcmaTable = new Uint8Array(256);
const pcmaToPcmuTable = new Uint8Array(256);

/** G.711 table 2: all bits inverted, then sign, three bits of segment, four bits within the segment. */
const decodePcmuCode = (code: number): number => {
  const inverted = ~code & 0xff;
  const magnitude = ((((inverted & 0x0f) << 1) + 33) << ((inverted >> 4) & 7)) - 33;
  return (inverted & 0x80 ? -magnitude : magnitude) << 2;
};

/** G.711 table 1: even bits inverted; the first two segments have the same step. */
const decodePcmaCode = (code: number): number => {
  const plain = code ^ 0x55;
  const segment = (plain >> 4) & 7;
  const magnitude = segment === 0 ? ((plain & 0x0f) << 1) + 1 : (((plain & 0x0f) << 1) + 33) << (segment - 1);
  return (plain & 0x80 ? magnitude : -magnitude) << 3;
};

/** The segment is the number of doublings; negative samples count from -1 so that the law is symmetric on 14 bits. */
const encodePcmuSample = (sample: number): number => {
  const negative = sample < 0;
  const magnitude = Math.min(((negative ? ~sample : sample) >> 2) + 33, 0x1fff);
  const segment = 26 - Math.clz32(magnitude);
  const code = (segment << 4) | ((magnitude >> (segment + 1)) & 0x0f);
  return ~(negative ? code | 0x80 : code) & 0xff;
};

const encodePcmaSample = (sample: number): number => {
  const negative = sample < 0;
  const magnitude = (negative ? ~sample : sample) >> 4;
  const segment = magnitude < 32 ? magnitude >> 4 : 28 - Math.clz32(magnitude);
  const within = segment === 0 ? magnitude : magnitude >> (segment - 1);
  const code = (segment << 4) | (within & 0x0f);
  return (negative ? code : code | 0x80) ^ 0x55;
};

for (let code = 0; code < 256; code++) {
  pcmuToLinearTable[code] = decodePcmuCode(code);
  pcmaToLinearTable[code] = decodePcmaCode(code);
}
for (let bits = 0; bits < 65_536; bits++) {
  const sample = (bits << 16) >> 16;
  linearToPcmuTable[bits] = encodePcmuSample(sample);
  linearToPcmaTable[bits] = encodePcmaSample(sample);
}

/**
 * Tables 3 and 4 of G.711 by magnitude: µ-law and A-law codes of the nearest value, chosen so that a conversion there
 * and back changes as little as possible. Converting by way of linear samples gives other codes for a few values.
 */
const pcmuToPcmaMagnitude = (u: number): number => {
  if (u < 16) return u >> 1;
  if (u < 33) return u - 8;
  if (u < 37) return 2 * u - 40;
  if (u < 48) return u - 4;
  if (u === 48) return 45;
  if (u < 64) return u - 2;
  return u < 81 ? u - 1 : u;
};

const pcmaToPcmuMagnitude = (a: number): number => {
  if (a < 8) return 2 * a + 1;
  if (a < 24) return a + 8;
  if (a < 32) return (a >> 1) + 20;
  if (a < 44) return a + 4;
  if (a < 48) return (a >> 1) + 26;
  if (a < 63) return a + 2;
  return a < 80 ? a + 1 : a;
};

for (let magnitude = 0; magnitude < 128; magnitude++) {
  const asPcma = pcmuToPcmaMagnitude(magnitude);
  pcmuToPcmaTable[0xff ^ magnitude] = 0xd5 ^ asPcma;
  pcmuToPcmaTable[0x7f ^ magnitude] = 0x55 ^ asPcma;
  const asPcmu = pcmaToPcmuMagnitude(magnitude);
  pcmaToPcmuTable[0xd5 ^ magnitude] = 0xff ^ asPcmu;
  pcmaToPcmuTable[0x55 ^ magnitude] = 0x7f ^ asPcmu;
}

/** Decodes `input[start..end)` into `output` from `at` on; one sample a byte. The caller sees to it that all fits. */
export const decodePcmu = (input: Uint8Array, start: number, end: number, output: Int16Array, at: number): void => {
  for (let i = start, o = at; i < end; i++, o++) output[o] = pcmuToLinearTable[input[i]!]!;
};

export const decodePcma = (input: Uint8Array, start: number, end: number, output: Int16Array, at: number): void => {
  for (let i = start, o = at; i < end; i++, o++) output[o] = pcmaToLinearTable[input[i]!]!;
};

/** Encodes `input[start..end)` into `output` from `at` on. */
export const encodePcmu = (input: Int16Array, start: number, end: number, output: Uint8Array, at: number): void => {
  for (let i = start, o = at; i < end; i++, o++) output[o] = linearToPcmuTable[input[i]! & 0xffff]!;
};

export const encodePcma = (input: Int16Array, start: number, end: number, output: Uint8Array, at: number): void => {
  for (let i = start, o = at; i < end; i++, o++) output[o] = linearToPcmaTable[input[i]! & 0xffff]!;
};

/** Converts bytes without decoding them; `output` may be `input` at the same place. */
export const pcmuToPcma = (input: Uint8Array, start: number, end: number, output: Uint8Array, at: number): void => {
  for (let i = start, o = at; i < end; i++, o++) output[o] = pcmuToPcmaTable[input[i]!]!;
};

export const pcmaToPcmu = (input: Uint8Array, start: number, end: number, output: Uint8Array, at: number): void => {
  for (let i = start, o = at; i < end; i++, o++) output[o] = pcmaToPcmuTable[input[i]!]!;
};
