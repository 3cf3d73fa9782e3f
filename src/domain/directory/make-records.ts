import { toE164 } from '../../core/e164.js';
import { hasSealMark, sealAction } from './action-credentials.js';
import { credentialScopes } from './credential-scopes.js';
import type { ParsedAction, ParsedAgent, ParsedDestination, ParsedNumber } from './document-schema.js';
import type { ApplyPolicy, DirectoryChecks, Findings } from './policy.js';
import type { ActionRecord, Agent, PhoneNumberRecord, TransferDestination } from './records.js';
import type { Sealer } from './sealer.js';
import { sipHeaderFault, sipUriFault } from './sip-uri.js';

export type MakeContext = {
  readonly orgId: string;
  readonly country: string;
  readonly found: Findings;
  readonly sealer: Sealer;
  readonly policy: ApplyPolicy;
  readonly checks: DirectoryChecks;
};

const NOT_A_NUMBER = 'is not a telephone number that can be written in E.164';

const checkProfile = (path: string, profile: string, context: MakeContext): void => {
  const known = context.checks.profiles?.();
  if (known !== undefined && !known.includes(profile)) {
    context.found.fault(path, `is not the name of a SIP profile; there are ${[...known].sort().join(', ')}`);
  }
};

/**
 * Whether a number is verified. An operator decides; while everything listens on loopback `local` numbers need no
 * proof. For others a verification made earlier stays as long as the profile does.
 */
const verification = (
  given: ParsedNumber,
  previous: PhoneNumberRecord | null,
  path: string,
  context: MakeContext,
): boolean => {
  const free = context.policy.operator || (given.profile === 'local' && context.policy.loopbackOnly);
  if (free) return given.verified ?? previous?.verified ?? false;
  const kept = previous?.verified === true && previous.profile === given.profile;
  if (given.verified === true && !kept) {
    context.found.warn(`${path}.verified`, 'does not count: an operator sets it, or the verification of the number');
  }
  return kept && given.verified !== false;
};

export const makeNumber = (
  given: ParsedNumber,
  previous: (number: string) => PhoneNumberRecord | null,
  path: string,
  context: MakeContext,
): PhoneNumberRecord => {
  // A number that is there already was judged when it came: thousands of them are not read again.
  const number = previous(given.number)?.number ?? toE164(given.number, context.country);
  if (number === null) context.found.fault(`${path}.number`, NOT_A_NUMBER);
  checkProfile(`${path}.profile`, given.profile, context);
  return {
    number: number ?? given.number,
    orgId: context.orgId,
    agentId: given.agent,
    profile: given.profile,
    verified: verification(given, number === null ? null : previous(number), path, context),
  };
};

export const makeAgent = (given: ParsedAgent, previous: Agent | null, path: string, context: MakeContext): Agent => {
  for (const fault of context.checks.leg?.(given.leg) ?? []) {
    const inner = fault.path === '' ? '' : fault.path.startsWith('[') ? fault.path : `.${fault.path}`;
    context.found.fault(`${path}.leg${inner}`, fault.message);
  }
  return {
    id: given.id,
    orgId: context.orgId,
    name: given.name ?? previous?.name ?? given.id,
    leg: given.leg,
    transferDestinations: given.transferDestinations ?? previous?.transferDestinations ?? [],
    actions: given.actions ?? previous?.actions ?? [],
    fallback: given.fallback === undefined ? (previous?.fallback ?? null) : given.fallback,
    record: given.record ?? previous?.record ?? false,
    maxDuration: given.maxDuration ?? previous?.maxDuration ?? 0,
  };
};

const destinationValue = (given: ParsedDestination, path: string, context: MakeContext): string => {
  if (given.type === 'phone') {
    const number = toE164(given.value, context.country);
    if (number === null) context.found.fault(`${path}.value`, NOT_A_NUMBER);
    return number ?? given.value;
  }
  const fault = sipUriFault(given.value);
  if (fault !== null) context.found.fault(`${path}.value`, fault);
  return given.value;
};

/** `undefined` (left out) keeps what was, `null` takes it away. */
const keep = <Value>(given: Value | undefined, previous: Value | undefined, otherwise: Value): Value =>
  given === undefined ? (previous ?? otherwise) : given;

/** Host and port that a destination's digest is sent to; null: to none. */
const calledHost = (type: TransferDestination['type'], value: string, trunk: string | null): string | null => {
  const uri = type === 'sip' ? value : trunk;
  if (uri === null) return null;
  const rest = uri.replace(/^sip:/i, '');
  return (
    rest
      .slice(rest.lastIndexOf('@') + 1)
      .split(';')[0]
      ?.toLowerCase() ?? null
  );
};

export const makeDestination = (
  given: ParsedDestination,
  previous: TransferDestination | null,
  path: string,
  context: MakeContext,
): TransferDestination => {
  const { found } = context;
  const trunk = keep(given.trunk, previous?.trunk, null);
  const trunkFault = given.trunk === undefined || given.trunk === null ? null : sipUriFault(given.trunk);
  if (trunkFault !== null) found.fault(`${path}.trunk`, trunkFault);
  const profile = keep(given.profile, previous?.profile, null);
  if (given.profile !== undefined && given.profile !== null) checkProfile(`${path}.profile`, given.profile, context);
  const headers = given.headers ?? previous?.headers ?? {};
  for (const [name, value] of Object.entries(given.headers ?? {})) {
    const fault = sipHeaderFault(name, value);
    if (fault !== null) found.fault(`${path}.headers[${JSON.stringify(name)}]`, fault);
  }
  const method = given.method ?? previous?.method ?? 'invite';
  if (method === 'refer' && given.type === 'sip') {
    found.fault(`${path}.method`, 'refer is for phone destinations; a sip destination is called by invite');
  }
  if (given.type === 'phone' && method === 'invite' && trunk === null) {
    found.fault(
      `${path}.trunk`,
      'is missing: a telephone number is called through a trunk, unless its method is refer',
    );
  }
  const host = calledHost(given.type, given.value, trunk);
  if (given.digest === undefined && previous !== null && previous.digest !== null) {
    if (host !== calledHost(previous.type, previous.value, previous.trunk)) {
      found.fault(`${path}.digest`, 'must be given again: its credentials were for another host');
    }
  }
  const onFailure = given.onFailure ?? previous?.onFailure ?? 'return';
  const next = keep(given.next, previous?.next, null);
  if (onFailure === 'next' && next === null) found.fault(`${path}.next`, 'is missing: onFailure is next');
  const digest =
    given.digest === undefined
      ? (previous?.digest ?? null)
      : given.digest === null
        ? null
        : {
            username: given.digest.username,
            sealedPassword: context.sealer.seal(
              `${path}.digest.password`,
              credentialScopes.digest(context.orgId, given.id),
              given.digest.password,
            ),
          };
  return {
    id: given.id,
    orgId: context.orgId,
    name: given.name,
    type: given.type,
    value: destinationValue(given, path, context),
    profile,
    trunk,
    method,
    callerId: keep(given.callerId, previous?.callerId, null),
    digest,
    headers,
    secureMedia: given.secureMedia ?? previous?.secureMedia ?? false,
    holdAudio: keep(given.holdAudio, previous?.holdAudio, null),
    announcement: keep(given.announcement, previous?.announcement, null),
    ringTimeout: given.ringTimeout ?? previous?.ringTimeout ?? 30,
    onFailure,
    next,
    returnWithin: given.returnWithin ?? previous?.returnWithin ?? 0,
  };
};

/** snake_case of an action's name, as the AI's tool is called; an action may bring a slug of its own. */
const slugOfAction = (definition: ParsedAction): string => {
  if (typeof definition.slug === 'string') return definition.slug;
  return definition.name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[\u0300-\u036f]/g, '')
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '');
};

export const makeAction = (given: ParsedAction, path: string, context: MakeContext): ActionRecord => {
  const id = (context.checks.slug ?? slugOfAction)(given);
  if (id === '') context.found.fault(`${path}.name`, 'must contain a letter or digit');
  if (hasSealMark(given)) context.found.fault(path, 'holds a key that is kept for the gateway');
  for (const fault of context.checks.action?.(given) ?? []) {
    context.found.fault(fault.path === '' ? path : `${path}.${fault.path}`, fault.message);
  }
  return sealAction({ id, orgId: context.orgId, definition: given }, (inner, scope, plain) =>
    context.sealer.seal(`${path}.${inner}`, scope, plain),
  );
};
