export { type OwnCalls, passHeader } from './admission/admit.js';
export { type RejectedCall, type RejectionReason, rejectionReasons } from './admission/verdict.js';
export type { ListenAddress } from './connection/accepting.js';
export type { ServerAddress } from './connection/connection.js';
export { createDestinationGuard, type DestinationGuard } from './destination-guard.js';
export { type HepSender, type HepSenderOptions, openHepSender } from './hep/sender.js';
export { type IpRange, parseIpRange } from './ip-range.js';
export type { PeerState } from './keep-alive.js';
export { ladderCapture } from './ladder/capture.js';
export {
  createLadder,
  defaultLadderLimits,
  type Ladder,
  type LadderEntry,
  type LadderLimits,
  type LadderView,
  type WireMessage,
} from './ladder/recorder.js';
export { ladderText } from './ladder/text.js';
export type { Probe } from './probe.js';
export { createProfileEditor, type ProfileEditor } from './profiles/editor.js';
export { loadProfiles, type ProfileFolders, parseProfile } from './profiles/loader.js';
export type { Profile } from './profiles/profile.js';
export { openProfiles, type ProfileRegistry, profileRegistry } from './profiles/registry.js';
export { profileSchema } from './profiles/schema.js';
export { createSipServer, type SipServer, type SipServerOptions } from './server.js';
