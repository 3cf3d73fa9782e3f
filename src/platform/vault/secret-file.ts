import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { newToken } from '../../core/ids.js';

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

/** The text of a file, without white space at its ends; null when there is no such file. */
export const readSecretFile = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (isCode(error, 'ENOENT')) return null;
    throw error;
  }
};

/** A file with this text in the folder of `path`, which is made when missing: a whole one, to be put into place. */
const writtenAside = (path: string, value: string): string => {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const aside = join(dirname(path), `.${newToken(9)}.tmp`);
  const file = openSync(aside, 'wx', 0o600);
  try {
    writeSync(file, `${value}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return aside;
};

/** Makes the file hold this secret (0600), whatever was in it. */
export const keepSecretFile = (path: string, value: string): void => {
  if (readSecretFile(path) === value) chmodSync(path, 0o600);
  else renameSync(writtenAside(path, value), path);
};

/**
 * The secret kept in a file that only its owner may read (0600), made by `make` when there is none. Of two processes
 * that start at once both end with the same secret: the file appears whole or not at all (written aside, then linked).
 */
export const secretFile = (path: string, make: () => string): { readonly value: string; readonly created: boolean } => {
  const found = readSecretFile(path);
  if (found !== null && found.length > 0) {
    chmodSync(path, 0o600);
    return { value: found, created: false };
  }
  const value = make();
  const aside = writtenAside(path, value);
  try {
    if (found !== null) unlinkSync(path);
    linkSync(aside, path);
    return { value, created: true };
  } catch (error) {
    const theirs = isCode(error, 'EEXIST') ? readSecretFile(path) : null;
    if (theirs === null || theirs.length === 0) throw error;
    return { value: theirs, created: false };
  } finally {
    unlinkSync(aside);
  }
};
