import type { Clock } from '../../core/clock.js';
import type { SipConnection } from './connection/connection.js';

/** What an OPTIONS brought back. `reason`: the phrase of the answer. `detail`: why there was none. */
export type Probe =
  | { readonly answered: true; readonly status: number; readonly reason: string; readonly roundTripMs: number }
  | { readonly answered: false; readonly detail: string };

/**
 * Sends one OPTIONS and waits at most `timeout` ms for what comes back. Any answer of the peer counts, also a refusal:
 * somebody is there. Never rejects.
 */
export const probePeer = (
  connection: SipConnection | null,
  uri: string,
  { clock, timeout }: { readonly clock: Clock; readonly timeout: number },
): Promise<Probe> => {
  if (connection === null) return Promise.resolve({ answered: false, detail: 'no SIP server is connected' });
  return new Promise((resolve) => {
    const at = clock.monotonic();
    const silence = clock.after(timeout, () =>
      resolve({ answered: false, detail: `nothing came back within ${Math.round(timeout / 1_000)} s` }),
    );
    const finish = (probe: Probe): void => {
      silence.cancel();
      resolve(probe);
    };
    connection.send(
      { method: 'OPTIONS', uri },
      {
        onResponse: ({ status, reason, local }) => {
          if (status < 200) return;
          if (local) finish({ answered: false, detail: `it could not be sent (${status} ${reason})` });
          else finish({ answered: true, status, reason, roundTripMs: Math.round(clock.monotonic() - at) });
        },
        onFault: ({ detail }) => finish({ answered: false, detail }),
      },
    );
  });
};
