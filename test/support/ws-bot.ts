/** A bot for tests: a real WebSocket server that says exactly what a test wants. */
import { createServer as createHttpServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { decodePcmu, encodePcmu } from '../../src/telephony/media/codecs/g711.js';
import { sine } from './goertzel.js';
import { until } from './until.js';

export type BotAudio = 'pcm-8000' | 'pcm-16000' | 'mulaw-8000';
// biome-ignore lint/suspicious/noExplicitAny: what the gateway says is judged by the tests, field by field.
export type BotMessage = any;

/** One connection of the gateway. */
export type BotCall = {
  readonly headers: IncomingHttpHeaders;
  readonly path: string;
  readonly socket: WebSocket;
  /** Every JSON message, in order. */
  readonly messages: BotMessage[];
  /** The code of the close, null while it is open. */
  readonly closed: () => { readonly code: number; readonly reason: string } | null;
  /** Samples of the caller received so far, at the rate of the audio. */
  heard(): Int16Array;
  say(message: unknown): void;
  /** Sends samples at the rate of the audio, in one message or in several. */
  speak(samples: Int16Array): void;
  /** Sends `ms` of a tone in real time; resolves when it has been sent. */
  live(hz: number, ms: number, sampleRate?: number): Promise<void>;
  /** The first message, past or future, that fits. */
  until(what: string, fits: (message: BotMessage) => boolean): Promise<BotMessage>;
};

export type TestBot = {
  readonly url: string;
  readonly port: number;
  readonly calls: readonly BotCall[];
  /** The n-th connection, from 0 on. */
  call(index: number): Promise<BotCall>;
  close(): Promise<void>;
};

export const rateOf = (audio: BotAudio): number => (audio === 'pcm-16000' ? 16_000 : 8_000);

export const encoded = (samples: Int16Array, audio: BotAudio): Buffer => {
  if (audio !== 'mulaw-8000') return Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
  const bytes = Buffer.alloc(samples.length);
  encodePcmu(samples, 0, samples.length, bytes, 0);
  return bytes;
};

export const decoded = (bytes: Buffer, audio: BotAudio): Int16Array => {
  const samples = new Int16Array(audio === 'mulaw-8000' ? bytes.length : bytes.length >> 1);
  if (audio === 'mulaw-8000') decodePcmu(bytes, 0, bytes.length, samples, 0);
  else Buffer.from(samples.buffer).set(bytes);
  return samples;
};

export const startBot = async (
  options: {
    readonly audio?: BotAudio;
    readonly port?: number;
    readonly tls?: { readonly key: string; readonly cert: string };
    /** Answers the handshake with this status instead. */
    readonly refuse?: () => number | null;
    readonly subprotocol?: string | null;
    /** Holds each handshake up. */
    readonly before?: () => Promise<void>;
    /** What the bot does with each connection; `ready` is said by default. */
    readonly onCall?: (call: BotCall) => void;
  } = {},
): Promise<TestBot> => {
  const audio = options.audio ?? 'pcm-8000';
  const http: Server = options.tls === undefined ? createHttpServer() : createHttpsServer(options.tls);
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    handleProtocols: (offered) =>
      options.subprotocol === undefined ? ([...offered][0] ?? false) : (options.subprotocol ?? false),
  });
  const calls: BotCall[] = [];
  const timers = new Set<NodeJS.Timeout>();

  // A socket whose upgrade is never answered is nobody's: the server would wait for it for ever.
  const sockets = new Set<Duplex>();
  http.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  http.on('upgrade', async (request, socket, head) => {
    await options.before?.();
    const status = options.refuse?.() ?? null;
    if (status !== null) {
      socket.end(`HTTP/1.1 ${status} Refused\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    server.handleUpgrade(request, socket, head, (websocket) => {
      const binary: Buffer[] = [];
      let closed: { code: number; reason: string } | null = null;
      const call: BotCall = {
        headers: request.headers,
        path: request.url ?? '',
        socket: websocket,
        messages: [],
        closed: () => closed,
        heard: () => decoded(Buffer.concat(binary), audio),
        say: (message) => websocket.send(JSON.stringify(message)),
        speak: (samples) => websocket.send(encoded(samples, audio)),
        live(hz, ms, rate = rateOf(audio)) {
          const samples = sine(hz, ms, -10, rate);
          const frame = rate / 50;
          const begin = performance.now();
          let sent = 0;
          return new Promise((resolve) => {
            const timer = setInterval(() => {
              while (sent * 20 <= performance.now() - begin && sent * frame < samples.length) {
                call.speak(samples.slice(sent * frame, (sent + 1) * frame));
                sent += 1;
              }
              if (sent * frame < samples.length && closed === null) return;
              clearInterval(timer);
              timers.delete(timer);
              resolve();
            }, 10);
            timers.add(timer);
          });
        },
        until: (what, fits) => until(what, () => call.messages.find(fits)),
      };
      websocket.on('message', (data: Buffer, isBinary) => {
        if (isBinary) binary.push(data);
        else call.messages.push(JSON.parse(data.toString()));
      });
      websocket.on('close', (code, reason) => {
        closed = { code, reason: reason.toString() };
      });
      websocket.on('error', () => {});
      calls.push(call);
      if (options.onCall === undefined) call.say({ type: 'ready' });
      else options.onCall(call);
    });
  });
  await new Promise<void>((resolve) => http.listen(options.port ?? 0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  return {
    url: `${options.tls === undefined ? 'ws' : 'wss'}://localhost:${port}/agent`,
    port,
    calls,
    call: (index) => until(`connection ${index} of the gateway to the bot`, () => calls[index]),
    close: async () => {
      for (const timer of timers) clearInterval(timer);
      for (const client of server.clients) client.terminate();
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => http.close(() => resolve()));
    },
  };
};
