export { createLiveKitAgent, type LiveKitAgent, type LiveKitAgentOptions } from './adapter.js';
export { legFaults } from './leg-config.js';
export { type GuestRequest, type RoomGuest, roomGuest } from './room-guest.js';
export type { RoomEvents, RoomLeg, RoomRequest, Rooms } from './rooms.js';
export { livekitCallId } from './sip-participant.js';
export type { LiveKitServer, SipParticipant } from './tokens.js';
