import type { Logger } from '../../core/logger.js';
import type { Profile } from './profiles/profile.js';

const TOKEN = /^[A-Za-z0-9.!%*_+`'~-]{1,64}$/;

/** True when a header can be written as one line: the name a token, the value without control characters. */
export const isHeader = (name: string, value: string): boolean =>
  TOKEN.test(name) && !/[\u0000-\u0008\u000a-\u001f\u007f]/.test(value);

/** The headers that can be sent; each other one is left out with a line in the log, never sent mangled. */
export const validHeaders = (
  headers: Readonly<Record<string, string>>,
  log: Logger,
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(headers).filter(([name, value]) => {
      if (isHeader(name, value)) return true;
      log.warn({ header: name.slice(0, 64) }, 'a header cannot be sent and is left out');
      return false;
    }),
  );

/** A profile's header rules applied: drops by name first, then adds what is not there. Pure. */
export const applyHeaderRules = (
  headers: Readonly<Record<string, string>>,
  rules: Profile['outbound']['headers'],
): Readonly<Record<string, string>> => {
  const dropped = new Set(rules.drop.map((name) => name.toLowerCase()));
  const kept = Object.entries(headers).filter(([name]) => !dropped.has(name.toLowerCase()));
  const present = new Set(kept.map(([name]) => name.toLowerCase()));
  const added = Object.entries(rules.add).filter(([name]) => !present.has(name.toLowerCase()));
  return Object.fromEntries([...kept, ...added]);
};
