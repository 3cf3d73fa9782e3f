import type { Clock } from '../../../core/clock.js';
import type { Library } from './library.js';

/** Commands to the SIP server beneath the SIP library, which sends them but does not tell of their answers. */
export type AdminWire = {
  /** Sends a command; resolves with its answer (`OK|…`, `NOK|…`), or null when the connection breaks first. */
  command(text: string): Promise<string | null>;
  /**
   * Asks for a sign of life whenever nothing came for a while, from when the server has accepted us. `onSilent` is
   * called once when it stays mute; the connection has been broken off then, which the library reports as a loss.
   */
  watch(onSilent: () => void): void;
  /** The connection is over. */
  close(): void;
};

/**
 * A server that hangs, or whose machine vanished, leaves a connection that looks well for hours: TCP says nothing while
 * nothing is sent. Each look is one turn of our own event loop, so a process that was stopped counts one look and not
 * the time that passed.
 */
const LOOK = 5_000;
/** Looks in a row without a byte from the server, each with a ping, before the connection is given up. */
const MUTE = 4;

const answerHead = /^[^|]*\|response\|([^|]+)\|([^\r\n]*)/;

/** The wire of a library that has begun to connect or to listen. */
export const openWire = (library: Library, clock: Pick<Clock, 'after'>): AdminWire => {
  const protocol = library.app.client?.wp;
  const waiting = new Map<string, (answer: string | null) => void>();
  let socket: Parameters<NonNullable<typeof protocol>['send']>[0] | null = null;
  let heard = false;
  let silent = 0;
  let timer: { cancel(): void } | null = null;
  let over = protocol === undefined;

  protocol?.on('msg', (from, text) => {
    socket = from;
    heard = true;
    if (waiting.size === 0) return;
    const [, id = '', answer = ''] = answerHead.exec(text) ?? [];
    waiting.get(id)?.(answer);
    waiting.delete(id);
  });

  const send = (text: string): string | null => {
    if (over || protocol === undefined || socket === null || socket.destroyed) return null;
    return protocol.send(socket, text);
  };

  const look = (onSilent: () => void): void => {
    silent = heard ? 0 : silent + 1;
    heard = false;
    if (silent >= MUTE) {
      onSilent();
      socket?.destroy();
      return;
    }
    if (silent > 0) send('ping');
    timer = clock.after(LOOK, () => look(onSilent));
  };

  return {
    command: (text) =>
      new Promise((resolve) => {
        const id = send(text);
        if (id === null) resolve(null);
        else waiting.set(id, resolve);
      }),
    watch: (onSilent) => {
      if (over) return;
      timer ??= clock.after(LOOK, () => look(onSilent));
    },
    close: () => {
      over = true;
      timer?.cancel();
      for (const resolve of waiting.values()) resolve(null);
      waiting.clear();
    },
  };
};
