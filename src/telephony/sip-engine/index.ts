export { isPrivateAddress } from './dialogs/nat.js';
export { type Engine, type EngineStats, startEngine } from './engine.js';
export { type EngineClock, realClock } from './engine-clock.js';
export { type Inspection, inspectTls, inspectUri } from './inspect.js';
export {
  defaultLimits,
  type EngineLimits,
  type EngineOptions,
  type TargetAddress,
  type TlsMaterial,
  type WireEvent,
} from './options.js';
export type { ListenPoint, TransportName } from './transport.js';
export { type EngineHandle, startEngineInWorker, type WorkerEngineOptions } from './worker-handle.js';
