import { randomUUID } from 'node:crypto';
import { signWebhook } from '../../src/domain/zendesk/index.js';

export type WebhookAnswer = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: {
    readonly success: boolean;
    readonly message: string;
    readonly sessionId?: string;
    readonly ticketId?: string;
    readonly match?: string;
    readonly enrichment?: string;
  };
};

export type WebhookOptions = {
  readonly invocation?: string;
  /** Signs as Zendesk does. */
  readonly secret?: string;
  readonly timestamp?: string;
  readonly contentType?: string | null;
  readonly query?: string;
};

/** The trigger's body as Zendesk renders it from the template an administrator pastes: nothing is escaped. */
export const renderTrigger = (values: {
  readonly id?: string | number;
  readonly caller?: string;
  readonly requester?: string;
  readonly title?: string;
}): string =>
  `{\n  "ticket_id": ${values.id ?? ''},\n  "caller_phone": "${values.caller ?? ''}",\n  "requester_phone": "${values.requester ?? ''}",\n  "subject": "${values.title ?? ''}"\n}`;

/** Sends one delivery of a webhook. */
export const sendWebhook = async (
  url: string,
  body: string | Buffer,
  options: WebhookOptions = {},
): Promise<WebhookAnswer> => {
  const timestamp = options.timestamp ?? new Date().toISOString();
  const bytes = Buffer.from(body);
  const headers: Record<string, string> = {
    'x-zendesk-account-id': '1',
    'x-zendesk-webhook-id': 'webhook-1',
    'x-zendesk-webhook-invocation-id': options.invocation ?? randomUUID(),
    ...(options.contentType === null ? {} : { 'content-type': options.contentType ?? 'application/json' }),
    ...(options.secret === undefined
      ? {}
      : {
          'x-zendesk-webhook-signature': signWebhook(options.secret, timestamp, bytes),
          'x-zendesk-webhook-signature-timestamp': timestamp,
        }),
  };
  const response = await fetch(`${url}${options.query ?? ''}`, { method: 'POST', headers, body: bytes });
  return { status: response.status, headers: response.headers, body: (await response.json()) as WebhookAnswer['body'] };
};

/**
 * Sends as Zendesk does: the same invocation again on 409, and on 429 or 503 with `Retry-After` under 60 s, after
 * `wait(seconds)`.
 */
export const deliverWebhook = async (
  url: string,
  body: string | Buffer,
  options: WebhookOptions & { readonly wait?: (seconds: number) => Promise<void>; readonly retries?: number } = {},
): Promise<{ answer: WebhookAnswer; attempts: number }> => {
  const invocation = options.invocation ?? randomUUID();
  const retries = options.retries ?? 5;
  for (let attempts = 1; ; attempts += 1) {
    const answer = await sendWebhook(url, body, { ...options, invocation });
    const after = Number(answer.headers.get('retry-after') ?? Number.NaN);
    const again = answer.status === 409 || ([429, 503].includes(answer.status) && after < 60);
    if (!again || attempts > retries) return { answer, attempts };
    await options.wait?.(Number.isNaN(after) ? 1 : after);
  }
};
