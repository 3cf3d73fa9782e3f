import { createHash } from 'node:crypto';
import { keyPart, orgKey, orgPrefix, sharedKey } from '../../platform/redis/index.js';

/**
 * A Call-ID as part of a key. It comes from outside and may be long: beyond 120 bytes its digest stands for it.
 */
export const callIdPart = (sipCallId: string): string => {
  const part = keyPart(sipCallId);
  return part.length <= 120 ? part : `sha256-${createHash('sha256').update(sipCallId).digest('hex')}`;
};

/** Names of keys; the same as `scripts/shared.lua` lists. */
export const sessionKeys = {
  prefix: orgPrefix,
  session: (orgId: string, id: string) => orgKey(orgId, 'session', id),
  timeline: (orgId: string, id: string) => orgKey(orgId, 'timeline', id),
  live: (orgId: string) => orgKey(orgId, 'live'),
  liveByCaller: (orgId: string, e164: string) => orgKey(orgId, 'live', 'caller', e164),
  byTime: (orgId: string) => orgKey(orgId, 'by-time'),
  byCaller: (orgId: string, e164: string) => orgKey(orgId, 'by-caller', e164),
  byTicket: (orgId: string, ticketId: string) => orgKey(orgId, 'by-ticket', ticketId),
  byReason: (orgId: string, reason: string) => orgKey(orgId, 'by-reason', reason),
  recorded: (orgId: string) => orgKey(orgId, 'recorded'),
  callId: (orgId: string, sipCallId: string) => `${orgPrefix(orgId)}call-id:${callIdPart(sipCallId)}`,
  expiry: (orgId: string) => orgKey(orgId, 'expiry'),
  owned: (orgId: string, instanceId: string) => `${orgPrefix(orgId)}owned:${instanceId}`,
  owners: (orgId: string) => orgKey(orgId, 'owners'),
  contact: (orgId: string, id: string) => orgKey(orgId, 'contact', id),
  contacts: (orgId: string) => orgKey(orgId, 'contacts'),
  /** Times of the last beat of each instance. */
  beats: sharedKey('instances', 'beats'),
  /** Organizations that have ever had a session. */
  orgs: sharedKey('instances', 'orgs'),
  /** Held by the instance that removes old sessions in this minute. */
  sweeper: sharedKey('instances', 'sweeper'),
  /** Channel on which an instance hears of stamps on its sessions; the instance id follows. */
  stampChannel: sharedKey('instances', 'stamps'),
} as const;
