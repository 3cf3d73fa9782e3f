export { createApi } from './create-api.js';
export type { ApiDeps, CallControl, LadderReader, ReadinessCheck } from './deps.js';
export { openRoute, protectedRoute, type Reply, type Route, rawRoute } from './http/route.js';
export { type HttpListener, listenHttp } from './listen.js';
export { actingOrganization, visibleSession } from './organization-of.js';
export { prefetchRoutes, type ZendeskParts } from './routes/zendesk.js';
