import { createRequire } from 'node:module';
import { parseSip } from '../src/telephony/sip-engine/parser.js';
import { serialize } from '../src/telephony/sip-engine/serializer.js';
import { inviteOfContacts, typicalInvite } from '../test/support/sip-messages.js';
import { type Bench, type BenchRow, median, round } from './bench.js';

type ForeignParser = { parseSipMessage(text: string): unknown };

const rounds = 7;
const messagesPerRound = 40_000;

/** CPU time of one run of `work`, in microseconds. */
const cpuOf = (work: () => void): number => {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
};

const times =
  (count: number, work: () => void): (() => void) =>
  () => {
    for (let i = 0; i < count; i++) work();
  };

const noLimits = { maxMessageBytes: 1_000_000, maxHeaderCount: 100_000, maxHeaderBytes: 1_000_000 };

/**
 * The engine's parser beside that of drachtio-srf, on the same INVITE in the same process, alternating. Both start from
 * the bytes of the datagram and read every header; ours also validates.
 */
export const engineParserBench: Bench = {
  name: 'engine-parser',
  id: 'P2',
  title: 'Engine: parser',
  run: async (log) => {
    const srf: ForeignParser = createRequire(import.meta.url)('drachtio-srf/lib/sip-parser/parser');
    const invite = typicalInvite();
    const ours = times(messagesPerRound, () => parseSip(invite));
    const theirs = times(messagesPerRound, () => srf.parseSipMessage(invite.toString()));
    const roundTrip = times(messagesPerRound, () => {
      const result = parseSip(invite);
      if (result.ok) serialize(result.parsed.message);
    });
    for (const warmUp of [ours, theirs, roundTrip]) warmUp();

    const cpu = { ours: [] as number[], theirs: [] as number[], roundTrip: [] as number[] };
    for (let i = 0; i < rounds; i++) {
      cpu.ours.push(cpuOf(ours) / messagesPerRound);
      cpu.theirs.push(cpuOf(theirs) / messagesPerRound);
      cpu.roundTrip.push(cpuOf(roundTrip) / messagesPerRound);
      log(`round ${i + 1}: ours ${round(cpu.ours[i] ?? 0)} µs, drachtio-srf ${round(cpu.theirs[i] ?? 0)} µs a message`);
    }
    const perSecond = (microseconds: number): number => 1_000_000 / microseconds;
    const [parse, foreign, both] = [median(cpu.ours), median(cpu.theirs), median(cpu.roundTrip)];
    const rows: BenchRow[] = [
      {
        what: `INVITE of ${invite.length} bytes parsed and validated`,
        ours: `${Math.round(perSecond(parse))}/s (${round(parse)} µs CPU)`,
        compared: `drachtio-srf parser: ${Math.round(perSecond(foreign))}/s (${round(foreign)} µs CPU)`,
        ratio: foreign / parse,
        goal: '≥ 40,000/s a core',
        met: perSecond(parse) >= 40_000,
      },
      {
        what: 'the same parsed and written again',
        ours: `${Math.round(perSecond(both))}/s (${round(both)} µs CPU)`,
        compared: '',
        ratio: null,
        goal: 'reported',
        met: null,
      },
    ];
    for (const form of ['one line', 'one line each'] as const) {
      const bytes = inviteOfContacts(form);
      const limited: number[] = [];
      const unlimited: number[] = [];
      const foreignTimes: number[] = [];
      for (let i = 0; i < 5; i++) {
        limited.push(cpuOf(() => void parseSip(bytes)) / 1_000);
        unlimited.push(cpuOf(() => void parseSip(bytes, { framing: 'datagram', limits: noLimits })) / 1_000);
        foreignTimes.push(cpuOf(() => void srf.parseSipMessage(bytes.toString())) / 1_000);
      }
      const worst = Math.max(...limited, ...unlimited);
      rows.push({
        what: `datagram of ${Math.round(bytes.length / 1000)} kB with 6,001 contacts, ${form}`,
        ours: `${round(median(limited))} ms with the limits, ${round(median(unlimited))} ms without (worst ${round(worst)})`,
        compared: `drachtio-srf parser: ${round(median(foreignTimes))} ms`,
        ratio: median(foreignTimes) / median(unlimited),
        goal: '< 20 ms',
        met: worst < 20,
      });
    }
    return { id: 'P2', title: 'Engine: parser', rows, notes: [`medians of ${rounds} alternating rounds`] };
  },
};
