import { createHmac } from 'node:crypto';

/**
 * The value of `X-OpenCX-Signature`: `t=<seconds>,v1=<hex>`, where the second part is HMAC-SHA256 over `<seconds>.<body>`
 * with the endpoint's secret. The time is signed too, so that a receiver can refuse what is old.
 */
export const webhookSignature = (secret: string, seconds: number, body: string): string =>
  `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`;
