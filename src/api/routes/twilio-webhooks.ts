import { z } from 'zod';
import { GatewayError } from '../../core/errors.js';
import { type Route, rawRoute } from '../http/route.js';
import type { TwilioParts, TwilioWebhook } from './twilio-parts.js';

/** Twilio's webhooks are a few kilobytes. */
const MAX_BODY = 65_536;
const media = 'application/x-www-form-urlencoded';

const called = z
  .looseObject({
    To: z.string().describe('The number that was dialled, E.164.'),
    From: z.string().optional(),
    CallSid: z.string().optional(),
  })
  .describe("The parameters of Twilio's voice webhook; X-Twilio-Signature is judged over all of them.");

const happened = z
  .looseObject({
    CallSid: z.string().optional(),
    CallStatus: z.string().optional(),
    ErrorCode: z.string().optional(),
    SipResponseCode: z.string().optional(),
    VerificationStatus: z.string().optional().describe('success or failed: of a caller id that was to be verified.'),
  })
  .describe("The parameters of Twilio's status callbacks.");

export const notConfigured = (): GatewayError =>
  new GatewayError('not_available', 'No Twilio account is configured: set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN.');

const webhookOf = (header: string | string[] | undefined, target: string, bytes: Buffer): TwilioWebhook => ({
  signature: typeof header === 'string' ? header : undefined,
  target,
  body: bytes.toString('utf8'),
});

const errors = ['forbidden', 'not_available', 'bad_request'] as const;
const anyQuery = z.looseObject({});

/** What Twilio calls. Its signature is the credential, so these take no other. */
export const twilioWebhookRoutes = (twilio: TwilioParts | null): readonly Route[] => [
  rawRoute({
    method: 'post',
    path: '/twilio/voice',
    summary: 'Voice webhook of a Twilio number that is on no trunk: answers TwiML that calls this gateway',
    tag: 'Twilio',
    query: anyQuery,
    body: { documented: called, media, maxBytes: MAX_BODY },
    replies: { 200: { description: 'TwiML.', schema: z.string(), contentTypes: ['text/xml'] } },
    errors,
    async handle({ headers, target, bytes }) {
      if (twilio === null) throw notConfigured();
      const body = await twilio.voice(webhookOf(headers['x-twilio-signature'], target, bytes));
      return { status: 200, body, contentType: 'text/xml; charset=utf-8' };
    },
  }),
  rawRoute({
    method: 'post',
    path: '/twilio/status',
    summary: 'Status callback: how the call to this gateway went, and how a verification ended',
    tag: 'Twilio',
    query: anyQuery,
    body: { documented: happened, media, maxBytes: MAX_BODY },
    replies: { 204: { description: 'Taken.' } },
    errors: [...errors, 'store_unavailable', 'twilio_refused', 'twilio_unavailable'],
    async handle({ headers, target, bytes }) {
      if (twilio === null) throw notConfigured();
      await twilio.status(webhookOf(headers['x-twilio-signature'], target, bytes));
      return { status: 204 };
    },
  }),
];
