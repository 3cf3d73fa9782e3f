import { timestampDistance } from '../rtp-packet.js';
import { dtmfDigits, newTelephoneEvent, readTelephoneEvent } from './telephone-event.js';

export type DtmfReceiver = {
  /** Takes the payload of one telephone-event packet. `now` is monotonic time in milliseconds. */
  packet(bytes: Uint8Array, start: number, end: number, timestamp: number, marker: boolean, now: number): void;
  /** To be called now and then: reports a press whose end packets were all lost. */
  tick(now: number): void;
  /** The peer's stream began anew (another SSRC): a press under way is reported, old timestamps mean nothing. */
  reset(): void;
};

export type DtmfReceiverOptions = {
  /** Called once for each press, when it has ended. */
  readonly onDigit: (digit: string, durationMs: number) => void;
  /** Of the event's timestamps; 8000 with all codecs but Opus. */
  readonly clockRate?: number;
};

/** Updates come every 20 to 50 ms, so after this silence the end packets are lost (RFC 4733 section 2.5.2.2). */
const lostEndAfter = 250;
const longestSegment = 0xffff;
/** A packet of a press that ended up to so many seconds ago is a straggler, not a new press. */
const stragglerSeconds = 5;

/**
 * Turns telephone-event packets (RFC 4733 section 2.5.2) into key presses. A press is told from its packets by the
 * timestamp, which all of them carry; lost, doubled and late packets do not matter as long as one arrives.
 */
export const createDtmfReceiver = ({ onDigit, clockRate = 8000 }: DtmfReceiverOptions): DtmfReceiver => {
  const received = newTelephoneEvent();
  /** The press under way, or -1. */
  let event = -1;
  let timestamp = 0;
  /** Of its newest packet: the same, but for senders that move it. */
  let newest = 0;
  let duration = 0;
  /** What earlier segments of a very long press lasted (RFC 4733 section 2.5.1.3). */
  let earlier = 0;
  let lastPacket = 0;
  /** The press reported last. */
  let doneEvent = -1;
  let doneTimestamp = 0;
  let doneDuration = 0;

  const finish = (): void => {
    if (event < 0) return;
    const digit = dtmfDigits[event]!;
    doneEvent = event;
    doneTimestamp = newest;
    doneDuration = duration;
    event = -1;
    onDigit(digit, Math.round(((earlier + duration) * 1000) / clockRate));
  };

  const isStraggler = (code: number, at: number, isEnd: boolean, marker: boolean, length: number): boolean => {
    if (doneEvent < 0) return false;
    const distance = timestampDistance(at, doneTimestamp);
    if (distance <= 0 && distance > -stragglerSeconds * clockRate) return true;
    // Senders that move the timestamp with every packet repeat the end packet under new ones.
    const repeated = isEnd && !marker && code === doneEvent && length === doneDuration && distance < clockRate / 8;
    if (repeated) doneTimestamp = at;
    return repeated;
  };

  const isSamePress = (code: number, at: number, marker: boolean, length: number): boolean => {
    if (code !== event) return false;
    if (at === timestamp) return true;
    // The same fault during the press: the timestamp moves on while the duration grows.
    return !marker && length > duration && timestampDistance(at, timestamp) < clockRate;
  };

  const isNextSegment = (code: number, at: number, marker: boolean): boolean =>
    code === event && !marker && timestampDistance(at, timestamp) === longestSegment;

  return {
    packet(bytes, start, end, at, marker, now) {
      if (!readTelephoneEvent(bytes, start, end, received) || received.event >= dtmfDigits.length) return;
      const { event: code, end: isEnd, duration: length } = received;
      if (event >= 0 && isSamePress(code, at, marker, length)) {
        duration = Math.max(duration, length);
        newest = at;
      } else if (event >= 0 && isNextSegment(code, at, marker)) {
        earlier += longestSegment;
        timestamp = at;
        newest = at;
        duration = length;
      } else {
        if (event >= 0 && timestampDistance(at, timestamp) < 0) {
          if (timestampDistance(at, timestamp) > -stragglerSeconds * clockRate) return;
        } else if (event < 0 && isStraggler(code, at, isEnd, marker, length)) {
          return;
        }
        finish();
        event = code;
        timestamp = at;
        newest = at;
        duration = length;
        earlier = 0;
      }
      lastPacket = now;
      if (isEnd) finish();
    },
    tick(now) {
      if (event >= 0 && now - lastPacket >= lostEndAfter) finish();
    },
    reset() {
      finish();
      doneEvent = -1;
    },
  };
};
