import { lstat, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parse, stringify } from 'yaml';
import { type Fault, GatewayError, isGatewayError } from '../../../core/errors.js';
import { newToken } from '../../../core/ids.js';
import { BULLETS } from '../../../core/redaction.js';
import { type LoadedProfile, loadProfiles, type ProfileFolders, readProfileFolder } from './loader.js';
import type { ProfileRegistry } from './registry.js';

/** A profile as its file has it: passwords as bullets, unless they are `${NAME}`. */
export type StoredProfile = {
  readonly document: Readonly<Record<string, unknown>>;
  /** One of this name comes with the gateway. */
  readonly shipped: boolean;
  /** It stands in the operator's folder. */
  readonly own: boolean;
};

/** Changes the files of the operator's folder of profiles (SIP_PROFILES), one change at a time. */
export type ProfileEditor = {
  /** Null: there is none of this name. */
  read(name: string): Promise<StoredProfile | null>;
  /**
   * Writes a profile and puts it in force; bullets keep the password that is there. Throws GatewayError bad_request with
   * every fault, conflict when the folder cannot be written here. Then nothing has changed.
   */
  write(name: string, document: unknown): Promise<'created' | 'replaced'>;
  /**
   * Takes the file away; a profile of this name that comes with the gateway is in force again. Throws GatewayError
   * conflict, not_found.
   */
  remove(name: string): Promise<'removed' | 'restored'>;
};

type Plain = Readonly<Record<string, unknown>>;
const isPlain = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isReference = (text: string): boolean => /\$\{[A-Za-z_]/.test(text);

/** Every text of a document through `change`, which is told whether it is a password. */
const texts = (value: unknown, change: (text: string, path: string) => string, path = ''): unknown => {
  if (typeof value === 'string') return change(value, path);
  if (Array.isArray(value)) return value.map((each, index) => texts(each, change, `${path}[${index}]`));
  if (!isPlain(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, texts(each, change, path === '' ? key : `${path}.${key}`)]),
  );
};

/** The one place for credentials: whatever else a document holds may be shown to others. */
const isPassword = (path: string): boolean => /(?:^|\.)password$/.test(path);

const at = (document: unknown, ...keys: readonly string[]): unknown =>
  keys.reduce<unknown>((value, key) => (isPlain(value) ? value[key] : undefined), document);

/** Where the password stood that bullets at `path` stand for: with users by name, as their order means nothing. */
const passwordBefore = (given: unknown, before: unknown, path: string): string | null => {
  const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);
  if (path === 'outbound.digest.password') return textOf(at(before, 'outbound', 'digest', 'password'));
  const index = /^inbound\.digest\.users\[(\d+)\]\.password$/.exec(path)?.[1];
  const [users, known] = [at(given, 'inbound', 'digest', 'users'), at(before, 'inbound', 'digest', 'users')];
  if (index === undefined || !Array.isArray(users) || !Array.isArray(known)) return null;
  const username = at(users[Number(index)], 'username');
  return textOf(
    at(
      known.find((each) => at(each, 'username') === username),
      'password',
    ),
  );
};

/** Of a folder that cannot be written: a mounted ConfigMap, a read-only file system, another owner. */
const notHere = (folder: string, why: string): GatewayError =>
  new GatewayError('conflict', `Profiles cannot be changed here: ${folder} ${why}.`);

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'does not belong to the gateway',
  EPERM: 'does not belong to the gateway',
  EROFS: 'is on a read-only file system',
  ENOENT: 'is not there',
  ENOSPC: 'is on a full disk',
};
const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

export const createProfileEditor = (folders: ProfileFolders, registry: ProfileRegistry): ProfileEditor => {
  const environment = folders.environment ?? {};
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const next = turn.then(work, work);
    turn = next.catch(() => {});
    return next;
  };

  const folder = (): string => {
    if (folders.extra === undefined) {
      throw new GatewayError('conflict', 'Profiles cannot be changed here: SIP_PROFILES names no folder for them.');
    }
    return folders.extra;
  };

  const find = async (name: string): Promise<{ shipped: LoadedProfile | null; own: LoadedProfile | null }> => ({
    shipped: (await readProfileFolder(folders.shipped, environment)).get(name) ?? null,
    own: folders.extra === undefined ? null : ((await readProfileFolder(folders.extra, environment)).get(name) ?? null),
  });

  const refuseManaged = async (path: string): Promise<void> => {
    const linked = await lstat(path).then(
      (found) => found.isSymbolicLink(),
      () => false,
    );
    const mounted = (await readdir(folder()).catch((): string[] => [])).includes('..data');
    if (linked || mounted) throw notHere(folder(), 'is managed elsewhere (its files are links): change them there');
  };

  const guarded = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (cause) {
      const why = reasons[codeOf(cause)];
      throw why === undefined ? cause : notHere(folder(), why);
    }
  };

  /** The file has the old text or the new one, whenever the machine stops. */
  const put = (path: string, text: string | null): Promise<void> =>
    guarded(async () => {
      if (text === null) return rm(path);
      const draft = `${path}.${newToken(6)}.tmp`;
      try {
        const file = await open(draft, 'wx', 0o600);
        try {
          await file.writeFile(text);
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(draft, path);
      } catch (error) {
        await rm(draft, { force: true }).catch(() => {});
        throw error;
      }
    });

  /** All profiles are looked at as they would be, before anything is written. */
  const change = async (path: string, text: string | null, before: string | null): Promise<void> => {
    try {
      await loadProfiles(folders, { path, text });
    } catch (error) {
      if (!isGatewayError(error, 'config_invalid')) throw error;
      const prefix = `${join(basename(folder()), basename(path))}: `;
      const details = error.details.map((fault) => ({ ...fault, path: fault.path.replace(prefix, '') }));
      throw new GatewayError('bad_request', error.message, { details, cause: error });
    }
    await refuseManaged(path);
    await put(path, text);
    try {
      await registry.reload();
    } catch (error) {
      // Another file was spoilt meanwhile: what is on the disk must be able to start.
      await put(path, before);
      throw error;
    }
  };

  const completed = (name: string, document: unknown, before: unknown): unknown => {
    const faults: Fault[] = [];
    if (!isPlain(document)) faults.push({ path: '', message: 'must be a mapping' });
    else if (document.name !== undefined && document.name !== name) {
      faults.push({ path: 'name', message: `must be ${name}, as in the path` });
    }
    const whole = texts(document, (text, path) => {
      if (isPassword(path) && text === BULLETS) {
        const kept = passwordBefore(document, before, path);
        if (kept === null) faults.push({ path, message: 'was not set before: say it' });
        return kept ?? '';
      }
      if (!isPassword(path) && isReference(text)) {
        faults.push({ path, message: 'may not take a value of the environment: passwords alone may' });
      }
      return text;
    });
    if (faults.length > 0) throw new GatewayError('bad_request', 'The profile cannot be used.', { details: faults });
    return isPlain(whole) ? { name, ...whole } : whole;
  };

  return {
    read: (name) =>
      inTurn(async () => {
        const { shipped, own } = await find(name);
        const text = (own ?? shipped)?.text;
        if (text === undefined) return null;
        const hidden = texts(parse(text), (each, path) => (isPassword(path) && !isReference(each) ? BULLETS : each));
        return { document: isPlain(hidden) ? hidden : {}, shipped: shipped !== null, own: own !== null };
      }),
    write: (name, document) =>
      inTurn(async () => {
        const target = folder();
        const { shipped, own } = await find(name);
        const before = (own ?? shipped)?.text;
        const whole = completed(name, document, before === undefined ? undefined : parse(before));
        const path = own?.path ?? join(target, `${name}.yaml`);
        const text = path.endsWith('.json') ? `${JSON.stringify(whole, null, 2)}\n` : stringify(whole);
        const other = [...(await readProfileFolder(target, environment)).values()].find((each) => each.path === path);
        if (own === null && other !== undefined) {
          throw new GatewayError(
            'conflict',
            `${basename(path)} holds the profile ${other.profile.name}: move it away.`,
          );
        }
        await change(path, text, own?.text ?? null);
        return own === null && shipped === null ? 'created' : 'replaced';
      }),
    remove: (name) =>
      inTurn(async () => {
        const { shipped, own } = await find(name);
        if (own === null && shipped === null) {
          throw new GatewayError('not_found', `There is no SIP profile ${JSON.stringify(name)}.`);
        }
        if (own === null) {
          throw new GatewayError('conflict', `${name} comes with the gateway: it can be overridden, not deleted.`);
        }
        folder();
        await change(own.path, null, own.text);
        return shipped === null ? 'removed' : 'restored';
      }),
  };
};
