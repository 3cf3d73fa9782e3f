import { GatewayError } from '../../../core/errors.js';
import type { IncomingCall } from '../../../domain/calls/ports.js';
import type { Admitted } from '../admission/admit.js';
import { readCustomHeaders, readRemote } from '../admission/parties.js';
import type { SipRequest } from '../connection/messages.js';
import { DIALOG_METHODS } from '../dialogs/dialog.js';
import { validHeaders } from '../header-rules.js';
import { hasToken, plainText } from '../request-view.js';
import { sendAnswer } from './answering.js';
import { answerQuietly, type CallDeps, type DialogEntry } from './deps.js';

/**
 * `open`: nothing final sent. `answering`: the 200 may be on its way. `settled`: answered or refused. `gone`: cancelled,
 * or the transaction was lost with the SIP server.
 */
type State = 'open' | 'answering' | 'settled' | 'gone';

/** A caller's proxies give up on an INVITE that is silent for three minutes (RFC 3261 section 13.3.1.1), ms. */
const RING_REPEAT = 55_000;

export type IncomingCallOptions = {
  readonly request: SipRequest;
  readonly admitted: Admitted;
  readonly deps: CallDeps;
  /** A refusal by the owner of the call. */
  onRefused(status: number, rule: string): void;
  /** The INVITE is settled, one way or the other. */
  onSettled(): void;
};

export type IncomingLeg = {
  readonly call: IncomingCall;
  /** The SIP server is lost, and the INVITE's transaction with it. */
  lost(): void;
  /** Refuses the call when its owner failed to do anything with it. */
  abandon(): void;
};

/** A reliable 18x that waits for its PRACK. */
type Reliable = { readonly acknowledged: Promise<void>; acknowledge(): void };

const awaitPrack = (): Reliable => {
  let acknowledge = (): void => {};
  const acknowledged = new Promise<void>((resolve) => {
    acknowledge = resolve;
  });
  return { acknowledged, acknowledge };
};

/** An admitted INVITE as the domain sees it. */
export const createIncomingCall = (options: IncomingCallOptions): IncomingLeg => {
  const { request, admitted, deps } = options;
  const { profile } = admitted;
  const log = deps.log.child({ sipCallId: plainText(request.callId), profile: profile.name });
  const cancelled = new AbortController();
  const reliably = hasToken(request, 'require', '100rel');
  let state: State = 'open';
  let repeat: { cancel(): void } | null = null;
  /** Where the early dialog is registered, once a provisional answer has made one. */
  let earlyId: string | null = null;
  /** A 200 must wait until a reliable 18x with SDP has been acknowledged (RFC 3262 section 5). */
  let reliable: Reliable | null = null;

  const settle = (next: 'settled' | 'gone'): void => {
    state = next;
    repeat?.cancel();
    reliable?.acknowledge();
    if (earlyId !== null && deps.dialogs.get(earlyId) === early) deps.dialogs.delete(earlyId);
    options.onSettled();
  };
  const leave = (why: string): void => {
    if (state !== 'open' && state !== 'answering') return;
    settle('gone');
    cancelled.abort(new GatewayError('leg_ended', why));
  };

  /** Takes what the caller sends inside the early dialog. */
  const early: DialogEntry = {
    receive: (inside) => {
      switch (inside.method) {
        case 'PRACK':
          answerQuietly(inside, 200);
          return reliable?.acknowledge();
        case 'BYE':
          // Allowed to a caller instead of CANCEL (RFC 3261 section 15); the INVITE is then answered with 487.
          answerQuietly(inside, 200);
          if (state === 'open') answerQuietly(request, 487);
          return leave('The caller hung up before the answer.');
        case 'INFO':
          return answerQuietly(inside, 200);
        case 'UPDATE':
        case 'INVITE':
          // The offer of the INVITE is still open; an UPDATE may bring none (RFC 3311 section 5.2).
          if (inside.method === 'UPDATE' && inside.body === '') return answerQuietly(inside, 200);
          return answerQuietly(inside, 500, { 'Retry-After': '3' });
        case 'ACK':
          return;
        default:
          return answerQuietly(inside, 405, { Allow: DIALOG_METHODS });
      }
    },
    lost: () => leave('The SIP server was lost.'),
  };
  request.onCancel(() => leave('The caller cancelled before the answer.'));
  request.onUpdate(early.receive);

  const provisional = (status: 180 | 183, sdp: string | null): void => {
    if (state !== 'open') return;
    repeat?.cancel();
    repeat = deps.clock.after(RING_REPEAT, () => provisional(status, sdp));
    if (reliably && sdp !== null) reliable ??= awaitPrack();
    request
      .respond(status, {
        headers: {
          ...(reliably ? { Require: '100rel' } : {}),
          ...(sdp === null ? {} : { 'Content-Type': 'application/sdp' }),
        },
        ...(sdp === null ? {} : { body: sdp }),
        onSent: (dialogId) => {
          if (state === 'settled' || state === 'gone') return;
          earlyId = dialogId;
          deps.dialogs.set(dialogId, early);
        },
      })
      .catch((error) => {
        reliable?.acknowledge();
        log.debug({ status, error: String(error) }, 'a provisional answer could not be sent');
      });
  };

  const answer: IncomingCall['answer'] = async (sdp, events) => {
    if (state === 'settled' || state === 'answering') {
      throw new GatewayError('conflict', 'The call has been answered or refused already.');
    }
    if (state === 'open') {
      state = 'answering';
      repeat?.cancel();
      await reliable?.acknowledged;
    }
    if (cancelled.signal.aborted) throw new GatewayError('leg_ended', 'The caller cancelled before the answer.');
    const answered = sendAnswer({ request, admitted, deps, log, sdp, events });
    try {
      return await answered;
    } finally {
      if (state === 'answering') settle('settled');
    }
  };

  const reject: IncomingCall['reject'] = (status, rule, headers = {}) => {
    if (state !== 'open') return;
    settle('settled');
    log.warn({ status, rule, called: admitted.called.raw }, 'call rejected');
    options.onRefused(status, rule);
    answerQuietly(request, status, validHeaders(headers, log));
  };

  return {
    call: {
      sipCallId: request.callId,
      profile: profile.rules,
      source: request.source,
      caller: admitted.caller,
      called: admitted.called.number,
      calledRaw: admitted.called.raw,
      offer: admitted.offer,
      headers: readCustomHeaders(request.headers),
      remote: readRemote(request),
      receivedAt: deps.clock.now(),
      log,
      cancelled: cancelled.signal,
      ring: () => provisional(180, null),
      progress: (sdp) => provisional(183, sdp),
      answer,
      reject,
    },
    lost: () => leave('The SIP server was lost.'),
    abandon: () => reject(500, 'The gateway failed to handle the call.'),
  };
};
