import type { Clock } from '../../../core/clock.js';
import { GatewayError } from '../../../core/errors.js';
import type { Logger } from '../../../core/logger.js';
import type { DialogEnd, DialogEvents, TransportAddress } from '../../../domain/calls/ports.js';
import type { SipConnection } from '../connection/connection.js';
import type { SipRequest, SipResponse } from '../connection/messages.js';
import type { Credentials } from '../digest/answer.js';
import { answerChallenge } from '../digest/answer.js';
import type { Delivery } from './delivery.js';
import type { Over } from './over.js';

/** What belongs to one confirmed dialog; its parts (offers, REFER, requests) share it. */
export type DialogContext = {
  readonly id: string;
  readonly sipCallId: string;
  /** True when we sent the INVITE: decides who waits longer after glare (RFC 3261 section 14.1). */
  readonly weStarted: boolean;
  readonly remote: TransportAddress;
  readonly connection: SipConnection;
  readonly clock: Clock;
  readonly log: Logger;
  readonly credentials: Credentials | undefined;
  /** Request-URI of digests: the remote target. */
  readonly target: string;
  readonly events: DialogEvents;
  readonly delivery: Delivery;
  readonly referAccepted: boolean;
  /** Aborted when the dialog is over, by whichever side. */
  readonly over: Over;
  /** Ends the dialog without a request of ours; the owner is told unless it ended the dialog itself. */
  end(end: DialogEnd): void;
};

export type DialogRequest = {
  readonly method: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Ends an INVITE that rings for ever, ms. */
  readonly patience?: number;
  readonly onUpdate?: (request: SipRequest) => void;
  /**
   * Called with the final response before anything that came behind it is looked at: the peer's next request may be in
   * the same read, long before the one who awaits the response goes on.
   */
  readonly onFinal?: (response: SipResponse) => void;
};

export const legEnded = (): GatewayError => new GatewayError('leg_ended', 'The leg of the call is over.');

/** Longest wait for the final response to a re-INVITE that got a provisional one, ms. */
const REINVITE_PATIENCE = 32_000;

/**
 * Sends a request inside the dialog and resolves with its final response; a 2xx to INVITE is ACKed at once. One
 * challenge is answered when there are credentials. A dialog that the SIP server or the peer does not know any more ends
 * here (`lost`), before this resolves.
 * Rejects with GatewayError leg_ended or sip_unavailable.
 */
export const transact = (context: DialogContext, request: DialogRequest): Promise<SipResponse> =>
  new Promise((resolve, reject) => {
    const attempt = (headers: Readonly<Record<string, string>>, authenticated: boolean): void => {
      let patience: { cancel(): void } | null = null;
      context.connection.send(
        {
          method: request.method,
          dialogId: context.id,
          headers,
          ...(request.body === undefined ? {} : { body: request.body }),
        },
        {
          onSent: (sent) => {
            if (request.method !== 'INVITE') return;
            patience = context.clock.after(request.patience ?? REINVITE_PATIENCE, () => sent.cancel());
          },
          onResponse: (response, ack) => {
            if (response.status < 200) {
              // Only a reliable provisional response is acknowledged (PRACK, RFC 3262).
              if (response.header('rseq') !== undefined) ack();
              return;
            }
            patience?.cancel();
            if (request.method === 'INVITE' && response.status < 300) ack();
            const challenge =
              response.status === 401
                ? response.header('www-authenticate')
                : response.status === 407
                  ? response.header('proxy-authenticate')
                  : undefined;
            if (challenge !== undefined && context.credentials !== undefined && !authenticated) {
              const value = answerChallenge(challenge, context.credentials, {
                method: request.method,
                uri: context.target,
                body: request.body ?? '',
              });
              if (value !== null) {
                const name = response.status === 401 ? 'Authorization' : 'Proxy-Authorization';
                return attempt({ ...headers, [name]: value }, true);
              }
            }
            request.onFinal?.(response);
            // Before anything that came with it: a server may tell of its own BYE in the same read.
            if (endingMethods.has(request.method)) endsDialog(context, response);
            resolve(response);
          },
          onFault: (fault) => {
            patience?.cancel();
            if (fault.kind === 'no-dialog') {
              context.end({ by: 'lost', reason: 'the SIP server does not know the dialog any more' });
              return reject(legEnded());
            }
            reject(new GatewayError('sip_unavailable', `The ${request.method} could not be sent: ${fault.detail}.`));
          },
          ...(request.onUpdate === undefined ? {} : { onUpdate: request.onUpdate }),
        },
      );
    };
    attempt({ ...request.headers }, false);
  });

/** Requests whose refusal speaks of the whole dialog; a NOTIFY's 481 speaks of its subscription, a BYE ends it anyway. */
const endingMethods = new Set(['INVITE', 'UPDATE', 'INFO', 'REFER']);

/**
 * A 481 or 408 to a request inside a dialog ends it (RFC 3261 section 12.2.1.2): the peer has forgotten the call or is
 * gone.
 */
const endsDialog = (context: DialogContext, response: SipResponse): void => {
  if (response.status === 481) {
    context.end({ by: 'lost', reason: 'the other side does not know the dialog any more (481)' });
  }
  if (response.status === 408) {
    // The peer may be alive behind a lossy way: it gets its BYE, whatever becomes of it.
    context.connection.send({ method: 'BYE', dialogId: context.id }, { onResponse: () => {}, onFault: () => {} });
    context.end({ by: 'timer', reason: 'the other side does not answer any more (408)' });
  }
};
