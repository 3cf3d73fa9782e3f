import { type QueuedPiece, type RedisReply, replyFields, replyList, replyText } from '../redis/index.js';
import type { WebhookDelivery } from './records.js';

/** The stream of each organization, written with the timeline entry that is told, and its one consumer group. */
export const workStream = 'webhook-work';
export const workGroup = 'webhooks';

export type WebhookWork = QueuedPiece & { readonly delivery: WebhookDelivery };

/** A delivery from the fields of a message. What is told of a session is told of one entry of its timeline. */
export const readDelivery = (messageId: string, fields: ReadonlyMap<string, string>): WebhookDelivery | null => {
  const [endpointId, event, sessionId] = [fields.get('endpoint'), fields.get('event'), fields.get('session')];
  if (endpointId === undefined || event === undefined || sessionId === undefined) return null;
  const deliveryId = fields.get('delivery') ?? `${sessionId}.${fields.get('entry') ?? messageId}`;
  return {
    deliveryId,
    endpointId,
    event,
    sessionId,
    at: Number(fields.get('at') ?? 0),
    data: fields.get('data') ?? '{}',
  };
};

export const deliveryFields = (delivery: WebhookDelivery): string[] => [
  ...['delivery', delivery.deliveryId, 'endpoint', delivery.endpointId, 'event', delivery.event],
  ...['session', delivery.sessionId, 'at', String(delivery.at), 'data', delivery.data],
];

export const readWork = (orgId: string, message: RedisReply): WebhookWork | null => {
  const [id, values] = replyList(message);
  if (id === undefined || values === null) return null;
  const delivery = readDelivery(replyText(id), replyFields(values));
  return delivery === null ? null : { id: replyText(id), orgId, delivery };
};
