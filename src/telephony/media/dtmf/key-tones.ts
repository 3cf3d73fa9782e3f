import { writePair } from '../tones/tone-samples.js';

/** Low and high frequency of each key, Hz (ITU-T Q.23). */
const rows = [697, 770, 852, 941];
const columns = [1_209, 1_336, 1_477, 1_633];
const pad = ['123A', '456B', '789C', '*0#D'];

const pauseMs = 500;
const within = (ms: number, most: number): number => Math.ceil(Math.min(Math.max(ms, 40), most) / 20) * 20;

/**
 * Keys as sound at 8 kHz, for a peer that takes no telephone events: 0-9, *, #, A-D, and `w` or `,` for a pause of half a
 * second; other characters are left out. Lengths are kept within what telephone events have.
 */
export const keyTones = (digits: string, durationMs: number, gapMs: number): Int16Array => {
  const length = within(durationMs, 6_000);
  const gap = within(gapMs, 10_000);
  const steps: { readonly key: readonly [low: number, high: number] | null; readonly ms: number }[] = [];
  for (const character of digits.toUpperCase()) {
    const row = pad.findIndex((line) => line.includes(character));
    const low = rows[row];
    const high = columns[pad[row]?.indexOf(character) ?? -1];
    if (low !== undefined && high !== undefined) steps.push({ key: [low, high], ms: length + gap });
    else if (character === 'W' || character === ',') steps.push({ key: null, ms: pauseMs });
  }
  const out = new Int16Array(steps.reduce((sum, { ms }) => sum + ms * 8, 0));
  let at = 0;
  for (const { key, ms } of steps) {
    if (key !== null) writePair(key[0], key[1], length, out, at);
    at += ms * 8;
  }
  return out;
};
