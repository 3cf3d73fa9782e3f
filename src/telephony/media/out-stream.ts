/**
 * One RTP stream as its receiver sees it: one SSRC, sequence numbers without holes of our making, timestamps that run
 * with the clock, whatever the packets are made from (a prompt, silence, the other leg of a bridge) and however often
 * that changes (RFC 3550 section 5.1). Everything is numbers in typed arrays: no packet allocates anything here.
 */
export type OutStream = {
  readonly ssrc: number;
  /** Packets and payload octets sent, for the sender report (RFC 3550 6.4.1). */
  readonly packets: number;
  readonly octets: number;
  /** Sequence number of the newest packet. */
  readonly sequence: number;
  /** The RTP timestamp that belongs to the moment `now`. */
  timestampAt(now: number): number;
  /**
   * Writes the fixed header of a packet of our own: `samples` of the RTP clock, `payloadLength` octets. The marker is
   * set when it does not follow on the packet before it.
   */
  stamp(packet: Uint8Array, payloadType: number, samples: number, payloadLength: number, now: number): void;
  /** Fixes the timestamp of an event that starts now; its packets are then written by `stampEvent`. */
  beginEvent(now: number): void;
  /** Writes the header of a telephone-event packet: all of one event share a timestamp (RFC 4733 section 2.5.1.2). */
  stampEvent(
    packet: Uint8Array,
    payloadType: number,
    marker: boolean,
    duration: number,
    payloadLength: number,
    now: number,
  ): void;
  /**
   * Rewrites the header of somebody else's packet so that it continues this stream; gaps and order of the source are
   * kept. False when the packet must not go out: a duplicate, or older than the last change of source.
   */
  forward(packet: Uint8Array, payloadType: number, samples: number, payloadLength: number, now: number): boolean;
};

const SEQUENCE = 0;
const TIMESTAMP = 1;
const DURATION = 2;
const PACKETS = 3;
const OCTETS = 4;
const SOURCE = 5;
const SEQUENCE_OFFSET = 6;
const TIMESTAMP_OFFSET = 7;
const SOURCE_FIRST = 8;
const SOURCE_NEWEST = 9;
const ANCHOR_TIMESTAMP = 10;

/** RFC 3550 appendix A.1: MAX_DROPOUT and MAX_MISORDER. Beyond them the source has restarted. */
const maxDropout = 3000;
const maxMisorder = 100;
const seenSlots = 128;

const signed16 = (value: number): number => (value << 16) >> 16;

/** `initial` values should be random (RFC 3550 5.1); `clockRate` is of the RTP clock, per second. */
export const outStream = (
  clockRate: number,
  initial: { readonly ssrc: number; readonly sequence: number; readonly timestamp: number },
): OutStream => {
  const ssrc = initial.ssrc >>> 0;
  const state = new Uint32Array(11);
  state[SEQUENCE] = (initial.sequence - 1) & 0xffff;
  state[TIMESTAMP] = initial.timestamp;
  /** Moment of the anchor and of the newest packet, ms. */
  const times = new Float64Array(2);
  const seen = new Uint32Array(seenSlots);
  const perMs = clockRate / 1000;
  let started = false;
  let forwarding = false;

  const u32 = (index: number): number => state[index] as number;

  /** The timestamp of a packet that begins now: right after the one before it, unless the clock has run on since. */
  const nextTimestamp = (now: number): number => {
    if (!started) {
      started = true;
      times[0] = now;
      state[ANCHOR_TIMESTAMP] = u32(TIMESTAMP);
      return u32(TIMESTAMP);
    }
    const following = (u32(TIMESTAMP) + u32(DURATION)) >>> 0;
    const byClock = (u32(ANCHOR_TIMESTAMP) + Math.round((now - (times[0] as number)) * perMs)) >>> 0;
    const behind = (byClock - following) | 0;
    // Less than half a frame is the jitter of our own timer, not a gap.
    return behind > perMs * 10 ? byClock : following;
  };

  const writeHeader = (packet: Uint8Array, second: number, sequence: number, timestamp: number): void => {
    packet[1] = second;
    packet[2] = sequence >>> 8;
    packet[3] = sequence;
    packet[4] = timestamp >>> 24;
    packet[5] = timestamp >>> 16;
    packet[6] = timestamp >>> 8;
    packet[7] = timestamp;
    packet[8] = ssrc >>> 24;
    packet[9] = ssrc >>> 16;
    packet[10] = ssrc >>> 8;
    packet[11] = ssrc;
  };

  const count = (payloadLength: number, now: number): void => {
    state[PACKETS] = u32(PACKETS) + 1;
    state[OCTETS] = u32(OCTETS) + payloadLength;
    times[1] = now;
  };

  return {
    ssrc,
    get packets() {
      return u32(PACKETS);
    },
    get octets() {
      return u32(OCTETS);
    },
    get sequence() {
      return u32(SEQUENCE);
    },
    timestampAt: (now) => (u32(TIMESTAMP) + Math.round((now - (times[1] as number)) * perMs)) >>> 0,

    stamp(packet, payloadType, samples, payloadLength, now) {
      const following = (u32(TIMESTAMP) + u32(DURATION)) >>> 0;
      const first = !started;
      const timestamp = nextTimestamp(now);
      const marker = first || forwarding || timestamp !== following;
      forwarding = false;
      state[SEQUENCE] = (u32(SEQUENCE) + 1) & 0xffff;
      state[TIMESTAMP] = timestamp;
      state[DURATION] = samples;
      packet[0] = 0x80;
      writeHeader(packet, (marker ? 0x80 : 0) | payloadType, u32(SEQUENCE), timestamp);
      count(payloadLength, now);
    },

    beginEvent(now) {
      state[TIMESTAMP] = nextTimestamp(now);
      state[DURATION] = 0;
      forwarding = false;
    },

    stampEvent(packet, payloadType, marker, duration, payloadLength, now) {
      state[SEQUENCE] = (u32(SEQUENCE) + 1) & 0xffff;
      state[DURATION] = duration;
      packet[0] = 0x80;
      writeHeader(packet, (marker ? 0x80 : 0) | payloadType, u32(SEQUENCE), u32(TIMESTAMP));
      count(payloadLength, now);
    },

    forward(packet, payloadType, samples, payloadLength, now) {
      const sequence = ((packet[2] as number) << 8) | (packet[3] as number);
      const timestamp =
        (((packet[4] as number) << 24) |
          ((packet[5] as number) << 16) |
          ((packet[6] as number) << 8) |
          (packet[7] as number)) >>>
        0;
      const source =
        (((packet[8] as number) << 24) |
          ((packet[9] as number) << 16) |
          ((packet[10] as number) << 8) |
          (packet[11] as number)) >>>
        0;
      let marker = (packet[1] as number) & 0x80;
      const ahead = signed16(sequence - u32(SOURCE_NEWEST));
      if (!forwarding || source !== u32(SOURCE) || ahead > maxDropout || ahead < -maxMisorder) {
        const base = nextTimestamp(now);
        state[SOURCE] = source;
        state[SOURCE_FIRST] = sequence;
        state[SOURCE_NEWEST] = sequence;
        state[SEQUENCE_OFFSET] = u32(SEQUENCE) + 1 - sequence;
        state[TIMESTAMP_OFFSET] = base - timestamp;
        seen.fill(0);
        forwarding = true;
        marker = 0x80;
      } else {
        // A sequence number must not be used twice: with SRTP two payloads would share a key stream (RFC 3711 9.1).
        if (signed16(sequence - u32(SOURCE_FIRST)) < 0) return false;
        if (seen[sequence % seenSlots] === (sequence | 0x10000)) return false;
      }
      seen[sequence % seenSlots] = sequence | 0x10000;
      const outSequence = (sequence + u32(SEQUENCE_OFFSET)) & 0xffff;
      const outTimestamp = (timestamp + u32(TIMESTAMP_OFFSET)) >>> 0;
      if (ahead > 0 || sequence === u32(SOURCE_NEWEST)) {
        state[SOURCE_NEWEST] = sequence;
        state[SEQUENCE] = outSequence;
        state[TIMESTAMP] = outTimestamp;
        state[DURATION] = samples;
        // Moved along: a beginning 32,768 packets ago would look as if it were still to come.
        if (signed16(sequence - u32(SOURCE_FIRST)) > maxMisorder)
          state[SOURCE_FIRST] = (sequence - maxMisorder) & 0xffff;
      }
      writeHeader(packet, marker | payloadType, outSequence, outTimestamp);
      count(payloadLength, now);
      return true;
    },
  };
};
