import { createSocket, type Socket } from 'node:dgram';
import type { Clock, Timer } from '../../../core/clock.js';
import { newToken } from '../../../core/ids.js';
import { type BencodeDictionary, type BencodeReply, decodeBencode, encodeBencode } from './bencode.js';

export type NgDictionary = ReadonlyMap<string, BencodeReply>;

/** `silent`: no answer, or the machine says that nobody listens there. `refused`: it answered with an error. */
export type NgResult =
  | { readonly ok: true; readonly reply: NgDictionary }
  | { readonly ok: false; readonly why: 'silent' | 'refused'; readonly reason: string };

/** One rtpengine, spoken to in its ng protocol over UDP. */
export type NgClient = {
  /** `host:port`, as configured. */
  readonly name: string;
  /**
   * Sends a command, repeats it until it is answered, and resolves with the answer; never rejects. rtpengine knows a
   * repetition by its cookie and gives the same answer again, so that nothing is done twice.
   */
  request(command: string, args?: BencodeDictionary, options?: { readonly timeoutMs?: number }): Promise<NgResult>;
  /** Whatever waits is answered with `silent`. */
  close(): void;
};

/** ms after which a command is sent again: on a network of our own an answer takes one or two. */
const repeats = [100, 200, 400];
const defaultTimeoutMs = 1_000;

/** Commands in a row without an answer after which its name is resolved anew: it may have moved. */
const missesUntilAnew = 3;

type Waiting = { readonly settle: (result: NgResult) => void };

const text = (value: BencodeReply | undefined): string => (typeof value === 'string' ? value : '');

/** An answer: the cookie, a space, a dictionary. Null when it is none. */
const readAnswer = (message: Buffer): { readonly cookie: string; readonly reply: NgDictionary } | null => {
  const space = message.indexOf(0x20);
  if (space < 1 || space > 64) return null;
  try {
    const reply = decodeBencode(message.subarray(space + 1));
    if (typeof reply !== 'object' || !('get' in reply)) return null;
    return { cookie: message.toString('latin1', 0, space), reply };
  } catch {
    return null;
  }
};

export const ngClient = (options: {
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
}): NgClient => {
  const { host, port, clock } = options;
  const name = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const waiting = new Map<string, Waiting>();
  /** Cookies of two gateways must not meet, nor those of one before and after its restart. */
  const prefix = newToken(9);
  let count = 0;
  let current: Socket | null = null;
  /** Never settles for a socket that could not be connected: its fault is told to all who wait. */
  let opening: Promise<Socket> | null = null;
  let closed = false;
  let misses = 0;

  const silence = (reason: string): void => {
    for (const { settle } of [...waiting.values()]) settle({ ok: false, why: 'silent', reason });
  };

  const onMessage = (message: Buffer): void => {
    const answer = readAnswer(message);
    const asked = answer === null ? undefined : waiting.get(answer.cookie);
    if (answer === null || asked === undefined) return;
    misses = 0;
    const result = text(answer.reply.get('result'));
    if (result === 'ok' || result === 'pong') asked.settle({ ok: true, reply: answer.reply });
    else asked.settle({ ok: false, why: 'refused', reason: text(answer.reply.get('error-reason')) || result });
  };

  const closeQuietly = (made: Socket): void => {
    made.removeAllListeners('message');
    try {
      made.close();
    } catch {
      // Closed already.
    }
  };
  /** The machine says that nobody listens there, or the name cannot be resolved: the next command opens anew. */
  const fault = (made: Socket, error: Error): void => {
    closeQuietly(made);
    if (current !== made) return;
    current = null;
    opening = null;
    silence(error.message);
  };

  const missed = (): void => {
    misses += 1;
    if (misses < missesUntilAnew || current === null) return;
    misses = 0;
    closeQuietly(current);
    current = null;
    opening = null;
  };

  /** Connected, so that only rtpengine's packets arrive and the machine's word that nobody listens reaches us. */
  const open = (): Promise<Socket> => {
    opening ??= new Promise<Socket>((resolve) => {
      const made = createSocket(host.includes(':') ? 'udp6' : 'udp4');
      current = made;
      made.on('error', (error) => fault(made, error));
      made.on('message', onMessage);
      // By event: a callback would be given what otherwise is an `error`.
      made.once('connect', () => resolve(made));
      made.connect(port, host);
    });
    return opening;
  };

  return {
    name,
    request(command, args = {}, { timeoutMs = defaultTimeoutMs } = {}) {
      if (closed) return Promise.resolve({ ok: false, why: 'silent', reason: 'the client is closed' });
      count += 1;
      const cookie = `${prefix}_${count}`;
      const message = Buffer.from(`${cookie} ${encodeBencode({ ...args, command })}`);
      return new Promise((resolve) => {
        const timers: Timer[] = [];
        const settle = (result: NgResult): void => {
          waiting.delete(cookie);
          for (const timer of timers) timer.cancel();
          resolve(result);
        };
        const send = (): void => {
          void open().then((made) => {
            if (made !== current || !waiting.has(cookie)) return;
            made.send(message, (error) => {
              if (error !== null) fault(made, error);
            });
          });
        };
        waiting.set(cookie, { settle });
        timers.push(
          clock.after(timeoutMs, () => {
            missed();
            settle({ ok: false, why: 'silent', reason: `no answer in ${timeoutMs} ms` });
          }),
          ...repeats.filter((ms) => ms < timeoutMs).map((ms) => clock.after(ms, send)),
        );
        send();
      });
    },
    close() {
      closed = true;
      silence('the client is closed');
      if (current !== null) closeQuietly(current);
      current = null;
      opening = null;
    },
  };
};
