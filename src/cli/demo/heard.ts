import { readWavFile } from '../../telephony/media/wav/wav-file.js';

const sampleRate = 8_000;
const piece = sampleRate / 50;

/** Seconds of sound in a recording: pieces of 20 ms whose level is above that of a quiet line. */
export const secondsOfSound = async (path: string): Promise<number> => {
  const samples = await readWavFile(path);
  let loud = 0;
  for (let at = 0; at + piece <= samples.length; at += piece) {
    let sum = 0;
    for (const sample of samples.subarray(at, at + piece)) sum += sample ** 2;
    if (Math.sqrt(sum / piece) > 300) loud += 1;
  }
  return loud / 50;
};
