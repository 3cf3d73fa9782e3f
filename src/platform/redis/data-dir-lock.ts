import { randomUUID } from 'node:crypto';
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { type Clock, systemClock, type Timer } from '../../core/clock.js';
import { GatewayError } from '../../core/errors.js';
import { socketFits } from './runtime-dir.js';

/**
 * One gateway for each DATA_DIR. A lock file names a unix socket its holder listens on: the socket closes with the
 * process, however it ends, so a lock left by `kill -9` is known as stale at once and a process number that is in use
 * again fools nobody.
 *
 * From another machine or container (a shared volume) the socket cannot be reached: there the holder counts as alive
 * while it touches the file.
 */
export type DataDirLock = { release(): Promise<void> };

export type DataDirLockOptions = {
  readonly dataDir: string;
  /** Folder for the socket, short enough that a socket in it can be bound. */
  readonly runtimeDir: string;
  readonly pid: number;
  readonly host?: string;
  readonly clock?: Clock;
};

type Holder = { readonly pid: number; readonly host: string; readonly socket: string; readonly token: string };

const fileName = 'gateway.lock';
/** ms between two touches of the lock file, and after which an untouched one of another host is stale. */
const touchInterval = 2_000;
const staleAfter = 10_000;

const readHolder = (path: string): Holder | null => {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return null;
  }
  const field = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(text)?.[1] ?? '';
  return { pid: Number(field('pid')), host: field('host'), socket: field('socket'), token: field('token') };
};

const listens = (socketPath: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });

const isAlive = async (path: string, holder: Holder, host: string): Promise<boolean> => {
  if (holder.socket !== '' && (await listens(holder.socket))) return true;
  if (holder.host === host) return false;
  try {
    return Date.now() - statSync(path).mtimeMs < staleAfter;
  } catch {
    return false;
  }
};

const isThere = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'EEXIST';

/** Takes the lock of a DATA_DIR, which is made when it is missing. Throws GatewayError `config_invalid` when it is held. */
export const lockDataDir = async (options: DataDirLockOptions): Promise<DataDirLock> => {
  const { dataDir, pid, host = hostname(), clock = systemClock } = options;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const path = join(dataDir, fileName);
  const dir = mkdtempSync(join(options.runtimeDir, 'vg-lock-'));
  const socketPath = join(dir, 's');
  socketFits(socketPath);
  const token = randomUUID();
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socketPath, resolve);
  });
  // The lock lives as long as the process; it does not keep it alive.
  server.unref();

  const giveUp = async (): Promise<void> => {
    await new Promise<void>((resolve) => void server.close(() => resolve()));
    rmSync(dir, { recursive: true, force: true });
  };

  /** Puts a complete file in place or fails when one is there: a half-written lock is never seen. */
  const place = (): boolean => {
    const draft = `${path}.${token}`;
    writeFileSync(draft, `pid=${pid}\nhost=${host}\nsocket=${socketPath}\ntoken=${token}\n`, { mode: 0o600 });
    try {
      linkSync(draft, path);
      return true;
    } catch (error) {
      if (isThere(error)) return false;
      throw error;
    } finally {
      unlinkSync(draft);
    }
  };

  /** Takes a stale lock away. Between reading and renaming another may have replaced it: then it is put back. */
  const clear = (stale: Holder): void => {
    const aside = `${path}.${randomUUID()}`;
    try {
      renameSync(path, aside);
    } catch {
      return;
    }
    if (readHolder(aside)?.token === stale.token) {
      // The socket of a killed gateway stays behind as a file.
      const left = dirname(stale.socket);
      if (basename(left).startsWith('vg-lock-')) rmSync(left, { recursive: true, force: true });
    } else {
      try {
        linkSync(aside, path);
      } catch (error) {
        if (!isThere(error)) throw error;
      }
    }
    unlinkSync(aside);
  };

  try {
    while (!place()) {
      const holder = readHolder(path);
      if (holder === null) continue;
      if (await isAlive(path, holder, host)) {
        const where = holder.host === host ? `process ${holder.pid}` : `process ${holder.pid} on ${holder.host}`;
        throw new GatewayError(
          'config_invalid',
          `Another gateway (${where}) uses DATA_DIR ${dataDir}: stop it, or give this one a DATA_DIR of its own.`,
        );
      }
      clear(holder);
    }
  } catch (error) {
    await giveUp();
    throw error;
  }

  let timer: Timer | null = null;
  const touch = (): void => {
    timer = clock.after(touchInterval, () => {
      try {
        const now = new Date();
        if (readHolder(path)?.token === token) utimesSync(path, now, now);
      } catch {
        // A full or vanished disk is reported by those who write to it.
      }
      touch();
    });
  };
  touch();

  return {
    release: async () => {
      timer?.cancel();
      if (readHolder(path)?.token === token) unlinkSync(path);
      await giveUp();
    },
  };
};
