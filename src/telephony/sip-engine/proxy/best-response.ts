import type { SipHeader, SipResponse } from '../message.js';

/** Failures that tell the caller how to do better come first within 4xx (RFC 3261 16.7 item 6). */
const helpful = [401, 407, 415, 420, 484];

const rank = (status: number): number => {
  if (status >= 600) return 0;
  const preferred = helpful.includes(status) ? 0 : 0.5;
  return Math.floor(status / 100) + preferred;
};

/**
 * The one final response of several failures that goes to the caller, with the challenges of all of them when it is a
 * challenge (16.7 items 6 and 7). A 503 of one destination says nothing about us, so it becomes 500.
 */
export const bestResponse = (responses: readonly SipResponse[]): SipResponse | undefined => {
  const [best] = [...responses].sort((a, b) => rank(a.status) - rank(b.status));
  if (!best) return undefined;
  if (best.status === 503) return { ...best, status: 500, reason: 'Server Internal Error' };
  if (best.status !== 401 && best.status !== 407) return best;
  const challenges: SipHeader[] = [];
  for (const other of responses) {
    if (other === best || (other.status !== 401 && other.status !== 407)) continue;
    for (const header of other.headers) {
      if (header.name === 'WWW-Authenticate' || header.name === 'Proxy-Authenticate') challenges.push(header);
    }
  }
  return { ...best, headers: [...best.headers, ...challenges] };
};
