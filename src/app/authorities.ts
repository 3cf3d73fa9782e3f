import { readFile } from 'node:fs/promises';
import { GatewayError } from '../core/errors.js';

/** PEM authorities trusted besides the system's. Throws GatewayError config_invalid. */
export const authoritiesOf = async (path: string | undefined): Promise<readonly string[]> => {
  if (path === undefined) return [];
  try {
    return [await readFile(path, 'utf8')];
  } catch (cause) {
    throw new GatewayError('config_invalid', `egress.authorities: the file ${path} cannot be read.`, { cause });
  }
};
