import { access, constants, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Fault, GatewayError } from '../core/errors.js';
import { parseAllowList } from '../platform/egress/index.js';
import { parseKeyRing } from '../platform/vault/index.js';
import { loadProfiles } from '../telephony/sip/index.js';
import { authoritiesOf } from './authorities.js';
import { checkMediaAddress } from './check-addresses.js';
import type { Config } from './config.js';
import { readTls } from './tls-files.js';

export type FileChecks = {
  readonly config: Config;
  /** The folder of shipped SIP profiles. */
  readonly profiles: string;
  readonly env: Readonly<Record<string, string | undefined>>;
};

const writable = async (folder: string): Promise<void> => {
  try {
    await access(folder, constants.W_OK);
  } catch (error) {
    const parent = dirname(folder);
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT' && parent !== folder;
    if (missing) return writable(parent);
    throw new GatewayError('config_invalid', `DATA_DIR: ${folder} cannot be written to.`);
  }
};

/** What a start finds out only when it uses the settings: files, keys, profiles, addresses. Changes nothing. */
export const checkFiles = async ({ config, profiles, env }: FileChecks): Promise<readonly Fault[]> => {
  const { sip, drachtio, egress, encryptionKeys } = config;
  const extra = sip.profiles === undefined ? {} : { extra: sip.profiles };
  const looks: readonly (() => unknown)[] = [
    () => writable(config.dataDir),
    () => checkMediaAddress(config),
    () => loadProfiles({ shipped: profiles, environment: env, ...extra }),
    () => (sip.tls === undefined ? null : readTls(sip.tls)),
    () => authoritiesOf(egress.authorities),
    () => (drachtio?.authorities === undefined ? null : readFile(drachtio.authorities)),
    () => parseAllowList(egress.allow),
    () => (encryptionKeys === undefined ? null : parseKeyRing(encryptionKeys)),
  ];
  const faults: Fault[] = [];
  for (const look of looks) {
    try {
      await look();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const [, name, rest] = /^([A-Z][A-Z_]+[A-Z]): (.*)$/s.exec(message) ?? [];
      faults.push({ path: name ?? '', message: rest ?? message });
    }
  }
  return faults;
};
