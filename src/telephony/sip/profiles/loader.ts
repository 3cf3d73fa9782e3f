import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseDocument } from 'yaml';
import type { z } from 'zod';
import { type Fault, GatewayError } from '../../../core/errors.js';
import { sameRange } from '../ip-range.js';
import { compileProfile, type Profile } from './profile.js';
import { profileSchema } from './schema.js';

/** Longest profile file read, bytes. */
const MAX_FILE_BYTES = 1_048_576;

export type ProfileFolders = {
  /** The profiles that come with the gateway. */
  readonly shipped: string;
  /** An operator's folder: a profile of the same name replaces the shipped one, others are added. */
  readonly extra?: string;
  /** Values for `${NAME}` in a profile, so that passwords need not stand in the file. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
};

const pathText = (path: readonly PropertyKey[]): string =>
  path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${String(part)}`))
    .join('') || 'document';

const messageOf = (issue: z.core.$ZodIssue): string => {
  if (issue.code === 'unrecognized_keys') return `unknown key ${issue.keys.map((key) => `"${key}"`).join(', ')}.`;
  return issue.message.endsWith('.') ? issue.message : `${issue.message}.`;
};

const refuse = (file: string, faults: readonly Fault[]): never => {
  const [first] = faults;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
  throw new GatewayError('config_invalid', `SIP profile ${file}: ${first?.path}: ${first?.message}${more}`, {
    details: faults.map((fault) => ({ path: `${file}: ${fault.path}`, message: fault.message })),
  });
};

/** Replaces `${NAME}` in every string of a value; a name without value is a fault with its path. */
const expand = (
  value: unknown,
  environment: Readonly<Record<string, string | undefined>>,
  path: readonly PropertyKey[],
  faults: Fault[],
): unknown => {
  if (typeof value === 'string') {
    return value.replace(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_whole, name: string) => {
      const found = environment[name];
      if (found === undefined) faults.push({ path: pathText(path), message: `\${${name}} is not set.` });
      return found ?? '';
    });
  }
  if (Array.isArray(value)) return value.map((item, index) => expand(item, environment, [...path, index], faults));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, expand(item, environment, [...path, key], faults)]),
  );
};

/**
 * Reads one profile from YAML or JSON text. `file` names it in messages.
 * Throws GatewayError config_invalid whose sentence names the file, the path in it and the fault.
 */
export const parseProfile = (
  text: string,
  file: string,
  environment: Readonly<Record<string, string | undefined>> = {},
): Profile => {
  const document = parseDocument(text, { prettyErrors: true, uniqueKeys: true });
  const [error] = document.errors;
  if (error !== undefined) {
    const line = error.linePos?.[0];
    const where = line === undefined ? 'document' : `line ${line.line}, column ${line.col}`;
    refuse(file, [{ path: where, message: `${error.message.split('\n')[0]?.replace(/ at line .*$/, '')}.` }]);
  }
  const faults: Fault[] = [];
  // Aliases are limited so that a small file cannot unfold into gigabytes.
  const value = expand(document.toJS({ maxAliasCount: 50 }), environment, [], faults);
  if (faults.length > 0) refuse(file, faults);
  const parsed = profileSchema.safeParse(value);
  if (!parsed.success) {
    return refuse(
      file,
      parsed.error.issues.map((issue) => ({ path: pathText(issue.path), message: messageOf(issue) })),
    );
  }
  return compileProfile(parsed.data);
};

/** A profile with the file it stands in. */
export type LoadedProfile = {
  /** As messages name it. */
  readonly file: string;
  readonly path: string;
  /** As it is written, `${NAME}` and all. */
  readonly text: string;
  readonly profile: Profile;
};

/** What a folder would be like with a file written, or (null) taken away. */
export type ProfileFileChange = { readonly path: string; readonly text: string | null };

/** The profiles of one folder by name. Throws as `loadProfiles`. */
export const readProfileFolder = async (
  folder: string,
  environment: Readonly<Record<string, string | undefined>>,
  change?: ProfileFileChange,
): Promise<Map<string, LoadedProfile>> => {
  let names: string[];
  try {
    const there = (await readdir(folder)).filter((name) => /\.(ya?ml|json)$/i.test(name));
    const changed = change === undefined ? [] : [basename(change.path)];
    names = [...new Set([...there, ...changed])].sort();
  } catch (cause) {
    throw new GatewayError('config_invalid', `The folder of SIP profiles ${folder} cannot be read.`, { cause });
  }
  const found = new Map<string, LoadedProfile>();
  for (const name of names) {
    const [file, path] = [join(basename(folder), name), join(folder, name)];
    let text: string;
    if (change?.path === path) {
      if (change.text === null) continue;
      text = change.text;
    } else {
      try {
        text = await readFile(path, 'utf8');
      } catch (cause) {
        throw new GatewayError('config_invalid', `SIP profile ${file} cannot be read.`, { cause });
      }
    }
    if (text.length > MAX_FILE_BYTES) refuse(file, [{ path: 'document', message: 'is larger than 1 MiB.' }]);
    const profile = parseProfile(text, file, environment);
    const twin = found.get(profile.name);
    if (twin !== undefined) {
      refuse(file, [{ path: 'name', message: `"${profile.name}" is already defined by ${twin.file}.` }]);
    }
    found.set(profile.name, { file, path, text, profile });
  }
  return found;
};

/** Two profiles that claim one range would leave the choice to chance. */
const refuseSharedRanges = (all: readonly LoadedProfile[]): void => {
  const claimed: { readonly range: Profile['sources'][number]; readonly owner: LoadedProfile }[] = [];
  for (const entry of all) {
    for (const [index, range] of entry.profile.sources.entries()) {
      const other = claimed.find((claim) => sameRange(claim.range, range) && claim.owner !== entry);
      if (other !== undefined) {
        const message = `${range.text} is already claimed by profile "${other.owner.profile.name}" (${other.owner.file}).`;
        refuse(entry.file, [{ path: `inbound.sources[${index}]`, message }]);
      }
      claimed.push({ range, owner: entry });
    }
  }
};

/**
 * Reads all profiles. Throws GatewayError config_invalid with one sentence for the first file that is wrong; its
 * `details` have every fault of that file. With `change`: what they would be with that file of the operator's folder.
 */
export const loadProfiles = async (
  folders: ProfileFolders,
  change?: ProfileFileChange,
): Promise<ReadonlyMap<string, Profile>> => {
  const environment = folders.environment ?? {};
  const all = await readProfileFolder(folders.shipped, environment);
  if (folders.extra !== undefined) {
    for (const [name, loaded] of await readProfileFolder(folders.extra, environment, change)) all.set(name, loaded);
  }
  refuseSharedRanges([...all.values()]);
  return new Map([...all].map(([name, loaded]) => [name, loaded.profile]));
};
