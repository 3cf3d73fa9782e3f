import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../src/core/entry-path.js';
import { freePort, rtpRange } from './ports.js';

export type TestGateway = {
  readonly httpUrl: string;
  readonly sipPort: number;
  readonly dataDir: string;
  readonly pid: number;
  /** All lines of the log so far, parsed. */
  readonly log: () => readonly Readonly<Record<string, unknown>>[];
  readonly output: () => string;
  /** Resolves with the first log line, past or future, that fits. */
  waitForLog(
    fits: (line: Readonly<Record<string, unknown>>) => boolean,
    timeout?: number,
  ): Promise<Readonly<Record<string, unknown>>>;
  /** Calls the HTTP API with the admin token. */
  api(
    path: string,
    init?: { method?: string; body?: unknown; headers?: Record<string, string> },
  ): Promise<{ status: number; body: unknown; headers: Headers }>;
  apply(document: unknown): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** Settles when the process has ended. */
  readonly exited: Promise<{ code: number | null; signal: string | null }>;
  /** Ends the process (SIGINT, then SIGKILL) and removes the data folder unless it was given. */
  stop(): Promise<void>;
};

export type TestGatewayOptions = {
  readonly env?: Readonly<Record<string, string>>;
  /** What gateway.yaml says. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Kept after `stop` when given. */
  readonly dataDir?: string;
  readonly sipPort?: number;
  readonly httpPort?: number;
  /** A command that starts the gateway's command given behind it: another user, another root. */
  readonly through?: readonly string[];
  /** Do not wait for readiness: for starts that are meant to fail. */
  readonly waitReady?: boolean;
};

/** Asks `/readyz` until it says yes, whatever the log level; a process that ends first is a failure with its output. */
const untilReady = async (httpUrl: string, child: ChildProcess, output: () => string): Promise<void> => {
  // A start takes a second or two; on a machine that others keep busy it has taken twenty.
  const deadline = performance.now() + 55_000;
  while (performance.now() < deadline && child.exitCode === null) {
    const answer = await fetch(`${httpUrl}/readyz`).catch(() => null);
    await answer?.arrayBuffer();
    if (answer?.status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`the gateway did not become ready:\n${output().slice(-3_000)}`);
};

/** Starts a real gateway process on free loopback ports with a data folder of its own. */
export const startGateway = async (options: TestGatewayOptions = {}): Promise<TestGateway> => {
  const root = packageRoot(import.meta.url);
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'vg-')));
  if (options.config !== undefined) await writeFile(join(dataDir, 'gateway.yaml'), JSON.stringify(options.config));
  const sipPort = options.sipPort ?? (await freePort());
  const httpPort = options.httpPort ?? (await freePort());
  const range = rtpRange();
  const command = [...(options.through ?? []), process.execPath, join(root, 'dist/bin/gateway.js')];
  const child: ChildProcess = spawn(command[0] ?? '', command.slice(1), {
    cwd: dataDir,
    env: {
      PATH: process.env.PATH,
      HOME: dataDir,
      DATA_DIR: dataDir,
      HTTP_LISTEN: `127.0.0.1:${httpPort}`,
      SIP_LISTEN: `udp:127.0.0.1:${sipPort},tcp:127.0.0.1:${sipPort}`,
      RTP_PORTS: `${range.from}-${range.to}`,
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let partial = '';
  const lines: Record<string, unknown>[] = [];
  const watchers = new Set<() => void>();
  const take = (chunk: string): void => {
    output += chunk;
    partial += chunk;
    const complete = partial.split('\n');
    partial = complete.pop() ?? '';
    for (const text of complete) {
      try {
        lines.push(JSON.parse(text) as Record<string, unknown>);
      } catch {
        // What the gateway prints for people is not JSON.
      }
    }
    for (const watcher of [...watchers]) watcher();
  };
  child.stdout?.setEncoding('utf8').on('data', take);
  child.stderr?.setEncoding('utf8').on('data', take);
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('exit', (code, signal) => {
      resolve({ code, signal });
      for (const watcher of [...watchers]) watcher();
    });
  });
  const httpUrl = `http://127.0.0.1:${httpPort}`;

  const gateway: TestGateway = {
    httpUrl,
    sipPort,
    dataDir,
    pid: child.pid ?? -1,
    log: () => lines,
    output: () => output,
    waitForLog: (fits, timeout = 10_000) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = lines.find(fits);
          if (found === undefined && child.exitCode === null) return;
          watchers.delete(look);
          clearTimeout(limit);
          if (found !== undefined) resolve(found);
          else reject(new Error(`the gateway ended before the log line came:\n${output.slice(-3_000)}`));
        };
        const limit = setTimeout(() => {
          watchers.delete(look);
          reject(new Error(`the log line did not come within ${timeout} ms:\n${output.slice(-3_000)}`));
        }, timeout);
        watchers.add(look);
        look();
      }),
    api: async (path, init = {}) => {
      const token = (await readFile(join(dataDir, 'admin-token'), 'utf8')).trim();
      const response = await fetch(`${httpUrl}${path}`, {
        method: init.method ?? 'GET',
        headers: {
          authorization: `Bearer ${token}`,
          ...(init.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...init.headers,
        },
        ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
      });
      const text = await response.text();
      const json = response.headers.get('content-type')?.includes('json') === true;
      return {
        status: response.status,
        body: json && text !== '' ? (JSON.parse(text) as unknown) : text,
        headers: response.headers,
      };
    },
    apply: async (document) => {
      const id = (document as { organization: { id: string } }).organization.id;
      const { status, body } = await gateway.api(`/v1/organizations/${id}/document`, { method: 'PUT', body: document });
      if (status >= 300) throw new Error(`the document was refused: ${status} ${JSON.stringify(body)}`);
    },
    signal: (name) => void child.kill(name),
    exited,
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGINT');
        const force = setTimeout(() => child.kill('SIGKILL'), 8_000);
        await exited;
        clearTimeout(force);
      }
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
  if (options.waitReady !== false) {
    try {
      await untilReady(httpUrl, child, () => output);
    } catch (error) {
      await gateway.stop();
      throw error;
    }
  }
  return gateway;
};
