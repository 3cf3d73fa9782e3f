export { scriptedAgent } from './adapter.js';
export { createSpeaker, type SpeakerOptions } from './speaker.js';
export type { Announcer, Speech } from './speech.js';
