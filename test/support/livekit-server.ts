/** A real livekit-server on loopback, one node, without Redis unless it is given one, for tests and benches. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { AccessToken, RoomServiceClient } from 'livekit-server-sdk';
import { freePort } from './ports.js';
import { until } from './until.js';

/** Where scripts/setup.sh puts it. */
const version = 'v1.13.5';
const binary = join(
  process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'),
  'voice-gateway',
  'bin',
  `livekit-server-${version}`,
);

/** True where the server is installed. In CI its absence is a failure; elsewhere tests are skipped and say why. */
export const hasLiveKitServer = (): boolean => {
  if (existsSync(binary)) return true;
  const sentence = `${binary} is missing: scripts/setup.sh test installs it where Go 1.21 or newer is.`;
  if (process.env.CI === 'true') throw new Error(sentence);
  console.info(`${sentence} Tests with LiveKit are skipped.`);
  return false;
};

export const apiKey = 'test-key';
export const apiSecret = 'test-secret-that-is-longer-than-32-characters';

export type LiveKitPorts = { readonly port: number; readonly tcpPort: number; readonly udpPort: number };

export type LiveKitTestServer = {
  readonly url: string;
  readonly ports: LiveKitPorts;
  /** `LIVEKIT_URL` and its credentials for a gateway. */
  readonly env: Readonly<Record<string, string>>;
  readonly rooms: RoomServiceClient;
  /** Token of an agent for a room. */
  agentToken(room: string, identity: string): Promise<string>;
  readonly output: () => string;
  readonly pid: number;
  kill(): Promise<void>;
  stop(): Promise<void>;
};

const tryStart = async (ports: LiveKitPorts, redis: string | undefined): Promise<LiveKitTestServer> => {
  const folder = mkdtempSync(join(tmpdir(), 'livekit-'));
  const { port, tcpPort, udpPort } = ports;
  writeFileSync(
    join(folder, 'livekit.yaml'),
    `port: ${port}
bind_addresses: [127.0.0.1]
keys: { ${apiKey}: ${apiSecret} }
logging: { level: info }
${redis === undefined ? '' : `redis: { address: ${redis} }\n`}rtc:
  tcp_port: ${tcpPort}
  udp_port: ${udpPort}
  node_ip: 127.0.0.1
  use_external_ip: false
  enable_loopback_candidate: true
  interfaces: { includes: [lo] }
`,
  );
  const child: ChildProcess = spawn(binary, ['--config', join(folder, 'livekit.yaml')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const gone = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (!gone()) {
      child.kill(signal);
      const force = setTimeout(() => child.kill('SIGKILL'), 2_000);
      await exited;
      clearTimeout(force);
    }
    rmSync(folder, { recursive: true, force: true });
  };
  const url = `ws://127.0.0.1:${port}`;
  const rooms = new RoomServiceClient(`http://127.0.0.1:${port}`, apiKey, apiSecret);
  try {
    await until('livekit-server to answer', async () => {
      if (gone()) throw new Error(`livekit-server ended: ${output.slice(-2_000)}`);
      return rooms.listRooms(['none']).then(
        () => true,
        () => false,
      );
    });
  } catch (error) {
    await end('SIGKILL');
    throw error;
  }
  return {
    url,
    ports,
    env: { LIVEKIT_URL: url, LIVEKIT_API_KEY: apiKey, LIVEKIT_API_SECRET: apiSecret },
    rooms,
    agentToken: (room, identity) => {
      const token = new AccessToken(apiKey, apiSecret, { identity, ttl: '1h' });
      token.kind = 'agent';
      token.addGrant({ roomJoin: true, room, agent: true, canPublish: true, canSubscribe: true, canPublishData: true });
      return token.toJwt();
    },
    output: () => output,
    pid: child.pid ?? 0,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
  };
};

/**
 * Ports that someone else took first are no fault: others are tried. `again`: those of a server that has ended; `redis`: the
 * address of a Redis, by which LiveKit's own SIP bridge finds the server.
 */
export const startLiveKitServer = async (again?: LiveKitPorts, redis?: string): Promise<LiveKitTestServer> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const free = async () => ({ port: await freePort(), tcpPort: await freePort(), udpPort: await freePort() });
      return await tryStart(again ?? (await free()), redis);
    } catch (error) {
      if (attempt === 3) throw error;
    }
  }
};
