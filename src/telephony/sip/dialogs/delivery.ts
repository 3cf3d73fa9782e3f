/** Delivers a dialog's events to its owner one at a time, in order of arrival, none before `release`. */
export type Delivery = {
  /** Runs `task` after everything delivered before it has finished; its failure goes to `onError`, never to others. */
  push(task: () => unknown): void;
  /** From now on events flow: the owner holds the dialog. */
  release(): void;
};

export const createDelivery = (onError: (error: unknown) => void): Delivery => {
  let release = (): void => {};
  let tail: Promise<unknown> = new Promise<void>((resolve) => {
    release = resolve;
  });
  return {
    push: (task) => {
      tail = tail.then(task).catch(onError);
    },
    // After the promise that hands the dialog over has been seen by the one who waits for it: its handlers come first.
    release: () => setImmediate(release),
  };
};
