import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';

const given = new Set<number>();

const tryBind = async (port: number): Promise<number | undefined> => {
  const socket = createSocket('udp4');
  try {
    socket.bind(port, '127.0.0.1');
    await once(socket, 'listening');
    return socket.address().port;
  } catch {
    return undefined;
  } finally {
    socket.close();
  }
};

/** A UDP port of 127.0.0.1 that nobody had a moment ago, never the same twice in this process. */
export const freeUdpPort = async (): Promise<number> => {
  for (;;) {
    const port = await tryBind(0);
    if (port === undefined || given.has(port)) continue;
    given.add(port);
    return port;
  }
};

/** Resolves once another process has bound the port. */
export const untilBound = async (port: number, patience = 10_000): Promise<void> => {
  for (const end = Date.now() + patience; Date.now() < end; ) {
    if ((await tryBind(port)) === undefined) return;
    await wait(20);
  }
  throw new Error(`nobody bound UDP port ${port} within ${patience} ms`);
};
