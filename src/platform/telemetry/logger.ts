import { destination, type LevelWithSilent, pino } from 'pino';
import type { LogFields, Logger } from '../../core/logger.js';
import { createRedactor, type Redactor } from '../../core/redaction.js';

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export type LoggerOptions = {
  readonly level: LogLevel;
  /** Fields on every line: the instance's id, the version. */
  readonly base?: LogFields;
  /** Knows the secrets of the configuration; add to it what becomes known later. */
  readonly redactor?: Redactor;
  /** Keeps caller content (the `pii` key) out of the log. */
  readonly omitPii?: boolean;
  /** Where lines go, one JSON object each; standard output when left out. */
  readonly write?: (line: string) => void;
};

/** The `pii` key holds what a caller or a contact is; an operator may keep it out of the log as a whole. */
const withoutPii = (fields: LogFields): LogFields => {
  if (!('pii' in fields)) return fields;
  const { pii: _, ...rest } = fields;
  return rest;
};

/** Bytes of lines kept while nobody reads standard output; what comes beyond is dropped rather than waited for. */
const BACKLOG = 16 * 1_024 * 1_024;

/**
 * Standard output, written behind the back of the event loop: a reader that stalls must not stall calls. Lines on their
 * way are written at exit (pino registers that itself for such a destination).
 */
const standardOutput = () => destination({ dest: 1, sync: false, maxLength: BACKLOG });

/**
 * The log: pino, JSON, one object a line. Messages are static; every value passes the redactor first, whatever its
 * depth, so that a secret in an error's cause is caught as well as one in a header. A level that is off costs nothing.
 */
export const createLogger = (options: LoggerOptions): Logger => {
  const redactor = options.redactor ?? createRedactor();
  const level: LevelWithSilent = options.level;
  const sink = options.write === undefined ? standardOutput() : { write: options.write };
  const root = pino(
    {
      level,
      base: options.base ?? null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    sink,
  );
  const clean = (fields: LogFields): object => {
    const value = redactor.line(options.omitPii === true ? withoutPii(fields) : fields);
    return typeof value === 'object' && value !== null ? value : {};
  };
  /** Most children of a call never write a line: one is made, and its fields are cleaned, when it writes its first. */
  const wrap = (make: () => typeof root): Logger => {
    let made: typeof root | null = null;
    const log = (): typeof root => {
      made ??= make();
      return made;
    };
    const at =
      (name: 'trace' | 'debug' | 'info' | 'warn' | 'error') =>
      (fields: LogFields, message: string): void => {
        if (root.isLevelEnabled(name)) log()[name](clean(fields), message);
      };
    return {
      trace: at('trace'),
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      child: (fields) => wrap(() => log().child(clean(fields))),
    };
  };
  return wrap(() => root);
};
