import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { GatewayError } from '../core/errors.js';

/** A PEM file. `name`: the setting that names it. Throws GatewayError config_invalid. */
export const readPem = async (name: string, path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new GatewayError('config_invalid', `${name}: the file ${path} cannot be read.`, { cause });
  }
};

/** Certificate and key that belong together. Throws GatewayError config_invalid. */
export const readTls = async (files: {
  readonly cert: string;
  readonly key: string;
}): Promise<{ cert: string; key: string }> => {
  const pair = { cert: await readPem('SIP_TLS_CERT', files.cert), key: await readPem('SIP_TLS_KEY', files.key) };
  try {
    createSecureContext(pair);
  } catch (cause) {
    throw new GatewayError(
      'config_invalid',
      `SIP_TLS_CERT and SIP_TLS_KEY: ${files.cert} and ${files.key} are not a PEM certificate and its key.`,
      { cause },
    );
  }
  return pair;
};
