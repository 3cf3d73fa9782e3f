/** What the transaction layer knows of transports (RFC 3261 section 18). Implemented in `transports/`. */
export type TransportName = 'udp' | 'tcp' | 'tls';

/** One end of a flow: where a message came from or must go. */
export type Flow = {
  readonly transport: TransportName;
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Identifies the TCP/TLS connection; responses go back on it while it is open. Undefined for UDP. */
  readonly connectionId: number | undefined;
};

/** A place to send to, already resolved to an address (RFC 3263 is done by `resolver.ts` before). */
export type Target = {
  readonly transport: TransportName;
  readonly address: string;
  readonly port: number;
  /** The host name the target was resolved from: TLS checks the certificate against it. */
  readonly host: string;
};

export type ListenPoint = { readonly transport: TransportName; readonly address: string; readonly port: number };

/** Why a send failed; `code` decides between 503 and trying the next target. */
export type SendFailure = {
  readonly code: 'unreachable' | 'timeout' | 'tls' | 'too-large' | 'closed';
  readonly detail: string;
};

export type TransportLayer = {
  /** Listening points with the ports really bound. */
  readonly local: readonly ListenPoint[];
  /**
   * Sends a request's bytes to a target. `bytesFor(transport)` renders the message for the transport finally used,
   * since the top Via names it (18.1.1: over 1300 bytes goes by TCP, back to UDP when TCP is refused).
   * Resolves with the flow used once the bytes were handed to the kernel; rejects with SendFailure.
   */
  sendRequest(target: Target, bytesFor: (transport: TransportName, local: ListenPoint) => Buffer): Promise<Flow>;
  /** Sends again on a flow (retransmission, or a response on the connection its request came by; 18.2.2 when it is gone). */
  sendOn(flow: Flow, bytes: Buffer, fallback?: Target): void;
  /**
   * Closes the TCP or TLS connection of a flow that has brought no byte since `since` (ms of the engine's clock): its
   * other end is gone, whatever the kernel still believes. The next request opens a new one.
   */
  closeIfSilent(flow: Flow, since: number): void;
  /** The listening point whose address our Via and Contact name for this transport and destination. */
  localFor(transport: TransportName, remoteAddress: string): ListenPoint | undefined;
  /** Takes other certificates for the TLS connections to come. Throws when they are none; then those before stay. */
  renewTls(material: import('./options.js').TlsMaterial): void;
  close(): Promise<void>;
};

export type TransportHandlers = {
  /** Complete, parsed and validated message; `raw` is the text received. */
  onMessage(parsed: import('./message.js').ParsedSip, flow: Flow, raw: Buffer): void;
  /**
   * A message that cannot be processed. `status` is the answer the RFC wants (400, 501, 505, 513), given for requests
   * other than ACK that have a Via line (From, To, Call-ID and CSeq may be missing from `partial`: RFC 4475 3.3.1 wants
   * an answer even then); undefined: it is dropped and counted under `reason`, one of a fixed set of sentences.
   */
  onInvalid(
    fault: { reason: string; status: number | undefined; partial: import('./message.js').SipMessage | undefined },
    flow: Flow,
    raw: Buffer,
  ): void;
  /** UDP ICMP error or a connection that ended: the transactions on it must know (RFC 3261 18.4). */
  onFlowError(flow: Flow, failure: SendFailure): void;
  /** Connections that calls are on: they are not closed for being idle, since a call may say nothing for hours. */
  inUse?(): ReadonlySet<number>;
};
