/** Says once that a dialog is over. An AbortSignal would do the same at ten times the cost, for each call. */
export type Over = {
  readonly aborted: boolean;
  /** Called when the dialog ends, not when it has ended already. */
  add(listener: () => void): void;
  remove(listener: () => void): void;
};

export type OverSwitch = Over & { abort(): void };

export const overSwitch = (): OverSwitch => {
  const listeners = new Set<() => void>();
  let aborted = false;
  return {
    get aborted() {
      return aborted;
    },
    add: (listener) => void listeners.add(listener),
    remove: (listener) => void listeners.delete(listener),
    abort: () => {
      if (aborted) return;
      aborted = true;
      const all = [...listeners];
      listeners.clear();
      for (const listener of all) listener();
    },
  };
};
