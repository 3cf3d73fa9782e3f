import type { Clock } from '../../core/clock.js';
import { type Fault, GatewayError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import type { RedisConnection } from '../../platform/redis/index.js';
import type { SealedValues, Vault } from '../../platform/vault/index.js';
import { openCertificates } from './certificates.js';
import { type CachedDirectory, createDirectory } from './directory.js';
import { createDirectoryStore, type HeldClaim, numberField, uuidField } from './directory-store.js';
import { type ExportedDocument, exportDocument } from './export.js';
import { type ChangeKind, type ChangeSet, type Plan, planDocument, type Removal } from './plan.js';
import type { ApplyPolicy, DirectoryChecks } from './policy.js';
import type { OrganizationSnapshot } from './records.js';
import { sealedCredentials } from './sealed-credentials.js';

export type ApplyRequest = {
  readonly orgId: string;
  /** What came in, parsed from JSON or YAML and not looked at yet. */
  readonly document: unknown;
  readonly prune: boolean;
  /** Compute and check, store nothing. */
  readonly dryRun: boolean;
  readonly policy: ApplyPolicy;
  /** Makes this an edit of an organization that must be there. */
  readonly edit?: DirectoryEdit;
};

/** What an edit of single records asks for beyond what a document can say. */
export type DirectoryEdit = {
  readonly remove?: Removal;
  /** Slug of an action that must not be there yet: else `conflict`. */
  readonly create?: string;
  /** Slug of an action that must be there: else `not_found`. */
  readonly replace?: string;
  /** The document's one record of this kind must not be there yet: else `conflict`. */
  readonly createOne?: ChangeKind;
};

export type ApplyResult = ChangeSet & {
  readonly organization: string;
  readonly dryRun: boolean;
  /** What was accepted and will not do what the writer may expect. */
  readonly warnings: readonly Fault[];
};

export type DirectoryService = {
  readonly directory: CachedDirectory;
  /**
   * Makes an organization what the document says. Throws GatewayError: bad_request with every fault and its path,
   * conflict when a number or UUID belongs to another organization, store_unavailable. Then nothing has changed.
   */
  apply(request: ApplyRequest): Promise<ApplyResult>;
  /**
   * Takes an organization away: its numbers lead nowhere and may be another's from now on. False when there is none. What
   * else is kept under its name is not touched.
   */
  remove(orgId: string): Promise<boolean>;
  /** The document of an organization, credentials as placeholders; null when there is no such organization. */
  export(orgId: string): Promise<ExportedDocument | null>;
  /** Ids of all organizations, sorted. */
  organizations(): Promise<readonly string[]>;
  /**
   * Hears of every change of an organization, whichever instance made it; of null when changes may have been missed.
   * Until the returned function is called.
   */
  watch(listener: (orgId: string | null) => void): () => void;
  /** Every sealed credential, for the rotation of keys. */
  readonly credentials: SealedValues;
  close(): void;
};

export type DirectoryServiceOptions = {
  readonly redis: RedisConnection;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly log: Logger;
  readonly checks?: DirectoryChecks;
};

/** ms after which a claim without a number behind it is a left-over of a gateway that died. */
const ABANDONED = 30_000;
/** ms between claim and write that still keep clear of ABANDONED. */
const HURRY = 10_000;
const ATTEMPTS = 8;

const fieldsOf = (snapshot: OrganizationSnapshot): string[] => [
  uuidField(snapshot.organization.uuid),
  ...snapshot.numbers.map((record) => numberField(record.number)),
];

const holds = (snapshot: OrganizationSnapshot | undefined, field: string): boolean =>
  snapshot !== undefined && fieldsOf(snapshot).includes(field);

const collision = (held: readonly HeldClaim[], { snapshot, places }: Plan & { readonly ok: true }): GatewayError => {
  const faults = held.map(({ field }): Fault => {
    const record = snapshot.numbers.find((each) => numberField(each.number) === field);
    return record === undefined
      ? { path: 'organization.uuid', message: 'belongs to another organization' }
      : {
          path: `${places.of('numbers', record.number)}.number`,
          message: `${record.number} belongs to another organization`,
        };
  });
  return new GatewayError('conflict', 'A number or UUID belongs to another organization; nothing was changed.', {
    details: faults,
  });
};

const accepted = (plan: Plan): Plan & { readonly ok: true } => {
  if (plan.ok) return plan;
  const count = plan.faults.length === 1 ? 'a fault' : `${plan.faults.length} faults`;
  throw new GatewayError('bad_request', `The document has ${count}; nothing was changed.`, { details: plan.faults });
};

const isNewAction = (changes: ChangeSet, slug: string): boolean =>
  changes.created.some((change) => change.kind === 'action' && change.id === slug);

/** Throws GatewayError conflict or not_found when an edit does not fit what is there. */
const checkEdit = (orgId: string, edit: DirectoryEdit, previous: OrganizationSnapshot | null, plan: Plan): void => {
  if (previous === null) throw new GatewayError('not_found', `There is no organization ${JSON.stringify(orgId)}.`);
  const { remove, create, replace } = edit;
  for (const slug of remove?.actions ?? []) {
    if (previous.actions.every((record) => record.id !== slug))
      throw new GatewayError('not_found', `There is no action ${JSON.stringify(slug)}.`);
  }
  for (const name of remove?.globals ?? []) {
    if (!Object.hasOwn(previous.globals, name))
      throw new GatewayError('not_found', `There is no global ${JSON.stringify(name)}.`);
  }
  for (const name of remove?.certificates ?? []) {
    if (previous.certificates.every((record) => record.name !== name))
      throw new GatewayError('not_found', `There is no certificate ${JSON.stringify(name)}.`);
  }
  const keys: Record<string, readonly string[]> = {
    numbers: previous.numbers.map((record) => record.number),
    agents: previous.agents.map((record) => record.id),
    transferDestinations: previous.destinations.map((record) => record.id),
  };
  const removed = new Map<string, readonly string[]>(Object.entries(remove ?? {}));
  for (const [section, known] of Object.entries(keys)) {
    for (const key of removed.get(section) ?? []) {
      if (!known.includes(key))
        throw new GatewayError('not_found', `There is no ${JSON.stringify(key)} among the ${section}.`);
    }
  }
  if (!plan.ok) return;
  const { createOne } = edit;
  if (createOne !== undefined && plan.changes.created.every((change) => change.kind !== createOne))
    throw new GatewayError('conflict', 'There is one of this key already.');
  if (create !== undefined && !isNewAction(plan.changes, create))
    throw new GatewayError('conflict', `There is an action ${JSON.stringify(create)} already.`);
  if (replace !== undefined && isNewAction(plan.changes, replace))
    throw new GatewayError('not_found', `There is no action ${JSON.stringify(replace)}.`);
};

/** The directory with everything that changes it; resolves once it hears of changes other instances make. */
export const createDirectoryService = async (options: DirectoryServiceOptions): Promise<DirectoryService> => {
  const { redis, vault, clock, log } = options;
  const store = createDirectoryStore(redis);
  const directory = createDirectory(store, clock);
  const watchers = new Set<(orgId: string | null) => void>();
  const unsubscribe = await store.onAnnounce((orgId, version) => {
    directory.forget(orgId, version);
    for (const watcher of [...watchers]) watcher(orgId);
  });
  // Messages sent while the connection was gone are lost, so nothing cached before it came back is believed.
  const off = redis.on('up', () => {
    directory.forget();
    for (const watcher of [...watchers]) watcher(null);
  });

  /** Claims for the snapshot; resolves with what others really hold. */
  const claim = async (snapshot: OrganizationSnapshot): Promise<readonly HeldClaim[]> => {
    const orgId = snapshot.organization.id;
    const fields = fieldsOf(snapshot);
    const held = await store.claim(orgId, fields, new Map());
    if (held.length === 0) return [];
    const replaceable = new Map<string, string>();
    for (const entry of held) {
      if (entry.age < ABANDONED) return held;
      if (holds((await store.read(entry.owner))?.snapshot, entry.field)) return held;
      replaceable.set(entry.field, entry.text);
    }
    log.warn(
      { organization: orgId, claims: [...replaceable.keys()] },
      'Claims without an organization behind them were taken over.',
    );
    return store.claim(orgId, fields, replaceable);
  };

  const heldByOthers = async (snapshot: OrganizationSnapshot): Promise<readonly HeldClaim[]> => {
    const held: HeldClaim[] = [];
    for (const [field, text] of await store.claims(fieldsOf(snapshot))) {
      const owner = text.split(' ', 1)[0] ?? '';
      if (owner === snapshot.organization.id) continue;
      if (holds((await store.read(owner))?.snapshot, field)) held.push({ field, owner, text, age: 0 });
    }
    return held;
  };

  const apply = async (request: ApplyRequest): Promise<ApplyResult> => {
    const { orgId, document, prune, dryRun, policy, edit } = request;
    const checks = options.checks ?? {};
    const opened = await openCertificates(document, checks.certificate);
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const current = await store.read(orgId);
      const previous = current?.snapshot ?? null;
      const outcome = planDocument({
        ...{ orgId, document, previous, prune, policy, checks, vault, opened },
        remove: edit?.remove,
        now: clock.now(),
      });
      if (edit !== undefined) checkEdit(orgId, edit, previous, outcome);
      const plan = accepted(outcome);
      const { snapshot, changes, warnings } = plan;
      const result: ApplyResult = { organization: orgId, dryRun, ...changes, warnings };
      if (dryRun) {
        const held = await heldByOthers(snapshot);
        if (held.length > 0) throw collision(held, plan);
        return result;
      }
      if (changes.created.length + changes.changed.length + changes.removed.length === 0) return result;

      const begun = clock.monotonic();
      const held = await claim(snapshot);
      if (held.length > 0) throw collision(held, plan);
      const kept = new Set(fieldsOf(snapshot));
      const gone = previous === null ? [] : fieldsOf(previous).filter((field) => !kept.has(field));
      const leaving = await store.claims(gone);
      if (clock.monotonic() - begun > HURRY) continue;
      const version = await store.write(orgId, current?.version ?? 0, snapshot);
      if (version === null) continue;

      directory.forget(orgId, version);
      await store.release(leaving);
      await store.announce(orgId, version);
      log.info(
        {
          organization: orgId,
          created: changes.created.length,
          changed: changes.changed.length,
          removed: changes.removed.length,
        },
        'The directory of an organization was changed.',
      );
      return result;
    }
    throw new GatewayError('conflict', 'Others keep changing this organization; nothing was changed, try again.');
  };

  const remove = async (orgId: string): Promise<boolean> => {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const current = await store.read(orgId);
      if (current === null) return false;
      const leaving = await store.claims(fieldsOf(current.snapshot));
      const version = await store.remove(orgId, current.version);
      if (version === null) continue;
      directory.forget(orgId, version);
      await store.release(new Map([...leaving].filter(([, text]) => text.startsWith(`${orgId} `))));
      await store.announce(orgId, version);
      log.info({ organization: orgId }, 'An organization was taken away.');
      return true;
    }
    throw new GatewayError('conflict', 'Others keep changing this organization; nothing was changed, try again.');
  };

  return {
    directory,
    apply,
    remove,
    async export(orgId) {
      const found = await store.read(orgId);
      return found === null ? null : exportDocument(found.snapshot);
    },
    organizations: () => store.organizations(),
    watch(listener) {
      watchers.add(listener);
      return () => void watchers.delete(listener);
    },
    credentials: sealedCredentials(store, vault, async (orgId, version) => {
      directory.forget(orgId, version);
      await store.announce(orgId, version);
    }),
    close() {
      unsubscribe();
      off();
    },
  };
};
