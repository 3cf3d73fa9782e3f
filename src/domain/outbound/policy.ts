import { z } from 'zod';
import { sipUriFault } from '../directory/index.js';

/** `sip:user@host[:port]`; the user may be or end in `*`, the host may begin with `*.`. */
const uriPattern =
  /^sip:([A-Za-z0-9\-_.!~'()&=+$,/%]*\*?)@((?:\*\.)?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::(\d{1,5}))?$/i;

const trunk = z
  .string()
  .max(500)
  .superRefine((text, context) => {
    const fault = sipUriFault(text);
    if (fault !== null) context.addIssue({ code: 'custom', message: fault });
  });

/**
 * What the agents of an organization may call besides the destinations assigned to them, and how much. The operator's
 * alone to say: an agent can be talked into calling anybody (prompt injection), and calls cost money.
 */
export const outboundPolicySchema = z.strictObject({
  numbers: z
    .array(z.string().regex(/^\+[1-9]\d{0,14}$/, 'must be the beginning of an E.164 number, such as +1415'))
    .max(1_000)
    .default([])
    .describe('Beginnings of telephone numbers in E.164.'),
  uris: z
    .array(
      z
        .string()
        .max(255)
        .regex(uriPattern, 'must be sip:user@host[:port]; the user may end in *, the host may begin with *.'),
    )
    .max(1_000)
    .default([])
    .describe('SIP URIs: `sip:user@host[:port]`, where the user may end in `*` and the host may begin with `*.`.'),
  trunk: trunk.nullable().default(null).describe('SIP URI of the trunk for numbers that no destination has.'),
  profile: z
    .string()
    .max(64)
    .nullable()
    .default(null)
    .describe('SIP profile for calls that no destination stands for.'),
  maxCalls: z.int().min(0).max(100_000).default(10).describe('Outbound calls at once, over all instances.'),
  dailyMinutes: z.int().min(0).max(10_000_000).default(600).describe('Begun minutes of outbound calls a day (UTC).'),
});

export type OutboundPolicy = z.output<typeof outboundPolicySchema>;

/** No number and no URI: agents reach their assigned destinations only. */
export const defaultPolicy: OutboundPolicy = outboundPolicySchema.parse({});

export type UriPattern = { readonly user: string; readonly host: string; readonly port: string };

/** The parts of a pattern of the policy. */
export const patternOf = (text: string): UriPattern | null => {
  const [, user, host, port = ''] = uriPattern.exec(text) ?? [];
  return user === undefined || host === undefined ? null : { user, host: host.toLowerCase(), port };
};
