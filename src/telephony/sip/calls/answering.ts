import { GatewayError } from '../../../core/errors.js';
import type { Logger } from '../../../core/logger.js';
import type { Dialog, DialogEnd, DialogEvents } from '../../../domain/calls/ports.js';
import { parseNameAddrList } from '../../sip-engine/header-values.js';
import type { Admitted } from '../admission/admit.js';
import { readSessionDescription } from '../admission/body.js';
import type { SipRequest } from '../connection/messages.js';
import { createDialog, DIALOG_METHODS, type LiveDialog, reasonText } from '../dialogs/dialog.js';
import { answerQuietly, type CallDeps, type DialogEntry } from './deps.js';
import { timerOfAnswer } from './session-timer.js';

export type Answering = {
  readonly request: SipRequest;
  readonly admitted: Admitted;
  readonly deps: CallDeps;
  readonly log: Logger;
  readonly sdp: string;
  readonly events: DialogEvents;
};

const CANCELLED = 'The caller cancelled before the answer.';

/**
 * Sends the 200 and resolves with the dialog when the ACK is there, with the SDP in it when we offered. Until then
 * nothing of the dialog reaches its owner. Rejects with GatewayError leg_ended when the caller cancelled first (the
 * SIP server has answered 487 and takes no 200). It also rejects when the caller hung up instead of acknowledging, or
 * never acknowledged (the SIP server has repeated the 200 for 32 s and sent BYE): `ended` tells first which it was.
 */
export const sendAnswer = (answering: Answering): Promise<{ dialog: Dialog; ackSdp: string | null }> =>
  new Promise((resolve, reject) => {
    const { request, admitted, deps, log } = answering;
    const { profile } = admitted;
    const weOffer = admitted.offer === null;
    let id = '';
    let live: LiveDialog | null = null;
    const fail = (why: string): void => {
      deps.dialogs.delete(id);
      reject(new GatewayError('leg_ended', why));
    };
    const end = (by: DialogEnd['by'], reason: string): void => {
      answering.events.ended({ by, reason });
      fail(reason);
    };

    const confirm = (ack: SipRequest): void => {
      if (live === null) return;
      const description = weOffer ? readSessionDescription(ack) : null;
      const ackSdp = description?.admitted === true ? description.value : null;
      deps.dialogs.set(id, live);
      resolve({ dialog: live.dialog, ackSdp });
      live.release();
    };
    /** Stands for the dialog until the ACK. */
    const unconfirmed: DialogEntry = {
      receive: (inside) => {
        switch (inside.method) {
          case 'ACK':
            return confirm(inside);
          case 'BYE': {
            answerQuietly(inside, 200);
            const reason = reasonText(inside.header('reason')) ?? 'timer H';
            return inside.unsolicited
              ? end('timer', `No ACK came for our answer: ${reason}.`)
              : end('remote', 'The caller hung up.');
          }
          case 'INVITE':
          case 'UPDATE':
            // Our own offer or answer is not confirmed yet (RFC 3261 section 14.2, RFC 3311 section 5.2).
            return answerQuietly(inside, weOffer ? 491 : 500, weOffer ? {} : { 'Retry-After': '1' });
          default:
            live?.receive(inside);
        }
      },
      lost: (reason) => end('lost', reason),
    };

    request
      .respond(200, {
        headers: {
          'Content-Type': 'application/sdp',
          Allow: DIALOG_METHODS,
          Supported: 'timer, 100rel',
          ...timerOfAnswer(request, profile.sessionTimer),
        },
        body: answering.sdp,
        onSent: (dialogId) => {
          id = dialogId;
          live = createDialog({
            id,
            sipCallId: request.callId,
            weStarted: false,
            remote: request.source,
            description: answering.sdp,
            target: parseNameAddrList(request.header('contact') ?? '')?.[0]?.uri ?? '',
            connection: deps.connection,
            clock: deps.clock,
            log,
            referAccepted: profile.refer.accept,
            events: answering.events,
            onOver: () => deps.dialogs.delete(dialogId),
          });
          deps.dialogs.set(id, unconfirmed);
        },
      })
      .catch((error) => {
        log.debug({ error: String(error) }, 'the answer could not be sent');
        fail(CANCELLED);
      });
  });
