import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import type { Clock } from '../../../core/clock.js';
import { createTokenBucket } from '../../../core/rate-limit.js';

/** Opens a connection to the host of a URL, TLS done for wss. Rejects with an error whose message is a sentence. */
export type DialBot = (url: URL, signal: AbortSignal) => Promise<Duplex>;

/** Longest message of a bot, bytes. */
export const longestMessage = 65_536;
/** What a bot may send, in units of 1 KiB begun: beyond it we read no faster, and TCP slows the bot down. */
const inbound = { perSecond: 1_000, burst: 4_000 };
/** Audio is kept back while this much waits in the socket, bytes: half a second of the largest kind. */
const highWater = 16_384;
/** Frames of audio kept back at most; the oldest go first. A second: a bot that lags further hears the past. */
const mostKept = 50;
/** A bot that does not even read control messages is not there any more, bytes. */
const unread = 1_048_576;
/** A bot that has said nothing and answered no ping for this long is lost, ms. */
const heartbeat = 10_000;

/** How long the bot may take to close its side, ms. */
const farewell = 2_000;

/** The bot could not be had. `final`: it has answered, and would answer the same again. */
export class BotUnreachable extends Error {
  readonly final: boolean;
  constructor(message: string, final: boolean) {
    super(message);
    this.name = 'BotUnreachable';
    this.final = final;
  }
}

export type LinkEnd = {
  /** `left`: the bot closed in good order; `lost`: the connection broke; `refused`: what it sent cannot be borne. */
  readonly how: 'left' | 'lost' | 'refused';
  /** A sentence. */
  readonly reason: string;
};

export type LinkEvents = {
  message(data: Buffer, binary: boolean): void;
  /** Once, unless we closed it. */
  ended(end: LinkEnd): void;
  /** So much of the caller's audio was thrown away because the bot did not read, frames. */
  dropped(frames: number): void;
};

/** One WebSocket to a bot. */
export type BotLink = {
  /** A control message; never dropped. */
  say(text: string): void;
  /** A frame of the caller's audio. */
  audio(frame: Buffer | string): void;
  /** Audio that was kept while there was no connection: it goes out at once, all of it. */
  catchUp(frames: readonly (Buffer | string)[]): void;
  /** Closes it in good order; what was said before arrives first. */
  close(code: number, reason: string): void;
};

export type LinkOptions = {
  readonly url: URL;
  readonly dial: DialBot;
  readonly subprotocol: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly clock: Clock;
  /** Gives the attempt up. */
  readonly signal: AbortSignal;
  readonly events: LinkEvents;
};

/** How the bot's last word is to be read (RFC 6455 section 7.4.1); 1005 is a close without a code. */
const endOf = (code: number, reason: string, broken: string | null): LinkEnd => {
  if (broken !== null) return { how: 'refused', reason: broken };
  if (code === 1000 || code === 1005) return { how: 'left', reason: 'The bot closed the connection.' };
  if (code === 1006) return { how: 'lost', reason: 'The connection to the bot broke.' };
  const said = reason === '' ? '' : `: ${reason.slice(0, 200)}`;
  return { how: 'lost', reason: `The bot closed the connection with code ${code}${said}.` };
};

/** What a broken rule of the protocol is called, by the code of the library's error. */
const broken = (error: Error): string | null => {
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH')
    return `The bot sent a message of more than ${longestMessage} bytes.`;
  return code.startsWith('WS_ERR') ? `The bot broke the WebSocket protocol: ${error.message}.` : null;
};

const shakeHands = (options: LinkOptions, socket: Duplex): Promise<BotLink> =>
  new Promise((resolve, reject) => {
    const { url, signal } = options;
    const websocket = new WebSocket(url, options.subprotocol === null ? [] : [options.subprotocol], {
      createConnection: () => socket,
      headers: options.headers,
      perMessageDeflate: false,
      maxPayload: longestMessage,
    });
    const give = (error: BotUnreachable): void => {
      signal.removeEventListener('abort', aborted);
      websocket.on('error', () => {});
      websocket.terminate();
      socket.destroy();
      reject(error);
    };
    const aborted = (): void => give(new BotUnreachable('The attempt was given up.', false));
    signal.addEventListener('abort', aborted, { once: true });
    websocket.once('unexpected-response', (_request, response) => {
      const status = response.statusCode ?? 0;
      const text = response.statusMessage === '' ? '' : ` ${response.statusMessage?.slice(0, 100)}`;
      give(
        new BotUnreachable(
          `The bot at ${url.host} refused the handshake: ${status}${text}.`,
          status >= 400 && status < 500,
        ),
      );
    });
    websocket.once('error', (error) => {
      const answered = error.message.includes('subprotocol');
      const why = answered
        ? `does not speak the subprotocol ${options.subprotocol}`
        : `did not complete the WebSocket handshake (${error.message})`;
      give(new BotUnreachable(`The bot at ${url.host} ${why}.`, answered));
    });
    websocket.once('open', () => {
      signal.removeEventListener('abort', aborted);
      websocket.removeAllListeners('error').removeAllListeners('unexpected-response');
      // At once: what the bot sent together with its answer is delivered before any promise goes on.
      resolve(linkOver(websocket, options));
    });
  });

/** Dials a bot and shakes hands. Rejects with BotUnreachable only, whose message is a sentence; leaves no socket behind. */
export const openLink = async (options: LinkOptions): Promise<BotLink> => {
  const { signal } = options;
  const socket = await options.dial(options.url, signal).catch((error: unknown) => {
    throw new BotUnreachable(error instanceof Error ? error.message : String(error), false);
  });
  if (signal.aborted) {
    socket.destroy();
    throw new BotUnreachable('The attempt was given up.', false);
  }
  return shakeHands(options, socket);
};

const linkOver = (websocket: WebSocket, { clock, events }: LinkOptions): BotLink => {
  const kept: (Buffer | string)[] = [];
  const bucket = createTokenBucket(inbound, () => clock.monotonic());
  let closing = false;
  let rule: string | null = null;
  let alive = true;
  let timedOut = false;

  const flush = (): void => {
    while (kept.length > 0 && websocket.bufferedAmount < highWater && websocket.readyState === WebSocket.OPEN) {
      const frame = kept.shift();
      if (frame !== undefined) websocket.send(frame, flush);
    }
  };

  const watch = (): { cancel(): void } =>
    clock.after(heartbeat, () => {
      if (!alive) {
        timedOut = true;
        websocket.terminate();
        return;
      }
      alive = websocket.isPaused;
      websocket.ping();
      watchdog = watch();
    });
  let watchdog = watch();

  /** Whatever comes has its price, so that no kind of frame can be sent without end. */
  const charge = (bytes: number): void => {
    alive = true;
    for (let unit = 0; unit <= bytes >> 10; unit += 1) {
      const wait = bucket.take();
      if (wait === 0 || websocket.isPaused) continue;
      websocket.pause();
      clock.after(wait, () => websocket.resume());
    }
  };

  websocket.on('message', (data: Buffer, binary) => {
    charge(data.length);
    if (!closing) events.message(data, binary);
  });
  websocket.on('ping', (data) => {
    charge(data.length);
    // The library has answered already; a bot that never reads its answers must not pile them up here.
    if (websocket.bufferedAmount > unread) websocket.terminate();
  });
  websocket.on('pong', (data) => charge(data.length));
  websocket.on('error', (error) => {
    rule ??= broken(error);
  });
  websocket.once('close', (code, reason) => {
    watchdog.cancel();
    kept.length = 0;
    if (closing) return;
    closing = true;
    events.ended(
      timedOut
        ? { how: 'lost', reason: `The bot has not answered for ${(2 * heartbeat) / 1_000} s.` }
        : endOf(code, reason.toString(), rule),
    );
  });

  return {
    say(text) {
      if (websocket.readyState !== WebSocket.OPEN) return;
      websocket.send(text);
      if (websocket.bufferedAmount > unread) websocket.terminate();
    },
    audio(frame) {
      if (closing) return;
      kept.push(frame);
      flush();
      if (kept.length <= mostKept) return;
      kept.shift();
      events.dropped(1);
    },
    catchUp(frames) {
      for (const frame of frames) if (websocket.readyState === WebSocket.OPEN) websocket.send(frame);
    },
    close(code, reason) {
      if (closing) return;
      closing = true;
      watchdog.cancel();
      // A bot that sends without end would keep its own close frame from being read: what it says now is of no use.
      websocket.resume();
      websocket.close(code, reason);
      const limit = clock.after(farewell, () => websocket.terminate());
      websocket.once('close', () => limit.cancel());
    },
  };
};
