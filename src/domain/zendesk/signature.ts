import { createHmac, timingSafeEqual } from 'node:crypto';
import { GatewayError } from '../../core/errors.js';

/** ms between the time a delivery was signed and now. */
export const SIGNATURE_TOLERANCE = 300_000;

export type SignatureHeaders = { readonly signature: string | undefined; readonly timestamp: string | undefined };

/** base64 of HMAC-SHA256 over timestamp and raw body (developer.zendesk.com/documentation/webhooks/verifying). */
export const signWebhook = (secret: string, timestamp: string, body: Buffer): string =>
  createHmac('sha256', secret).update(timestamp).update(body).digest('base64');

const refused = (why: string): GatewayError => new GatewayError('unauthorized', `The webhook's signature ${why}.`);

/** Throws GatewayError unauthorized unless the body was signed with the secret within five minutes of `now`. */
export const checkSignature = (secret: string, headers: SignatureHeaders, body: Buffer, now: number): void => {
  const { signature, timestamp } = headers;
  if (signature === undefined || timestamp === undefined || timestamp.length > 64) {
    throw refused('is missing: the organization has stored a signing secret, so every delivery must be signed');
  }
  const [given, wanted] = [Buffer.from(signature), Buffer.from(signWebhook(secret, timestamp, body))];
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) throw refused('does not fit');
  const at = Date.parse(timestamp);
  if (Number.isNaN(at) || Math.abs(now - at) > SIGNATURE_TOLERANCE) {
    throw refused('is more than five minutes away from the time here');
  }
};
