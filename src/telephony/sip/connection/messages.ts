import type { TransportAddress } from '../../../domain/calls/ports.js';
import type { RequestView } from '../request-view.js';
import type { LibraryMessage } from './library.js';

/** A received response. */
export type SipResponse = {
  readonly status: number;
  readonly reason: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly dialogId: string;
  /** Made by the SIP server itself (timer, DNS, connection), not by the peer. */
  readonly local: boolean;
  readonly source: TransportAddress;
  header(name: string): string | undefined;
};

/** What a final or provisional answer of ours says. */
export type Answer = {
  readonly phrase?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /**
   * Called with the dialog's id as soon as the answer is on its way, before anything the peer sends after it can
   * arrive here: the ACK may come in the same read as the news that the 200 is out.
   */
  onSent?(dialogId: string): void;
};

/** A received request that can be answered. */
export type SipRequest = RequestView & {
  readonly headers: Readonly<Record<string, string>>;
  readonly callId: string;
  readonly dialogId: string;
  /** True for a BYE the SIP server sent in our name (no ACK, no session refresh): nothing to answer. */
  readonly unsolicited: boolean;
  /** Resolves once the answer is on its way; rejects when it could not be sent. */
  respond(status: number, answer?: Answer): Promise<void>;
  /** Called when the peer cancels this INVITE; the SIP server has answered it with 487 by then. */
  onCancel(listener: () => void): void;
  /** An UPDATE of the peer while this INVITE is not answered. */
  onUpdate(listener: (request: SipRequest) => void): void;
};

/** A request of ours as it went out. */
export type SentRequest = {
  readonly callId: string;
  readonly uri: string;
  readonly headers: Readonly<Record<string, string>>;
  header(name: string): string | undefined;
  /** Sends CANCEL; the SIP server holds it back until a provisional response came (RFC 3261 section 9.1). */
  cancel(): void;
};

export type OutgoingRequest = {
  readonly method: string;
  /** Left out inside a dialog: the SIP server knows the remote target. */
  readonly uri?: string;
  readonly dialogId?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Next hop instead of the one the URI resolves to. */
  readonly route?: string;
};

export type SendFault = {
  /** `no-dialog`: the SIP server does not know the dialog (any more). `refused`: it will not send this. `lost`: no connection to it. */
  readonly kind: 'no-dialog' | 'refused' | 'lost';
  readonly detail: string;
};

/** Called in the order of arrival, synchronously with the arrival, so that nothing of a dialog can overtake its beginning. */
export type RequestHandlers = {
  onSent?(sent: SentRequest): void;
  /** `ack` sends ACK for a 2xx to INVITE and PRACK for a reliable provisional response; otherwise it does nothing useful. */
  onResponse(response: SipResponse, ack: (body?: string) => void): void;
  /** The request could not be sent, or the connection broke before a final response. Called instead of a final response. */
  onFault(fault: SendFault): void;
  /** An UPDATE that came in while this request was open. */
  onUpdate?(request: SipRequest): void;
};

/** Reads headers by any case; several spellings of one name are joined as several lines are. */
export const headerReader = (headers: Readonly<Record<string, string>>): ((name: string) => string | undefined) => {
  let index: Map<string, string> | null = null;
  return (name) => {
    if (index === null) {
      index = new Map();
      for (const [key, value] of Object.entries(headers)) {
        const lower = key.toLowerCase();
        const known = index.get(lower);
        index.set(lower, known === undefined ? String(value) : `${known},${value}`);
      }
    }
    return index.get(name.toLowerCase());
  };
};

/** The body of a message; the library leaves it undefined when there is none. */
export const bodyOf = (message: LibraryMessage): string => message.body ?? '';
