export { createContactStore } from './contact-store.js';
export { createSessionEvents, type Followed, type SessionEvent, type SessionEvents } from './events.js';
export { type InstanceBeat, readInstances } from './instances.js';
export { defaultOwnershipTimes, type OwnershipTimes } from './ownership.js';
export type * from './ports.js';
export * from './records.js';
export { createSessionStore, type SessionStoreOptions, type SessionStoreRuntime } from './store.js';
