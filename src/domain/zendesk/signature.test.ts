import { describe, expect, it } from 'vitest';
import { checkSignature, SIGNATURE_TOLERANCE, signWebhook } from './signature.js';

// The secret, time and first body of Zendesk's own page on verifying webhooks.
const secret = 'dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==';
const timestamp = '2021-03-25T05:09:27Z';
const now = Date.parse(timestamp);
const vectors: [string, string][] = [
  ['{"event":"ticket.updated","id":123}', 'S/RDdU2ERmj7LHDDoWJ2onPYH+t7/f2+LTM4dL7UiLM='],
  ['{"ticket_id":123}', '1nU5wKytEY1xX+zZ6s5QA0Kr4FUMemnmvlyqSNOtWGE='],
  ['', 'wCdBvXaHttn0wRVIYctzZ9O6O0bnqWakJMEKZ9VoRWw='],
];

describe('a webhook’s signature', () => {
  it('is the documented one, and each vector passes', () => {
    for (const [body, signature] of vectors) {
      expect(signWebhook(secret, timestamp, Buffer.from(body))).toBe(signature);
      checkSignature(secret, { signature, timestamp }, Buffer.from(body), now + 1_000);
    }
  });

  it('is refused when it is missing, changed, for another body, too old or too new', () => {
    const body = Buffer.from('{"ticket_id":123}');
    const signature = signWebhook(secret, timestamp, body);
    const check = (headers: { signature?: string; timestamp?: string }, bytes = body, at = now): void =>
      checkSignature(secret, { signature: headers.signature, timestamp: headers.timestamp }, bytes, at);
    expect(() => check({ timestamp })).toThrow('is missing');
    expect(() => check({ signature })).toThrow('is missing');
    expect(() => check({ signature: `${signature}A`, timestamp })).toThrow('does not fit');
    expect(() => check({ signature: signature.toLowerCase(), timestamp })).toThrow('does not fit');
    expect(() => check({ signature, timestamp }, Buffer.from('{"ticket_id":124}'))).toThrow('does not fit');
    expect(() => check({ signature, timestamp }, body, now + SIGNATURE_TOLERANCE + 1)).toThrow('five minutes');
    expect(() => check({ signature, timestamp }, body, now - SIGNATURE_TOLERANCE - 1)).toThrow('five minutes');
    const odd = { signature: signWebhook(secret, 'yesterday', body), timestamp: 'yesterday' };
    expect(() => check(odd)).toThrow('five minutes');
  });
});
