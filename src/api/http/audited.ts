import type { Request } from 'express';
import type { Action, Principal } from '../../platform/access/index.js';
import type { ApiDeps } from '../deps.js';
import { maskedPath } from './masked-path.js';
import type { Reply, Route } from './route.js';

/** What is done in a call is on the timeline of its session; the trail is for what is changed. */
const ofCalls: ReadonlySet<Action> = new Set([
  'sessions:transfer',
  'sessions:hangup',
  'sessions:dtmf',
  'sessions:record',
  'sessions:act',
  'sessions:write',
  'identity:write',
  'tools:use',
  'actions:execute',
]);

/** The organization a request of an operator, who belongs to none, was about. */
const organizationNamed = async (deps: Pick<ApiDeps, 'directory'>, route: Route, request: Request) => {
  const { organization } = request.query;
  if (typeof organization === 'string') return organization;
  // System routes take no organization, and one that was deleted has no trail; of the others it may be left out while
  // there is one only.
  if (route.access.kind === 'action' && route.access.action.startsWith('system:')) return null;
  if (route.path.startsWith('/v1/organizations/{id}')) return String(request.params.id);
  const all = await deps.directory.organizations();
  return all.length === 1 ? (all[0] ?? null) : null;
};

/** Writes a change that was made into the audit trail: requests that read, failed or only looked are none. */
export const writeAudit = async (
  deps: Pick<ApiDeps, 'audit' | 'directory' | 'clock'>,
  route: Route,
  request: Request,
  principal: Principal,
  reply: Reply,
  from: { readonly requestId: string; readonly remote: string },
): Promise<void> => {
  const { access } = route;
  if (route.method === 'get' || access.kind === 'anyone' || access.kind === 'credential' || ofCalls.has(access.action))
    return;
  if (reply.status >= 300 || reply.changes?.length === 0) return;
  const orgId = principal.orgId ?? (await organizationNamed(deps, route, request).catch(() => null));
  await deps.audit.add(orgId, {
    at: deps.clock.now(),
    who: `${principal.kind} ${principal.sub}`,
    role: principal.role,
    action: access.action,
    request: `${request.method} ${maskedPath(request.originalUrl)}`,
    changes: reply.changes ?? [],
    ...from,
  });
};
