import { isDeepStrictEqual } from 'node:util';
import type { Fault } from '../../core/errors.js';
import { faultsOf, pathText, plainTreeFaults } from '../../core/faults.js';
import { BULLETS } from '../../core/redaction.js';
import type { Vault } from '../../platform/vault/index.js';
import { makeCertificate, type OpenedCertificates } from './certificates.js';
import { credentialScopes } from './credential-scopes.js';
import { documentSchema, type ParsedDocument } from './document-schema.js';
import { makeOrganization } from './make-organization.js';
import { type MakeContext, makeAction, makeAgent, makeDestination, makeNumber } from './make-records.js';
import { type ApplyPolicy, type DirectoryChecks, type Findings, findings } from './policy.js';
import type { OrganizationSnapshot } from './records.js';
import { checkReferences, createPlaces, type Places, type Section } from './references.js';
import { createSealer, type Sealer } from './sealer.js';

export type ChangeKind =
  | 'organization'
  | 'number'
  | 'agent'
  | 'transferDestination'
  | 'action'
  | 'global'
  | 'variable'
  | 'secret'
  | 'certificate';

/** One record a document creates, changes, leaves or removes; `fields` are the top-level fields that change. */
export type Change = { readonly kind: ChangeKind; readonly id: string; readonly fields?: readonly string[] };

export type ChangeSet = {
  readonly created: readonly Change[];
  readonly changed: readonly Change[];
  readonly unchanged: readonly Change[];
  readonly removed: readonly Change[];
};

export type Plan =
  | { readonly ok: false; readonly faults: readonly Fault[] }
  | {
      readonly ok: true;
      readonly snapshot: OrganizationSnapshot;
      readonly changes: ChangeSet;
      readonly warnings: readonly Fault[];
      /** Where the document speaks of each record. */
      readonly places: Places;
    };

/** Records that are taken away, by section of the document: numbers, ids, names of globals and certificates. */
export type Removal = Partial<Record<Section | 'globals' | 'certificates', readonly string[]>>;

export type PlanRequest = {
  readonly orgId: string;
  readonly document: unknown;
  readonly previous: OrganizationSnapshot | null;
  /** What the document does not have is removed, and fields it leaves out go back to their defaults. */
  readonly prune: boolean;
  /** Records that go, whatever the document says. */
  readonly remove?: Removal | undefined;
  readonly policy: ApplyPolicy;
  readonly checks: DirectoryChecks;
  readonly vault: Vault;
  /** The certificates of the document, opened. */
  readonly opened?: OpenedCertificates;
  /** Milliseconds since the epoch. */
  readonly now?: number;
};

const empty = {
  ...{ numbers: [], agents: [], destinations: [], actions: [], certificates: [] },
  ...{ globals: {}, variables: {}, secrets: {} },
};

/** Records of a list of the document over those there are. A key that stands twice is a fault. */
const mergeList = <Given, Record>(
  section: Section,
  given: readonly Given[] | undefined,
  previous: readonly Record[],
  keyOf: (record: Record) => string,
  make: (item: Given, path: string, index: number) => Record,
  { prune, found, places }: { prune: boolean; found: Findings; places: Places },
): readonly Record[] => {
  const made = new Map<string, Record>();
  for (const [index, item] of (given ?? []).entries()) {
    const path = `${section}[${index}]`;
    const record = make(item, path, index);
    const key = keyOf(record);
    if (made.has(key)) found.fault(path, `repeats ${JSON.stringify(key)}`);
    made.set(key, record);
    places.set(section, key, path);
  }
  const kept = prune ? [] : previous.filter((record) => !made.has(keyOf(record)));
  return [...kept, ...made.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
};

const mergeSealed = (
  section: 'variables' | 'secrets',
  given: ParsedDocument['variables'],
  previous: Readonly<Record<string, string>>,
  request: PlanRequest,
  sealer: Sealer,
  found: Findings,
): Record<string, string> => {
  const result = new Map<string, string>(request.prune ? [] : Object.entries(previous));
  const scope = section === 'variables' ? credentialScopes.variable : credentialScopes.secret;
  for (const [name, value] of Object.entries(given ?? {})) {
    if (value === null) result.delete(name);
    else {
      const path = pathText([section, name]);
      if (section === 'variables' && value !== BULLETS) {
        const judged = request.checks.variable?.(name, value);
        for (const fault of judged?.faults ?? []) found.fault(path, fault);
        for (const warning of judged?.warnings ?? []) found.warn(path, warning);
      }
      result.set(name, sealer.seal(path, scope(request.orgId, name), value));
    }
  }
  return Object.fromEntries(result);
};

const without = <Value>(
  record: Readonly<Record<string, Value>>,
  names: readonly string[] = [],
): Record<string, Value> => Object.fromEntries(Object.entries(record).filter(([name]) => !names.includes(name)));

type Entry = readonly [kind: ChangeKind, id: string, value: unknown];

const entriesOf = (snapshot: OrganizationSnapshot): Entry[] => [
  ['organization', snapshot.organization.id, snapshot.organization],
  ...snapshot.numbers.map((record): Entry => ['number', record.number, record]),
  ...snapshot.agents.map((record): Entry => ['agent', record.id, record]),
  ...snapshot.destinations.map((record): Entry => ['transferDestination', record.id, record]),
  ...snapshot.actions.map((record): Entry => ['action', record.id, record]),
  ...Object.entries(snapshot.globals).map(([name, value]): Entry => ['global', name, value]),
  ...Object.entries(snapshot.variables).map(([name, value]): Entry => ['variable', name, value]),
  ...Object.entries(snapshot.secrets).map(([name, value]): Entry => ['secret', name, value]),
  ...snapshot.certificates.map((record): Entry => ['certificate', record.name, record]),
];

const fieldsThatDiffer = (before: unknown, after: unknown): string[] => {
  if (typeof before !== 'object' || typeof after !== 'object' || before === null || after === null) return [];
  const [a, b] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
  return [...new Set([...a.keys(), ...b.keys()])].filter((name) => !isDeepStrictEqual(a.get(name), b.get(name)));
};

const compare = (previous: OrganizationSnapshot | null, next: OrganizationSnapshot): ChangeSet => {
  const before = new Map(
    (previous === null ? [] : entriesOf(previous)).map((entry) => [`${entry[0]} ${entry[1]}`, entry]),
  );
  const [created, changed, unchanged]: [Change[], Change[], Change[]] = [[], [], []];
  for (const [kind, id, value] of entriesOf(next)) {
    const old = before.get(`${kind} ${id}`);
    before.delete(`${kind} ${id}`);
    if (old === undefined) created.push({ kind, id });
    else if (isDeepStrictEqual(old[2], value)) unchanged.push({ kind, id });
    else {
      const fields = fieldsThatDiffer(old[2], value);
      changed.push(fields.length > 0 ? { kind, id, fields } : { kind, id });
    }
  }
  return { created, changed, unchanged, removed: [...before.values()].map(([kind, id]) => ({ kind, id })) };
};

const make = (
  document: ParsedDocument,
  request: PlanRequest,
  found: Findings,
  places: Places,
): OrganizationSnapshot => {
  const { orgId, previous, prune, remove, policy, checks } = request;
  const sealer = createSealer(request.vault, found, previous);
  const old = previous ?? empty;
  // With prune a field that is left out takes its default; credentials are part of the document and go with it.
  const base = prune ? null : previous;
  const organization = makeOrganization(
    document.organization,
    base?.organization ?? null,
    previous?.organization.uuid ?? null,
    { orgId, found, sealer, policy },
  );
  const context: MakeContext = { orgId, country: organization.defaultCountry, found, sealer, policy, checks };
  const agentBefore = new Map(base?.agents.map((agent) => [agent.id, agent]));
  const destinationBefore = new Map(base?.destinations.map((destination) => [destination.id, destination]));
  // A verification is not the document's to take away by silence: it survives prune.
  const numberBefore = new Map(old.numbers.map((number) => [number.number, number]));
  const certificateBefore = new Map(old.certificates.map((record) => [record.name, record]));
  const merging = { prune, found, places };
  const snapshot: OrganizationSnapshot = {
    organization,
    numbers: mergeList(
      'numbers',
      document.numbers,
      old.numbers.filter((record) => remove?.numbers?.includes(record.number) !== true),
      (record) => record.number,
      (item, path) => makeNumber(item, (number) => numberBefore.get(number) ?? null, path, context),
      merging,
    ),
    agents: mergeList(
      'agents',
      document.agents,
      old.agents.filter((record) => remove?.agents?.includes(record.id) !== true),
      (record) => record.id,
      (item, path) => makeAgent(item, agentBefore.get(item.id) ?? null, path, context),
      merging,
    ),
    destinations: mergeList(
      'transferDestinations',
      document.transferDestinations,
      old.destinations.filter((record) => remove?.transferDestinations?.includes(record.id) !== true),
      (record) => record.id,
      (item, path) => makeDestination(item, destinationBefore.get(item.id) ?? null, path, context),
      merging,
    ),
    actions: mergeList(
      'actions',
      document.actions,
      old.actions.filter((record) => remove?.actions?.includes(record.id) !== true),
      (record) => record.id,
      (item, path) => makeAction(item, path, context),
      merging,
    ),
    globals: without({ ...(prune ? {} : old.globals), ...document.globals }, remove?.globals),
    variables: mergeSealed('variables', document.variables, old.variables, request, sealer, found),
    secrets: mergeSealed('secrets', document.secrets, old.secrets, request, sealer, found),
    certificates: mergeList(
      'certificates',
      document.certificates,
      old.certificates.filter((record) => remove?.certificates?.includes(record.name) !== true),
      (record) => record.name,
      (item, path, index) =>
        makeCertificate(item, index, certificateBefore.get(item.name) ?? null, path, {
          ...{ orgId, found, sealer },
          opened: request.opened ?? new Map(),
          now: request.now ?? 0,
        }),
      merging,
    ),
  };
  checkReferences(snapshot, places, found, checks);
  return snapshot;
};

/**
 * What applying a document would make of an organization. Pure but for the seals: nothing is stored, so a document
 * with one fault changes nothing, and a dry run is the same computation.
 */
export const planDocument = (request: PlanRequest): Plan => {
  const tree = plainTreeFaults(request.document);
  if (tree.length > 0) return { ok: false, faults: tree };
  const parsed = documentSchema.safeParse(request.document);
  if (!parsed.success) return { ok: false, faults: faultsOf(parsed.error.issues) };
  const found = findings();
  if (parsed.data.organization.id !== request.orgId) {
    found.fault('organization.id', `is not ${JSON.stringify(request.orgId)}, the organization of the request`);
    return { ok: false, faults: found.faults };
  }
  const places = createPlaces();
  const made = make(parsed.data, request, found, places);
  if (found.faults.length > 0) return { ok: false, faults: found.faults };
  // What is compared and stored is the JSON form, so that a field without value cannot look like a change.
  const snapshot: OrganizationSnapshot = JSON.parse(JSON.stringify(made));
  return { ok: true, snapshot, changes: compare(request.previous, snapshot), warnings: found.warnings, places };
};
