import type { Socket } from 'node:net';
import { answerLeader } from './deliveries.js';
import { frame } from './frames.js';

/** Frames kept for an application that went away and may come back. */
const maxBacklog = 1_000;
/** Bytes an application may leave unread before it is cut off; it would take the engine's memory with it. */
const maxUnreadBytes = 64 * 1024 * 1024;
/** How long frames are gathered for one write under load, ms. */
const gatherTime = 1;

/** One admin connection that has authenticated. */
export class Application {
  readonly id: number;
  readonly socket: Socket;
  readonly tags: readonly string[];
  readonly verbs = new Set<string>();
  readonly #pending: Buffer[] = [];
  readonly #flush = (): void => this.flush();
  #flushing = false;
  #lastFlush = 0;

  constructor(id: number, socket: Socket, tags: readonly string[]) {
    this.id = id;
    this.socket = socket;
    this.tags = tags;
  }

  get connected(): boolean {
    return !this.socket.destroyed && this.socket.writable;
  }

  /**
   * Queues a frame. Frames of one turn of the event loop leave in one write; under load, when the last write was less
   * than a millisecond ago, those of the next millisecond do too: a write costs more than everything else in a frame.
   */
  send(leader: string, message?: Buffer): void {
    this.write(frame(leader, message));
  }

  write(bytes: Buffer): void {
    this.#pending.push(bytes);
    if (this.#flushing) return;
    this.#flushing = true;
    if (performance.now() - this.#lastFlush < gatherTime) setTimeout(this.#flush, gatherTime);
    else setImmediate(this.#flush);
  }

  flush(): void {
    this.#flushing = false;
    this.#lastFlush = performance.now();
    const bytes = this.#pending.length === 1 ? this.#pending[0] : Buffer.concat(this.#pending);
    this.#pending.length = 0;
    if (!bytes || bytes.length === 0 || !this.connected) return;
    this.socket.write(bytes);
    if (this.socket.writableLength > maxUnreadBytes) this.socket.destroy(new Error('the application does not read'));
  }

  answer(commandId: string, tokens: string, message?: Buffer): void {
    this.send(answerLeader(commandId, tokens), message);
  }
}

/**
 * What dialogs and transactions belong to: the application that made them, also when its connection is replaced. While
 * nobody is connected frames wait here for the next connection with the same tags.
 */
export class Owner {
  readonly #silent: boolean;
  #application: Application | undefined;
  #backlog: Buffer[] = [];
  /** The tags the owner authenticated with, which the next connection must have too. */
  readonly key: string;

  /** Without an application: of requests a web server had proxied, about which nobody wants to hear. */
  constructor(application?: Application) {
    this.#application = application;
    this.#silent = application === undefined;
    this.key = ownerKey(application?.tags ?? []);
  }

  get application(): Application | undefined {
    return this.#application?.connected ? this.#application : undefined;
  }

  send(leader: string, message?: Buffer): void {
    if (this.#silent) return;
    const bytes = frame(leader, message);
    const { application } = this;
    if (application) application.write(bytes);
    else if (this.#backlog.length < maxBacklog) this.#backlog.push(bytes);
  }

  adoptBy(application: Application): void {
    this.#application = application;
    for (const bytes of this.#backlog.splice(0)) application.write(bytes);
  }

  orphan(): void {
    this.#application = undefined;
  }
}

export const ownerKey = (tags: readonly string[]): string => [...tags].sort().join(',');
