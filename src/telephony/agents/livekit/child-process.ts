import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../../core/clock.js';
import { entryUrl } from '../../../core/entry-path.js';
import type { Logger } from '../../../core/logger.js';
import { audioReader, audioWriter } from './audio-frames.js';
import type { LegNews, ToChild, ToGateway } from './protocol.js';

/** Octets of audio that may wait for a child that does not read: about 100 ms of 25 calls. */
const audioLimit = 48 * 1_024;
/** How often a child is asked how it is, and how long it may owe the answer before it counts as dead, ms. */
const askEvery = 5_000;
const answerWithin = 15_000;
/** How long a child may take to load the library, ms; slow machines take seconds. */
const readyWithin = 30_000;

/** What one leg hears of its child. */
export type ChildLegListener = {
  news(news: LegNews): void;
  audio(samples: Int16Array): void;
  /** The agent was interrupted: what has come and was not heard yet is to be forgotten. */
  cleared(): void;
  /** The child is gone, and the leg with it. Called once, instead of `ended`. */
  died(reason: string): void;
};

export type ReportedChild = {
  readonly pid: number;
  readonly legs: number;
  /** Legs it has had since it started. */
  readonly served: number;
  /** Resident memory when it last said so, octets. */
  readonly memory: number;
  readonly handles: number;
};

/** One LiveKit child as the gateway sees it. */
export type LiveKitChild = {
  /** Settles when it can take legs; rejects when it ended before. */
  readonly ready: Promise<void>;
  readonly usable: () => boolean;
  report(): ReportedChild;
  join(leg: number, listener: ChildLegListener): void;
  leave(leg: number): void;
  send(message: ToChild): void;
  audio(leg: number, samples: Int16Array): void;
  /** Ends the process; legs it still has hear `died` with this reason. */
  end(reason: string): Promise<void>;
};

export const startChild = (options: {
  /** For TLS and proxies; nothing else of the gateway's environment reaches the child. */
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onReport: () => void;
  /** Called once when the process is gone. `wanted`: `end` asked for it. */
  readonly onExit: (reason: string, wanted: boolean) => void;
}): LiveKitChild => {
  const { clock } = options;
  const child = spawn(process.execPath, [fileURLToPath(entryUrl(import.meta.url, './livekit-child.js'))], {
    env: { NODE_ENV: 'production', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc', 'pipe'],
  });
  const log = options.log.child({ child: child.pid });
  const listeners = new Map<number, ChildLegListener>();
  let served = 0;
  let usable = false;
  let gone = false;
  let wanted: string | null = null;
  let memory = 0;
  let handles = 0;
  let heardAt = clock.monotonic();
  let onReady: () => void = () => {};
  let onNotReady: (error: Error) => void = () => {};
  const ready = new Promise<void>((resolve, reject) => {
    onReady = resolve;
    onNotReady = reject;
  });
  ready.catch(() => {});

  /** A listener that throws must not keep news from the others. */
  const tell = (leg: number, fn: (listener: ChildLegListener) => void): void => {
    const listener = listeners.get(leg);
    if (listener === undefined) return;
    try {
      fn(listener);
    } catch (error) {
      log.error({ err: error, leg }, 'a listener of a LiveKit leg failed');
    }
  };

  const over = (reason: string): void => {
    if (gone) return;
    gone = true;
    usable = false;
    watch.cancel();
    onNotReady(new Error(reason));
    for (const leg of [...listeners.keys()]) tell(leg, (listener) => listener.died(wanted ?? reason));
    listeners.clear();
    options.onExit(reason, wanted !== null);
  };

  const look = (): void => {
    if (clock.monotonic() - heardAt > (usable ? answerWithin : readyWithin)) {
      log.error({}, 'a LiveKit child does not answer and is ended');
      child.kill('SIGKILL');
      return;
    }
    if (usable) send({ type: 'ask' });
    watch = clock.after(askEvery, look);
  };
  let watch = clock.after(askEvery, look);

  const send = (message: ToChild): void => {
    if (child.connected) child.send(message, (error) => error && log.debug({ err: error }, 'a message was not sent'));
  };

  child.on('message', (message: ToGateway) => {
    heardAt = clock.monotonic();
    switch (message.type) {
      case 'ready':
        usable = wanted === null;
        onReady();
        return;
      case 'report':
        memory = message.memory;
        handles = message.handles;
        options.onReport();
        return;
      case 'news':
        tell(message.leg, (listener) => listener.news(message.news));
    }
  });
  child.on('error', (error) => over(`The LiveKit child could not be started: ${error.message}.`));
  child.on('exit', (code, signal) => over(`The LiveKit child ended (${signal ?? `code ${code}`}).`));

  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      log.debug({ output: text.slice(0, 2_000) }, 'output of a LiveKit child');
    });
  }
  const channel = child.stdio[4];
  if (!(channel instanceof Duplex)) throw new Error('a LiveKit child was started without an audio channel');
  channel.on('error', (error) => log.debug({ err: error }, 'the audio channel of a LiveKit child broke'));
  const writer = audioWriter(channel, audioLimit);
  const take = audioReader((leg, samples) =>
    tell(leg, (listener) => (samples.length === 0 ? listener.cleared() : listener.audio(samples))),
  );
  channel.on('data', (chunk: Buffer) => {
    try {
      take(chunk);
    } catch (error) {
      log.error({ err: error }, 'a LiveKit child sends no audio any more and is ended');
      child.kill('SIGKILL');
    }
  });

  return {
    ready,
    usable: () => usable,
    report: () => ({ pid: child.pid ?? 0, legs: listeners.size, served, memory, handles }),
    join(leg, listener) {
      served += 1;
      listeners.set(leg, listener);
    },
    leave: (leg) => void listeners.delete(leg),
    send,
    audio: (leg, samples) => writer.write(leg, samples),
    async end(reason) {
      if (gone) return;
      wanted ??= reason;
      usable = false;
      const exited = once(child, 'exit');
      send({ type: 'end' });
      const force = clock.after(2_000, () => child.kill('SIGKILL'));
      await exited;
      force.cancel();
      over(reason);
    },
  };
};
