import { z } from 'zod';
import { isCountry } from '../../../core/e164.js';
import { parseIpRange } from '../ip-range.js';
import { isPeerEntry } from './peers.js';

const range = z.string().refine((text) => parseIpRange(text) !== null, {
  error: (issue) =>
    `${JSON.stringify(issue.input)} is not an address or a CIDR range (192.0.2.0/24, no bits set behind the prefix).`,
});

const headerName = z
  .string()
  .max(64)
  .regex(/^[A-Za-z0-9.!%*_+`'~-]+$/, 'is not the name of a SIP header.');
/** What the SIP stack writes itself; a profile that sets one of these would break calls. */
const ownedHeaders =
  /^(via|from|to|call-id|cseq|contact|max-forwards|route|record-route|content-.*|(proxy-)?authorization|(proxy|www)-authenticate|session-expires|min-se|require|supported|rack|rseq|v|f|t|i|m|l|c|k|x)$/i;
const addedHeader = headerName.refine((name) => !ownedHeaders.test(name), 'is written by the gateway itself.');
const headerValue = z
  .string()
  .max(1024)
  .regex(/^[\x20-\x7e]*$/, 'must be printable ASCII.');

const seconds = (min: number, max: number) => z.number().min(min).max(max);

/** Where a party's number may stand in an INVITE. */
export const calledPlaces = ['request-uri', 'to', 'diversion'] as const;
export const callingPlaces = ['p-asserted-identity', 'remote-party-id', 'from'] as const;

/**
 * `e164`: digits are international even without `+`. `national`: digits are dialled in the profile's country.
 * `auto`: `+` and the country's international prefix are international, else national, else international.
 */
export const numberFormats = ['auto', 'e164', 'national'] as const;

const digest = z.strictObject({
  realm: z
    .string()
    .min(1)
    .max(128)
    .regex(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/, 'must be printable, without quotes.'),
  /** In order of preference; most telephones know MD5 only (RFC 8760 adds SHA-256). */
  algorithms: z
    .array(z.enum(['MD5', 'SHA-256']))
    .min(1)
    .max(2)
    .default(['MD5']),
  users: z
    .array(z.strictObject({ username: z.string().min(1).max(128), password: z.string().min(1).max(256) }))
    .min(1)
    .max(1000),
});

const inbound = z.strictObject({
  /** False: calls go to this peer, none come from it; its sources are documentation and admit nobody. */
  enabled: z.boolean().default(true),
  sources: z.array(range).max(1000).default([]),
  transports: z
    .array(z.enum(['udp', 'tcp', 'tls']))
    .min(1)
    .default(['udp', 'tcp', 'tls']),
  /** New INVITEs from one address; null: no limit. */
  rateLimit: z
    .strictObject({ perSecond: z.number().positive().max(10_000), burst: z.number().int().min(1).max(100_000) })
    .nullable()
    .default({ perSecond: 20, burst: 60 }),
  digest: digest.nullable().default(null),
  called: z
    .strictObject({
      from: z.array(z.enum(calledPlaces)).min(1).default(['request-uri', 'to']),
      format: z.enum(numberFormats).default('auto'),
      /** Taken off the front before the number is read (a trunk's technical prefix). */
      stripPrefix: z
        .string()
        .max(16)
        .regex(/^[0-9*#+]*$/, 'must be digits, *, # or +.')
        .default(''),
    })
    .prefault({}),
  calling: z
    .strictObject({
      from: z.array(z.enum(callingPlaces)).min(1).default(['p-asserted-identity', 'from']),
      format: z.enum(numberFormats).default('auto'),
    })
    .prefault({}),
});

const media = z.strictObject({
  security: z.enum(['none', 'optional', 'required']).default('optional'),
  codecs: z
    .array(
      z
        .enum(['PCMU', 'PCMA', 'G722', 'opus'])
        .refine((name) => name !== 'opus', 'Opus is not available on SIP legs; G722 carries wide-band voice.'),
    )
    .min(1)
    .default(['PCMU', 'PCMA']),
  ranges: z.array(range).max(1000).default([]),
  /** Seconds; 0 switches it off. */
  firstPacketTimeout: seconds(0, 3600).default(30),
  idleTimeout: seconds(0, 3600).default(60),
  dtmf: z.enum(['rfc4733', 'info', 'both']).default('rfc4733'),
  /** Whether peers may describe their silence instead of sending it (RFC 3389). */
  comfortNoise: z.boolean().default(false),
  /** Listen for keys in the audio of peers that send no telephone events. */
  inbandDtmf: z.boolean().default(false),
});

const outbound = z
  .strictObject({
    /**
     * Hosts this profile's digest and added headers are for: `sip.carrier.example`, `*.carrier.example`, `203.0.113.0/24`.
     * A destination of a tenant may name any profile and any host. Needed with digest; empty without: added headers go to all.
     */
    peers: z
      .array(z.string().refine(isPeerEntry, 'must be a host, *.domain, an address or a range.'))
      .max(1000)
      .default([]),
    /** Used when the destination's URI names none; null leaves it to DNS (RFC 3263). */
    transport: z.enum(['udp', 'tcp', 'tls']).nullable().default(null),
    /** The same when the offer asks for secure media: SDES keys must not travel in clear. */
    secureTransport: z.enum(['tcp', 'tls']).nullable().default('tls'),
    /** Whose number goes into From on calls to a telephone number. */
    callerId: z.enum(['caller', 'called']).default('caller'),
    assertedIdentity: z.boolean().default(true),
    /** Whether Diversion may name the line the caller dialled. */
    diversion: z.boolean().default(false),
    headers: z
      .strictObject({
        add: z.record(addedHeader, headerValue).default({}),
        drop: z.array(headerName).default([]),
      })
      .prefault({}),
    /** Further names under which a Zendesk ticket id is sent. */
    ticketHeaders: z.array(addedHeader).max(8).default([]),
    digest: z
      .strictObject({ username: z.string().min(1).max(128), password: z.string().min(1).max(256) })
      .nullable()
      .default(null),
  })
  .refine(({ digest, peers }) => digest === null || peers.length > 0, {
    path: ['peers'],
    message: 'must name the hosts that the digest is for.',
  });

/** Durations are seconds, as everywhere in documents people write. */
export const profileSchema = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'must be lower-case letters, digits and hyphens.'),
    description: z.string().max(500).default(''),
    country: z.string().refine(isCountry, 'is not an ISO 3166-1 country code.').default('US'),
    inbound: inbound.prefault({}),
    media: media.prefault({}),
    outbound: outbound.prefault({}),
    refer: z
      .strictObject({
        /** Whether the peer takes a REFER of ours. */
        send: z.boolean().default(false),
        /** Whether we listen to a REFER of the peer. */
        accept: z.boolean().default(false),
      })
      .prefault({}),
    /** RFC 4028; null: we ask for none, and still agree to the peer's. */
    sessionTimer: z
      .strictObject({ interval: z.number().int().min(90).max(86_400), minimum: z.number().int().min(90).max(86_400) })
      .refine((timer) => timer.minimum <= timer.interval, 'minimum must not exceed interval.')
      .nullable()
      .default({ interval: 1800, minimum: 90 }),
    /** OPTIONS sent to a peer to keep a way open and to see whether it answers; null: none. */
    keepAlive: z
      .strictObject({
        target: z
          .string()
          .max(256)
          .regex(/^sip:[^\s<>"]+$/, 'must be a SIP URI.'),
        interval: seconds(15, 3600).default(30),
      })
      .nullable()
      .default(null),
    /** True: a hold on one leg of a bridged call is passed on as re-INVITE on the other. */
    forwardHold: z.boolean().default(false),
  })
  .superRefine((profile, context) => {
    if (profile.name !== 'local') return;
    for (const [index, source] of profile.inbound.sources.entries()) {
      // Everything named `local` is trusted without limit, so nothing but this machine may bear the name.
      if (['127.0.0.1', '127.0.0.1/32', '::1', '::1/128'].includes(source)) continue;
      context.addIssue({
        code: 'custom',
        path: ['inbound', 'sources', index],
        message: 'profile local admits 127.0.0.1 and ::1 only.',
      });
    }
  });

export type ProfileDocument = z.output<typeof profileSchema>;
