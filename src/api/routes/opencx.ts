import { z } from 'zod';
import { GatewayError } from '../../core/errors.js';
import { newUuid } from '../../core/ids.js';
import type { Action, Principal } from '../../platform/access/index.js';
import type { ApiDeps } from '../deps.js';
import { protectedRoute, type Route } from '../http/route.js';
import { actingOrganization } from '../organization-of.js';
import { organizationQuery } from '../schemas.js';
import { type DocumentRecord, recordsOf, saveRecord } from './records.js';

const query = z.strictObject({ organization: organizationQuery });
const destinationId = z.string().min(1).max(64);
const destinationBody = z.strictObject({
  name: z.string().trim().min(1).max(255),
  type: z.enum(['phone', 'sip']),
  value: z.string().min(1).max(500),
});
const moment = z.iso.datetime();
const destinationSchema = destinationBody.extend({
  id: z.string(),
  created_at: moment.nullable().describe('Null when it was made before; the gateway keeps no such time.'),
  updated_at: moment,
});
const kind = { section: 'transferDestinations', change: 'transferDestination' } as const;

const saveErrors = ['bad_request', 'not_found', 'conflict', 'unsupported_media_type', 'store_unavailable'] as const;

/**
 * Transfer destinations under the paths and in the shapes that OpenCX documents (docs.open.cx, API reference, "Phone /
 * SIP"): the same records as `/v1/transfer-destinations`.
 */
export const openCxRoutes = (deps: ApiDeps): readonly Route[] => {
  const organizationOf = (principal: Principal, action: Action, named: string | undefined): Promise<string> =>
    actingOrganization(deps, principal, action, named);

  const found = async (
    orgId: string,
    section: 'agents' | 'transferDestinations',
    id: string,
  ): Promise<DocumentRecord> => {
    const record = (await recordsOf(deps, orgId, section)).find((each) => each.id === id);
    const what = section === 'agents' ? 'agent' : 'destination';
    if (record === undefined) throw new GatewayError('not_found', `There is no ${what} ${JSON.stringify(id)}.`);
    return record;
  };

  const create = async (principal: Principal, orgId: string, given: z.output<typeof destinationBody>) => {
    const id = newUuid();
    const { changes } = await saveRecord(deps, principal, orgId, kind, { id, ...given }, true);
    return { id, changes };
  };

  return [
    protectedRoute({
      method: 'post',
      path: '/phone/sip/transfer-destinations',
      summary: 'Makes a transfer destination (OpenCX path)',
      tag: 'OpenCX',
      action: 'destinations:write',
      query,
      body: { schema: destinationBody },
      replies: { 201: { description: 'The destination.', schema: destinationSchema } },
      errors: saveErrors,
      async handle({ principal, query: { organization }, body }) {
        const orgId = await organizationOf(principal, 'destinations:write', organization);
        const { id, changes } = await create(principal, orgId, body);
        const now = new Date(deps.clock.now()).toISOString();
        return { status: 201, body: { id, ...body, created_at: now, updated_at: now }, changes };
      },
    }),
    protectedRoute({
      method: 'put',
      path: '/phone/sip/transfer-destinations/{destination_id}',
      summary: 'Changes a transfer destination (OpenCX path)',
      tag: 'OpenCX',
      action: 'destinations:write',
      params: z.strictObject({ destination_id: destinationId }),
      query,
      body: { schema: destinationBody.partial() },
      replies: { 200: { description: 'The destination.', schema: destinationSchema } },
      errors: saveErrors,
      async handle({ principal, params: { destination_id: id }, query: { organization }, body }) {
        const orgId = await organizationOf(principal, 'destinations:write', organization);
        const before = await found(orgId, 'transferDestinations', id);
        const { changes } = await saveRecord(deps, principal, orgId, kind, { ...before, ...body }, false);
        const { name, type, value } = await found(orgId, 'transferDestinations', id);
        const times = { created_at: null, updated_at: new Date(deps.clock.now()).toISOString() };
        return { status: 200, body: { id, name, type, value, ...times }, changes };
      },
    }),
    protectedRoute({
      method: 'post',
      path: '/phone/sip/agents/{phone_agent_id}/transfer-destinations',
      summary: 'Gives an agent a transfer destination that is there, or a new one (OpenCX path)',
      tag: 'OpenCX',
      action: 'agents:write',
      params: z.strictObject({ phone_agent_id: destinationId }),
      query,
      body: {
        schema: z.union([
          z.strictObject({ destination_id: destinationId }),
          z.strictObject({ create: destinationBody }),
        ]),
      },
      replies: {
        201: { description: 'It is the agent’s.', schema: z.strictObject({ destination_id: z.string() }) },
      },
      errors: saveErrors,
      async handle({ principal, params: { phone_agent_id: agentId }, query: { organization }, body }) {
        const orgId = await organizationOf(principal, 'agents:write', organization);
        const agent = await found(orgId, 'agents', agentId);
        const made =
          'create' in body
            ? await create(principal, await organizationOf(principal, 'destinations:write', orgId), body.create)
            : { id: String((await found(orgId, 'transferDestinations', body.destination_id)).id), changes: [] };
        const own = Array.isArray(agent.transferDestinations) ? agent.transferDestinations : [];
        const record = { ...agent, transferDestinations: [...new Set([...own, made.id])] };
        const saved = await saveRecord(deps, principal, orgId, { section: 'agents', change: 'agent' }, record, false);
        return { status: 201, body: { destination_id: made.id }, changes: [...made.changes, ...saved.changes] };
      },
    }),
  ];
};
