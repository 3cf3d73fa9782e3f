import { z } from 'zod';
import type { Fault } from '../../../core/errors.js';
import { faultsOf } from '../../../core/faults.js';

/** Encoding and sample rate of the audio on the wire, the same both ways. */
export const audioKinds = ['pcm-8000', 'pcm-16000', 'mulaw-8000'] as const;
export type AudioKind = (typeof audioKinds)[number];

const loopbackHost = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i;

const botUrl = z
  .string('must be text')
  .max(2_000, 'must not be longer than 2000 characters')
  .superRefine((text, context) => {
    const fault = (message: string): void => void context.addIssue({ code: 'custom', message });
    if (!URL.canParse(text)) return fault('is not a URL');
    const url = new URL(text);
    if (url.protocol !== 'wss:' && url.protocol !== 'ws:') return fault('must begin with wss://');
    if (url.protocol === 'ws:' && !loopbackHost.test(url.hostname)) {
      return fault("must begin with wss://; ws:// is for a bot on the gateway's own machine");
    }
    if (url.username !== '' || url.password !== '') return fault('must not hold a user or a password; use bearer');
    if (url.hash !== '') fault('must not have a fragment');
  });

const seconds = (min: number, max: number) =>
  z
    .number('must be a number of seconds')
    .min(min, `must be at least ${min} s`)
    .max(max, `must be at most ${max} s`)
    .transform((value) => value * 1_000);
const secretName = z.string('must be the name of a secret').min(1, 'must not be empty').max(255, 'is too long');

const fields = z.strictObject({
  type: z.literal('websocket'),
  url: botUrl,
  dialect: z.enum(['gateway', 'twilio'], 'must be gateway or twilio').default('gateway'),
  audio: z.enum(audioKinds, `must be one of ${audioKinds.join(', ')}`).optional(),
  answer: z.enum(['when-ready', 'at-once'], 'must be when-ready or at-once').default('when-ready'),
  readyTimeout: seconds(1, 120).default(10_000),
  reconnectWindow: seconds(0, 60).optional(),
  bearer: secretName.optional(),
  signature: secretName.optional(),
  parameters: z
    .record(z.string().min(1).max(64), z.string('must be text').max(1_000), 'must be an object of texts')
    .default({}),
  hideNumber: z.boolean('must be true or false').default(false),
});
export const legFields: readonly string[] = Object.keys(fields.shape);
const shape = fields.refine(
  (leg) => leg.dialect !== 'twilio' || leg.audio === undefined || leg.audio === 'mulaw-8000',
  {
    path: ['audio'],
    message: "must be mulaw-8000 in Twilio's dialect",
  },
);

/** A leg's configuration, read. Times are milliseconds. */
export type BotConfig = {
  readonly url: URL;
  readonly dialect: 'gateway' | 'twilio';
  readonly audio: AudioKind;
  readonly answer: 'when-ready' | 'at-once';
  readonly readyTimeout: number;
  /** How long a lost connection is dialled again; 0: not at all. */
  readonly reconnectWindow: number;
  /** Name of the organization's secret sent as `Authorization: Bearer`. */
  readonly bearer: string | null;
  /** Name of the organization's secret the handshake is signed with. */
  readonly signature: string | null;
  readonly parameters: Readonly<Record<string, string>>;
  readonly hideNumber: boolean;
};

/** The secrets of the organization that a leg names, with the fields it names them in. */
export const secretsOfBot = (leg: Readonly<Record<string, unknown>>) =>
  (['bearer', 'signature'] as const).flatMap((path) => {
    const name = leg[path];
    return typeof name === 'string' ? [{ path, name }] : [];
  });

/** Reads an agent's leg; on faults there is no configuration. */
export const parseBotConfig = (
  leg: unknown,
): { readonly config: BotConfig; readonly faults: readonly [] } | { readonly faults: readonly Fault[] } => {
  const parsed = shape.safeParse(leg);
  if (!parsed.success) return { faults: faultsOf(parsed.error.issues) };
  const { url, audio, bearer, signature, reconnectWindow, type: _, ...rest } = parsed.data;
  const twilio = rest.dialect === 'twilio';
  return {
    faults: [],
    config: {
      ...rest,
      url: new URL(url),
      audio: audio ?? (twilio ? 'mulaw-8000' : 'pcm-8000'),
      // Twilio's protocol knows no resumption: a bot would greet the caller a second time.
      reconnectWindow: reconnectWindow ?? (twilio ? 0 : 5_000),
      bearer: bearer ?? null,
      signature: signature ?? null,
    },
  };
};
