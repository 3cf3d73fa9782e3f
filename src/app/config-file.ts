import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse } from 'yaml';
import { GatewayError } from '../core/errors.js';

/**
 * What gateway.yaml holds (VOICE_GATEWAY_CONFIG names another file); null when there is none and none was named. Throws
 * GatewayError config_invalid when it cannot be read.
 */
export const readConfigFile = (env: Readonly<Record<string, string | undefined>>): unknown => {
  const named = env.VOICE_GATEWAY_CONFIG;
  const path = resolve(named ?? 'gateway.yaml');
  if (named === undefined && !existsSync(path)) return null;
  try {
    return parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new GatewayError(
      'config_invalid',
      `${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
};
