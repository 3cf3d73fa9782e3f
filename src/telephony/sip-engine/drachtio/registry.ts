import { type Application, Owner } from './application.js';

/** The applications connected, what each wants to get, and what those that left have left behind. */
export class ApplicationRegistry {
  readonly #owners = new Map<Application, Owner[]>();
  readonly #orphans: Owner[] = [];
  /** Applications by verb, in turn. */
  readonly #byVerb = new Map<string, Application[]>();
  /** True while a dialog of the owner is open; owners without any are not kept. */
  readonly #isNeeded: (owner: Owner) => boolean;

  constructor(isNeeded: (owner: Owner) => boolean) {
    this.#isNeeded = isNeeded;
  }

  get count(): number {
    return this.#owners.size;
  }

  /** Takes an authenticated connection in; it continues the dialogs of one with the same tags that went away. */
  add(application: Application): void {
    const own = new Owner(application);
    const owners = [own];
    for (let i = this.#orphans.length - 1; i >= 0; i--) {
      const orphan = this.#orphans[i];
      if (!orphan || orphan.key !== own.key) continue;
      this.#orphans.splice(i, 1);
      owners.push(orphan);
      orphan.adoptBy(application);
    }
    this.#owners.set(application, owners);
  }

  /** @returns the owners that have no application now. */
  remove(application: Application): Owner[] {
    const owners = this.#owners.get(application) ?? [];
    this.#owners.delete(application);
    for (const verb of application.verbs) this.unregister(application, verb);
    for (const owner of owners) {
      owner.orphan();
      if (this.#isNeeded(owner)) this.#orphans.push(owner);
    }
    return owners;
  }

  register(application: Application, verb: string): void {
    application.verbs.add(verb);
    const list = this.#byVerb.get(verb) ?? [];
    if (!list.includes(application)) list.push(application);
    this.#byVerb.set(verb, list);
  }

  unregister(application: Application, verb: string): void {
    application.verbs.delete(verb);
    const list = this.#byVerb.get(verb)?.filter((other) => other !== application) ?? [];
    if (list.length > 0) this.#byVerb.set(verb, list);
    else this.#byVerb.delete(verb);
  }

  /** The owner that newly made dialogs and transactions of a connection belong to. */
  ownerOf(application: Application): Owner | undefined {
    return this.#owners.get(application)?.[0];
  }

  /** The next application in turn that registered the verb, and has the tag when one is asked for. */
  select(verb: string, tag?: string): Owner | undefined {
    const list = this.#byVerb.get(verb);
    if (!list) return undefined;
    for (let i = 0; i < list.length; i++) {
      const application = list.shift();
      if (!application) return undefined;
      list.push(application);
      if (application.connected && (tag === undefined || application.tags.includes(tag))) {
        return this.ownerOf(application);
      }
    }
    return undefined;
  }

  /** SIP methods at least one application registered, upper case. */
  registeredMethods(): string[] {
    return [...this.#byVerb.keys()].filter((verb) => !verb.includes(':')).map((verb) => verb.toUpperCase());
  }

  hasVerb(verb: string): boolean {
    return this.#byVerb.has(verb);
  }

  applications(): Iterable<Application> {
    return this.#owners.keys();
  }

  /** Owners waiting for an application to come back. */
  orphans(): readonly Owner[] {
    return this.#orphans;
  }

  forget(owner: Owner): void {
    const at = this.#orphans.indexOf(owner);
    if (at >= 0) this.#orphans.splice(at, 1);
  }
}
