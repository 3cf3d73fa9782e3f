import type { MediaLegEvents, MediaLegOptions } from '../../src/domain/calls/ports.js';

/** What a leg told, in order; for tests. */
export type LegLog = MediaLegEvents & {
  readonly digits: { readonly digit: string; readonly durationMs: number }[];
  readonly told: string[];
};

export const legLog = (): LegLog => {
  const told: string[] = [];
  const digits: { digit: string; durationMs: number }[] = [];
  return {
    digits,
    told,
    dtmf: (event) => digits.push(event),
    firstPacket: () => told.push('first-packet'),
    lost: (kind) => told.push(`lost ${kind}`),
    hold: (held) => told.push(held ? 'held' : 'resumed'),
    failed: (reason) => told.push(`failed: ${reason}`),
  };
};

/** Options of a leg on loopback, with what a test wants different. */
export const legOptions = (changes: Partial<MediaLegOptions> = {}): MediaLegOptions => ({
  sessionId: 'session-1',
  role: 'caller',
  codecs: ['PCMU', 'PCMA'],
  security: 'optional',
  signallingAddress: '127.0.0.1',
  mediaRanges: [],
  firstPacketTimeout: 0,
  idleTimeout: 0,
  country: 'US',
  ...changes,
});

/** A WAV file of 16-bit samples, as any tool writes it. */
export const wavFile = (samples: Int16Array, sampleRate = 8_000): Buffer => {
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + samples.length * 2, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(sampleRate, 24);
  header.writeUInt32LE(sampleRate * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(samples.length * 2, 40);
  return Buffer.concat([header, Buffer.from(samples.buffer, samples.byteOffset, samples.length * 2)]);
};

/** The two channels of a recording of 16-bit samples with a header of 44 octets. */
export const stereoChannels = (file: Buffer): { readonly left: Int16Array; readonly right: Int16Array } => {
  const frames = Math.floor((file.length - 44) / 4);
  const left = new Int16Array(frames);
  const right = new Int16Array(frames);
  for (let i = 0; i < frames; i += 1) {
    left[i] = file.readInt16LE(44 + i * 4);
    right[i] = file.readInt16LE(46 + i * 4);
  }
  return { left, right };
};
