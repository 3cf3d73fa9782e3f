import { GatewayError } from '../../core/errors.js';
import type { Principal, Role } from './principal.js';

/** What may be done, and by whom. One table: a route names its action, nothing else decides. */
export const permissions = {
  'document:read': ['admin', 'editor', 'viewer', 'operator'],
  'document:write': ['admin', 'operator'],
  'sessions:read': ['admin', 'editor', 'viewer', 'operator'],
  // What people said is nobody's to hear who only looks.
  'recordings:read': ['admin', 'editor', 'operator'],
  'recordings:delete': ['admin', 'operator'],
  // An agent may do these in its own session only: its token names the session, and the routes look at it.
  'sessions:hangup': ['admin', 'editor', 'operator', 'agent'],
  'sessions:transfer': ['admin', 'editor', 'operator', 'agent'],
  'sessions:dtmf': ['admin', 'editor', 'operator', 'agent'],
  'sessions:record': ['admin', 'editor', 'operator', 'agent'],
  'sessions:act': ['admin', 'editor', 'operator', 'agent'],
  'transfers:read': ['admin', 'editor', 'viewer', 'operator', 'agent'],
  'tools:use': ['admin', 'editor', 'operator', 'agent'],
  'sessions:write': ['admin', 'editor', 'operator'],
  'calls:create': ['admin', 'editor', 'operator'],
  'outbound:read': ['admin', 'editor', 'viewer', 'operator'],
  // An organization must not widen what the operator lets its agents call.
  'outbound:write': ['operator'],
  'contacts:read': ['admin', 'editor', 'viewer', 'operator'],
  'contacts:write': ['admin', 'editor', 'operator'],
  'actions:read': ['admin', 'editor', 'viewer', 'operator'],
  // Whoever writes an action decides where secrets are sent, and so does whoever tests one that is not saved.
  'actions:write': ['admin', 'operator'],
  'runs:read': ['admin', 'editor', 'viewer', 'operator'],
  'credentials:read': ['admin', 'editor', 'operator'],
  'credentials:write': ['admin', 'operator'],
  'identity:write': ['admin', 'operator'],
  'actions:execute': ['admin', 'editor', 'operator'],
  'prefetch:read': ['admin', 'editor', 'operator'],
  'prefetch:regenerate': ['admin', 'operator'],
  'numbers:read': ['admin', 'editor', 'viewer', 'operator'],
  'numbers:write': ['admin', 'operator'],
  'agents:read': ['admin', 'editor', 'viewer', 'operator'],
  'agents:write': ['admin', 'operator'],
  'destinations:read': ['admin', 'editor', 'viewer', 'operator'],
  'destinations:write': ['admin', 'operator'],
  'profiles:read': ['admin', 'editor', 'viewer', 'operator'],
  'webhooks:read': ['admin', 'editor', 'viewer', 'operator'],
  'webhooks:write': ['admin', 'operator'],
  'api-keys:read': ['admin', 'operator'],
  'api-keys:write': ['admin', 'operator'],
  'audit:read': ['admin', 'operator'],
  'metrics:read': ['operator'],
  'system:read': ['operator'],
  'system:write': ['operator'],
} as const satisfies Record<string, readonly Role[]>;

export type Action = keyof typeof permissions;

const mayByScope = (principal: Principal, action: Action): boolean => {
  if (principal.scopes === null) return true;
  const [resource] = action.split(':');
  return principal.scopes.includes(action) || principal.scopes.includes(`${resource}:*`);
};

/** True when the principal's role and scopes allow the action in some organization. */
export const mayDo = (principal: Principal, action: Action): boolean => {
  const roles: readonly Role[] = permissions[action];
  return roles.includes(principal.role) && mayByScope(principal, action);
};

/**
 * Lets the action pass or throws. A foreign organization is `not_found`, so that nobody learns what exists elsewhere;
 * a role that may not is `forbidden`. `orgId` null: the action concerns no organization.
 */
export const authorize = (principal: Principal, action: Action, orgId: string | null): void => {
  if (orgId !== null && principal.orgId !== null && principal.orgId !== orgId) {
    throw new GatewayError('not_found', `There is no organization ${JSON.stringify(orgId)} for this credential.`);
  }
  if (!mayDo(principal, action)) {
    if (principal.kind === 'api-key')
      throw new GatewayError('forbidden', `The API key has no scope for this (${action}).`);
    throw new GatewayError('forbidden', `The role ${principal.role} may not do this (${action}).`);
  }
  if (orgId !== null && principal.orgId === null && principal.role !== 'operator') {
    throw new GatewayError('forbidden', 'The credential belongs to no organization.');
  }
};
