import { z } from 'zod';
import { GatewayError } from '../../core/errors.js';
import { protectedRoute, type Route } from '../http/route.js';

/** Takes an organization away with all that is kept of it. False when there is none. Throws GatewayError conflict. */
export type OrganizationRemoval = (orgId: string) => Promise<boolean>;

const params = z.strictObject({ id: z.string().min(1).max(64) });

export const organizationRemovalRoutes = (remove: OrganizationRemoval): readonly Route[] => [
  protectedRoute({
    method: 'delete',
    path: '/v1/organizations/{id}',
    summary: 'Takes an organization away with all that is kept of it; refused while it has calls in progress',
    tag: 'Organizations',
    action: 'system:write',
    params,
    replies: {
      204: {
        description:
          'Its numbers lead nowhere and may be given to another organization; at Twilio they stay bought. Agents, destinations, actions, variables, secrets, certificates, contacts, ended sessions with their timelines, runs, webhooks with what waited for them, and its audit trail are gone; its API keys and the webhook addresses of Zendesk are void. Recordings are files of the instances and stay there. A call that came in at this very moment goes on to its end.',
      },
    },
    errors: ['not_found', 'conflict', 'store_unavailable'],
    async handle({ params: { id }, principal, log }) {
      if (!(await remove(id))) throw new GatewayError('not_found', `There is no organization ${JSON.stringify(id)}.`);
      log.info({ organization: id, by: principal.sub }, 'An organization was deleted by the API.');
      return { status: 204, changes: [`deleted organization ${id}`] };
    },
  }),
];
