import type { RateLimiter } from '../../core/rate-limit.js';
import { answerQuietly } from './calls/deps.js';
import type { SipRequest } from './connection/messages.js';
import { DIALOG_METHODS } from './dialogs/dialog.js';
import { canonicalAddress } from './ip-range.js';

/** Methods taken outside of dialogs. */
const ALLOW = 'INVITE, ACK, CANCEL, OPTIONS';

/** Requests without a dialog that one address may send; they cost little, but not nothing. */
const RATE = { perSecond: 20, burst: 60 };

/**
 * Answers a request that belongs to no dialog we know and is no new INVITE. Pure but for the counter: what we are not
 * (registrar, presence server, message server) is said plainly.
 */
export const answerOutOfDialog = (request: SipRequest, limiter: RateLimiter, draining: boolean): void => {
  if (request.method === 'ACK' || request.unsolicited) return;
  const key = `any|${canonicalAddress(request.source.address) ?? request.source.address}`;
  const wait = limiter.take(key, RATE);
  if (wait > 0) {
    answerQuietly(request, 503, { 'Retry-After': String(Math.max(1, Math.ceil(wait / 1000))) });
    return;
  }
  // A To tag names a dialog, and it is not ours (any more): RFC 3261 section 12.2.2.
  if (/;\s*tag\s*=/i.test(request.header('to') ?? '')) {
    answerQuietly(request, 481);
    return;
  }
  switch (request.method) {
    case 'OPTIONS':
      // Load balancers and carriers ask this way whether calls are welcome.
      if (draining) answerQuietly(request, 503, { 'Retry-After': '30' });
      else {
        answerQuietly(request, 200, {
          Allow: DIALOG_METHODS,
          Accept: 'application/sdp',
          'Accept-Encoding': 'identity',
          'Accept-Language': 'en',
          Supported: 'timer, 100rel',
        });
      }
      return;
    case 'BYE':
    case 'UPDATE':
    case 'INFO':
    case 'PRACK':
    case 'NOTIFY':
      answerQuietly(request, 481);
      return;
    case 'REGISTER':
    case 'SUBSCRIBE':
    case 'PUBLISH':
    case 'MESSAGE':
    case 'REFER':
      answerQuietly(request, 405, { Allow: ALLOW });
      return;
    default:
      answerQuietly(request, 501, { Allow: ALLOW });
  }
};
