import type { AgentContext } from '../../../domain/calls/ports.js';

/** Keys that wait at most: what a room admits at once, twice over. */
const mostWaiting = 80;
/** Keys that are sent in one go. */
const mostAtOnce = 64;

export type KeyQueue = {
  /** Never throws. */
  press(digit: string): void;
};

/**
 * Sends the keys of a room to the caller in their order. They come faster than a telephone takes them (four a second), so
 * those that come meanwhile are sent together when the ones before are through. `lost` hears why keys were not sent, once
 * for a series of them.
 */
export const keyQueue = (send: (digits: string) => Promise<void>, lost: (reason: string) => void): KeyQueue => {
  let waiting = '';
  let sending = false;
  let overflowed = false;

  const sendAll = async (): Promise<void> => {
    sending = true;
    while (waiting !== '') {
      const digits = waiting.slice(0, mostAtOnce);
      waiting = waiting.slice(mostAtOnce);
      try {
        await send(digits);
      } catch (error) {
        waiting = '';
        lost(error instanceof Error ? error.message : String(error));
      }
    }
    sending = false;
    overflowed = false;
  };

  return {
    press(digit) {
      if (waiting.length >= mostWaiting) {
        if (!overflowed) lost(`more than ${mostWaiting} keys are waiting`);
        overflowed = true;
        return;
      }
      waiting += digit;
      if (!sending) void sendAll();
    },
  };
};

/**
 * The keys that participants of a room send to a caller. They are no tools of an AI and have no part of its budget; the
 * room admits them at a rate of its own.
 */
export const roomKeys = (call: Pick<AgentContext, 'doors' | 'signal' | 'log'>): KeyQueue =>
  keyQueue(
    (digits) => (call.signal.aborted ? Promise.resolve() : call.doors.sendDtmf(digits)),
    (reason) => call.log.info({ reason }, 'keys from a room were not sent'),
  );
