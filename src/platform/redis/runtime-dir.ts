import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GatewayError } from '../../core/errors.js';

/** Bytes a unix socket's path may have: `sun_path` without the closing zero (unix(7): 108; on macOS 104). */
const maxSocketPath = process.platform === 'darwin' ? 103 : 107;

/** Throws GatewayError `config_invalid` when a socket of this path cannot be bound. */
export const socketFits = (path: string): void => {
  if (Buffer.byteLength(path) <= maxSocketPath) return;
  throw new GatewayError(
    'config_invalid',
    `The socket path ${path} is longer than the ${maxSocketPath} bytes the system allows: set TMPDIR to a shorter folder.`,
  );
};

/** Room the longest name below the runtime folder takes. */
const longestName = '/vg-lock-XXXXXX/s'.length;

/**
 * Folder for sockets: the system's temporary folder, or /tmp when that is too deep to bind a socket in. DATA_DIR itself
 * may lie too deep, so sockets never stand there.
 */
export const runtimeBase = (preferred = tmpdir()): string =>
  Buffer.byteLength(preferred) + longestName <= maxSocketPath ? preferred : '/tmp';

/** A new folder that only this user may enter (mkdtemp makes it 0700 under a name nobody could have taken before). */
export const newRuntimeDir = (base: string): string => mkdtempSync(join(base, 'vg-'));
