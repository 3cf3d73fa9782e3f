import type { Clock } from '../core/clock.js';
import { type Fault, GatewayError } from '../core/errors.js';
import { BULLETS } from '../core/redaction.js';
import {
  type ActionOrganization,
  type CompiledAction,
  createCertificateNormaliser,
  headerFaults,
  inputAttributes,
  MaterialError,
  type MaterialErrorKind,
  parseAction,
  slugOf,
} from '../domain/actions/index.js';
import {
  type ActionRecord,
  type CertificateFault,
  type DirectoryChecks,
  type DirectoryService,
  type OrganizationSnapshot,
  openAction,
} from '../domain/directory/index.js';
import type { Vault } from '../platform/vault/index.js';

/** A stored action, ready to run; `action` is null when what is stored cannot run, and `fault` says why. */
export type CatalogueEntry = {
  readonly record: ActionRecord;
  readonly action: CompiledAction | null;
  readonly fault: string | null;
  readonly readsContact: boolean;
};

/** The actions of all organizations as calls need them: compiled once for each version of a record. */
export type ActionCatalogue = {
  /** Throws GatewayError not_found. */
  organization(orgId: string): Promise<ActionOrganization>;
  all(orgId: string): Promise<readonly CatalogueEntry[]>;
  /** By slug, else by name (case-insensitive). */
  find(orgId: string, name: string): Promise<CatalogueEntry | null>;
  /** Names of the secrets and certificates there are. */
  secretNames(orgId: string): Promise<ReadonlySet<string>>;
  /** Agents whose tools include the action. */
  agentsWith(orgId: string, slug: string): Promise<readonly string[]>;
};

const notThere = (orgId: string): GatewayError =>
  new GatewayError('not_found', `There is no organization ${JSON.stringify(orgId)}.`);

export const createActionCatalogue = (directory: DirectoryService['directory'], vault: Vault): ActionCatalogue => {
  // A record is replaced when it changes and never written to, so its identity is its revision.
  const compiled = new WeakMap<ActionRecord, CatalogueEntry>();

  const entryOf = (record: ActionRecord): CatalogueEntry => {
    const known = compiled.get(record);
    if (known !== undefined) return known;
    let entry: CatalogueEntry;
    try {
      const action = parseAction(openAction(vault, record));
      const readsContact = inputAttributes(action).some((name) => name.startsWith('contact.'));
      entry = { record, action, fault: null, readsContact };
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      entry = { record, action: null, fault: error.message, readsContact: false };
    }
    compiled.set(record, entry);
    return entry;
  };

  const snapshotOf = async (orgId: string): Promise<OrganizationSnapshot> => {
    const snapshot = await directory.snapshot(orgId);
    if (snapshot === null) throw notThere(orgId);
    return snapshot;
  };

  return {
    async organization(orgId) {
      const { organization, globals } = await snapshotOf(orgId);
      return { id: orgId, uuid: organization.uuid, contextHeaders: organization.contextHeaders, globals };
    },
    all: async (orgId) => (await snapshotOf(orgId)).actions.map(entryOf),
    async find(orgId, name) {
      const { actions } = await snapshotOf(orgId);
      const wanted = name.trim().toLowerCase();
      const record =
        actions.find((each) => each.id === name) ??
        actions.find((each) => String(each.definition.name).toLowerCase() === wanted);
      return record === undefined ? null : entryOf(record);
    },
    async secretNames(orgId) {
      const { secrets, certificates } = await snapshotOf(orgId);
      return new Set([...Object.keys(secrets), ...certificates.map(({ name }) => name)]);
    },
    async agentsWith(orgId, slug) {
      const { agents } = await snapshotOf(orgId);
      return agents.filter((agent) => agent.actions.includes(slug)).map((agent) => agent.id);
    },
  };
};

/** Bullets stand for a credential that is kept as it is; it was judged when it came. */
const withoutBullets = (definition: unknown): unknown =>
  JSON.parse(JSON.stringify(definition).replaceAll(BULLETS, 'kept'));

const faultsOfAction = (definition: unknown): readonly Fault[] => {
  try {
    parseAction(withoutBullets(definition));
    return [];
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return error.details.length > 0 ? error.details : [{ path: '', message: error.message }];
  }
};

/** The field of an upload that a fault is about. */
const fieldOf = (kind: MaterialErrorKind): CertificateFault['field'] => {
  if (kind === 'password-missing' || kind === 'password-wrong') return 'password';
  return kind === 'no-key' || kind === 'mismatch' ? 'key' : 'certificate';
};

/** Opens uploads in a thread of their own, one at a time. */
const certificateOpener = (clock: Clock): NonNullable<DirectoryChecks['certificate']> => {
  const normaliser = createCertificateNormaliser(clock);
  return async (upload) => {
    try {
      return await normaliser.normalise(upload);
    } catch (error) {
      if (!(error instanceof MaterialError)) throw error;
      const message = error.message.replace(/\.$/, '');
      return { field: fieldOf(error.kind), message: `${message.slice(0, 1).toLowerCase()}${message.slice(1)}` };
    }
  };
};

/** What the directory asks of actions before it stores them. */
export const actionChecks = (
  clock: Clock,
): Required<Pick<DirectoryChecks, 'action' | 'slug' | 'variable' | 'certificate'>> => ({
  action: faultsOfAction,
  slug: (definition) => (typeof definition.slug === 'string' ? definition.slug : slugOf(definition.name)),
  variable: (name, value) => {
    const { faults, warnings } = headerFaults({ [name]: value });
    return { faults: faults.map((fault) => fault.message), warnings };
  },
  certificate: certificateOpener(clock),
});
