import type { Logger } from '../core/logger.js';

/** What was started, ended in reverse order. A part that fails to end does not keep the others from ending. */
export type ShutdownStack = {
  push(name: string, stop: () => Promise<void> | void): void;
  unwind(): Promise<void>;
};

export const shutdownStack = (log: Logger): ShutdownStack => {
  const parts: { readonly name: string; readonly stop: () => Promise<void> | void }[] = [];
  return {
    push: (name, stop) => void parts.push({ name, stop }),
    unwind: async () => {
      for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
        try {
          await part.stop();
        } catch (error) {
          log.error({ err: error, part: part.name }, 'a part of the gateway did not stop cleanly');
        }
      }
    },
  };
};
