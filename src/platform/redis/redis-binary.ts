import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { GatewayError } from '../../core/errors.js';

/** The oldest server the scripts work on: scripts replicate their effects, streams exist (Redis 5), ACLs do (6). */
const oldest: readonly [number, number] = [6, 0];

export const installHint =
  'install it with `sudo apt-get install redis-server` (Debian, Ubuntu) or `brew install redis` (macOS), or set REDIS_URL';

const run = promisify(execFile);

/** Throws GatewayError `config_invalid` when a Redis of this version is too old for us. */
export const checkRedisVersion = (version: string, where: string): void => {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) return;
  throw new GatewayError(
    'config_invalid',
    `Redis ${version} (${where}) is too old: ${oldest.join('.')} or newer is needed.`,
  );
};

/**
 * The version of the machine's redis-server. Throws GatewayError `config_invalid` with the install command when there is
 * none, and when it is too old.
 */
export const redisServerVersion = async (binary: string): Promise<string> => {
  let output: string;
  try {
    output = (await run(binary, ['--version'], { timeout: 5_000 })).stdout;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new GatewayError('config_invalid', `${binary} is not installed: ${installHint}.`, { cause: error });
    }
    throw new GatewayError('config_invalid', `${binary} does not run: ${installHint}.`, { cause: error });
  }
  // "Redis server v=7.0.15 sha=…"; Valkey says "Valkey server v=8.0.1 …".
  const version = /\bv=(\d+\.\d+\.\d+)/.exec(output)?.[1];
  if (version === undefined) {
    throw new GatewayError('config_invalid', `${binary} does not tell its version: ${installHint}.`);
  }
  if (!/^Valkey/.test(output)) checkRedisVersion(version, binary);
  return version;
};
