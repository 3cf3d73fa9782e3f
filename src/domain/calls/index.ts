export { controlNames } from './agent-tools.js';
export type { Connection, LiveCall } from './call.js';
export { type RecordingAction, type RecordingPlace, type RecordingView, recordingActions } from './call-recording.js';
export { type CallMetrics, type Calls, type CallsDeps, createCalls } from './calls.js';
export type { DoorPorts } from './doors.js';
export { createOutboundCalls, type OutboundCalls, type OutboundRequest, type TargetTransfer } from './outbound.js';
export { type RefusalRule, refusalRules } from './refusal.js';
export type {
  CallTransfers,
  RefusedTransfer,
  RelayResult,
  StartedTransfer,
  TransferDeps,
  TransferProfile,
  TransferRequest,
} from './transfer-ports.js';
export { relayResults } from './transfer-ports.js';
