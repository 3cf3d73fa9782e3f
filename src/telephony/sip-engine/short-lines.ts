import type { EngineOptions } from './options.js';

/** Characters of one value in a log line: names of calls, addresses and reasons are shorter. */
const longest = 256;

/** A log whose values are cut: a Call-ID may be as long as a whole message, and any stranger may send it. */
export const shortLines =
  (log: NonNullable<EngineOptions['log']>): NonNullable<EngineOptions['log']> =>
  (level, fields, message) => {
    const short: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(fields)) {
      short[name] = typeof value === 'string' ? value.slice(0, longest) : value;
    }
    log(level, short, message);
  };
