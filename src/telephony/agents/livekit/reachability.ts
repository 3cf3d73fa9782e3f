import { RoomServiceClient } from 'livekit-server-sdk';
import type { Clock } from '../../../core/clock.js';
import type { Logger } from '../../../core/logger.js';
import type { LiveKitServer } from './tokens.js';

/** How often LiveKit is asked, and how long it may take, ms. */
const every = 10_000;
const within = 3_000;

export type Reachability = {
  /** What is wrong, in a sentence; null while LiveKit answers and takes our key. */
  fault(): string | null;
  stop(): void;
};

const httpUrl = (url: string): string => url.replace(/^ws/, 'http');

/** Asks for a room there is not: that needs the server, the key and the secret. */
export const watchReachability = (options: {
  readonly server: LiveKitServer;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called after each look. */
  readonly onLook: (up: boolean) => void;
}): Reachability => {
  const { server, clock, log } = options;
  const client = new RoomServiceClient(httpUrl(server.url), server.apiKey, server.apiSecret, {
    requestTimeout: within / 1_000,
  });
  let fault: string | null = 'LiveKit has not answered yet';
  let stopped = false;
  let timer: { cancel(): void } | null = null;

  const ask = async (): Promise<string | null> => {
    try {
      await client.listRooms(['voice-gateway-reachability']);
      return null;
    } catch (error) {
      const status = typeof error === 'object' && error !== null && 'status' in error ? error.status : null;
      if (status === 401 || status === 403) return 'LiveKit does not take LIVEKIT_API_KEY and LIVEKIT_API_SECRET';
      return 'LiveKit does not answer';
    }
  };

  const look = async (): Promise<void> => {
    const next = await ask();
    if (stopped) return;
    if (next !== fault) {
      if (next === null) log.info({}, 'LiveKit answers');
      else log.warn({ fault: next }, 'LiveKit cannot be used');
    }
    fault = next;
    options.onLook(fault === null);
    timer = clock.after(every, () => void look());
  };
  void look();

  return {
    fault: () => fault,
    stop() {
      stopped = true;
      timer?.cancel();
    },
  };
};
