import { Cluster, type Redis } from 'ioredis';
import type { Logger } from '../../core/logger.js';
import { storeError } from './failures.js';

export type Subscriber = {
  subscribe(channel: string, listener: (message: string) => void): Promise<() => void>;
  close(): void;
};

/**
 * Publish/subscribe on a connection of its own, opened with the first subscription: a subscribed connection takes no
 * other commands. ioredis subscribes again after each reconnect.
 */
export const subscriber = (client: Redis | Cluster, log: Logger): Subscriber => {
  const listeners = new Map<string, Set<(message: string) => void>>();
  let connection: Redis | Cluster | null = null;
  let closed = false;

  const open = (): Redis | Cluster => {
    // Here commands may wait for the connection: a subscription made during an outage begins when Redis is back.
    const waiting = { enableOfflineQueue: true, maxRetriesPerRequest: null, commandTimeout: undefined };
    const opened =
      client instanceof Cluster ? client.duplicate([], { enableOfflineQueue: true }) : client.duplicate(waiting);
    opened.on('message', (channel: string, message: string) => {
      for (const listener of [...(listeners.get(channel) ?? [])]) {
        try {
          listener(message);
        } catch (error) {
          log.error({ err: error, channel }, 'A subscriber failed.');
        }
      }
    });
    opened.on('error', (error: Error) => log.debug({ err: error }, 'The subscribing connection to Redis failed.'));
    return opened;
  };

  return {
    async subscribe(channel, listener) {
      connection ??= open();
      const set = listeners.get(channel) ?? new Set();
      listeners.set(channel, set);
      set.add(listener);
      if (set.size === 1) {
        await connection.subscribe(channel).catch((error: unknown) => {
          set.delete(listener);
          throw storeError(error);
        });
      }
      return () => {
        if (!set.delete(listener) || set.size > 0 || closed) return;
        listeners.delete(channel);
        connection?.unsubscribe(channel).catch(() => {});
      };
    },
    close() {
      closed = true;
      listeners.clear();
      connection?.disconnect();
    },
  };
};
