export { type BuiltinAgentOptions, createBuiltinAgent, scriptedAgent } from './adapter.js';
export { createSpeaker, type SpeakerOptions } from './speaker.js';
export type { Speech } from './speech.js';
