import type { OutStream } from './out-stream.js';
import type { ReceptionReport } from './reception.js';
import {
  ntpMiddle,
  ntpTime,
  parseRtcp,
  type RtcpPacket,
  type RtcpReportBlock,
  roundTripTime,
  writeRtcp,
} from './rtcp.js';

/** The control protocol of one leg (RFC 3550 section 6). */
export type LegRtcp = {
  /** Sends a report when one is due. */
  tick(now: number): void;
  /** Takes in a compound packet of the peer; anything else is ignored. */
  received(bytes: Uint8Array, length: number): void;
  /** Sends a last report with BYE. */
  bye(now: number): void;
  /** From the newest report about our stream, ms; null before the first. */
  roundTripMs(): number | null;
  /** How much of our stream the peer lost, 0 to 1, from its newest report; null before the first. */
  remoteLoss(): number | null;
  /** Packets of our stream that the peer has missed so far; null before the first report. */
  remotePacketsLost(): number | null;
};

const senderReportMemoryMs = 60_000;

export const legRtcp = (context: {
  readonly stream: OutStream;
  readonly cname: string;
  /** Mean time between reports, ms. */
  readonly intervalMs: number;
  /** Wall-clock time, ms since the Unix epoch. */
  readonly wallClock: () => number;
  /** 0 to 1. */
  readonly random: () => number;
  /** Null while nothing has been received. */
  readonly reception: () => ReceptionReport | null;
  readonly send: (packet: Buffer) => void;
}): LegRtcp => {
  const { stream } = context;
  let due = -1;
  let packetsAtLastReport = 0;
  let lastSenderReport = 0;
  let lastSenderReportAt = 0;
  let roundTrip: number | null = null;
  let loss: number | null = null;
  let lost: number | null = null;

  const reports = (): RtcpReportBlock[] => {
    const reception = context.reception();
    if (reception === null) return [];
    const age = context.wallClock() - lastSenderReportAt;
    const known = lastSenderReport !== 0 && age >= 0 && age < senderReportMemoryMs;
    return [
      {
        ...reception,
        lastSenderReport: known ? lastSenderReport : 0,
        delaySinceLastSenderReport: known ? Math.round(age * 65.536) >>> 0 : 0,
      },
    ];
  };

  const report = (now: number): RtcpPacket[] => {
    const blocks = reports();
    // Whoever sent nothing since the last report writes a receiver report (RFC 3550 section 6.4).
    const sending = stream.packets > packetsAtLastReport;
    packetsAtLastReport = stream.packets;
    const time = ntpTime(context.wallClock());
    const first: RtcpPacket = sending
      ? {
          type: 'sender-report',
          ssrc: stream.ssrc,
          sender: {
            ntpSeconds: time.seconds,
            ntpFraction: time.fraction,
            rtpTimestamp: stream.timestampAt(now),
            packetCount: stream.packets,
            octetCount: stream.octets,
          },
          reports: blocks,
        }
      : { type: 'receiver-report', ssrc: stream.ssrc, reports: blocks };
    return [first, { type: 'description', chunks: [{ ssrc: stream.ssrc, cname: context.cname }] }];
  };

  const send = (packets: readonly RtcpPacket[]): void => {
    const bytes = Buffer.allocUnsafe(256);
    context.send(bytes.subarray(0, writeRtcp(bytes, packets)));
  };

  return {
    tick(now) {
      if (due < 0) {
        // The first report comes after half the interval at the latest (RFC 3550 section 6.2).
        due = now + context.intervalMs * (0.25 + context.random() * 0.25);
        return;
      }
      if (now < due) return;
      due = now + context.intervalMs * (0.5 + context.random());
      send(report(now));
    },
    received(bytes, length) {
      for (const packet of parseRtcp(bytes, length) ?? []) {
        if (packet.type !== 'sender-report' && packet.type !== 'receiver-report') continue;
        const arrival = context.wallClock();
        if (packet.type === 'sender-report') {
          lastSenderReport = ntpMiddle({ seconds: packet.sender.ntpSeconds, fraction: packet.sender.ntpFraction });
          lastSenderReportAt = arrival;
        }
        for (const block of packet.reports) {
          if (block.ssrc !== stream.ssrc) continue;
          roundTrip = roundTripTime(block, ntpMiddle(ntpTime(arrival))) ?? roundTrip;
          loss = block.fractionLost / 256;
          // Doubled packets make it negative (RFC 3550 section 6.4.1).
          lost = Math.max(0, block.cumulativeLost);
        }
      }
    },
    bye(now) {
      send([...report(now), { type: 'bye', ssrcs: [stream.ssrc], reason: null }]);
    },
    roundTripMs: () => roundTrip,
    remoteLoss: () => loss,
    remotePacketsLost: () => lost,
  };
};
