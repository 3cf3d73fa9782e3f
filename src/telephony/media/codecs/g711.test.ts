import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
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

const allCodes = Uint8Array.from({ length: 256 }, (_, code) => code);
const allSamples = Int16Array.from({ length: 65_536 }, (_, bits) => bits - 32_768);

const decodeAll = (decode: typeof decodePcmu): Int16Array => {
  const out = new Int16Array(256);
  decode(allCodes, 0, 256, out, 0);
  return out;
};
const encodeAll = (encode: typeof encodePcmu): Uint8Array => {
  const out = new Uint8Array(65_536);
  encode(allSamples, 0, 65_536, out, 0);
  return out;
};

/** Decision values of G.711 tables 1a and 2a (positive half), in the recommendation's own units. */
const segments = (first: readonly number[], widths: readonly [number, number][]): number[] => {
  const values = [...first];
  for (const [count, step] of widths) {
    for (let i = 0; i < count; i++) values.push(values[values.length - 1]! + step);
  }
  return values;
};
const pcmuDecisions = segments(
  [0, 1],
  [
    [15, 2],
    [16, 4],
    [16, 8],
    [16, 16],
    [16, 32],
    [16, 64],
    [16, 128],
    [16, 256],
  ],
);
const pcmaDecisions = segments(
  [0],
  [
    [32, 2],
    [16, 4],
    [16, 8],
    [16, 16],
    [16, 32],
    [16, 64],
    [16, 128],
  ],
);

describe('G.711', () => {
  it('has the decision values that the recommendation prints', () => {
    expect(pcmuDecisions.length).toBe(129);
    expect(pcmuDecisions[128]).toBe(8159);
    expect([pcmuDecisions[113], pcmuDecisions[97], pcmuDecisions[17], pcmuDecisions[1]]).toEqual([4319, 2143, 35, 1]);
    expect(pcmaDecisions.length).toBe(129);
    expect(pcmaDecisions[128]).toBe(4096);
    expect([pcmaDecisions[113], pcmaDecisions[97], pcmaDecisions[33]]).toEqual([2176, 1088, 68]);
  });

  it('decodes every code to the value in the middle of its interval', () => {
    const pcmu = decodeAll(decodePcmu);
    const pcma = decodeAll(decodePcma);
    for (let n = 0; n < 128; n++) {
      const u = n === 0 ? 0 : (pcmuDecisions[n]! + pcmuDecisions[n + 1]!) / 2;
      expect(pcmu[0xff - n]).toBe(u * 4);
      expect(pcmu[0x7f - n]).toBe(u === 0 ? 0 : -u * 4);
      const a = (pcmaDecisions[n]! + pcmaDecisions[n + 1]!) / 2;
      expect(pcma[0xd5 ^ n]).toBe(a * 8);
      expect(pcma[0x55 ^ n]).toBe(-a * 8);
    }
  });

  it('encodes every positive sample by the decision values and clips at the last one', () => {
    const pcmu = encodeAll(encodePcmu);
    const pcma = encodeAll(encodePcma);
    for (let sample = 0; sample < 32_768; sample++) {
      const u = Math.min(
        127,
        pcmuDecisions.findLastIndex((value) => value <= sample / 4),
      );

      if (pcmu[sample + 32_768] !== 0xff - u) expect.fail(`µ-law of ${sample} is ${pcmu[sample + 32_768]}`);
      const a = pcmaDecisions.findLastIndex((value) => value <= sample / 8);
      if (pcma[sample + 32_768] !== (0xd5 ^ a)) expect.fail(`A-law of ${sample} is ${pcma[sample + 32_768]}`);
    }
  });

  it('encodes negative samples as the mirror of the positive ones', () => {
    const pcmu = encodeAll(encodePcmu);
    const pcma = encodeAll(encodePcma);
    for (let sample = 0; sample < 32_768; sample++) {
      const mirrored = (codes: Uint8Array): boolean => (codes[~sample + 32_768]! ^ 0x80) === codes[sample + 32_768];
      if (!mirrored(pcmu) || !mirrored(pcma)) expect.fail(`${~sample} is not the mirror of ${sample}`);
    }
  });

  it('gives each code back after decoding, but for the second zero of µ-law', () => {
    for (const [decode, encode] of [
      [decodePcmu, encodePcmu],
      [decodePcma, encodePcma],
    ] as const) {
      const back = new Uint8Array(256);
      encode(decodeAll(decode), 0, 256, back, 0);
      for (let code = 0; code < 256; code++) {
        const expected = decode === decodePcmu && code === 0x7f ? 0xff : code;
        expect(back[code]).toBe(expected);
      }
    }
  });

  it('has silence that decodes to nothing that can be heard', () => {
    expect(decodeAll(decodePcmu)[pcmuSilence]).toBe(0);
    expect(Math.abs(decodeAll(decodePcma)[pcmaSilence]!)).toBe(8);
  });

  it('converts between the laws to a code as near as the best one', () => {
    const uValues = Array.from(decodeAll(decodePcmu));
    const aValues = Array.from(decodeAll(decodePcma));
    const toA = new Uint8Array(256);
    const toU = new Uint8Array(256);
    pcmuToPcma(allCodes, 0, 256, toA, 0);
    pcmaToPcmu(allCodes, 0, 256, toU, 0);
    for (let code = 0; code < 256; code++) {
      // Within a quarter of an interval of the nearest: the tables of G.711 trade nearness for transparency.
      const nearestA = Math.min(...aValues.map((value) => Math.abs(value - uValues[code]!)));
      expect(Math.abs(aValues[toA[code]!]! - uValues[code]!) - nearestA).toBeLessThanOrEqual(
        Math.max(8, Math.abs(uValues[code]!) / 32),
      );
      const nearestU = Math.min(...uValues.map((value) => Math.abs(value - aValues[code]!)));
      expect(Math.abs(uValues[toU[code]!]! - aValues[code]!) - nearestU).toBeLessThanOrEqual(
        Math.max(8, Math.abs(aValues[code]!) / 32),
      );
    }
  });

  it('converts by tables 3 and 4 of the recommendation, as other implementations print them', () => {
    const digest = (convert: typeof pcmuToPcma): string => {
      const out = new Uint8Array(256);
      convert(allCodes, 0, 256, out, 0);
      return createHash('sha256').update(out).digest('hex');
    };
    expect(digest(pcmuToPcma)).toBe('021355cc78820e9e43a87564118844f4b6e443f355675db65083435a181e3f61');
    expect(digest(pcmaToPcmu)).toBe('c1515c134eca6f1dd608e1bdf78e3e66c83d349952ab8b966ae41dad8f230c0a');
  });

  it('loses nothing more in a second conversion there and back', () => {
    const once = new Uint8Array(256);
    const twice = new Uint8Array(256);
    pcmuToPcma(allCodes, 0, 256, once, 0);
    pcmaToPcmu(once, 0, 256, once, 0);
    pcmuToPcma(once, 0, 256, twice, 0);
    pcmaToPcmu(twice, 0, 256, twice, 0);
    expect(twice).toEqual(once);
    expect(once.filter((code, index) => code !== index).length).toBeLessThanOrEqual(32);
  });

  const sox = spawnSync('sox', ['--version']).status === 0;
  it.skipIf(!sox)('decodes as sox does', () => {
    const convert = (input: Uint8Array, from: string[], to: string[]): Buffer => {
      const run = spawnSync(
        'sox',
        ['-D', '-t', 'raw', '-r', '8000', '-c', '1', ...from, '-', '-t', 'raw', ...to, '-'],
        {
          input,
          maxBuffer: 1 << 20,
        },
      );
      expect(run.status, run.stderr.toString()).toBe(0);
      return run.stdout;
    };
    const linear = ['-e', 'signed-integer', '-b', '16', '-L'];
    for (const [law, decode] of [
      ['mu-law', decodePcmu],
      ['a-law', decodePcma],
    ] as const) {
      const decoded = convert(allCodes, ['-e', law, '-b', '8'], linear);
      const ours = decodeAll(decode);
      for (let code = 0; code < 256; code++) expect(decoded.readInt16LE(code * 2), `${law} ${code}`).toBe(ours[code]);
    }
  });
});
