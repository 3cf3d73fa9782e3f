import type { Clock } from '../../core/clock.js';
import { GatewayError } from '../../core/errors.js';
import type { Directory, Organization } from '../directory/index.js';
import type { ZendeskClient } from './client.js';
import { zendeskUrl } from './credentials.js';
import { ZendeskFailure } from './failure.js';
import type { Delivery, DeliveryLog } from './ports.js';
import type { PrefetchKeys } from './prefetch-keys.js';
import { overflowTag } from './prefetch-payload.js';
import type { StatusBoard, ZendeskStatus } from './status.js';

/** The body an administrator pastes into the trigger: Zendesk fills the placeholders in. */
export const triggerBody = `{
  "ticket_id": {{ticket.id}},
  "caller_phone": "{{ticket.via.source.from.phone}}",
  "requester_phone": "{{ticket.requester.phone}}",
  "subject": "{{ticket.title}}"
}`;

/** Conditions of the trigger, all of which must be met. */
export const triggerConditions = [
  'Ticket: Is: Created',
  'Ticket: Channel: Is: Phone call (incoming)',
  `Ticket: Tags: Contains none of the following: ${overflowTag}`,
] as const;

export type ZendeskCheck = {
  readonly organization: string;
  readonly zendesk: string | null;
  /** True: Zendesk took the credentials just now. */
  readonly credentials: { readonly ok: boolean; readonly message: string };
  readonly webhook: {
    readonly url: string;
    /** ms since the epoch. */
    readonly expiresAt: number;
    readonly signed: boolean;
    readonly body: string;
    readonly conditions: readonly string[];
  };
  readonly status: ZendeskStatus | null;
  readonly deliveries: readonly Delivery[];
  /** What is wrong or odd, one sentence each; empty when all is well. */
  readonly problems: readonly string[];
};

export type CheckDeps = {
  readonly directory: Pick<Directory, 'organization'>;
  readonly client: ZendeskClient;
  readonly keys: PrefetchKeys;
  readonly deliveries: DeliveryLog;
  readonly status: StatusBoard;
  readonly webhookUrl: (token: string) => string;
  readonly clock: Clock;
};

const deliveryProblems = (deliveries: readonly Delivery[]): string[] => {
  if (deliveries.length === 0) {
    return ['No webhook has arrived in the last week: check that webhook and trigger are active in Zendesk.'];
  }
  const failed = deliveries.filter(({ success }) => !success);
  if (failed.length < deliveries.length) return [];
  return [`None of the last ${deliveries.length} webhooks found its call; the last answer was: ${failed[0]?.message}`];
};

const addressProblems = (url: string): string[] => {
  const { hostname, protocol } = new URL(url);
  if (/^(localhost|127\.|\[::1\])/.test(hostname)) {
    return ['The webhook URL leads to this machine only: set PUBLIC_URL to the address Zendesk can reach.'];
  }
  return protocol === 'https:' ? [] : ['The webhook URL is not https: and carries a credential in its path.'];
};

const talkProblems = ({ zendesk }: Organization): string[] =>
  zendesk?.matchByTalkNumber === true && zendesk.talkNumbers.length === 0
    ? ['matchByTalkNumber is on and talkNumbers is empty, so nothing is ever matched by it.']
    : [];

/** Looks at everything Zendesk needs to work with this gateway. Throws GatewayError not_found, store_unavailable. */
export const createZendeskCheck = (deps: CheckDeps) => {
  const tryCredentials = async (organization: Organization): Promise<ZendeskCheck['credentials']> => {
    try {
      const { email, name, role } = await deps.client.me(organization);
      await deps.status.ok(organization.id);
      const who = email ?? name ?? 'a user';
      return role === 'end-user'
        ? { ok: false, message: `Zendesk takes the credentials of ${who}, who is an end user and may read no tickets.` }
        : { ok: true, message: `Zendesk takes the credentials of ${who} (${role ?? 'unknown role'}).` };
    } catch (error) {
      if (!(error instanceof ZendeskFailure)) throw error;
      await deps.status.failed(organization.id, error);
      return { ok: false, message: error.message };
    }
  };

  return async (orgId: string): Promise<ZendeskCheck> => {
    const organization = await deps.directory.organization(orgId);
    if (organization === null)
      throw new GatewayError('not_found', `There is no organization ${JSON.stringify(orgId)}.`);
    const [credentials, { token, expiresAt }, deliveries] = await Promise.all([
      tryCredentials(organization),
      deps.keys.currentToken(orgId),
      deps.deliveries.last(orgId),
    ]);
    const url = deps.webhookUrl(token);
    return {
      organization: orgId,
      zendesk: zendeskUrl(organization),
      credentials,
      webhook: {
        ...{ url, expiresAt, body: triggerBody, conditions: triggerConditions },
        signed: organization.zendesk?.webhookSigningSecret != null,
      },
      status: await deps.status.read(orgId),
      deliveries,
      problems: [
        ...(organization.zendesk === null ? ['The organization is not connected to Zendesk.'] : []),
        ...(credentials.ok ? [] : [credentials.message]),
        ...addressProblems(url),
        ...talkProblems(organization),
        ...deliveryProblems(deliveries),
      ],
    };
  };
};
