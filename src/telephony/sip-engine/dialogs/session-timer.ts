import { emptyBody, field, hasToken } from '../compose.js';
import type { SipHeader, SipMessage, SipRequest, SipResponse } from '../message.js';
import { Timer } from '../transactions/timers.js';
import type { EngineContext } from '../user-agent/context.js';
import { endDialog, sendAck, sendOwnRequest } from '../user-agent/dialog-requests.js';
import type { Dialog, RefreshTimer } from './dialog.js';

/** Smallest session interval RFC 4028 allows anybody to ask for, seconds. */
export const smallestInterval = 90;

/** A peer that asks for more than a day asks for no timer at all, seconds. */
const longestInterval = 86_400;

export type SessionExpires = { seconds: number; refresher: 'uac' | 'uas' | undefined };

/** The Session-Expires of a message (RFC 4028 section 4), undefined when absent or no number. */
export const sessionExpires = (message: Pick<SipMessage, 'headers'>): SessionExpires | undefined => {
  const value = message.headers.find((h) => h.name === 'Session-Expires')?.value;
  const match = value === undefined ? undefined : /^\s*(\d{1,9})\s*(;.*)?$/.exec(value);
  if (!match) return undefined;
  const refresher = /;\s*refresher\s*=\s*(uac|uas)\b/i.exec(match[2] ?? '')?.[1]?.toLowerCase();
  return { seconds: Number(match[1]), refresher: refresher === 'uac' || refresher === 'uas' ? refresher : undefined };
};

const minSe = (message: SipMessage): number => Number(/^\s*(\d+)/.exec(field(message, 'Min-SE') ?? '')?.[1] ?? 0);

/** The interval to refuse with 422, when the peer knows the extension and asks for less than we accept (section 9). */
export const tooSmall = (request: SipRequest, minimum: number): boolean => {
  const asked = sessionExpires(request);
  return asked !== undefined && asked.seconds < minimum && hasToken(request, 'Supported', 'timer');
};

/** The interval to ask for after a 422, or undefined when the response is none or our request asked for none. */
export const retryInterval = (request: SipRequest, response: SipResponse): number | undefined => {
  if (response.status !== 422) return undefined;
  const asked = sessionExpires(request);
  const wanted = minSe(response);
  return asked && wanted > asked.seconds && wanted < longestInterval ? wanted : undefined;
};

/**
 * Headers our 2xx needs for the timer a request asks for (section 9), unless the application wrote its own. The peer
 * refreshes when it can, for only a client that knows the extension may be named as refresher.
 */
export const answerHeaders = (request: SipRequest, own: readonly SipHeader[]): SipHeader[] => {
  const wanted = sessionExpires({ headers: [...own] });
  const asked = sessionExpires(request);
  if (!wanted && !asked) return [];
  const peerKnows = hasToken(request, 'Supported', 'timer');
  const offered = wanted ?? asked;
  if (!offered || offered.seconds < smallestInterval) return [];
  const refresher = wanted?.refresher ?? asked?.refresher ?? (peerKnows ? 'uac' : 'uas');
  const headers: SipHeader[] = [{ name: 'Session-Expires', value: `${offered.seconds};refresher=${refresher}` }];
  if (refresher === 'uac' && peerKnows && !own.some((h) => h.name === 'Require' && /\btimer\b/.test(h.value))) {
    headers.push({ name: 'Require', value: 'timer' });
  }
  return headers;
};

const refreshHeaders = (ctx: EngineContext, seconds: number, refresher: 'uac' | 'uas'): SipHeader[] => [
  { name: 'Supported', value: 'timer' },
  { name: 'Session-Expires', value: `${seconds};refresher=${refresher}` },
  { name: 'Min-SE', value: String(Math.min(seconds, ctx.options.minSessionExpires ?? smallestInterval)) },
];

/**
 * What a re-INVITE or UPDATE of the application needs so that the session's timer goes on as it is (section 7.4): without
 * it the peer's 2xx would name no interval, and nobody would notice any more that the other side is gone.
 */
export const keepTimer = (
  ctx: EngineContext,
  dialog: Dialog,
  method: string,
  own: readonly SipHeader[],
): SipHeader[] => {
  const agreed = dialog.sessionTimer?.agreed;
  if (!agreed || (method !== 'INVITE' && method !== 'UPDATE')) return [];
  if (own.some((header) => header.name === 'Session-Expires')) return [];
  const named = new Set(
    own.filter(({ name, value }) => name !== 'Supported' || /\btimer\b/i.test(value)).map((h) => h.name),
  );
  return refreshHeaders(ctx, agreed.seconds, agreed.weRefresh ? 'uac' : 'uas').filter(({ name }) => !named.has(name));
};

/** Runs the timer of one session: refreshes in time when we are the refresher, hangs up when the peer misses its turn. */
class SessionTimer implements RefreshTimer {
  agreed: RefreshTimer['agreed'];
  readonly #timer: Timer;
  readonly #expiry: Timer;
  readonly #ctx: EngineContext;
  readonly #dialog: Dialog;

  constructor(ctx: EngineContext, dialog: Dialog) {
    this.#ctx = ctx;
    this.#dialog = dialog;
    this.#timer = new Timer(ctx.clock);
    this.#expiry = new Timer(ctx.clock);
    dialog.whenTerminated(() => this.stop());
  }

  stop(): void {
    this.agreed = undefined;
    this.#timer.stop();
    this.#expiry.stop();
  }

  /** A refresh was agreed: counts from now (section 10). */
  run(seconds: number, weRefresh: boolean): void {
    this.stop();
    this.agreed = { seconds, weRefresh };
    if (weRefresh) this.#timer.start(seconds * 500, () => this.#refresh(seconds));
    // The side that waits hangs up a little before the end, so that both do not do it at once.
    this.#expiry.start((seconds - Math.min(32, Math.floor(seconds / 3))) * 1000, () => {
      endDialog(this.#ctx, this.#dialog, 'Session timer expired', 'session-expired');
    });
  }

  /** @param longer how often the peer has asked for a longer interval in this refresh. */
  #refresh(seconds: number, longer = 0): void {
    const dialog = this.#dialog;
    if (dialog.outgoingInvite || dialog.openInvite !== undefined) {
      this.#timer.start(retryAfterGlare, () => this.#refresh(seconds));
      return;
    }
    const headers = refreshHeaders(this.#ctx, seconds, 'uac');
    const method = dialog.peerAllowsUpdate ? 'UPDATE' : 'INVITE';
    const body = method === 'INVITE' ? (dialog.localSdp ?? emptyBody) : emptyBody;
    if (body.length > 0) headers.push({ name: 'Content-Type', value: 'application/sdp' });
    if (method === 'INVITE') dialog.outgoingInvite = true;
    sendOwnRequest(this.#ctx, dialog, method, {
      headers,
      body,
      onFinal: (response) => {
        if (method === 'INVITE') dialog.outgoingInvite = false;
        if (dialog.state === 'terminated') return;
        const status = response?.message.status;
        if (response === undefined || status === 481 || status === 408) {
          endDialog(this.#ctx, dialog, 'Session refresh failed', 'session-expired');
        } else if (status !== undefined && status < 300) {
          const seq = response.cseq.number;
          if (method === 'INVITE') {
            if (dialog.lastAck?.seq === seq) {
              dialog.lastAck.resend();
              return;
            }
            sendAck(this.#ctx, dialog, seq, [], emptyBody);
          }
          startFrom(this.#ctx, dialog, sessionExpires(response.message) ?? { seconds, refresher: 'uac' }, 'uac');
        } else if (status === 491 || status === 500) {
          this.#timer.start(retryAfterGlare, () => this.#refresh(seconds));
        } else if (method === 'UPDATE' && (status === 405 || status === 501)) {
          // It listed a method that it, or something on the way, does not take.
          dialog.peerAllowsUpdate = false;
          this.#refresh(seconds);
        } else if (status === 422 && longer < 3) {
          const wanted = minSe(response.message);
          if (wanted > seconds && wanted < longestInterval) this.#refresh(wanted, longer + 1);
        }
        // Any other refusal leaves the session as it is until the interval ends (section 10).
      },
    });
  }
}

const retryAfterGlare = 2_500;

const startFrom = (ctx: EngineContext, dialog: Dialog, agreed: SessionExpires, role: 'uac' | 'uas'): void => {
  dialog.sessionTimer ??= new SessionTimer(ctx, dialog);
  dialog.sessionTimer.run(Math.max(agreed.seconds, smallestInterval), (agreed.refresher ?? 'uac') === role);
};

/**
 * An INVITE or UPDATE was answered with 2xx: starts, restarts or stops the timer of the session. `role` is ours in
 * that transaction, which is what `refresher` speaks of (section 7.2, 9).
 */
export const onInviteAnswered = (
  ctx: EngineContext,
  dialog: Dialog,
  request: SipRequest,
  response: SipResponse,
  role: 'uac' | 'uas',
): void => {
  const agreed = sessionExpires(response);
  if (agreed) {
    startFrom(ctx, dialog, agreed, role);
    return;
  }
  const asked = role === 'uac' ? sessionExpires(request) : undefined;
  // A UAS that does not know the extension leaves refreshing to the UAC that wanted it (section 7.2).
  if (asked && asked.seconds >= smallestInterval) startFrom(ctx, dialog, { ...asked, refresher: 'uac' }, role);
  else if (request.method === 'INVITE') dialog.sessionTimer?.stop();
};
