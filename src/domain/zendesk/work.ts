import { type RedisReply, replyFields, replyList, replyText } from '../../platform/redis/index.js';
import type { QueuedWork } from '../sessions/index.js';

/**
 * What can be to do with Zendesk: the contact of a stamped session, a note after the call, a note for a late stamp, what
 * the agent tells the human it hands over to.
 */
export const workKinds = ['enrich', 'note', 'late-note', 'hand-over'] as const;
export type WorkKind = (typeof workKinds)[number];

export type Work = QueuedWork & {
  readonly orgId: string;
  readonly kind: WorkKind;
  readonly sessionId: string;
  readonly ticketId: string;
};

/** The stream of each organization and its one consumer group. */
export const workStream = 'zendesk-work';
export const workGroup = 'zendesk';

/** One message of the stream; null for one that was deleted, or of a kind this version does not know. */
export const readWork = (orgId: string, message: RedisReply): Work | null => {
  const [id, values] = replyList(message);
  if (id === undefined || values === null) return null;
  const fields = replyFields(values);
  const kind = workKinds.find((each) => each === fields.get('kind'));
  const [sessionId, ticketId] = [fields.get('session'), fields.get('ticket')];
  if (kind === undefined || sessionId === undefined || ticketId === undefined) return null;
  return { id: replyText(id), group: workGroup, orgId, kind, sessionId, ticketId };
};
