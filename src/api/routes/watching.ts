import { z } from 'zod';
import { GatewayError } from '../../core/errors.js';
import type { ApiDeps } from '../deps.js';
import { protectedRoute, type Route } from '../http/route.js';
import { actingOrganization, visibleSession } from '../organization-of.js';
import { organizationQuery } from '../schemas.js';

const point = z.strictObject({
  at: z.int().describe('ms since 1970.'),
  mos: z.number().nullable().describe('1.0 to 4.5, estimated (ITU-T G.107); null: nothing to estimate it from.'),
  jitterMs: z.number(),
  lossPercent: z.number().describe('Of the packets since the point before; those that came too late to be heard, too.'),
  roundTripMs: z.number().nullable(),
  remoteLossPercent: z
    .number()
    .nullable()
    .describe('Of our packets, as the other side last reported (RTCP); null: it has not.'),
});
const qualitySchema = z
  .strictObject({ legs: z.array(z.strictObject({ leg: z.string(), points: z.array(point) })) })
  .describe('What was measured every few seconds while the call lived, by leg.');
export type QualityPoint = z.output<typeof point>;
export type SessionQuality = z.output<typeof qualitySchema>;

const stateSchema = z.strictObject({
  version: z.string(),
  config: z.string().describe('As /readyz has it: where instances differ, one was not started anew.'),
  startedAt: z.iso.datetime(),
  calls: z.int(),
  legs: z.int(),
  portsFree: z.int().describe('Pairs of RTP ports.'),
  sip: z.boolean().describe('Calls can come in.'),
  draining: z.boolean(),
  memoryMb: z.int().describe('Resident memory of the process.'),
  lagMs: z.number().describe('Median lag of the event loop at the last look.'),
  endpoints: z.array(z.string()),
});
const instanceSchema = z.strictObject({
  id: z.string(),
  here: z.boolean().describe('It answered this request.'),
  beat: z.iso.datetime().describe('When the store last heard of it.'),
  state: stateSchema.nullable().describe('Null: it did not answer.'),
});
export type InstanceView = z.output<typeof instanceSchema>;

const rejectionSchema = z.strictObject({
  at: z.iso.datetime(),
  reason: z.string(),
  rule: z.string().describe('The rule that failed, one sentence.'),
  status: z.int(),
  profile: z.string().nullable(),
  source: z.string(),
  requestUri: z.string(),
  sipCallId: z.string(),
  instance: z.string(),
});
export type RejectionView = Omit<z.output<typeof rejectionSchema>, 'instance'>;

/** All instances on the store. Every function throws GatewayError store_unavailable. */
export type InstanceParts = {
  list(): Promise<readonly InstanceView[]>;
  /** MOS of live calls by session. */
  quality(orgId: string): Promise<Readonly<Record<string, number>>>;
  rejections(): Promise<readonly z.output<typeof rejectionSchema>[]>;
};

export type WatchingParts = {
  readonly instances: InstanceParts;
  /** Null: nothing is known of the session (any more). */
  readonly quality: (orgId: string, sessionId: string) => Promise<SessionQuality | null>;
};

const params = z.strictObject({ id: z.string().min(1).max(64) });

/** What is going on: quality of calls as it is measured, instances, calls that were turned away. */
export const watchingRoutes = (deps: ApiDeps, { instances, quality }: WatchingParts): readonly Route[] => [
  protectedRoute({
    method: 'get',
    path: '/v1/quality',
    summary: 'How live calls sound at this moment: the worst leg of each',
    tag: 'Sessions',
    action: 'sessions:read',
    query: z.strictObject({ organization: organizationQuery }),
    replies: {
      200: {
        description: 'MOS by session; one that is not named has not been measured yet.',
        schema: z.strictObject({ mos: z.record(z.string(), z.number()) }),
      },
    },
    errors: ['bad_request', 'store_unavailable'],
    async handle({ principal, query: { organization } }) {
      const orgId = await actingOrganization(deps, principal, 'sessions:read', organization);
      return { status: 200, body: { mos: { ...(await instances.quality(orgId)) } } };
    },
  }),
  protectedRoute({
    method: 'get',
    path: '/v1/sessions/{id}/quality',
    summary: 'How a call sounded while it lived, by leg',
    tag: 'Sessions',
    action: 'sessions:read',
    params,
    replies: { 200: { description: 'The points.', schema: qualitySchema } },
    errors: ['not_found', 'store_unavailable'],
    async handle({ principal, params: { id } }) {
      const session = await visibleSession(deps, principal, 'sessions:read', id);
      const found = await quality(session.orgId, session.id);
      if (found === null)
        throw new GatewayError('not_found', 'The measurements of this session are not there, or not kept any more.');
      return { status: 200, body: found };
    },
  }),
  protectedRoute({
    method: 'get',
    path: '/v1/sessions/{id}/pcap',
    summary: 'The SIP messages of a call as a capture file, without credentials',
    tag: 'Sessions',
    action: 'sessions:read',
    params,
    replies: { 200: { description: 'The capture (libpcap).', contentTypes: ['application/vnd.tcpdump.pcap'] } },
    errors: ['not_found', 'store_unavailable'],
    async handle({ principal, params: { id } }) {
      const session = await visibleSession(deps, principal, 'sessions:read', id);
      const capture = await deps.ladders.capture(session.orgId, session.id);
      if (capture === null)
        throw new GatewayError('not_found', 'The SIP messages of this session are not kept (any more).');
      return {
        status: 200,
        contentType: 'application/vnd.tcpdump.pcap',
        headers: { 'Content-Disposition': `attachment; filename="${session.id}.pcap"` },
        body: capture,
      };
    },
  }),
  protectedRoute({
    method: 'get',
    path: '/v1/system/instances',
    summary: 'The instances of the gateway and how each is',
    tag: 'Operation',
    action: 'system:read',
    replies: {
      200: { description: 'All.', schema: z.strictObject({ items: z.array(instanceSchema), next: z.null() }) },
    },
    errors: ['store_unavailable'],
    handle: async () => ({ status: 200, body: { items: await instances.list(), next: null } }),
  }),
  protectedRoute({
    method: 'get',
    path: '/v1/system/rejections',
    summary: 'The latest calls that were turned away, of every organization and of none, with the rule that did it',
    tag: 'Operation',
    action: 'system:read',
    replies: {
      200: {
        description: 'The newest 200 of each instance, newest first.',
        schema: z.strictObject({ items: z.array(rejectionSchema), next: z.null() }),
      },
    },
    errors: ['store_unavailable'],
    async handle() {
      const items = [...(await instances.rejections())].sort((a, b) => (a.at < b.at ? 1 : -1));
      return { status: 200, body: { items, next: null } };
    },
  }),
];
