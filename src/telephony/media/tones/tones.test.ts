import { describe, expect, it } from 'vitest';
import { countryTones, recommendedTones } from './country-tones.js';
import { frequencySamples, parseCadence, toneSamples } from './tone-samples.js';

/** Level of a frequency in dB below the top of 16 bits, over the given samples. */
const levelOf = (samples: Int16Array, hz: number): number => {
  let re = 0;
  let im = 0;
  for (let i = 0; i < samples.length; i++) {
    re += samples[i]! * Math.cos((2 * Math.PI * hz * i) / 8_000);
    im += samples[i]! * Math.sin((2 * Math.PI * hz * i) / 8_000);
  }
  return 20 * Math.log10((2 * Math.hypot(re, im)) / samples.length / 32_767 + 1e-9);
};

describe('country tones', () => {
  it('knows forty countries and more, each with cadences that can be read', () => {
    const countries = Object.keys(countryTones);
    expect(countries.length).toBeGreaterThanOrEqual(40);
    for (const country of countries) {
      expect(country).toMatch(/^[A-Z]{2}$/);
      for (const cadence of Object.values(countryTones[country]!)) {
        const segments = parseCadence(cadence);
        expect(segments.some(({ frequencies }) => frequencies.length > 0)).toBe(true);
        for (const { frequencies, samples } of segments) {
          expect(samples).toBeGreaterThanOrEqual(1_000);
          for (const hz of frequencies) expect(hz).toBeGreaterThanOrEqual(350);
          for (const hz of frequencies) expect(hz).toBeLessThanOrEqual(700);
        }
      }
    }
  });

  it.each([
    ['US', 'ringback', [440, 480], 2_000, 6_000],
    ['GB', 'ringback', [400, 450], 400, 3_000],
    ['DE', 'busy', [425], 480, 960],
    ['FR', 'ringback', [440], 1_500, 5_000],
    ['us', 'congestion', [480, 620], 250, 500],
    ['XX', 'ringback', [425], 1_000, 5_000],
  ] as const)('plays %s %s with its frequencies and cadence', (country, tone, frequencies, onMs, periodMs) => {
    const samples = toneSamples(country, tone);
    expect(samples.length).toBe(periodMs * 8);
    const on = samples.subarray(0, onMs * 8);
    for (const hz of frequencies) {
      expect(levelOf(on, hz)).toBeCloseTo(-16.14 - (frequencies.length === 2 ? 3.01 : 0), 0);
    }
    expect(levelOf(on, 700)).toBeLessThan(-55);
    expect(samples.subarray(onMs * 8, onMs * 8 + 1_000).every((sample) => sample === 0)).toBe(true);
  });

  it('modulates where the country does', () => {
    const on = toneSamples('IN', 'ringback').subarray(0, 3_200);
    expect(levelOf(on, 400)).toBeCloseTo(-22.2, 0);
    expect(levelOf(on, 375)).toBeCloseTo(-28.2, 0);
    expect(levelOf(on, 425)).toBeCloseTo(-28.2, 0);
  });

  it('begins and ends every tone without a click', () => {
    for (const { ringback, busy, congestion } of [...Object.values(countryTones), recommendedTones]) {
      for (const cadence of [ringback, busy, congestion]) {
        let at = 0;
        const country = Object.keys(countryTones).find((key) => Object.values(countryTones[key]!).includes(cadence));
        const tone = (['ringback', 'busy', 'congestion'] as const).find(
          (name) => countryTones[country!]![name] === cadence,
        );
        const samples = toneSamples(country!, tone!);
        for (const segment of parseCadence(cadence)) {
          expect(Math.abs(samples[at]!)).toBeLessThan(40);
          expect(Math.abs(samples[at + segment.samples - 1]!)).toBeLessThan(40);
          at += segment.samples;
        }
      }
    }
  });

  it('makes each tone once', () => {
    expect(toneSamples('US', 'busy')).toBe(toneSamples('CA', 'busy'));
  });

  it('has silence', () => {
    expect(new Set(toneSamples('US', 'silence'))).toEqual(new Set([0]));
  });
});

describe('a frequency', () => {
  it('has the length, level and frequency asked for', () => {
    const samples = frequencySamples(1_000, 500);
    expect(samples.length).toBe(4_000);
    expect(levelOf(samples, 1_000)).toBeCloseTo(-16.1, 0);
  });

  it('stays within what can be played', () => {
    expect(frequencySamples(1_000, 1e12).length).toBe(480_000);
    expect(frequencySamples(1_000, -5).length).toBe(0);
    expect(levelOf(frequencySamples(1e9, 100), 3_800)).toBeCloseTo(-16.5, 0);
  });
});
