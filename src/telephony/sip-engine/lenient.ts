import type { ParsedSip } from './message.js';
import { type ParseOptions, parseSip } from './parser.js';

const ackLine = /^ACK [^\r\n ]+ SIP\/2\.0\r\n/;
const secondTag = /^((?:To|t)[ \t]*:[^\r\n]*?;[ \t]*tag=[^;\r\n]+)((?:;[ \t]*tag=[^;\r\n]+)+)/im;

const headBytes = 8_192;

/**
 * Reads two faulty messages of real peers that nobody could be told about, as neither an ACK nor a response is answered,
 * and that would cost the call:
 * - an ACK whose Request-URI is none (`sip:sip:host`): its dialog is told by Call-ID and tags;
 * - a response that added its own tag to a To that had ours: the first one is kept.
 * @returns undefined when the message is neither, or has another fault besides.
 */
export const parseLeniently = (raw: Buffer, options: ParseOptions): ParsedSip | undefined => {
  const start = raw.toString('latin1', 0, 4);
  if (start !== 'ACK ' && start !== 'SIP/') return undefined;
  const end = raw.indexOf('\r\n\r\n');
  if (end < 0 || end > headBytes) return undefined;
  const head = raw.toString('latin1', 0, end);
  const repaired =
    start === 'ACK '
      ? head.replace(ackLine, 'ACK sip:malformed.invalid SIP/2.0\r\n')
      : head.replace(secondTag, (_all, first: string) => first);
  if (repaired === head) return undefined;
  const result = parseSip(Buffer.concat([Buffer.from(repaired, 'latin1'), raw.subarray(end)]), options);
  return result.ok ? result.parsed : undefined;
};
