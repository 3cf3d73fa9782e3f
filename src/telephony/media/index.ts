/** The media plane: RTP, its codecs and recordings, in worker threads behind the port of domain/calls. */
export { createMediaPlane, type MediaPlaneOptions } from './plane.js';
export { createRtpengineRelay, type RtpengineRelay } from './rtpengine/relay.js';
export type { MediaTuning } from './worker-protocol.js';
