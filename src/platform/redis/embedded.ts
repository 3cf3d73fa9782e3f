import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type Clock, systemClock } from '../../core/clock.js';
import { GatewayError } from '../../core/errors.js';
import { type Logger, silentLogger } from '../../core/logger.js';
import { connectRedis } from './connection.js';
import { lockDataDir } from './data-dir-lock.js';
import { redisServerVersion } from './redis-binary.js';
import { replyFields, replyText } from './reply.js';
import { newRuntimeDir, runtimeBase, socketFits } from './runtime-dir.js';

export type EmbeddedRedisOptions = {
  /** Redis keeps its data in `<dataDir>/redis`. */
  readonly dataDir: string;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Name or path of the server; default `redis-server`. */
  readonly binary?: string;
  /** Folder for sockets; default the system's temporary folder. */
  readonly runtimeDir?: string;
  /** Process number written into the lock; default this process. */
  readonly pid?: number;
};

/** The gateway's own redis-server. */
export type EmbeddedRedis = {
  readonly socketPath: string;
  pid(): number;
  /** True when a server that an earlier gateway left behind was taken over. */
  readonly adopted: boolean;
  /** Ends the server, with everything written to disk, and gives DATA_DIR free. Call it last. */
  stop(): Promise<void>;
};

const run = promisify(execFile);

type ServerRecord = { readonly pid: number; readonly socketPath: string };

/** ms between two looks at a process that is ending, and at one that is not our child. */
const lookInterval = 20;
const watchInterval = 1_000;
/** ms until a started server must answer (it may have much to load), and one that was found running. */
const startTimeout = 60_000;
const adoptTimeout = 1_500;
/** ms until a process that was asked to end is killed. */
const endTimeout = 10_000;

/** True while the process runs. One that has ended and was not yet waited for by its parent runs no more. */
const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  try {
    // proc(5): the state follows the name, which stands in parentheses and may hold anything.
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
};

const readRecord = (path: string): ServerRecord | null => {
  try {
    const [pid = '', socketPath = ''] = readFileSync(path, 'utf8').split('\n');
    return /^\d{1,10}$/.test(pid) && socketPath !== '' ? { pid: Number(pid), socketPath } : null;
  } catch {
    return null;
  }
};

/** What a running server says of itself; null when nothing answers on the socket within `timeout` ms. */
const askServer = async (socketPath: string, timeout: number): Promise<{ pid: number; dir: string } | null> => {
  const connection = connectRedis({ socketPath, log: silentLogger, reconnectCap: 50 });
  try {
    await connection.ready(timeout);
    const info = replyText(await connection.command('INFO', 'server'));
    const dir = replyFields(await connection.command('CONFIG', 'GET', 'dir')).get('dir') ?? '';
    return { pid: Number(/^process_id:(\d+)/m.exec(info)?.[1] ?? 0), dir };
  } catch {
    return null;
  } finally {
    await connection.close();
  }
};

const sleep = (clock: Clock, ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));

/** Waits until a process is gone; after `endTimeout` ms it is killed. */
const waitForEnd = async (pid: number, clock: Clock, log: Logger): Promise<void> => {
  const begun = clock.monotonic();
  let killed = false;
  while (alive(pid)) {
    const waited = clock.monotonic() - begun;
    if (!killed && waited > endTimeout) {
      killed = true;
      log.error({ pid }, 'redis-server does not end and is killed.');
      process.kill(pid, 'SIGKILL');
    }
    if (waited > 2 * endTimeout) {
      throw new GatewayError('store_unavailable', `redis-server (process ${pid}) cannot be ended.`);
    }
    await sleep(clock, lookInterval);
  }
};

const commandLine = async (pid: number): Promise<string> => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    // No /proc (macOS).
    return run('ps', ['-o', 'command=', '-p', String(pid)], { timeout: 2_000 }).then(
      ({ stdout }) => stdout,
      () => '',
    );
  }
};

/**
 * True when the process is a redis-server on our socket: its number may long belong to another program. Redis rewrites
 * its title ("redis-server unixsocket:/tmp/vg-…/r.sock"), which keeps the socket's path.
 */
const isOurServer = async (record: ServerRecord): Promise<boolean> =>
  (await commandLine(record.pid)).includes(record.socketPath);

/**
 * Starts the machine's redis-server on a unix socket with an append-only file, or takes over the one a killed gateway
 * left on the same data. It runs in a session of its own, so that Ctrl-C in the gateway's terminal does not reach it
 * before the calls are closed, and is started again should it end.
 *
 * Throws GatewayError `config_invalid`: no redis-server, too old, DATA_DIR in use by another gateway;
 * `store_unavailable`: the server ends at once or does not come up.
 */
export const startEmbeddedRedis = async (options: EmbeddedRedisOptions): Promise<EmbeddedRedis> => {
  const { log, clock = systemClock, binary = 'redis-server', pid = process.pid } = options;
  const version = await redisServerVersion(binary);
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  const dataDir = realpathSync(options.dataDir);
  const base = runtimeBase(options.runtimeDir);
  const lock = await lockDataDir({ dataDir, runtimeDir: base, pid, clock });
  const dir = join(dataDir, 'redis');
  const recordPath = join(dir, 'server.pid');
  const logFile = join(dir, 'redis.log');
  mkdirSync(dir, { recursive: true, mode: 0o700 });

  let socketPath = '';
  let serverPid = 0;
  let stopping = false;
  let restarts = 0;

  const writeRecord = (): void => {
    writeFileSync(`${recordPath}.new`, `${serverPid}\n${socketPath}\n`, { mode: 0o600 });
    renameSync(`${recordPath}.new`, recordPath);
  };

  const removeRuntimeDir = (path: string): void => {
    const folder = dirname(path);
    if (basename(folder).startsWith('vg-')) rmSync(folder, { recursive: true, force: true });
  };

  /** Takes over a server that still runs on our data, or ends what is left of it. */
  const adopt = async (): Promise<boolean> => {
    const record = readRecord(recordPath);
    if (record === null) return false;
    const there = alive(record.pid) && existsSync(record.socketPath);
    const answer = there ? await askServer(record.socketPath, adoptTimeout) : null;
    if (answer !== null && answer.pid === record.pid && answer.dir === dir) {
      socketPath = record.socketPath;
      serverPid = record.pid;
      log.info({ pid: serverPid }, 'The redis-server of an earlier gateway was taken over.');
      return true;
    }
    if (alive(record.pid) && (await isOurServer(record))) {
      log.warn({ pid: record.pid }, 'The redis-server of an earlier gateway does not answer and is ended.');
      process.kill(record.pid, 'SIGTERM');
      process.kill(record.pid, 'SIGCONT');
      await waitForEnd(record.pid, clock, log);
    }
    removeRuntimeDir(record.socketPath);
    rmSync(recordPath, { force: true });
    return false;
  };

  const watch = (started: ChildProcess | null): void => {
    const gone = (how: string): void => {
      if (stopping) return;
      restarts += 1;
      const delay = Math.min(100 * 2 ** Math.min(restarts, 6), 5_000);
      log.error({ how, restartIn: delay }, 'redis-server ended and is started again.');
      clock.after(delay, () => {
        if (stopping) return;
        launch().catch((error: unknown) => {
          log.error({ err: error }, 'redis-server could not be started again.');
          gone('it could not be started');
        });
      });
    };
    if (started !== null) {
      started.once('exit', (code, signal) => gone(signal ?? `exit code ${code}`));
      return;
    }
    // Not our child: its end has no event.
    const watched = serverPid;
    const look = (): void =>
      void clock.after(watchInterval, () => {
        if (stopping) return;
        if (alive(watched)) look();
        else gone('it is gone');
      });
    look();
  };

  const launch = async (): Promise<void> => {
    const settings: [string, string][] = [
      ['port', '0'],
      ['unixsocket', socketPath],
      ['unixsocketperm', '700'],
      ['dir', dir],
      ['logfile', logFile],
      ['appendonly', 'yes'],
      ['appendfsync', 'everysec'],
      ['save', ''],
      ['daemonize', 'no'],
      // Half the memory for an ended session (7.5 → 3.3 kB, measured): a timeline takes its first node's full size from
      // the start, and one long field turns a hash from a list into a table. The second has a new name since Redis 7,
      // which knows the old one too.
      ['stream-node-max-bytes', '1024'],
      ['hash-max-ziplist-value', '256'],
    ];
    const args = settings.flatMap(([name, value]) => [`--${name}`, value]);
    const started = spawn(binary, args, { cwd: dir, detached: true, stdio: 'ignore' });
    const ended = new Promise<never>((_, reject) => {
      const fail = (how: string, cause?: unknown): void =>
        reject(new GatewayError('store_unavailable', `redis-server ${how}; its log is ${logFile}.`, { cause }));
      started.once('error', (error) => fail('could not be started', error));
      started.once('exit', (code, signal) => fail(`ended at once (${signal ?? `exit code ${code}`})`));
    });
    ended.catch(() => {});
    if (started.pid === undefined) return ended;
    started.unref();
    serverPid = started.pid;
    writeRecord();
    const answer = await Promise.race([askServer(socketPath, startTimeout), ended]);
    if (answer === null) {
      process.kill(serverPid, 'SIGKILL');
      throw new GatewayError('store_unavailable', `redis-server does not answer; its log is ${logFile}.`);
    }
    started.removeAllListeners('exit');
    watch(started);
    log.info({ pid: serverPid, redisVersion: version }, 'redis-server runs.');
  };

  let adopted = false;
  try {
    adopted = await adopt();
    if (adopted) watch(null);
    else {
      socketPath = join(newRuntimeDir(base), 'r.sock');
      socketFits(socketPath);
      await launch();
    }
  } catch (error) {
    removeRuntimeDir(socketPath);
    rmSync(recordPath, { force: true });
    await lock.release();
    throw error;
  }

  return {
    socketPath,
    adopted,
    pid: () => serverPid,
    stop: async () => {
      if (stopping) return;
      stopping = true;
      if (alive(serverPid)) {
        // SIGTERM is an orderly SHUTDOWN: the append-only file is written out before the end.
        process.kill(serverPid, 'SIGTERM');
        process.kill(serverPid, 'SIGCONT');
        await waitForEnd(serverPid, clock, log);
      }
      removeRuntimeDir(socketPath);
      rmSync(recordPath, { force: true });
      await lock.release();
    },
  };
};
