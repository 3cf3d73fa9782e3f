/**
 * A SIP message as the engine holds it (RFC 3261 section 7). Header lines are kept in the order of the wire with
 * compact names expanded and folding removed; values are text exactly as received apart from that, because the
 * drachtio protocol hands them on. Lines that may hold several values (Via, Route, Contact, …) are kept as lines:
 * `header-values.ts` splits them.
 */
export type SipHeader = {
  /** Canonical long name as written to the wire: `Via`, `Call-ID`, `X-Custom`. */
  name: string;
  /** The value, unfolded and trimmed. */
  value: string;
};

type MessageParts = {
  headers: SipHeader[];
  /** Exactly Content-Length bytes (UDP: cut at Content-Length when that is shorter than the datagram, RFC 3261 18.3). */
  body: Buffer;
};

export type SipRequest = MessageParts & { kind: 'request'; method: string; uri: string };
export type SipResponse = MessageParts & { kind: 'response'; status: number; reason: string };
export type SipMessage = SipRequest | SipResponse;

/** The fields every valid message must have, parsed once (RFC 3261 section 8.1.1) and validated by the parser. */
export type ParsedSip<M extends SipMessage = SipMessage> = {
  message: M;
  /** Top Via. */
  via: ViaValue;
  callId: string;
  cseq: { number: number; method: string };
  from: NameAddr;
  to: NameAddr;
  /** Tags of From and To, empty when absent. */
  fromTag: string;
  toTag: string;
};

export type ViaValue = {
  /** Upper case: UDP, TCP, TLS, WS, … */
  transport: string;
  /** Host without brackets, lower case. */
  host: string;
  port: number | undefined;
  params: Map<string, string>;
};

export type NameAddr = {
  display: string;
  /** The addr-spec as text, without angle brackets. */
  uri: string;
  /** Header parameters (tag, expires, q, …), names lower case; a parameter without value maps to ''. */
  params: Map<string, string>;
};

export type SipUri = {
  scheme: 'sip' | 'sips' | 'tel' | (string & {});
  user: string | undefined;
  password: string | undefined;
  host: string;
  port: number | undefined;
  params: Map<string, string>;
  headers: string;
  /** What follows the colon in a scheme other than sip, sips and tel. */
  opaque?: string;
};
