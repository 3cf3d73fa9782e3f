import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { dropEscapedNames } from '../../src/telephony/sip-engine/headers.js';
import { defaultLimits } from '../../src/telephony/sip-engine/options.js';
import { type ParseResult, parseSip } from '../../src/telephony/sip-engine/parser.js';
import { serialize } from '../../src/telephony/sip-engine/serializer.js';
import { createStreamFramer } from '../../src/telephony/sip-engine/stream-framer.js';
import { mutated } from '../support/mutate.js';
import { seededRandom } from '../support/seeded-random.js';
import { inviteOfContacts, typicalMessages } from '../support/sip-messages.js';

const messages = 1_000_000;
const streams = 40_000;
const seed = 20_261_121;
/** No message may hold up the others for longer, ms. */
const longestStall = 50;

const torture = new URL('../../../shared/vectors/rfc4475/', import.meta.url);
const tortureMessages = existsSync(torture)
  ? readdirSync(torture).map((name) => readFileSync(new URL(name, torture)))
  : [];
if (tortureMessages.length === 0)
  process.stdout.write('the RFC 4475 messages are absent: only typical ones are mutated\n');
const corpus = [...typicalMessages(), ...tortureMessages];

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const usedMemory = (): number => {
  // Buffers are freed by finalisers of the first collection, which the second one waits for.
  collectGarbage();
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

/** The time of `work`; a run that was merely interrupted by the machine is measured again, and the best of four counts. */
const timeOf = (work: () => void): number => {
  const run = (): number => {
    const start = performance.now();
    work();
    return performance.now() - start;
  };
  const first = run();
  return first <= longestStall ? first : Math.min(run(), run(), run());
};

type SrfMessage = { get(name: string): string; has(name: string): boolean; getParsedHeader(name: string): unknown };
const SrfSipMessage: new (text: string) => SrfMessage = createRequire(import.meta.url)(
  'drachtio-srf/lib/sip-parser/message',
);

/** drachtio-srf drops a message it cannot read without a word, so that it must read all that we hand it. */
const checkReadableBySrf = (text: string, callId: string): void => {
  const message = new SrfSipMessage(text);
  for (const name of ['via', 'from', 'to', 'cseq', 'contact', 'route', 'record-route']) {
    try {
      if (message.has(name)) message.getParsedHeader(name);
    } catch (cause) {
      throw new Error(`drachtio-srf cannot read ${name} of ${JSON.stringify(text)}`, { cause });
    }
  }
  if (message.get('call-id') !== callId) throw new Error('drachtio-srf reads another Call-ID');
};

/** What must hold for anything the parser accepts. */
const checkAccepted = (result: Extract<ParseResult, { ok: true }>, bytes: Buffer): void => {
  const { message, callId, cseq, via, fromTag } = result.parsed;
  // As the transport layer does before anything reaches an application.
  dropEscapedNames(message);
  const written = serialize(message);
  checkReadableBySrf(written.toString(), callId);
  const again = parseSip(written);
  if (!again.ok)
    throw new Error(
      `accepted, but its own writing is refused (${again.reason}): ${JSON.stringify(bytes.toString('latin1'))}`,
    );
  const same =
    again.parsed.callId === callId &&
    again.parsed.cseq.number === cseq.number &&
    again.parsed.cseq.method === cseq.method &&
    again.parsed.via.host === via.host &&
    again.parsed.fromTag === fromTag &&
    again.parsed.message.headers.length >= message.headers.length &&
    again.parsed.message.body.equals(message.body);
  if (!same) throw new Error(`reads differently when written again: ${JSON.stringify(bytes.toString('latin1'))}`);
};

type Cut = { frames: string[]; broken: string | undefined };

const cut = (bytes: Buffer, chunkSize: () => number, read: (frame: Buffer) => void): Cut => {
  const result: Cut = { frames: [], broken: undefined };
  const framer = createStreamFramer(defaultLimits, {
    onFrame: (frame) => {
      result.frames.push(frame.toString('latin1'));
      read(frame);
    },
    onPing: () => {},
    onBroken: (reason) => {
      result.broken = reason;
    },
  });
  for (let at = 0; at < bytes.length; ) {
    const size = Math.max(1, chunkSize());
    framer.push(bytes.subarray(at, at + size));
    at += size;
  }
  return result;
};

describe('hostile input', () => {
  it(`${messages.toLocaleString('en')} mutated messages: no crash, no growth, no stall over ${longestStall} ms`, {
    timeout: 600_000,
  }, () => {
    const random = seededRandom(seed);
    const reasons = new Map<string, number>();
    let accepted = 0;
    let slowest = 0;
    let before = 0;
    for (let i = 0; i < messages; i++) {
      if (i === messages / 10) before = usedMemory();
      const bytes = mutated(corpus, random);
      let result: ParseResult | undefined;
      slowest = Math.max(
        slowest,
        timeOf(() => {
          result = parseSip(bytes);
        }),
      );
      if (result?.ok) {
        accepted++;
        if (accepted % 4 === 0) checkAccepted(result, bytes);
      } else if (result !== undefined) reasons.set(result.reason, (reasons.get(result.reason) ?? 0) + 1);
    }
    const growth = usedMemory() - before;
    const refused = [...reasons.values()].reduce((sum, n) => sum + n, 0);
    process.stdout.write(
      `${messages} messages: ${accepted} accepted, ${refused} refused for ${reasons.size} reasons; slowest ${slowest.toFixed(1)} ms; memory ${(growth / 1_048_576).toFixed(2)} MiB\n`,
    );
    expect(accepted + refused).toBe(messages);
    // The mutations must reach both sides, or they would show nothing.
    expect(Math.min(accepted, refused)).toBeGreaterThan(messages / 20);
    expect(reasons.size).toBeGreaterThan(15);
    expect(slowest).toBeLessThanOrEqual(longestStall);
    expect(growth).toBeLessThan(4 * 1_048_576);
  });

  it(`${streams.toLocaleString('en')} mutated TCP streams are cut alike in one chunk and in random ones`, {
    timeout: 600_000,
  }, () => {
    const random = seededRandom(seed + 1);
    let frames = 0;
    let broken = 0;
    let slowest = 0;
    let before = 0;
    for (let i = 0; i < streams; i++) {
      if (i === streams / 10) before = usedMemory();
      const parts = Array.from({ length: 1 + Math.floor(random() * 6) }, () =>
        random() < 0.3 ? mutated(corpus, random) : (corpus[Math.floor(random() * corpus.length)] ?? Buffer.alloc(0)),
      );
      const bytes = Buffer.concat(parts);
      const largest = random() < 0.1 ? 3 : random() < 0.5 ? 100 : 4_000;
      const read = (frame: Buffer): void => void parseSip(frame, { framing: 'stream', limits: defaultLimits });
      let whole: Cut | undefined;
      let chunked: Cut | undefined;
      slowest = Math.max(
        slowest,
        timeOf(() => {
          whole = cut(bytes, () => bytes.length, read);
        }),
      );
      slowest = Math.max(
        slowest,
        timeOf(() => {
          chunked = cut(bytes, () => Math.floor(random() * largest), read);
        }),
      );
      // A look at equal ones costs little; the matcher, which shows where others differ, costs much.
      if (JSON.stringify(chunked) !== JSON.stringify(whole)) expect(chunked).toEqual(whole);
      frames += whole?.frames.length ?? 0;
      if (whole?.broken !== undefined) broken++;
    }
    const growth = usedMemory() - before;
    process.stdout.write(
      `${streams} streams: ${frames} messages cut out, ${broken} broken off; slowest ${slowest.toFixed(1)} ms; memory ${(growth / 1_048_576).toFixed(2)} MiB\n`,
    );
    expect(frames).toBeGreaterThan(streams / 2);
    expect(broken).toBeGreaterThan(streams / 20);
    expect(slowest).toBeLessThanOrEqual(longestStall);
    expect(growth).toBeLessThan(4 * 1_048_576);
  });

  it.each(['one line', 'one line each'] as const)(
    'a datagram of 60 kB with 6,001 contacts in %s costs no more than its bytes',
    (form) => {
      const bytes = inviteOfContacts(form);
      const limits = { maxMessageBytes: 1_000_000, maxHeaderCount: 100_000, maxHeaderBytes: 1_000_000 };
      expect(parseSip(bytes)).toMatchObject({ ok: false, status: 513 });
      expect(parseSip(bytes, { framing: 'datagram', limits }).ok).toBe(true);
    },
  );

  it.each([
    ['spaces before a line end', `X: a${' '.repeat(40_000)}\r\n`],
    ['folded lines', `X: a${'\r\n '.repeat(16_000)}b\r\n`],
    ['open quotes', `From: ${'"'.repeat(40_001)} <sip:a@b>\r\n`],
    ['backslashes', `From: "${'\\'.repeat(40_001)}" <sip:a@b>\r\n`],
    ['angle brackets', `Contact: ${'<'.repeat(40_000)}\r\n`],
    ['parameters', `Contact: <sip:a@b>${';a=b'.repeat(10_000)}\r\n`],
    ['commas', `Route: ${'<sip:a>,'.repeat(5_000)}<sip:a>\r\n`],
    ['escapes', `Contact: <sip:${'%41'.repeat(13_000)}@b>\r\n`],
    ['digits', `CSeq: ${'0'.repeat(40_000)}1 OPTIONS\r\n`],
    ['words', `From: ${'a '.repeat(20_000)}<sip:a@b>\r\n`],
  ])('48 kB of %s do not hold up the engine', (_what, line) => {
    const bytes = Buffer.from(`OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n${line}Call-ID: c\r\n\r\n`);
    expect(timeOf(() => void parseSip(bytes))).toBeLessThanOrEqual(longestStall);
  });
});
