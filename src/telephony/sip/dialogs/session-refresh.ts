import { intervalOf, type SessionInterval } from '../calls/session-timer.js';
import type { SipResponse } from '../connection/messages.js';
import { hasToken } from '../request-view.js';
import { type DialogContext, transact } from './context.js';
import type { Offers } from './offers.js';

/** When we refresh, as a part of the interval: before the SIP server would, whose own refresh counts from ours then. */
const PART = 0.4;

const refreshHeaders = (seconds: number): Readonly<Record<string, string>> => ({
  Supported: 'timer',
  'Session-Expires': `${seconds};refresher=uac`,
});

/**
 * Keeps the session of a call whose peer asks for credentials alive (RFC 4028). The SIP server does that for other calls
 * by itself, but knows no password: where the peer challenges its refresh too, the call would end with the interval.
 * `agreed`: the peer's 200 to our INVITE; `asked`: the interval our INVITE asked for, seconds, null for none.
 */
export const keepSession = (
  context: DialogContext,
  offers: Pick<Offers, 'repeat'>,
  agreed: Pick<SipResponse, 'header'>,
  asked: number | null,
): void => {
  let update = hasToken(agreed, 'allow', 'update');
  let timer: { cancel(): void } | null = null;
  context.over.add(() => timer?.cancel());

  const wait = (interval: SessionInterval | null, otherwise: number | null): void => {
    // A peer that does not know the extension leaves it to us (section 7.2).
    const seconds = interval?.seconds ?? otherwise;
    if (seconds === null || (interval !== null && interval.refresher === 'uas') || context.over.aborted) return;
    timer = context.clock.after(seconds * 1_000 * PART, () => {
      refresh(seconds).catch((error: unknown) => {
        // The server's own refresh is still to come.
        if (!context.over.aborted) context.log.info({ error: String(error) }, 'a session could not be refreshed');
      });
    });
  };

  const refresh = async (seconds: number): Promise<void> => {
    const headers = refreshHeaders(seconds);
    if (update) {
      const response = await transact(context, { method: 'UPDATE', headers });
      if (response.status < 300) return wait(intervalOf(response), seconds);
      update = response.status !== 405 && response.status !== 501;
      if (update) throw new Error(`the UPDATE was refused with ${response.status}`);
    }
    wait(intervalOf(await offers.repeat(headers)), seconds);
  };

  wait(intervalOf(agreed), asked);
};
