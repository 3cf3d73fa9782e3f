import { createSocket } from 'node:dgram';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBetween } from '../../src/core/ids.js';

// The system hands out ports from 32768 on to whoever asks for any (Linux: ip_local_port_range), so a port found there
// may be taken by an outgoing connection a moment later. Ports for listeners therefore come from below.
const listeners = { from: 22_400, to: 32_700 };
const media = { from: 10_000, ranges: 60, spacing: 200 };

const tcpFree = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });

const udpFree = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => resolve(false));
    socket.bind(port, host, () => socket.close(() => resolve(true)));
  });

/**
 * A port that was given out is bound a moment later, by a process that may take a second to start. Until then other test
 * processes must not be given the same one: a file of its name stands for it, with the process that reserved it. The runner
 * ends its workers without a word, so most files outlive their process and count for nothing then.
 */
const reservations = join(tmpdir(), 'voice-gateway-test-ports');
const own = new Set<string>();
process.once('exit', () => {
  for (const path of own) rmSync(path, { force: true });
});

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process is one that lives, too.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};

/** ms after which a file without a process counts for nothing: whoever wanted to write it was ended before. */
const longestWriting = 60_000;

const isForgotten = (path: string): boolean => {
  try {
    const pid = Number(readFileSync(path, 'utf8'));
    return pid > 0 ? !isAlive(pid) : Date.now() - statSync(path).mtimeMs > longestWriting;
  } catch {
    return false;
  }
};

const reserve = (port: number): boolean => {
  mkdirSync(reservations, { recursive: true });
  const path = join(reservations, String(port));
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' });
    own.add(path);
    return true;
  } catch {
    // Taken away now, it may be had at a later attempt.
    if (isForgotten(path)) rmSync(path, { force: true });
    return false;
  }
};

/** An even port of `host` that is free for TCP and UDP at this moment, as its odd neighbour is for UDP; never the same twice. */
export const freePort = async (host = '127.0.0.1'): Promise<number> => {
  for (let attempt = 0; attempt < 500; attempt += 1) {
    const port = randomBetween(listeners.from / 2, listeners.to / 2) * 2;
    if (!reserve(port)) continue;
    if ((await tcpFree(host, port)) && (await udpFree(host, port)) && (await udpFree(host, port + 1))) return port;
  }
  throw new Error(`no port of ${host} is free for TCP and UDP`);
};

/** An even port of `host` for sipp's media: it binds four ports from there, sound and picture, each with RTCP. */
export const freeMediaPort = async (host = '127.0.0.1'): Promise<number> => {
  for (let attempt = 0; attempt < 500; attempt += 1) {
    const port = await freePort(host);
    if (!reserve(port + 2)) continue;
    if ((await udpFree(host, port + 2)) && (await udpFree(host, port + 3))) return port;
  }
  throw new Error(`no four ports of ${host} in a row are free for UDP`);
};

let nextRange = randomBetween(0, media.ranges);

/** A range of up to 200 ports for RTP. Ranges of processes that run at once may meet: a gateway passes over ports in use. */
export const rtpRange = (size: number = media.spacing): { readonly from: number; readonly to: number } => {
  const from = media.from + (nextRange % media.ranges) * media.spacing;
  nextRange += 1;
  return { from, to: from + size - 1 };
};
