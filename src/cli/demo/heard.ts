import { toneLevel } from '../../../test/support/goertzel.js';
import { readWavFile } from '../../telephony/media/wav/wav-file.js';

const piece = 160;

/** Seconds of sound in a recording (pieces of 20 ms above the level of a quiet line), and of one tone in it. */
export const soundIn = async (
  path: string,
  toneHz: number,
): Promise<{ readonly sound: number; readonly tone: number }> => {
  const samples = await readWavFile(path);
  let loud = 0;
  let tonal = 0;
  for (let at = 0; at + piece <= samples.length; at += piece) {
    const part = samples.subarray(at, at + piece);
    if (part.reduce((sum, sample) => sum + sample ** 2, 0) / piece > 300 ** 2) loud += 1;
    if (toneLevel(part, toneHz) > -25) tonal += 1;
  }
  return { sound: loud / 50, tone: tonal / 50 };
};
