import type { Clock } from '../../../core/clock.js';
import { GatewayError } from '../../../core/errors.js';
import type { Logger } from '../../../core/logger.js';
import type { Dialog, DialogEnd, DialogEvents, TransportAddress } from '../../../domain/calls/ports.js';
import type { SipConnection } from '../connection/connection.js';
import type { SipRequest, SipResponse } from '../connection/messages.js';
import type { Credentials } from '../digest/answer.js';
import { plainText } from '../request-view.js';
import { type DialogContext, legEnded, transact } from './context.js';
import { createDelivery } from './delivery.js';
import { createOffers } from './offers.js';
import { overSwitch } from './over.js';
import { createRefers } from './refers.js';
import { keepSession } from './session-refresh.js';

/** Methods we take part in, inside dialogs. */
export const DIALOG_METHODS = 'INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY';

export type DialogOptions = {
  readonly id: string;
  readonly sipCallId: string;
  readonly weStarted: boolean;
  readonly remote: TransportAddress;
  readonly target: string;
  readonly connection: SipConnection;
  readonly clock: Clock;
  readonly log: Logger;
  readonly credentials?: Credentials;
  /** Our description of the first exchange. */
  readonly description: string;
  /**
   * The peer challenged our INVITE, so it is ours to refresh the session: its 200, and the interval the INVITE asked for,
   * seconds.
   */
  readonly refresh?: { readonly agreed: SipResponse; readonly asked: number | null };
  /** Whether a REFER of the peer is put to the owner; otherwise it is declined. */
  readonly referAccepted: boolean;
  readonly events: DialogEvents;
  /** The dialog is over: nothing more must reach it. */
  onOver(): void;
};

/** A confirmed dialog: the owner's side and the network's side of it. */
export type LiveDialog = {
  readonly dialog: Dialog;
  /** A request of the peer inside this dialog. */
  receive(request: SipRequest): void;
  /** The SIP server has forgotten the dialog. */
  lost(reason: string): void;
  /** Lets events through: the owner holds the dialog now. */
  release(): void;
};

/** Text of a Reason header (RFC 3326), or the header itself, or null. */
export const reasonText = (header: string | undefined): string | null => {
  if (header === undefined) return null;
  const text = /\btext\s*=\s*"((?:[^"\\]|\\.)*)"/i.exec(header)?.[1]?.replace(/\\(.)/g, '$1');
  return plainText(text ?? header, 200);
};

export const createDialog = (options: DialogOptions): LiveDialog => {
  const { log, events } = options;
  const over = overSwitch();
  let farewell: Promise<void> | null = null;
  const delivery = createDelivery((error) => log.error({ error: String(error) }, 'a dialog handler failed'));

  const close = (): void => {
    if (over.aborted) return;
    over.abort();
    options.onOver();
  };
  const end = (how: DialogEnd): void => {
    if (over.aborted) return;
    close();
    // Whoever sends BYE knows that the dialog ends; the peer's crossing BYE is no news.
    if (farewell === null) delivery.push(() => events.ended(how));
  };

  const context: DialogContext = {
    id: options.id,
    sipCallId: options.sipCallId,
    weStarted: options.weStarted,
    remote: options.remote,
    target: options.target,
    connection: options.connection,
    clock: options.clock,
    log,
    credentials: options.credentials,
    events,
    delivery,
    referAccepted: options.referAccepted,
    over,
    end,
  };
  const offers = createOffers(context, options.description);
  const refers = createRefers(context);
  if (options.refresh !== undefined) {
    keepSession(context, offers, options.refresh.agreed, options.refresh.asked);
  }

  const respond = (request: SipRequest, status: number, headers: Readonly<Record<string, string>> = {}): void => {
    request.respond(status, { headers }).catch((error) => {
      log.debug({ method: request.method, error: String(error) }, 'an answer inside a dialog could not be sent');
    });
  };

  const receiveInfo = (request: SipRequest): void => {
    respond(request, 200);
    if (request.body === '' || events.info === undefined) return;
    const type = (request.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
    delivery.push(() => events.info?.(type, request.body));
  };

  const receiveRefer = (request: SipRequest) => {
    const target = /^(?:(?:\s*"[^"]*")?[^<"]*<([^>]{1,500})>|\s*([^\s<>;]{1,500}))/.exec(
      request.header('refer-to') ?? '',
    );
    const referTo = target?.[1] ?? target?.[2];
    if (referTo === undefined) return respond(request, 400);
    if (!context.referAccepted || events.referred === undefined) return respond(request, 603);
    delivery.push(async () => {
      const accepted = await events.referred?.(referTo);
      if (accepted !== true || over.aborted) return respond(request, 603);
      respond(request, 202);
      // The owner decides what becomes of the call; we report that we try and end the subscription, since the outcome
      // is not known here (RFC 3515 section 2.4.5 allows 100 as the only report).
      await transact(context, {
        method: 'NOTIFY',
        headers: {
          Event: 'refer',
          'Subscription-State': 'terminated;reason=noresource',
          'Content-Type': 'message/sipfrag;version=2.0',
        },
        body: 'SIP/2.0 100 Trying\r\n',
      }).catch(() => {});
    });
  };

  const receiveBye = (request: SipRequest): void => {
    respond(request, 200);
    const reason = reasonText(request.header('reason'));
    end({ by: request.unsolicited ? 'timer' : 'remote', reason });
  };

  const receive = (request: SipRequest) => {
    switch (request.method) {
      case 'BYE':
        return receiveBye(request);
      case 'ACK':
        if (!offers.receiveAck(request)) log.debug({}, 'an ACK arrived that nothing waits for');
        return;
      case 'INVITE':
      case 'UPDATE':
        return offers.receive(request);
      case 'INFO':
        return receiveInfo(request);
      case 'REFER':
        return receiveRefer(request);
      case 'NOTIFY':
        return refers.receiveNotify(request);
      case 'OPTIONS':
        return respond(request, 200, { Allow: DIALOG_METHODS, Accept: 'application/sdp' });
      case 'PRACK':
        return respond(request, 200);
      case 'MESSAGE':
      case 'SUBSCRIBE':
      case 'PUBLISH':
      case 'REGISTER':
        return respond(request, 405, { Allow: DIALOG_METHODS });
      default:
        return respond(request, 501, { Allow: DIALOG_METHODS });
    }
  };

  const assertOpen = (): void => {
    if (over.aborted || farewell !== null) throw legEnded();
  };

  const dialog: Dialog = {
    sipCallId: options.sipCallId,
    remote: options.remote,
    modify: async (offer) => {
      assertOpen();
      return offers.modify(offer);
    },
    info: async (contentType, body) => {
      assertOpen();
      const response = await transact(context, { method: 'INFO', headers: { 'Content-Type': contentType }, body });
      if (response.status < 300) return;
      throw new GatewayError('sip_refused', `The INFO was refused: ${response.status} ${plainText(response.reason)}.`);
    },
    refer: async (referTo, headers, referOptions) => {
      assertOpen();
      return refers.send(referTo, headers, referOptions);
    },
    bye: (headers = {}) => {
      if (farewell !== null) return farewell;
      if (over.aborted) return Promise.resolve();
      farewell = transact(context, { method: 'BYE', headers }).then(
        (response) => {
          if (response.status >= 300) log.debug({ status: response.status }, 'the BYE was not answered with 200');
        },
        (error) => log.debug({ error: String(error) }, 'the BYE could not be sent'),
      );
      const done = farewell;
      // What waits for an exchange inside the dialog is told at once; requests of the peer are still answered until
      // the peer has seen our BYE.
      void done.then(close);
      return done;
    },
  };

  return { dialog, receive, lost: (reason) => end({ by: 'lost', reason }), release: delivery.release };
};
