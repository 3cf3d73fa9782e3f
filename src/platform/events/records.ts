/** What an endpoint can hear of. */
export const webhookEvents = [
  'phone_call.started',
  'phone_call.answered',
  'phone_call.transferred',
  'phone_call.transfer_failed',
  'phone_call.ended',
] as const;
export type WebhookEvent = (typeof webhookEvents)[number];

/** A system of the organization that hears of its calls. Times in ms since the epoch. */
export type WebhookEndpoint = {
  readonly id: string;
  readonly orgId: string;
  readonly url: string;
  readonly events: readonly WebhookEvent[];
  readonly createdAt: number;
  /** Signs what is sent; opened for that alone. */
  readonly sealedSecret: string;
};

/** One thing to tell one endpoint. `id` is the same in every attempt and after a resend. */
export type WebhookDelivery = {
  readonly deliveryId: string;
  readonly endpointId: string;
  readonly event: string;
  readonly sessionId: string;
  /** When it happened. */
  readonly at: number;
  /** Of the timeline entry, as JSON text. */
  readonly data: string;
};

/** A delivery that was given up. */
export type DeadLetter = WebhookDelivery & { readonly id: string; readonly failedAt: number; readonly reason: string };
