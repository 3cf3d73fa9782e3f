import type { EngineClock } from './engine-clock.js';

/** From this delay on (T1) callers repeat what they sent, and the work of a thread that is behind grows by itself, ms. */
const lagLimit = 500;
const sampleInterval = 100;
/** A thread that was held up once catches up by itself; one that is late again at the next look does not. */
const lateSamples = 2;
/** How long new requests are refused after the thread was seen behind, ms. */
const coolDown = 500;

/**
 * Tells when the engine cannot keep up: refusing a call early costs little, while answering it late makes its caller
 * repeat everything (RFC 3261 21.5.4, RFC 6357).
 */
export const watchLag = (clock: EngineClock, limit = lagLimit): { behind(): boolean; stop(): void } => {
  let refuseUntil = 0;
  let late = 0;
  let expected = clock.now() + sampleInterval;
  const sample = (): void => {
    const now = clock.now();
    late = now - expected > limit ? late + 1 : 0;
    if (late >= lateSamples) refuseUntil = now + coolDown;
    expected = now + sampleInterval;
    timer = clock.after(sampleInterval, sample);
  };
  let timer = clock.after(sampleInterval, sample);
  return { behind: () => clock.now() < refuseUntil, stop: () => timer.cancel() };
};
