/** Who makes a request, whatever the credential. */
export type Role = 'admin' | 'editor' | 'viewer' | 'operator' | 'agent';

export type PrincipalKind = 'admin-token' | 'dashboard' | 'api-key' | 'session' | 'local';

export type Principal = {
  readonly kind: PrincipalKind;
  /** Null for operators, who belong to no organization. */
  readonly orgId: string | null;
  readonly role: Role;
  /** `resource:action` of an API key; null: what the role may. */
  readonly scopes: readonly string[] | null;
  /** Who it is, for the log and the rate limit: never the credential itself. */
  readonly sub: string;
  /** For a session token: the one session it is good for. */
  readonly sessionId?: string;
};

/** Roles a dashboard JWT may carry. */
export const dashboardRoles = ['admin', 'editor', 'viewer', 'operator'] as const satisfies readonly Role[];
export type DashboardRole = (typeof dashboardRoles)[number];
