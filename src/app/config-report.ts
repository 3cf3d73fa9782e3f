import { type Fault, GatewayError } from '../core/errors.js';
import { type Config, readConfig } from './config.js';
import { settingRows } from './config-reference.js';
import { shownSetting, valueAt } from './config-secrets.js';

/** A setting as it stands: what it is, who says so, and what is wrong with it. */
export type SettingReport = {
  /** Name in the environment, or the place in gateway.yaml where there is none. */
  readonly name: string;
  readonly path: string;
  /** Credentials as bullets; null: not set. */
  readonly value: string | null;
  readonly source: 'environment' | 'gateway.yaml' | 'default' | 'not set';
  readonly meaning: string;
  readonly fault: string | null;
};

export type ConfigReport = {
  readonly settings: readonly SettingReport[];
  /** What is wrong and belongs to no one setting. */
  readonly faults: readonly Fault[];
  /** Null while something is wrong. */
  readonly config: Config | null;
};

type Input = Parameters<typeof readConfig>[0];

const faultsOf = (error: unknown): readonly Fault[] => {
  if (!(error instanceof GatewayError)) throw error;
  return error.details.length > 0 ? error.details : [{ path: '', message: error.message }];
};

/** Reads the configuration as a start would, and tells of every setting what became of it. Pure. */
export const configReport = (input: Input): ConfigReport => {
  let config: Config | null = null;
  let faults: readonly Fault[] = [];
  try {
    config = readConfig(input);
  } catch (error) {
    faults = faultsOf(error);
  }
  const told = new Set<Fault>();
  const settings = settingRows().map(({ path, name, fallback, meaning }): SettingReport => {
    const given = name === null ? undefined : input.env[name];
    const written = valueAt(input.file, path);
    const own = faults.filter(
      (fault) => fault.path === name || fault.path === path || fault.path.startsWith(`${path}.`),
    );
    for (const fault of own) told.add(fault);
    const fault = own.length === 0 ? null : own.map(({ message }) => message).join('; ');
    const common = { name: name ?? path, path, meaning, fault };
    if (given !== undefined && given !== '')
      return { ...common, value: shownSetting(path, given), source: 'environment' };
    if (written !== undefined) return { ...common, value: shownSetting(path, written), source: 'gateway.yaml' };
    if (fallback !== null) return { ...common, value: shownSetting(path, fallback), source: 'default' };
    return { ...common, value: null, source: 'not set' };
  });
  return { settings, faults: faults.filter((fault) => !told.has(fault)), config };
};
