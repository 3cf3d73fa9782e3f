import type { Clock } from '../../core/clock.js';
import type { Logger } from '../../core/logger.js';
import { type EgressClient, EgressFailure } from '../egress/index.js';
import { createWorkQueue, orgKey, type RedisConnection, type WorkTries, type WorkVerdict } from '../redis/index.js';
import type { DeadLetters } from './dead-letters.js';
import type { WebhookEndpoints } from './endpoints.js';
import type { WebhookDelivery, WebhookEndpoint } from './records.js';
import { webhookSignature } from './signature.js';
import { readWork, type WebhookWork, workGroup, workStream } from './work.js';

/** What came of one attempt. */
export type WebhookAttempt = {
  readonly ok: boolean;
  readonly status: number | null;
  readonly reason: string;
  readonly durationMs: number;
};

export type Webhooks = {
  start(): Promise<void>;
  /** Sends a `ping` now, once, and says what came of it. */
  ping(endpoint: WebhookEndpoint): Promise<WebhookAttempt>;
  wake(orgId: string): void;
  stop(): Promise<void>;
};

export type WebhooksOptions = {
  readonly redis: RedisConnection;
  readonly endpoints: WebhookEndpoints;
  readonly deadLetters: DeadLetters;
  readonly egress: EgressClient;
  /** The session as the API shows it; null when it is gone. */
  readonly session: (orgId: string, sessionId: string) => Promise<unknown>;
  readonly instanceId: string;
  readonly exclusive: boolean;
  readonly clock: Clock;
  readonly log: Logger;
  /** ms until the second attempt, the third, …; after the last the delivery is given up. */
  readonly delays?: readonly number[];
};

/** 5 s, 30 s, 2 min, 10 min, 30 min, 2 h, 6 h: a receiver may be down for a night's maintenance. */
const usualDelays = [5, 30, 120, 600, 1_800, 7_200, 21_600].map((seconds) => seconds * 1_000);
/** Attempts are counted anew by a process that takes work over; what is older than this is given up anyhow. */
const oldest = 86_400_000;
/** ms a receiver has to answer. */
const patience = 10_000;
/** ms between two looks for new work; calls are told within that. */
const sweep = 1_000;

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
};

/** Tells the systems of organizations of their calls, signed, again and again until they have taken it. */
export const createWebhooks = (options: WebhooksOptions): Webhooks => {
  const { redis, endpoints, deadLetters, egress, clock } = options;
  const log = options.log.child({ part: 'webhooks' });
  const delays = options.delays ?? usualDelays;

  const send = async (
    endpoint: WebhookEndpoint,
    message: { readonly id: string; readonly type: string; readonly at: number; readonly data: unknown },
    signal?: AbortSignal,
  ): Promise<WebhookAttempt> => {
    const { id, type, at, data } = message;
    const body = JSON.stringify({ id, type, at: new Date(at).toISOString(), organization: endpoint.orgId, data });
    const seconds = Math.floor(clock.now() / 1_000);
    const headers = [
      ...['content-type', 'application/json', 'user-agent', 'OpenCX', 'x-opencx-event', type, 'x-opencx-delivery', id],
      ...['x-opencx-signature', webhookSignature(endpoints.secretOf(endpoint), seconds, body)],
    ];
    const begun = clock.monotonic();
    const took = (): number => Math.round(clock.monotonic() - begun);
    try {
      const { status } = await egress.request({
        ...{ purpose: 'webhook', method: 'POST', url: new URL(endpoint.url), headers, body, signal },
        ...{ timeoutMs: patience, maxResponseBytes: 65_536 },
      });
      const ok = status >= 200 && status < 300;
      return { ok, status, reason: ok ? 'taken' : `it answered ${status}`, durationMs: took() };
    } catch (error) {
      if (!(error instanceof EgressFailure)) throw error;
      return { ok: false, status: null, reason: error.message, durationMs: took() };
    }
  };

  const settle = async ({ orgId, id }: WebhookWork): Promise<void> => {
    await redis.command('XACK', orgKey(orgId, workStream), workGroup, id);
    await redis.command('XDEL', orgKey(orgId, workStream), id);
  };

  const giveUp = async (work: WebhookWork, delivery: WebhookDelivery, reason: string): Promise<WorkVerdict> => {
    await deadLetters.add(work.orgId, delivery, clock.now(), reason);
    await settle(work);
    log.warn(
      { organization: work.orgId, endpoint: delivery.endpointId, delivery: delivery.deliveryId, reason },
      'A webhook was given up; it is among the dead letters.',
    );
    return { kind: 'done' };
  };

  const handle = async (work: WebhookWork, { attempt }: WorkTries, signal: AbortSignal): Promise<WorkVerdict> => {
    const { orgId, delivery } = work;
    const endpoint = await endpoints.get(orgId, delivery.endpointId);
    if (endpoint === null) {
      await settle(work);
      return { kind: 'done' };
    }
    const session = await options.session(orgId, delivery.sessionId);
    const data = { session, detail: jsonOf(delivery.data) };
    const message = { id: delivery.deliveryId, type: delivery.event, at: delivery.at, data };
    const outcome = await send(endpoint, message, signal);
    if (outcome.ok) {
      await settle(work);
      return { kind: 'done' };
    }
    const after = delays[attempt - 1];
    const fields = { organization: orgId, endpoint: endpoint.id, delivery: delivery.deliveryId, attempt };
    log.info({ ...fields, reason: outcome.reason }, 'A webhook was not taken.');
    if (after === undefined || clock.now() - delivery.at > oldest) return giveUp(work, delivery, outcome.reason);
    return { kind: 'again', after };
  };

  const queue = createWorkQueue<WebhookWork>({
    ...{ redis, clock, log, instanceId: options.instanceId, organizations: endpoints.organizations },
    ...{ stream: workStream, group: workGroup, of: 'webhooks', read: readWork, handle },
    ...{ exclusive: options.exclusive, sweep },
  });
  return {
    start: queue.start,
    wake: queue.wake,
    ping: (endpoint) => send(endpoint, { id: `ping-${clock.now()}`, type: 'ping', at: clock.now(), data: {} }),
    stop: queue.stop,
  };
};
