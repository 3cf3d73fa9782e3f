import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isGatewayError } from '../../../core/errors.js';
import { createWavDecoder } from './wav-decoder.js';
import { readWavFile } from './wav-file.js';
import { wavHeader, wavHeaderLength, wavSampleRates } from './wav-header.js';
import { createWavWriter } from './wav-writer.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wav-'));
});
afterAll(() => rm(folder, { recursive: true }));

const fileOf = (channels: number, rate: number, samples: Int16Array, dataBytes = samples.byteLength): Buffer =>
  Buffer.concat([wavHeader(channels, rate, dataBytes), Buffer.from(samples.buffer)]);

const sine = (hz: number, rate: number, ms: number, level = 10_000): Int16Array =>
  Int16Array.from({ length: (rate * ms) / 1000 }, (_, i) =>
    Math.round(level * Math.sin((2 * Math.PI * hz * i) / rate)),
  );

/** Level of one frequency in dB of full scale, by correlation over the middle of the samples. */
const levelOf = (samples: Int16Array, hz: number): number => {
  const from = Math.floor(samples.length / 4);
  const to = Math.floor((samples.length * 3) / 4);
  let re = 0;
  let im = 0;
  let weight = 0;
  for (let i = from; i < to; i++) {
    const window = 0.5 - 0.5 * Math.cos((2 * Math.PI * (i - from)) / (to - from));
    re += window * samples[i]! * Math.cos((2 * Math.PI * hz * i) / 8_000);
    im += window * samples[i]! * Math.sin((2 * Math.PI * hz * i) / 8_000);
    weight += window;
  }
  return 20 * Math.log10((2 * Math.hypot(re, im)) / weight / 32_768 + 1e-9);
};

const decode = (bytes: Uint8Array, pieces = 1): Int16Array => {
  const decoder = createWavDecoder();
  const length = Math.ceil(bytes.length / pieces);
  for (let at = 0; at < bytes.length; at += length) decoder.push(bytes.subarray(at, at + length));
  return decoder.finish();
};

const expectRefusal = (bytes: Uint8Array, sentence: RegExp, limits = {}): void => {
  try {
    const decoder = createWavDecoder(limits);
    decoder.push(bytes);
    decoder.finish();
  } catch (error) {
    expect(isGatewayError(error, 'audio_invalid')).toBe(true);
    expect((error as Error).message).toMatch(sentence);
    return;
  }
  expect.fail('the file was accepted');
};

describe('reading WAV', () => {
  it('gives 8 kHz mono back sample by sample', () => {
    const samples = sine(440, 8_000, 100);
    expect(decode(fileOf(1, 8_000, samples))).toEqual(samples);
  });

  it.each(wavSampleRates)('converts %i Hz without changing level, length or frequency', (rate) => {
    const converted = decode(fileOf(1, rate, sine(1_000, rate, 500)));
    expect(converted.length).toBeGreaterThanOrEqual(3_998);
    expect(converted.length).toBeLessThanOrEqual(4_002);
    expect(levelOf(converted, 1_000)).toBeCloseTo(20 * Math.log10(10_000 / 32_768), 1);
  });

  it.each(wavSampleRates.filter((rate) => rate > 11_025))(
    'lets nothing above 4 kHz alias into speech from %i Hz',
    (rate) => {
      for (const hz of [4_400, 5_000].filter((candidate) => candidate < rate / 2)) {
        expect(levelOf(decode(fileOf(1, rate, sine(hz, rate, 500))), 8_000 - hz), `${hz} Hz`).toBeLessThan(-65);
      }
    },
  );

  it('keeps the band of telephony flat to 3.4 kHz', () => {
    for (const hz of [50, 300, 1_000, 2_000, 3_000, 3_400]) {
      expect(Math.abs(levelOf(decode(fileOf(1, 48_000, sine(hz, 48_000, 500))), hz) + 10.31), `${hz} Hz`).toBeLessThan(
        0.5,
      );
    }
  });

  it('mixes channels to their mean', () => {
    const stereo = Int16Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? 3_000 : 1_000));
    expect(new Set(decode(fileOf(2, 8_000, stereo)))).toEqual(new Set([2_000]));
  });

  it('gives the same samples however the file is cut into pieces', () => {
    const bytes = fileOf(2, 44_100, sine(700, 44_100, 60));
    const whole = decode(bytes);
    for (const pieces of [2, 7, 100, bytes.length]) expect(decode(bytes, pieces)).toEqual(whole);
  });

  it('skips chunks it does not know and odd padding', () => {
    const samples = sine(440, 8_000, 20);
    const plain = fileOf(1, 8_000, samples);
    const note = Buffer.concat([Buffer.from('LIST\x05\0\0\0hello\0', 'latin1')]);
    const bytes = Buffer.concat([plain.subarray(0, 12), note, plain.subarray(12)]);
    expect(decode(bytes)).toEqual(samples);
    expect(decode(bytes, bytes.length)).toEqual(samples);
  });

  it('plays what there is of a truncated file and of one whose length was never written', () => {
    const samples = sine(440, 8_000, 100);
    expect(decode(fileOf(1, 8_000, samples).subarray(0, 44 + 401))).toEqual(samples.subarray(0, 200));
    expect(decode(fileOf(1, 8_000, samples, 0))).toEqual(samples);
    expect(decode(fileOf(1, 8_000, samples, 0xffff_fff0 - 44))).toEqual(samples);
  });

  const sox = spawnSync('sox', ['--version']).status === 0;
  it.skipIf(!sox).each([
    ['8 bits', ['-b', '8', '-e', 'unsigned-integer']],
    ['24 bits', ['-b', '24', '-e', 'signed-integer']],
    ['float', ['-b', '32', '-e', 'floating-point']],
    ['µ-law', ['-e', 'mu-law']],
    ['A-law', ['-e', 'a-law']],
    ['four channels', ['-b', '16', '-c', '4']],
  ])('reads what sox writes: %s', (_, options) => {
    const run = spawnSync(
      'sox',
      ['-n', '-r', '16000', ...options, '-t', 'wav', '-', 'synth', '0.5', 'sine', '1000', 'vol', '0.5'],
      { maxBuffer: 1 << 20 },
    );
    expect(run.status, run.stderr.toString()).toBe(0);
    const samples = decode(run.stdout);
    expect(samples.length).toBeGreaterThan(3_990);
    expect(levelOf(samples, 1_000)).toBeCloseTo(-6.02, 0);
  });

  it('refuses with a sentence what it cannot read', () => {
    const good = fileOf(1, 8_000, sine(440, 8_000, 20));
    const changed = (at: number, value: number, bytes = 2): Buffer => {
      const copy = Buffer.from(good);
      copy.writeUIntLE(value, at, bytes);
      return copy;
    };
    expectRefusal(Buffer.from('ID3 is not a WAV file at all'), /does not begin with RIFF and WAVE/);
    expectRefusal(Buffer.alloc(0), /ends before its format/);
    expectRefusal(good.subarray(0, 20), /ends before its format/);
    expectRefusal(good.subarray(0, 36), /no samples/);
    expectRefusal(changed(20, 85), /format 85 with 16 bits/);
    expectRefusal(changed(34, 12), /format 1 with 12 bits/);
    expectRefusal(changed(22, 0), /0 channels/);
    expectRefusal(changed(22, 9), /9 channels/);
    expectRefusal(changed(24, 8_001, 4), /8001 samples a second/);
    expectRefusal(changed(16, 8, 4), /8 bytes instead of 16/);
    expectRefusal(changed(16, 0xffff_ffff, 4), /4294967295 bytes long/);
    expectRefusal(good, /longer than 0 seconds/, { maxDurationMs: 10 });
    const early = Buffer.from(good);
    early.write('data', 12, 'latin1');
    expectRefusal(early, /samples before their format/);
    const bulky = Buffer.concat([good.subarray(0, 12), Buffer.from('LIST\xff\xff\xff\x7f', 'latin1')]);
    expectRefusal(bulky, /over 16 MB of other chunks/);
  });

  it('never fails but with a sentence on 20,000 damaged files', () => {
    const good = fileOf(2, 16_000, sine(440, 16_000, 10));
    let seed = 1;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed >>> 8) % below;
    };
    for (let i = 0; i < 20_000; i++) {
      const bytes = Buffer.from(good.subarray(0, 1 + random(good.length)));
      for (let n = random(4); n >= 0; n--) bytes[random(Math.min(bytes.length, 60))] = random(256);
      try {
        decode(bytes, 1 + random(3));
      } catch (error) {
        if (!isGatewayError(error, 'audio_invalid')) throw error;
      }
    }
  });

  it('reads files piece by piece and names the file in its refusals', async () => {
    const path = join(folder, 'prompt.wav');
    const samples = sine(440, 8_000, 9_000);
    await writeFile(path, fileOf(1, 8_000, samples));
    expect(await readWavFile(path)).toEqual(samples);
    await expect(readWavFile(join(folder, 'none.wav'))).rejects.toThrow(
      /none\.wav: The file cannot be read \(ENOENT\)/,
    );
    await expect(readWavFile(folder)).rejects.toThrow(/It is not a file/);
    await expect(readWavFile(path, { maxDurationMs: 1_000 })).rejects.toThrow(/prompt\.wav: .* longer than 1 seconds/);
    await expect(readWavFile(path, { signal: AbortSignal.abort(new Error('hung up')) })).rejects.toThrow('hung up');
  });
});

describe('writing WAV', () => {
  it('writes what it is given and reads it back', async () => {
    const path = join(folder, 'written.wav');
    const writer = await createWavWriter(path, { channels: 2, sampleRate: 8_000, flushMs: 50 });
    const samples = Int16Array.from({ length: 2 * 8_000 }, (_, i) => (i * 31) % 20_000);
    for (let at = 0; at < samples.length; at += 320) expect(writer.write(samples.subarray(at, at + 320))).toBe(true);
    expect(await writer.close()).toEqual({ durationMs: 1_000, droppedMs: 0 });
    expect(await writer.close()).toEqual({ durationMs: 1_000, droppedMs: 0 });
    expect(writer.write(samples)).toBe(false);
    const bytes = await readFile(path);
    expect(bytes.subarray(0, wavHeaderLength)).toEqual(wavHeader(2, 8_000, samples.byteLength));
    expect(bytes.subarray(wavHeaderLength)).toEqual(Buffer.from(samples.buffer));
  });

  it('keeps the file valid while it is being written, as a crash would leave it', async () => {
    const path = join(folder, 'growing.wav');
    const writer = await createWavWriter(path, { channels: 1, sampleRate: 8_000, flushMs: 100 });
    const frame = new Int16Array(800).fill(1_234);
    let longest = 0;
    for (let i = 0; i < 40; i++) {
      writer.write(frame);
      const bytes = await readFile(path);
      const claimed = bytes.readUInt32LE(40);
      expect(bytes.length - wavHeaderLength).toBeGreaterThanOrEqual(claimed);
      expect(claimed % 1_600).toBe(0);
      expect(bytes.readUInt32LE(4)).toBe(36 + claimed);
      longest = Math.max(longest, claimed);
    }
    expect(longest).toBeGreaterThan(0);
    await writer.close();
  });

  it('drops audio rather than memory when the disk cannot follow, and says how much', async () => {
    const path = join(folder, 'slow.wav');
    const writer = await createWavWriter(path, { channels: 1, sampleRate: 8_000, flushMs: 10, maxBacklogMs: 100 });
    // In one turn of the loop nothing can reach the disk.
    const results = Array.from({ length: 100 }, () => writer.write(new Int16Array(80)));
    expect(results.filter((taken) => !taken).length).toBeGreaterThan(80);
    const { durationMs, droppedMs } = await writer.close();
    expect(durationMs + droppedMs).toBe(1_000);
  });

  it('does not overwrite a recording', async () => {
    const path = join(folder, 'once.wav');
    await (await createWavWriter(path, { channels: 1, sampleRate: 8_000 })).close();
    await expect(createWavWriter(path, { channels: 1, sampleRate: 8_000 })).rejects.toThrow(/EEXIST/);
  });
});
