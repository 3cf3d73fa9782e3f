import type { EngineClock } from '../engine-clock.js';
import { newId } from '../identifiers.js';
import { timeOfDay } from './deliveries.js';
import type { ApplicationRegistry } from './registry.js';

export type CdrRole = 'uac' | 'uas' | 'proxy-uac' | 'proxy-uas';
export type CdrReason =
  | 'call-rejected'
  | 'call-canceled'
  | 'normal-release'
  | 'session-expired'
  | 'ackbye'
  | 'system-initiated-termination'
  | 'system-error-initiated-termination';

type Source = 'network' | 'application';

/** Call records for applications that registered cdr:attempt, cdr:start or cdr:stop; one of them gets each record. */
export class CdrReporter {
  readonly #applications: () => ApplicationRegistry;
  readonly #clock: EngineClock;

  constructor(applications: () => ApplicationRegistry, clock: EngineClock) {
    this.#applications = applications;
    this.#clock = clock;
  }

  attempt(source: Source, message: () => Buffer): void {
    this.#send('cdr:attempt', source, undefined, message);
  }

  start(source: Source, role: CdrRole, message: () => Buffer): void {
    this.#send('cdr:start', source, role, message);
  }

  stop(source: Source, reason: CdrReason, message: () => Buffer): void {
    this.#send('cdr:stop', source, reason, message);
  }

  #send(verb: string, source: Source, detail: string | undefined, message: () => Buffer): void {
    const applications = this.#applications();
    if (!applications.hasVerb(verb)) return;
    const leader = `${newId()}|${verb}|${source}|${timeOfDay(this.#clock)}${detail === undefined ? '' : `|${detail}`}`;
    applications.select(verb)?.send(leader, message());
  }
}
