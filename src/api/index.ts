export { createApi } from './create-api.js';
export type { ApiDeps, CallControl, LadderReader, ReadinessCheck } from './deps.js';
export { openRoute, protectedRoute, type Reply, type Route, rawRoute } from './http/route.js';
export { type HttpListener, listenHttp } from './listen.js';
export {
  type LiveKitFacadeParts,
  type LiveKitSip,
  livekitRoutes,
  type SipCall,
  type SipTransfer,
} from './livekit-facade/routes.js';
export { mcpRoutes } from './mcp/routes.js';
export { actingOrganization, visibleSession } from './organization-of.js';
export type { ActionParts, ExecuteAnswer, StoredAction } from './routes/action-parts.js';
export { executorRoutes } from './routes/action-routes.js';
export { apiKeyRoutes } from './routes/api-keys.js';
export { callRoutes, type OutboundControl } from './routes/calls.js';
export { checkRoutes, type SystemCheck, type SystemChecks } from './routes/checks.js';
export { eventRoutes } from './routes/events.js';
export { type KeyRotation, type KeyUse, keyRoutes, type RotationState } from './routes/keys.js';
export { type OrganizationRemoval, organizationRemovalRoutes } from './routes/organization-removal.js';
export { type ProfileFile, type ProfileParts, type ProfileView, profileRoutes } from './routes/profiles.js';
export { type RecordingParts, recordingRoutes } from './routes/recordings.js';
export { type TestCallControl, type TestCallRequest, testCallRoutes } from './routes/test-calls.js';
export type { ToolControl } from './routes/tools.js';
export { type TransferControl, transferRoutes } from './routes/transfers.js';
export { twilioRoutes } from './routes/twilio.js';
export type { TwilioParts, TwilioWebhook } from './routes/twilio-parts.js';
export {
  type InstanceParts,
  type InstanceView,
  type QualityPoint,
  type RejectionView,
  type SessionQuality,
  type WatchingParts,
  watchingRoutes,
} from './routes/watching.js';
export { type WebhookParts, webhookRoutes } from './routes/webhooks.js';
export { prefetchRoutes, type ZendeskParts } from './routes/zendesk.js';
export { sessionView } from './views.js';
