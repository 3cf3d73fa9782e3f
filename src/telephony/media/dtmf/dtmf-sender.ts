import { dtmfEventOf, telephoneEventLength, writeTelephoneEvent } from './telephone-event.js';

/** Where the packets go; the owner of the RTP stream gives them sequence numbers and the timestamp of the event. */
export type DtmfOutput = {
  /** An event begins now: the current timestamp is that of all its packets. */
  begin(): void;
  /** @param duration since `begin`, in timestamp units */
  event(payload: Uint8Array, marker: boolean, duration: number): void;
};

export type DtmfSendOptions = {
  /** Of each digit, ms; kept within 40 to 6000. */
  readonly durationMs?: number;
  /** Between digits, ms; 40 at least. */
  readonly gapMs?: number;
};

export type DtmfSender = {
  /**
   * Queues digits: 0-9, *, #, A-D, and `w` or `,` for a pause of half a second. Other characters are left out. Resolves
   * when the gap behind the last one is over, or when `clear` has thrown it away.
   */
  send(digits: string, options?: DtmfSendOptions): Promise<void>;
  /** Once in every 20 ms. True while events have the stream: no audio is to be sent in that frame. */
  tick(): boolean;
  readonly pending: () => boolean;
  /** Throws away what is queued and settles all, at once. Ticks that follow end an event under way properly. */
  clear(): void;
};

const frameMs = 20;
const endPackets = 3;
const pauseMs = 500;
/** -10 dBm0, the level of a telephone's keypad. */
const volume = 10;

type Step = { readonly event: number | null; readonly frames: number; readonly gapFrames: number; done?: () => void };

const frames = (ms: number, least: number, most: number): number =>
  Math.ceil(Math.min(Math.max(ms, least), most) / frameMs);

/**
 * Sends key presses as telephone events (RFC 4733 section 2.5.1): the marker on the first packet, an update every 20 ms,
 * the end three times.
 */
export const createDtmfSender = (output: DtmfOutput, clockRate = 8000): DtmfSender => {
  const unitsPerFrame = (clockRate * frameMs) / 1000;
  const payload = new Uint8Array(telephoneEventLength);
  const queue: Step[] = [];
  let step: Step | null = null;
  /** Frames since the step began. */
  let elapsed = 0;

  const packet = (event: number, end: boolean, marker: boolean, duration: number): void => {
    writeTelephoneEvent(payload, 0, event, end, volume, duration);
    output.event(payload, marker, duration);
  };

  const finishStep = (): void => {
    const done = step?.done;
    step = null;
    done?.();
  };

  return {
    send(digits, { durationMs = 160, gapMs = 80 } = {}) {
      const steps: Step[] = [];
      for (const character of digits) {
        const event = dtmfEventOf(character);
        if (event !== null) {
          steps.push({ event, frames: frames(durationMs, 40, 6_000), gapFrames: frames(gapMs, 40, 10_000) });
        } else if (character === 'w' || character === 'W' || character === ',') {
          steps.push({ event: null, frames: 0, gapFrames: pauseMs / frameMs });
        }
      }
      const last = steps[steps.length - 1];
      if (last === undefined) return Promise.resolve();
      return new Promise((resolve) => {
        last.done = resolve;
        queue.push(...steps);
      });
    },
    tick() {
      if (step === null) {
        step = queue.shift() ?? null;
        elapsed = 0;
        if (step === null) return false;
        if (step.event !== null) output.begin();
      }
      elapsed++;
      const { event, frames: length, gapFrames } = step;
      if (event === null) {
        if (elapsed >= gapFrames) finishStep();
        return false;
      }
      if (elapsed < length) {
        packet(event, false, elapsed === 1, elapsed * unitsPerFrame);
        return true;
      }
      const behind = elapsed - length;
      // The repeated end packets lie in the gap; audio stays out until they are through.
      if (behind < endPackets) packet(event, true, false, length * unitsPerFrame);
      if (behind >= Math.max(gapFrames, endPackets)) finishStep();
      return behind < endPackets;
    },
    pending: () => step !== null || queue.length > 0,
    clear() {
      const dropped = queue.splice(0);
      if (step !== null && step.event !== null && elapsed > 0) {
        // The digit being sent becomes as short as it is now; its end packets still go out.
        const { done, event, gapFrames, frames: length } = step;
        step = { event, gapFrames, frames: Math.min(length, elapsed + 1) };
        // A leg that closes has no tick left to wait for.
        done?.();
      } else {
        finishStep();
      }
      for (const { done } of dropped) done?.();
    },
  };
};
