/** A typed emitter whose listeners cannot break the one who emits: an exception is handed to `onListenerError`. */
export type TypedEvents<Events extends Record<string, unknown>> = {
  on<K extends keyof Events>(name: K, listener: (event: Events[K]) => void): () => void;
  emit<K extends keyof Events>(name: K, event: Events[K]): void;
  clear(): void;
};

export const typedEvents = <Events extends Record<string, unknown>>(
  onListenerError: (error: unknown, name: keyof Events) => void = () => {},
): TypedEvents<Events> => {
  const listeners = new Map<keyof Events, Set<(event: never) => void>>();
  return {
    on(name, listener) {
      const set = listeners.get(name) ?? new Set();
      set.add(listener as (event: never) => void);
      listeners.set(name, set);
      return () => set.delete(listener as (event: never) => void);
    },
    emit(name, event) {
      for (const listener of [...(listeners.get(name) ?? [])]) {
        try {
          (listener as (event: Events[typeof name]) => void)(event);
        } catch (error) {
          onListenerError(error, name);
        }
      }
    },
    clear: () => listeners.clear(),
  };
};
