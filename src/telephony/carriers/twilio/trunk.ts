import { randomBytes } from 'node:crypto';
import { GatewayError } from '../../../core/errors.js';
import type { TwilioAccount } from './account.js';
import { askTwilio } from './failures.js';

export type TransferMode = 'disable-all' | 'enable-all' | 'sip-only';

/** What a trunk shall be. */
export type TrunkPlan = {
  /** By this name the trunk is found again. */
  readonly name: string;
  /** `….pstn.twilio.com`: where the gateway's own calls go (termination). */
  readonly domain: string;
  /** SIP address of the gateway, where Twilio sends calls (origination). */
  readonly origination: string;
  readonly secure: boolean;
  readonly transferMode: TransferMode;
  /** Who the gateway is when it calls by the trunk. Without a password one is made, once. */
  readonly username: string;
  readonly password: string | null;
  /** E.164, of the account: their calls come by the trunk. Others that are on it stay. */
  readonly numbers: readonly string[];
};

export type TrunkStep = {
  readonly what: 'trunk' | 'origination' | 'credential list' | 'credential' | 'termination' | 'number';
  readonly id: string;
  readonly done: 'created' | 'changed' | 'left';
  /** What was changed. */
  readonly fields: readonly string[];
};

export type TrunkReport = {
  readonly sid: string;
  readonly domain: string;
  readonly steps: readonly TrunkStep[];
  /** Only when it was made just now: Twilio keeps a digest and shows it to nobody. */
  readonly password: string | null;
};

type Trunk = Awaited<ReturnType<TwilioAccount['trunking']['v1']['trunks']['create']>>;
type Note = (what: TrunkStep['what'], id: string, done: TrunkStep['done'], fields?: readonly string[]) => void;

/** All of a kind; Twilio allows 100 trunks, 10 addresses a trunk. */
const ALL = { limit: 1_000 };

/** Names whose wanted value is not what is there. */
const differing = <Wanted extends object>(wanted: Wanted, there: object): (keyof Wanted & string)[] => {
  const has = new Map<string, unknown>(Object.entries(there));
  return Object.entries(wanted)
    .filter(([name, value]) => has.get(name) !== value)
    .map(([name]) => name as keyof Wanted & string);
};

/** Twilio demands 12 characters with a digit, a capital and a small letter. */
const newPassword = (): string => `${randomBytes(18).toString('base64url')}aA1`;

const ensureTrunk = async (account: TwilioAccount, plan: TrunkPlan, note: Note): Promise<Trunk> => {
  const wanted = { domainName: plan.domain, transferMode: plan.transferMode, secure: plan.secure };
  const all = await account.trunking.v1.trunks.list(ALL);
  const found = all.filter((trunk) => trunk.friendlyName === plan.name);
  const [trunk] = found;
  if (found.length > 1) {
    throw new GatewayError('conflict', `The account has ${found.length} trunks named ${JSON.stringify(plan.name)}.`);
  }
  if (trunk === undefined) {
    const made = await account.trunking.v1.trunks.create({ friendlyName: plan.name, ...wanted });
    note('trunk', plan.name, 'created');
    return made;
  }
  const fields = differing(wanted, trunk);
  if (fields.length > 0) await account.trunking.v1.trunks(trunk.sid).update(wanted);
  note('trunk', plan.name, fields.length > 0 ? 'changed' : 'left', fields);
  return trunk;
};

const ensureOrigination = async (account: TwilioAccount, trunk: Trunk, plan: TrunkPlan, note: Note): Promise<void> => {
  const urls = account.trunking.v1.trunks(trunk.sid).originationUrls;
  const all = await urls.list(ALL);
  const wanted = { sipUrl: plan.origination, enabled: true, friendlyName: plan.name };
  // An address of ours that has moved is changed; addresses that others have added are theirs.
  const found = all.find((url) => url.sipUrl === plan.origination) ?? all.find((url) => url.friendlyName === plan.name);
  if (found === undefined) {
    await urls.create({ ...wanted, weight: 10, priority: 10 });
    note('origination', plan.origination, 'created');
    return;
  }
  const fields = differing({ sipUrl: wanted.sipUrl, enabled: true }, found);
  if (fields.length > 0) await account.trunking.v1.trunks(trunk.sid).originationUrls(found.sid).update(wanted);
  note('origination', plan.origination, fields.length > 0 ? 'changed' : 'left', fields);
};

/** Resolves with the password when one was made. */
const ensureTermination = async (
  account: TwilioAccount,
  trunk: Trunk,
  plan: TrunkPlan,
  note: Note,
): Promise<string | null> => {
  const lists = account.sip.credentialLists;
  const known = (await lists.list(ALL)).find((list) => list.friendlyName === plan.name);
  const list = known ?? (await lists.create({ friendlyName: plan.name }));
  note('credential list', plan.name, known === undefined ? 'created' : 'left');
  const { credentials } = lists(list.sid);
  const credential = (await credentials.list(ALL)).find((each) => each.username === plan.username);
  let made: string | null = null;
  if (credential === undefined) {
    const password = plan.password ?? newPassword();
    await credentials.create({ username: plan.username, password });
    if (plan.password === null) made = password;
    note('credential', plan.username, 'created');
  } else if (plan.password !== null) {
    // Nobody can read the one that is there, so one that is given is set.
    await lists(list.sid).credentials(credential.sid).update({ password: plan.password });
    note('credential', plan.username, 'changed', ['password']);
  } else note('credential', plan.username, 'left');
  const onTrunk = account.trunking.v1.trunks(trunk.sid).credentialsLists;
  const associated = (await onTrunk.list(ALL)).some((each) => each.sid === list.sid);
  if (!associated) await onTrunk.create({ credentialListSid: list.sid });
  note('termination', plan.domain, associated ? 'left' : 'created');
  return made;
};

const ensureNumbers = async (
  account: TwilioAccount,
  trunk: Trunk,
  numbers: readonly string[],
  sids: ReadonlyMap<string, string>,
  note: Note,
): Promise<void> => {
  if (numbers.length === 0) return;
  const onTrunk = account.trunking.v1.trunks(trunk.sid).phoneNumbers;
  const there = new Set((await onTrunk.list(ALL)).map((each) => each.phoneNumber));
  for (const number of numbers) {
    const sid = sids.get(number);
    if (there.has(number) || sid === undefined) note('number', number, 'left');
    else {
      await onTrunk.create({ phoneNumberSid: sid });
      note('number', number, 'created');
    }
  }
};

/** Sids of the numbers. Throws GatewayError not_found that names those the account does not have. */
const sidsOf = async (account: TwilioAccount, numbers: readonly string[]): Promise<ReadonlyMap<string, string>> => {
  const sids = new Map<string, string>();
  for (const number of numbers) {
    const found = await account.incomingPhoneNumbers.list({ phoneNumber: number, limit: 20 });
    const exact = found.find((record) => record.phoneNumber === number);
    if (exact !== undefined) sids.set(number, exact.sid);
  }
  const strange = numbers.filter((number) => !sids.has(number));
  if (strange.length > 0) {
    throw new GatewayError('not_found', `The Twilio account does not have ${strange.join(', ')}; nothing was changed.`);
  }
  return sids;
};

/**
 * Makes a trunk what the plan says, and does nothing where it is so already. The numbers come last: a call finds a trunk
 * that is ready. Throws GatewayError: not_found, conflict, twilio_refused, twilio_unavailable; run again, it goes on.
 */
export const setUpTrunk = (account: TwilioAccount, plan: TrunkPlan): Promise<TrunkReport> =>
  askTwilio(async () => {
    const steps: TrunkStep[] = [];
    const note: Note = (what, id, done, fields = []) => void steps.push({ what, id, done, fields });
    const sids = await sidsOf(account, plan.numbers);
    const trunk = await ensureTrunk(account, plan, note);
    await ensureOrigination(account, trunk, plan, note);
    const password = await ensureTermination(account, trunk, plan, note);
    await ensureNumbers(account, trunk, plan.numbers, sids, note);
    return { sid: trunk.sid, domain: plan.domain, steps, password };
  });

/** Sid of the trunk of this name. Throws GatewayError not_found. */
export const trunkNamed = (account: TwilioAccount, name: string): Promise<string> =>
  askTwilio(async () => {
    const trunk = (await account.trunking.v1.trunks.list(ALL)).find((each) => each.friendlyName === name);
    if (trunk !== undefined) return trunk.sid;
    throw new GatewayError(
      'not_found',
      `The Twilio account has no trunk ${JSON.stringify(name)}: make it with \`voice-gateway trunk setup twilio\`.`,
    );
  });
