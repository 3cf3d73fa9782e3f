import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse } from 'yaml';
import type { CliContext } from './context.js';
import { CliError } from './exit-codes.js';

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown error';

/** The text of a file, null when there is none. Throws CliError when it cannot be read. */
export const readIfThere = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw new CliError('failed', `${path} cannot be read (${codeOf(error)}).`);
  }
};

/** `-` is standard input. Throws CliError. */
export const readInput = async (context: CliContext, file: string): Promise<string> => {
  if (file === '-') return context.readStdin();
  const text = readIfThere(resolve(context.cwd, file));
  if (text === null) throw new CliError('notFound', `There is no file ${file}.`);
  return text;
};

/** A text in gateway.yaml, null when there is none: `dashboard.jwtSecret`. */
export const configured = (context: CliContext, place: string): string | null => {
  const path = resolve(context.cwd, context.env.VOICE_GATEWAY_CONFIG ?? 'gateway.yaml');
  const text = readIfThere(path);
  if (text === null) return null;
  try {
    const value = place
      .split('.')
      .reduce<unknown>(
        (at, key) => (typeof at === 'object' && at !== null ? Reflect.get(at, key) : undefined),
        parse(text, { logLevel: 'error' }),
      );
    return typeof value === 'string' && value !== '' ? value : null;
  } catch {
    // The gateway itself says what is wrong with its configuration; here its defaults are the best guess.
    return null;
  }
};

/** The gateway's data folder on this machine, by the same rules as the gateway: environment, gateway.yaml, ./data. */
export const dataDirOf = (context: CliContext): string =>
  resolve(context.cwd, context.env.DATA_DIR ?? configured(context, 'dataDir') ?? 'data');
