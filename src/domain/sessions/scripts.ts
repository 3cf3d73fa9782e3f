import { loadScript } from '../../platform/redis/index.js';

const load = (name: string) => loadScript(import.meta.url, './scripts/shared.lua', `./scripts/${name}.lua`);

/** The atomic steps of the session store; arguments and answers are described in each file. */
export const sessionScripts = {
  create: load('create'),
  change: load('change'),
  note: load('note'),
  stamp: load('stamp'),
  creating: load('creating'),
  match: load('match'),
  enrich: load('enrich'),
  settle: load('settle'),
  forgetRecording: load('forget-recording'),
  revive: load('revive'),
  reap: load('reap'),
  remove: load('remove'),
  list: load('list'),
  heartbeat: load('heartbeat'),
  forget: load('forget'),
  watch: load('watch'),
  saveContact: load('contact-save'),
  removeContact: load('contact-remove'),
} as const;
