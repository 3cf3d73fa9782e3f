import { z } from 'zod';
import { isE164, toE164 } from '../../core/e164.js';
import { protectedRoute, type Route } from '../http/route.js';
import { flag } from '../schemas.js';
import type { TwilioParts } from './twilio-parts.js';
import { notConfigured, twilioWebhookRoutes } from './twilio-webhooks.js';

const e164 = z
  .string()
  .max(64)
  .transform((text, context) => {
    const number = toE164(text);
    if (number !== null && isE164(number)) return number;
    context.addIssue({ code: 'custom', message: 'must be a telephone number in E.164, such as +14155550100' });
    return z.NEVER;
  });
const name = z.string().trim().min(1, 'must not be empty').max(64);
const sid = (prefix: string) =>
  z.string().regex(new RegExp(`^${prefix}[0-9a-f]{32}$`), `must be ${prefix} and 32 hexadecimal digits`);
const country = z.string().regex(/^[A-Z]{2}$/, 'must be a country code of two capitals, such as US');
const params = z.strictObject({ number: e164 });
const trunkName = name.default('voice-gateway').describe('By this name the trunk is found again.');

const searchQuery = z.strictObject({
  country: country.default('US'),
  kind: z.enum(['local', 'mobile', 'tollFree']).default('local'),
  areaCode: z.coerce.number().int().min(1).max(9_999).optional().describe('US and Canada only.'),
  contains: z
    .string()
    .regex(/^[0-9A-Za-z*+]{2,16}$/, 'must be 2 to 16 digits, letters or *')
    .optional()
    .describe('Digits, letters as on a telephone, * for any.'),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});

const offer = z.strictObject({
  number: z.string(),
  name: z.string(),
  place: z.string().nullable(),
  country: z.string(),
  voice: z.boolean(),
  address: z.string().describe('Which address the country demands of a buyer: none, any, local or foreign.'),
});

const owned = z.strictObject({
  number: z.string(),
  sid: z.string(),
  name: z.string(),
  trunkSid: z.string().nullable(),
  voiceUrl: z.string().nullable(),
  organization: z.string().nullable().describe('Who has it here.'),
  agent: z.string().nullable(),
  verified: z.boolean().nullable(),
});

const purchase = z.strictObject({
  number: e164,
  name: name.optional(),
  by: z.enum(['trunk', 'webhook']).default('trunk').describe('How its calls come: by a trunk, or by /twilio/voice.'),
  trunk: trunkName,
  addressSid: sid('AD').optional(),
  bundleSid: sid('BU').optional(),
});

const verificationBody = z.strictObject({
  number: e164,
  name: name.optional(),
  callDelay: z.int().min(0).max(60).default(0).describe('Seconds until Twilio calls.'),
  extension: z
    .string()
    .regex(/^[0-9*#w,]{1,32}$/, 'must be keys to press')
    .optional()
    .describe('Keys to press when a switchboard answers.'),
});

const verification = z.strictObject({
  number: z.string(),
  status: z.enum(['owned', 'verified', 'pending']),
  organization: z.string().nullable(),
  verified: z.boolean().nullable().describe('Whether its calls are taken here; null: no organization has it.'),
  marked: z.boolean().describe('It became verified just now.'),
});

const trunkBody = z.strictObject({
  name: trunkName,
  domain: z
    .string()
    .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.pstn\.twilio\.com$/, 'must be name.pstn.twilio.com')
    .optional()
    .describe('Where calls of our own go; default: a name made of the account.'),
  origination: z
    .string()
    .max(256)
    .regex(/^sip:[^\s@;?]+(?:;[^\s?]+)?$/, 'must be sip:host:port, with ;transport= if need be')
    .optional()
    .describe("The gateway's SIP address; default: SIP_PUBLIC_ADDRESS with the port and transport of SIP_LISTEN."),
  secure: z.boolean().default(false).describe('TLS and SRTP only.'),
  transferMode: z.enum(['disable-all', 'enable-all', 'sip-only']).default('enable-all').describe('REFER on the trunk.'),
  username: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,32}$/, 'must be 1 to 32 letters, digits, dots, dashes')
    .default('voice-gateway'),
  password: z.string().min(12, 'must have at least 12 characters').max(128).optional(),
  numbers: z.array(e164).max(1_000).default([]).describe('Of the account; their calls come by the trunk.'),
});

const trunkReport = z.strictObject({
  sid: z.string(),
  domain: z.string(),
  origination: z.string(),
  username: z.string(),
  password: z.string().nullable().describe('Only when it was made just now: nobody can read it later.'),
  steps: z.array(
    z.strictObject({
      what: z.string(),
      id: z.string(),
      done: z.enum(['created', 'changed', 'left']),
      fields: z.array(z.string()),
    }),
  ),
});

const carrier = ['not_available', 'twilio_refused', 'twilio_unavailable', 'bad_request'] as const;
const written = ['unsupported_media_type'] as const;

/** The operator's account at Twilio, and what Twilio calls. Without an account each route says so (501). */
export const twilioRoutes = (twilio: TwilioParts | null): readonly Route[] => {
  const account = (): TwilioParts => {
    if (twilio === null) throw notConfigured();
    return twilio;
  };
  const tag = 'Twilio';
  return [
    protectedRoute({
      method: 'get',
      path: '/v1/twilio/available-numbers',
      summary: 'Numbers with voice that Twilio has for sale',
      ...{ tag, action: 'system:read', query: searchQuery },
      replies: {
        200: { description: 'At most `limit`.', schema: z.strictObject({ items: z.array(offer), next: z.null() }) },
      },
      errors: [...carrier, 'not_found'],
      async handle({ query: { country, kind, limit, areaCode, contains } }) {
        const items = await account().search({
          ...{ country, kind, limit },
          ...(areaCode === undefined ? {} : { areaCode }),
          ...(contains === undefined ? {} : { contains }),
        });
        return { status: 200, body: { items, next: null } };
      },
    }),
    protectedRoute({
      method: 'get',
      path: '/v1/twilio/numbers',
      summary: 'The numbers of the account, and who has them here',
      ...{ tag, action: 'system:read' },
      replies: { 200: { description: 'All.', schema: z.strictObject({ items: z.array(owned), next: z.null() }) } },
      errors: [...carrier, 'store_unavailable'],
      handle: async () => ({ status: 200, body: { items: await account().list(), next: null } }),
    }),
    protectedRoute({
      method: 'post',
      path: '/v1/twilio/numbers',
      summary: 'Buys a number; with an Idempotency-Key at most once',
      ...{ tag, action: 'system:write', body: { schema: purchase } },
      replies: { 201: { description: 'The number.', schema: owned } },
      errors: [...carrier, ...written, 'not_found', 'conflict', 'store_unavailable'],
      async handle({ body: { number, name, by, trunk, addressSid, bundleSid }, principal, log }) {
        const bought = await account().buy({
          ...{ number, by, trunk },
          ...(name === undefined ? {} : { name }),
          ...(addressSid === undefined ? {} : { addressSid }),
          ...(bundleSid === undefined ? {} : { bundleSid }),
        });
        log.info({ number, by: principal.sub }, 'A number was bought at Twilio.');
        return { status: 201, body: bought, changes: [`bought ${number}`] };
      },
    }),
    protectedRoute({
      method: 'delete',
      path: '/v1/twilio/numbers/{number}',
      summary: 'Gives a number back to Twilio; refused while an organization has it, unless forced',
      ...{ tag, action: 'system:write', params },
      query: z.strictObject({ force: flag.default(false) }),
      replies: { 204: { description: 'It is gone, and may be sold to somebody else.' } },
      errors: [...carrier, 'not_found', 'conflict', 'store_unavailable'],
      async handle({ params: { number }, query: { force }, principal, log }) {
        await account().release(number, force);
        log.info({ number, by: principal.sub }, 'A number was given back to Twilio.');
        return { status: 204, changes: [`released ${number}`] };
      },
    }),
    protectedRoute({
      method: 'post',
      path: '/v1/twilio/verifications',
      summary:
        'Has Twilio call a number and ask for a code, which the answer holds; one that needs no proof counts at once',
      ...{ tag, action: 'system:write', body: { schema: verificationBody } },
      replies: {
        200: { description: 'The account has the number, or it is proven: nobody is called.', schema: verification },
        202: {
          description: 'Twilio calls; whoever answers presses the code.',
          schema: z.strictObject({ number: z.string(), code: z.string(), callSid: z.string() }),
        },
      },
      errors: [...carrier, ...written, 'not_found', 'conflict', 'store_unavailable'],
      async handle({ body: { number, name, callDelay, extension } }) {
        const begun = await account().verify({
          ...{ number, callDelay },
          ...(name === undefined ? {} : { name }),
          ...(extension === undefined ? {} : { extension }),
        });
        if ('status' in begun) {
          return { status: 200, body: begun, changes: begun.marked ? [`verified ${number}`] : [] };
        }
        return {
          status: 202,
          body: begun,
          changes: [`began to verify ${number}`],
          headers: { Location: `/v1/twilio/verifications/${number}` },
        };
      },
    }),
    protectedRoute({
      method: 'post',
      path: '/v1/twilio/verifications/{number}',
      summary: 'Asks Twilio whether a number is proven; if so it counts as verified here',
      ...{ tag, action: 'system:write', params },
      replies: { 200: { description: 'How the number stands.', schema: verification } },
      errors: [...carrier, 'not_found', 'conflict', 'store_unavailable'],
      async handle({ params: { number } }) {
        const answer = await account().verification(number);
        return { status: 200, body: answer, changes: answer.marked ? [`verified ${number}`] : [] };
      },
    }),
    protectedRoute({
      method: 'put',
      path: '/v1/twilio/trunk',
      summary: 'Makes a SIP trunk to this gateway and back; run again it changes only what differs',
      ...{ tag, action: 'system:write', body: { schema: trunkBody } },
      replies: { 200: { description: 'What was done.', schema: trunkReport } },
      errors: [...carrier, ...written, 'not_found', 'conflict'],
      async handle({ body: { domain, origination, password, ...plan } }) {
        const report = await account().setUpTrunk({
          ...plan,
          ...(domain === undefined ? {} : { domain }),
          ...(origination === undefined ? {} : { origination }),
          ...(password === undefined ? {} : { password }),
        });
        const changes = report.steps.filter(({ done }) => done !== 'left');
        return { status: 200, body: report, changes: changes.map(({ what, id, done }) => `${done} ${what} ${id}`) };
      },
    }),
    ...twilioWebhookRoutes(twilio),
  ];
};
