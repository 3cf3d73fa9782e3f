export { createWebSocketAgent } from './adapter.js';
export type { BotLegDeps } from './bot-leg.js';
export { secretsOfBot } from './config.js';
