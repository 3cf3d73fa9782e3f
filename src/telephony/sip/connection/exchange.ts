import type { Library, LibraryMessage, LibraryRequest, LibraryResponse } from './library.js';
import {
  bodyOf,
  headerReader,
  type OutgoingRequest,
  type RequestHandlers,
  type SendFault,
  type SentRequest,
  type SipRequest,
  type SipResponse,
} from './messages.js';
import { endOfReceived, endOfSent, type UnfinishedInvites } from './unfinished-invites.js';

/** Sees a message as the library has it; retransmissions, 100 Trying and ACKs of failures never get this far. */
export type MessageTap = (message: {
  readonly direction: 'in' | 'out';
  readonly callId: string;
  readonly raw: string;
  readonly transport: string;
  /** Null for a request of ours: drachtio-server tells its own address, not where it sent it. */
  readonly remote: string | null;
}) => void;

/** What all messages of one connection share. */
export type Exchange = {
  readonly open: OpenTransactions;
  readonly tap?: MessageTap;
  /** Most bytes of one message to the SIP server; none: no limit. */
  readonly messageLimit?: number;
  /** INVITEs whose end the server has not heard from us; left out for a server that ends them itself when we are gone. */
  readonly unfinished?: UnfinishedInvites;
};

/** What waits for the SIP server. The library forgets it silently when its socket closes, so we keep our own list. */
export type OpenTransactions = {
  add(fail: (fault: SendFault) => void): () => void;
  fail(fault: SendFault): void;
  /**
   * Runs a handler of ours. The library calls handlers while it reads its socket and lets their errors through to the
   * process, so one call's fault would end all calls.
   */
  guard(handler: () => void): void;
};

export const openTransactions = (onError: (error: unknown) => void): OpenTransactions => {
  const waiting = new Set<(fault: SendFault) => void>();
  const guard = (handler: () => void): void => {
    try {
      handler();
    } catch (error) {
      onError(error);
    }
  };
  return {
    add: (fail) => {
      waiting.add(fail);
      return () => waiting.delete(fail);
    },
    fail: (fault) => {
      const all = [...waiting];
      waiting.clear();
      for (const fail of all) guard(() => fail(fault));
    },
    guard,
  };
};

const textOf = (error: unknown): string =>
  error instanceof Error ? error.message : typeof error === 'string' ? error : 'unknown error';

const faultOf = (error: unknown): SendFault => {
  const detail = textOf(error);
  const code = error instanceof Error && 'code' in error ? error.code : '';
  if (code === 'ENODIALOG' || /unable to find dialog/i.test(detail)) return { kind: 'no-dialog', detail };
  if (code === 'ESOCKETDESTROYED') return { kind: 'lost', detail };
  return { kind: 'refused', detail };
};

/** Statuses the library does not know; the general one of their class says the same (RFC 3261 section 8.1.3.2). */
const unknownToLibrary = new Set([469, 607, 608]);
const sendable = (status: number): number => (unknownToLibrary.has(status) ? Math.floor(status / 100) * 100 : status);

const withoutUndefined = (headers: Readonly<Record<string, string>> | undefined): Record<string, string> => ({
  ...headers,
});

/** Room for the start line and what the library adds to our headers, bytes. */
const ENVELOPE = 600;

/** Why the SIP server would not take a message of this size, or null. drachtio-server hangs on one instead of saying so. */
const tooLarge = (
  { messageLimit }: Exchange,
  headers: Readonly<Record<string, string>> | undefined,
  body: string | undefined,
): string | null => {
  if (messageLimit === undefined) return null;
  let size = ENVELOPE + Buffer.byteLength(body ?? '');
  for (const [name, value] of Object.entries(headers ?? {})) size += name.length + Buffer.byteLength(value) + 4;
  return size <= messageLimit ? null : `the message has ${size} bytes and the SIP server takes ${messageLimit} at most`;
};

/** A request of the network as this application knows it. */
export const incomingRequest = (request: LibraryRequest, response: LibraryResponse, exchange: Exchange): SipRequest => {
  const { open, tap } = exchange;
  const { headers } = request.msg;
  const header = headerReader(headers);
  const callId = header('call-id') ?? '';
  const source = { transport: request.protocol, address: request.source_address, port: request.source_port };
  const unsolicited = request.source === 'application';
  const remote = `${source.address}:${source.port}`;
  const show = (direction: 'in' | 'out', message: LibraryMessage | undefined): void => {
    if (message?.raw !== undefined) tap?.({ direction, callId, raw: message.raw, transport: source.transport, remote });
  };
  show(unsolicited ? 'out' : 'in', request.msg);
  const first = request.method === 'INVITE' && request.stackDialogId === '' && !unsolicited;
  const finished = first ? exchange.unfinished?.add(endOfReceived(request.stackTxnId, header)) : undefined;
  if (finished !== undefined) request.on('cancel', finished);
  return {
    method: request.method,
    uri: request.uri,
    headers,
    header,
    callId,
    body: bodyOf(request.msg),
    source,
    dialogId: request.stackDialogId,
    unsolicited,
    respond: (status, answer = {}) => {
      if (unsolicited || request.method === 'ACK') return Promise.resolve();
      const fault = tooLarge(exchange, answer.headers, answer.body);
      if (fault !== null) return Promise.reject(new Error(fault));
      return new Promise((resolve, reject) => {
        const done = open.add((fault) => reject(new Error(fault.detail)));
        const options = {
          headers: withoutUndefined(answer.headers),
          ...(answer.body === undefined ? {} : { body: answer.body }),
        };
        try {
          response.send(sendable(status), answer.phrase, options, (error, sent) => {
            done();
            if (error) return reject(new Error(textOf(error)));
            if (status >= 200) finished?.();
            show('out', sent);
            open.guard(() => answer.onSent?.(response.stackDialogId));
            resolve();
          });
        } catch (error) {
          done();
          reject(error instanceof Error ? error : new Error(textOf(error)));
        }
      });
    },
    onCancel: (listener) => request.on('cancel', () => open.guard(listener)),
    onUpdate: (listener) => {
      request.on('update', (update, updateResponse) => {
        open.guard(() => listener(incomingRequest(update, updateResponse, exchange)));
      });
    },
  };
};

const receivedResponse = (response: LibraryResponse): SipResponse => {
  const { headers } = response.msg;
  return {
    status: response.status,
    reason: response.msg.reason ?? '',
    body: bodyOf(response.msg),
    headers,
    header: headerReader(headers),
    dialogId: response.stackDialogId,
    // The server's own responses have no peer: an empty address in the frame.
    local: response.source_address === '',
    source: {
      transport: response.protocol,
      address: response.source_address,
      port: response.source_port,
    },
  };
};

/** Sends a request and reports what becomes of it. Exactly one final response or one fault is reported. */
export const sendRequest = (
  library: Library,
  request: OutgoingRequest,
  handlers: RequestHandlers,
  exchange: Exchange,
): void => {
  const { open, tap } = exchange;
  let over = false;
  let finished: (() => void) | undefined;
  const fault = (reason: SendFault): void => {
    if (over) return;
    over = true;
    if (reason.kind !== 'lost') finished?.();
    done();
    open.guard(() => handlers.onFault(reason));
  };
  const done = open.add(fault);
  const large = tooLarge(exchange, request.headers, request.body);
  if (large !== null) {
    fault({ kind: 'refused', detail: large });
    return;
  }
  const options = {
    method: request.method,
    headers: withoutUndefined(request.headers),
    ...(request.body === undefined ? {} : { body: request.body }),
    ...(request.route === undefined ? {} : { proxy: request.route }),
    ...(request.dialogId === undefined ? {} : { stackDialogId: request.dialogId }),
  };
  try {
    library.request(request.uri ?? 'sip:placeholder', options, (error, sent) => {
      if (over) return;
      if (error || sent === undefined) return fault(faultOf(error));
      const header = headerReader(sent.msg.headers);
      const callId = header('call-id') ?? '';
      const show = (
        direction: 'in' | 'out',
        { raw }: LibraryMessage,
        transport: string,
        remote: string | null,
      ): void => {
        if (raw !== undefined) tap?.({ direction, callId, raw, transport, remote });
      };
      show('out', sent.msg, sent.protocol, null);
      if (request.method === 'INVITE' && request.dialogId === undefined) {
        finished = exchange.unfinished?.add(endOfSent(sent.stackTxnId, sent.uri));
      }
      open.guard(() => handlers.onSent?.(sentRequest(sent, header, callId)));
      if (request.method === 'ACK' || request.method === 'CANCEL') {
        over = true;
        done();
        return;
      }
      sent.on('response', (response, ack) => {
        const received = receivedResponse(response);
        if (!received.local) {
          show('in', response.msg, response.protocol, `${response.source_address}:${response.source_port}`);
        }
        if (over) return;
        if (received.status >= 200) {
          over = true;
          finished?.();
          done();
        }
        const acknowledge = (body?: string): void => {
          try {
            ack(body === undefined ? {} : { body, ...sdpHeaders }, () => {});
          } catch {
            // The connection broke between the response and this ACK; the dialog ends with the connection.
          }
        };
        open.guard(() => handlers.onResponse(received, acknowledge));
      });
      sent.on('update', (update, updateResponse) => {
        const received = incomingRequest(update, updateResponse, exchange);
        open.guard(() => {
          if (handlers.onUpdate !== undefined) handlers.onUpdate(received);
          else received.respond(500, { headers: { 'Retry-After': '2' } }).catch(() => {});
        });
      });
    });
  } catch (error) {
    fault({ kind: 'lost', detail: textOf(error) });
  }
};

const sdpHeaders = { headers: { 'Content-Type': 'application/sdp' } };

const sentRequest = (
  sent: LibraryRequest,
  header: (name: string) => string | undefined,
  callId: string,
): SentRequest => ({
  callId,
  uri: sent.uri,
  headers: sent.msg.headers,
  header,
  cancel: () => {
    try {
      sent.cancel({}, () => {});
    } catch {
      // No connection any more: its loss ends the transaction too.
    }
  },
});
