import type { EngineClock } from './engine-clock.js';
import type { ListenPoint, TransportName } from './transport.js';

export type EngineLimits = {
  /** Bytes of one SIP message (also the stream framing limit). */
  maxMessageBytes: number;
  maxHeaderCount: number;
  /** Bytes of all header lines together. */
  maxHeaderBytes: number;
  /** Open TCP/TLS connections in all, and from one address. */
  maxConnections: number;
  maxConnectionsPerAddress: number;
  /** A TCP connection that has not completed a first message (or the TLS handshake) within this is closed, ms. */
  halfOpenTimeout: number;
  /** A connection without traffic that no dialog is on is closed after this, ms. */
  idleTimeout: number;
  /** Requests of the network that wait for an answer at once; above it new ones get 503 with Retry-After. */
  maxTransactions: number;
};

export const defaultLimits: EngineLimits = {
  maxMessageBytes: 65_535,
  maxHeaderCount: 256,
  maxHeaderBytes: 49_152,
  maxConnections: 2_000,
  maxConnectionsPerAddress: 500,
  halfOpenTimeout: 10_000,
  idleTimeout: 600_000,
  maxTransactions: 20_000,
};

/**
 * Who decides about new requests of a method, instead of applications that connected: an application the engine connects
 * to for each request (`tcp://host:port`, `tls://host:port`), or a web server that is asked where it goes (`http(s)://`).
 */
export type RequestHandler = {
  /** SIP method, or `*` for all. */
  method: string;
  url: string;
  /** For http(s): GET has the request's facts in the query, POST its SIP text as well. */
  httpMethod?: 'GET' | 'POST';
};

/** What TLS is done with, all of it PEM. */
export type TlsMaterial = {
  /** The chain, own certificate first. */
  cert: string;
  key: string;
  /** The only authorities trusted, also of clients, who are then asked for a certificate; default: the system's. */
  ca?: string;
  /** Trusted besides the system's when we connect. */
  authorities?: string;
  rejectUnauthorized?: boolean;
};

/** An address and port that would be sent to. */
export type TargetAddress = { address: string; port: number };

export type EngineOptions = {
  listen: readonly ListenPoint[];
  /** The drachtio admin port that applications connect to; port 0 picks a free one. */
  admin: { host: string; port: number; secret: string };
  requestHandlers?: readonly RequestHandler[];
  /**
   * Forget whose a dialog is when its application's connection breaks, as drachtio-server does: what the peer sends in
   * it gets 481, but applications may still send in it, and end the INVITEs that were left open. For tests of applications.
   */
  forgetDialogs?: boolean;
  /** Address written into Via and Contact instead of the listen address (1:1 NAT), with ports by transport when they differ. */
  publicAddress?: string;
  publicPorts?: Partial<Record<TransportName, number>>;
  /**
   * Name or address written into Contact in place of ours, with the port and transport of the listening point: peers
   * resolve it, so it must lead to this machine.
   */
  contactHost?: string;
  tls?: TlsMaterial;
  userAgent?: string;
  /**
   * Judges where an INVITE of an application may go, once its next hop is resolved and before anything is sent: one answer
   * for each target. What is not permitted is not called; when nothing is left, the INVITE ends with 503. A rejection
   * permits nothing. Left out, everything is called.
   */
  permit?: (callId: string, targets: readonly TargetAddress[]) => Promise<readonly boolean[]>;
  limits?: Partial<EngineLimits>;
  /** Minimum session interval we accept, seconds (RFC 4028). */
  minSessionExpires?: number;
  clock?: EngineClock;
  /** Name servers to ask instead of the system's, `address[:port]`. */
  dnsServers?: readonly string[];
  log?: (level: 'debug' | 'info' | 'warn' | 'error', fields: Record<string, unknown>, message: string) => void;
  /** Sees every SIP message on the wire, retransmissions included; for the ladder and for HEP. */
  tap?: (event: WireEvent) => void;
};

export type WireEvent = {
  /** ms since the epoch. */
  at: number;
  direction: 'in' | 'out';
  transport: TransportName;
  local: string;
  remote: string;
  callId: string;
  retransmission: boolean;
  raw: Buffer;
};
