import { createSocket } from 'node:dgram';
import { closeSync, mkdirSync, openSync, rmSync, statSync } from 'node:fs';
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
 * processes must not be given the same one: a file of its name stands for it.
 */
const reservations = join(tmpdir(), 'voice-gateway-test-ports');
/** ms after which a reservation counts for nothing: its process is long gone. */
const longest = 900_000;
const own = new Set<string>();
process.once('exit', () => {
  for (const path of own) rmSync(path, { force: true });
});

const reserve = (port: number): boolean => {
  mkdirSync(reservations, { recursive: true });
  const path = join(reservations, String(port));
  try {
    closeSync(openSync(path, 'wx'));
    own.add(path);
    return true;
  } catch {
    const since = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    // Taken away now, it may be had at a later attempt.
    if (Date.now() - since > longest) rmSync(path, { force: true });
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
