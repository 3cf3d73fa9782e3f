import type { Profile } from '../profiles/profile.js';
import { hasToken, type RequestView } from '../request-view.js';

type Timer = NonNullable<Profile['sessionTimer']>;

/** Headers of our INVITE that ask for a session timer (RFC 4028 section 7.1); none when the profile has no timer. */
export const timerOfInvite = (timer: Timer | null): Readonly<Record<string, string>> =>
  timer === null
    ? { Supported: 'timer' }
    : { Supported: 'timer', 'Session-Expires': String(timer.interval), 'Min-SE': String(timer.minimum) };

/**
 * Headers of our 200 that settle the session timer (RFC 4028 section 9, table 2). The SIP server reads them and runs
 * the timer: it refreshes when `refresher` is us and sends BYE when the peer stops refreshing.
 */
export const timerOfAnswer = (
  request: Pick<RequestView, 'header'>,
  timer: Timer | null,
): Readonly<Record<string, string>> => {
  const value = request.header('session-expires') ?? request.header('x');
  const asked = Number.parseInt(value ?? '', 10);
  const peerHasTimer = hasToken(request, 'supported', 'timer') || hasToken(request, 'require', 'timer');
  const wanted = /;\s*refresher\s*=\s*(uac|uas)/i.exec(value ?? '')?.[1]?.toLowerCase();
  if (!(asked >= 90)) {
    // The caller asked for nothing. We may still start a timer; without its support the refreshing is ours.
    if (timer === null) return {};
    return peerHasTimer
      ? { Require: 'timer', 'Session-Expires': `${timer.interval};refresher=uac` }
      : { 'Session-Expires': `${timer.interval};refresher=uas` };
  }
  // A server may shorten the interval, never lengthen it, and not below the smallest the request allows.
  const floor = Math.max(90, timer?.minimum ?? 90, Number.parseInt(request.header('min-se') ?? '', 10) || 0);
  const interval = timer === null ? asked : Math.max(Math.min(asked, timer.interval), Math.min(asked, floor));
  if (!peerHasTimer) return { 'Session-Expires': `${interval};refresher=uas` };
  return { Require: 'timer', 'Session-Expires': `${interval};refresher=${wanted ?? 'uac'}` };
};

/** The interval a message names, seconds, and who refreshes; null when it names none. */
export type SessionInterval = { readonly seconds: number; readonly refresher: 'uac' | 'uas' | null };

export const intervalOf = (message: Pick<RequestView, 'header'>): SessionInterval | null => {
  const value = message.header('session-expires') ?? message.header('x') ?? '';
  const seconds = Number.parseInt(value, 10);
  const named = /;\s*refresher\s*=\s*(uac|uas)/i.exec(value)?.[1]?.toLowerCase();
  if (!(seconds >= 90)) return null;
  return { seconds, refresher: named === 'uac' || named === 'uas' ? named : null };
};

/** The interval a 422 asks for (its Min-SE, RFC 4028 section 7.3), seconds; null when it is missing or absurd. */
export const intervalAfter422 = (minSe: string | undefined): number | null => {
  const seconds = Number.parseInt(minSe ?? '', 10);
  return seconds >= 90 && seconds <= 86_400 ? seconds : null;
};
