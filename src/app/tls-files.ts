import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { GatewayError } from '../core/errors.js';
import type { TlsFiles } from './config-values.js';

/** A PEM file. `name`: the setting that names it. Throws GatewayError config_invalid. */
export const readPem = async (name: string, path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new GatewayError('config_invalid', `${name}: the file ${path} cannot be read.`, { cause });
  }
};

/** Certificate and key that belong together, and the authorities besides the system's. Throws GatewayError config_invalid. */
export const readTls = async (
  files: Readonly<TlsFiles>,
): Promise<{ cert: string; key: string; authorities?: string }> => {
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
  if (files.ca === undefined) return pair;
  const authorities = await readPem('SIP_TLS_CA', files.ca);
  // TLS takes a text without a certificate in it for one without authorities, and every call would fail.
  try {
    new X509Certificate(authorities);
  } catch (cause) {
    throw new GatewayError('config_invalid', `SIP_TLS_CA: ${files.ca} holds no PEM certificate.`, { cause });
  }
  return { ...pair, authorities };
};
