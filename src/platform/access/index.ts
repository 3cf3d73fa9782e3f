export {
  type Access,
  type AccessOptions,
  adminTokenFile,
  type CredentialReader,
  createAccess,
  jwtSecretFile,
} from './access.js';
export { type ApiKey, type ApiKeys, createApiKeys, grantable, isScope } from './api-keys.js';
export { type AuditEntry, type AuditPage, type AuditTrail, createAuditTrail } from './audit.js';
export { type Action, authorize, mayDo, permissions } from './authorize.js';
export { type ConsoleSessions, createConsoleSessions } from './console-sessions.js';
export { createDashboardVerifier, type DashboardKeys, mintDashboardToken } from './dashboard-token.js';
export { type LiveKitGrants, verifyLiveKitToken } from './livekit-token.js';
export { claimedKey, type PrefetchTokenClaims, signPrefetchToken, verifyPrefetchToken } from './prefetch-token.js';
export { type DashboardRole, dashboardRoles, type Principal, type PrincipalKind, type Role } from './principal.js';
export { createSessionTokens, type SessionTokenOwner, type SessionTokens } from './session-tokens.js';
export { sharedAdminToken } from './shared-admin-token.js';
