export { createDeadLetters, type DeadLetters } from './dead-letters.js';
export { createWebhookEndpoints, type WebhookEndpoints } from './endpoints.js';
export {
  type DeadLetter,
  type WebhookDelivery,
  type WebhookEndpoint,
  type WebhookEvent,
  webhookEvents,
} from './records.js';
export { webhookSignature } from './signature.js';
export { createWebhooks, type WebhookAttempt, type Webhooks, type WebhooksOptions } from './webhooks.js';
