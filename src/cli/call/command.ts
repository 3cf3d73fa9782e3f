import { resolve } from 'node:path';
import type { Command } from 'commander';
import { parseDtmf, placeTestCall } from '../../telephony/caller/index.js';
import type { CliContext } from '../context.js';
import { CliError } from '../exit-codes.js';
import { spokenOrPlayed } from './speech.js';

type Options = {
  readonly from: string;
  readonly display?: string;
  readonly say?: string;
  readonly wav?: string;
  readonly repeat?: true;
  readonly dtmf?: string;
  readonly record?: string;
  readonly srtp?: true;
  readonly user?: string;
  readonly header: readonly string[];
  readonly duration?: string;
  readonly ringTimeout: string;
  readonly ladder?: true;
  readonly json?: true;
};

const seconds = (text: string, option: string): number => {
  const value = Number(text);
  if (!(value > 0 && value <= 86_400)) throw new CliError('usage', `${option} must be a number of seconds.`);
  return value * 1_000;
};

const headersOf = (lines: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf(':');
      if (at < 1) throw new CliError('usage', `--header: "${line}" is not "Name: value".`);
      return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
    }),
  );

const digestOf = (user: string | undefined): { username: string; password: string } | null => {
  if (user === undefined) return null;
  const at = user.indexOf(':');
  if (at < 1) throw new CliError('usage', '--user must be name:password.');
  return { username: user.slice(0, at), password: user.slice(at + 1) };
};

const pressesOf = (text: string | undefined): ReturnType<typeof parseDtmf> => {
  try {
    return text === undefined ? [] : parseDtmf(text);
  } catch (error) {
    throw new CliError('usage', `${error instanceof Error ? error.message : String(error)}.`);
  }
};

/** `call` is a telephone: it dials, speaks, presses keys, records, and shows the call as it runs. */
export const callCommand = (program: Command, context: CliContext): void => {
  program
    .command('call')
    .description('Call a SIP address from this machine and show the call as it runs')
    .argument('<uri>', 'whom to call: sip:+14155550100@127.0.0.1[:port][;transport=tcp|tls]')
    .option('--from <number>', 'our number', '+14155550123')
    .option('--display <name>', 'our name')
    .option('--say <text>', 'speak this when the call is answered (needs espeak-ng)')
    .option('--wav <file>', 'or play this WAV file')
    .option('--repeat', 'speak or play it again and again')
    .option('--dtmf <presses>', 'keys to press: 1,0 (one after the other) or 1@2.5,42@6 (seconds after the answer)')
    .option('--record <file>', 'record both sides into this WAV file (left: what we hear)')
    .option('--srtp', 'insist on SRTP')
    .option('--user <name:password>', 'answer digest challenges with this')
    .option(
      '--header <line>',
      'a header for the INVITE, "Name: value"; may be repeated',
      (line: string, all: string[]) => [...all, line],
      [],
    )
    .option('--duration <seconds>', 'hang up so long after the answer; default: wait for the other side')
    .option('--ring-timeout <seconds>', 'give up when nobody answers', '60')
    .option('--ladder', 'print the SIP messages at the end')
    .option('--json', 'print one JSON object at the end instead')
    .action(async (uri: string, options: Options) => {
      const started = performance.now();
      const show = (text: string): void => {
        if (options.json !== true)
          context.out(`${((performance.now() - started) / 1_000).toFixed(2).padStart(7)}  ${text}\n`);
      };
      const audio = await spokenOrPlayed({
        say: options.say ?? null,
        wav: options.wav === undefined ? null : resolve(context.cwd, options.wav),
      });
      try {
        const result = await placeTestCall(
          {
            uri,
            from: options.from,
            display: options.display ?? null,
            headers: headersOf(options.header),
            audio: audio.source,
            repeat: options.repeat === true,
            presses: pressesOf(options.dtmf),
            record: options.record === undefined ? null : resolve(context.cwd, options.record),
            secureMedia: options.srtp === true,
            digest: digestOf(options.user),
            hangUpAfter: options.duration === undefined ? null : seconds(options.duration, '--duration'),
            ringTimeout: seconds(options.ringTimeout, '--ring-timeout'),
            signal: context.signal,
          },
          (_name, text) => show(text),
        );
        const { ladder, ...report } = result;
        if (options.json === true)
          context.out(`${JSON.stringify({ ...report, ladder: options.ladder === true ? ladder : undefined })}\n`);
        else {
          if (result.quality !== null) {
            const { codec, packetsSent, packetsReceived, packetsLost, jitterMs, mos } = result.quality;
            show(
              `media ${codec ?? '?'}: ${packetsSent} packets sent, ${packetsReceived} received, ${packetsLost} lost, jitter ${jitterMs.toFixed(1)} ms` +
                (mos === null ? '' : `, MOS ${mos.toFixed(1)}`),
            );
          }
          if (options.ladder === true) context.out(`\n${ladder}\n`);
        }
        if (!result.answered)
          throw new CliError(
            'failed',
            options.json === true ? '' : `The call was not answered: ${result.status ?? ''} ${result.reason}`.trim(),
          );
      } catch (error) {
        if (error instanceof RangeError) throw new CliError('usage', `${error.message}.`);
        throw error;
      } finally {
        await audio.release();
      }
    });
};
