import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { systemClock } from '../../../core/clock.js';
import { manualClock } from '../../../core/manual-clock.js';
import { BotUnreachable, type LinkEnd, type LinkOptions, openLink } from './link.js';

let http: Server;
let bots: WebSocketServer;
let url: URL;
beforeEach(async () => {
  http = createServer();
  bots = new WebSocketServer({ server: http, autoPong: false });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  url = new URL(`ws://127.0.0.1:${(http.address() as AddressInfo).port}/`);
});
afterEach(async () => {
  for (const bot of bots.clients) bot.terminate();
  http.closeAllConnections();
  await new Promise((resolve) => http.close(resolve));
});

const open = async (options: Partial<LinkOptions> = {}) => {
  const connected = once(bots, 'connection');
  const ends: LinkEnd[] = [];
  let dropped = 0;
  const link = await openLink({
    url,
    dial: async () => connect({ host: '127.0.0.1', port: Number(url.port) }),
    subprotocol: null,
    headers: {},
    clock: systemClock,
    signal: new AbortController().signal,
    events: {
      message: () => {},
      ended: (end) => ends.push(end),
      dropped: (frames) => {
        dropped += frames;
      },
    },
    ...options,
  });
  const [bot] = (await connected) as [WebSocket];
  return { link, bot, ends, dropped: () => dropped };
};

it('keeps a second of audio for a bot that does not read, and throws away what is older', async () => {
  const { link, bot, dropped } = await open();
  bot.pause();
  let sent = 0;
  const send = (): void => {
    sent += 1;
    link.audio(Buffer.alloc(32_000, sent % 256));
  };
  // What the system's buffers take is not counted; from then on nothing moves.
  while (dropped() === 0 && sent < 5_000) {
    for (let burst = 0; burst < 50; burst += 1) send();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const before = dropped();
  for (let more = 0; more < 500; more += 1) send();
  expect(dropped() - before).toBe(500);
  const last = new Promise<void>((resolve) => {
    bot.on('message', (data: Buffer) => {
      if (data[0] === sent % 256) resolve();
    });
  });
  bot.resume();
  await last;
  link.close(1000, 'done');
});

it('takes a bot that answers no ping for lost', async () => {
  const clock = manualClock();
  const { ends } = await open({ clock });
  clock.advance(10_000);
  expect(ends).toEqual([]);
  clock.advance(10_000);
  await expect.poll(() => ends).toEqual([{ how: 'lost', reason: 'The bot has not answered for 20 s.' }]);
});

it('tells a bot that leaves from one that breaks', async () => {
  const left = await open();
  left.bot.close(1000);
  await expect.poll(() => left.ends).toEqual([{ how: 'left', reason: 'The bot closed the connection.' }]);
  const broken = await open();
  broken.bot.terminate();
  await expect.poll(() => broken.ends).toEqual([{ how: 'lost', reason: 'The connection to the bot broke.' }]);
  const restart = await open();
  restart.bot.close(1012, 'restart');
  await expect
    .poll(() => restart.ends)
    .toEqual([{ how: 'lost', reason: 'The bot closed the connection with code 1012: restart.' }]);
});

it('gives the attempt up at once when it is told to', async () => {
  const stop = new AbortController();
  bots.removeAllListeners('connection');
  const attempt = openLink({
    url,
    dial: async () => {
      stop.abort();
      return connect({ host: '127.0.0.1', port: Number(url.port) });
    },
    subprotocol: null,
    headers: {},
    clock: systemClock,
    signal: stop.signal,
    events: { message: () => {}, ended: () => {}, dropped: () => {} },
  });
  await expect(attempt).rejects.toBeInstanceOf(BotUnreachable);
});
