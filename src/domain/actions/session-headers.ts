import { type Fault, GatewayError } from '../../core/errors.js';
import { isConnectionHeader, isReservedHeader } from './headers.js';
import { secretsOfHeader } from './redaction.js';
import { headerNameFault, headerValueFault } from './template/header-template.js';

/**
 * The per-session headers of the sessions this instance owns. They live here and nowhere else: not in Redis, not in
 * logs, not in the timeline; they go with the session.
 */
export type SessionHeaders = {
  /** Replaces the headers of a session. Returns a warning for each name that will not be sent. Throws `bad_request`. */
  set(sessionId: string, headers: Readonly<Record<string, string>>): readonly string[];
  get(sessionId: string): ReadonlyMap<string, string>;
  forget(sessionId: string): void;
  readonly size: number;
};

const maxHeaders = 50;
const none: ReadonlyMap<string, string> = new Map();

/** Checks headers that are saved verbatim (session headers, global variables). No message holds a value. */
export const headerFaults = (
  headers: Readonly<Record<string, string>>,
): { readonly faults: readonly Fault[]; readonly warnings: readonly string[] } => {
  const faults: Fault[] = [];
  const warnings: string[] = [];
  for (const [name, value] of Object.entries(headers)) {
    const fault = headerNameFault(name) ?? headerValueFault(value);
    if (fault !== undefined) faults.push({ path: name.slice(0, 128), message: fault });
    else if (isReservedHeader(name)) warnings.push(`The header ${name} is set by the gateway alone and is not sent.`);
    else if (isConnectionHeader(name)) warnings.push(`The header ${name} belongs to the connection and is not sent.`);
  }
  return { faults, warnings };
};

/** `hold` makes a value known to whatever keeps secrets out of the log, until the function it returns is called. */
export const createSessionHeaders = (hold: (secret: string) => () => void = () => () => {}): SessionHeaders => {
  const sessions = new Map<string, ReadonlyMap<string, string>>();
  const held = new Map<string, readonly (() => void)[]>();
  const release = (sessionId: string): void => {
    for (const forget of held.get(sessionId) ?? []) forget();
    held.delete(sessionId);
  };
  return {
    set(sessionId, headers) {
      const names = Object.keys(headers);
      if (names.length > maxHeaders) throw new GatewayError('bad_request', `At most ${maxHeaders} headers are taken.`);
      const { faults, warnings } = headerFaults(headers);
      if (faults.length > 0) throw new GatewayError('bad_request', 'The headers are not valid.', { details: faults });
      const holding = Object.entries(headers).flatMap(secretsOfHeader).map(hold);
      release(sessionId);
      if (holding.length > 0) held.set(sessionId, holding);
      if (names.length === 0) sessions.delete(sessionId);
      else sessions.set(sessionId, new Map(Object.entries(headers)));
      return warnings;
    },
    get: (sessionId) => sessions.get(sessionId) ?? none,
    forget(sessionId) {
      sessions.delete(sessionId);
      release(sessionId);
    },
    get size() {
      return sessions.size;
    },
  };
};
