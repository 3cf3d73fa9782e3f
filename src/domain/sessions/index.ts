export { createContactStore } from './contact-store.js';
export { defaultOwnershipTimes, type OwnershipTimes } from './ownership.js';
export type * from './ports.js';
export * from './records.js';
export { createSessionStore, type SessionStoreOptions, type SessionStoreRuntime } from './store.js';
