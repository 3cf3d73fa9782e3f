import { GatewayError } from '../core/errors.js';
import type { PhoneSession } from '../domain/sessions/index.js';
import { type Action, authorize, type Principal } from '../platform/access/index.js';
import type { ApiDeps } from './deps.js';

/**
 * The organization a request acts in: the credential's; for an operator the one named, or the only one there is.
 * Throws GatewayError bad_request, not_found (a foreign one) or forbidden.
 */
export const actingOrganization = async (
  deps: Pick<ApiDeps, 'directory'>,
  principal: Principal,
  action: Action,
  named: string | undefined,
): Promise<string> => {
  const orgId = named ?? principal.orgId;
  if (orgId !== null) {
    authorize(principal, action, orgId);
    return orgId;
  }
  authorize(principal, action, null);
  const all = await deps.directory.organizations();
  const [only] = all;
  if (only !== undefined && all.length === 1) return only;
  throw new GatewayError(
    'bad_request',
    all.length === 0
      ? 'There is no organization yet: create one with `voice-gateway apply -f org.yaml`.'
      : `There are ${all.length} organizations: say which one with ?organization=.`,
  );
};

/** What an agent hears whose session has ended. */
export const sessionOver = (): GatewayError =>
  new GatewayError('unauthorized', 'The session token is not valid: its session has ended.');

/**
 * A session the principal may see; one of a foreign organization does not exist. Throws GatewayError not_found;
 * unauthorized for an agent whose session has ended, conflict for one that has handed its caller over and would act.
 */
export const visibleSession = async (
  deps: Pick<ApiDeps, 'sessions'>,
  principal: Principal,
  action: Action,
  id: string,
): Promise<PhoneSession> => {
  authorize(principal, action, null);
  const orgId = principal.orgId ?? (await deps.sessions.locate(id))?.orgId ?? null;
  const session = orgId === null ? null : await deps.sessions.get(orgId, id);
  if (session === null || (principal.sessionId !== undefined && principal.sessionId !== id)) {
    throw new GatewayError('not_found', `There is no session ${JSON.stringify(id)}.`);
  }
  // Its token goes with the session; where it could not be removed (Redis was away, the owner died) it is worth nothing.
  if (principal.kind === 'session' && session.status === 'ended') throw sessionOver();
  // What a tool may still do is for the instance of the call to say; reading does no harm.
  if (principal.kind === 'session' && session.status === 'transferred' && action !== 'tools:use' && !isRead(action)) {
    throw new GatewayError('conflict', 'The caller has been transferred.');
  }
  return session;
};

const isRead = (action: Action): boolean => action.endsWith(':read');
