import type { Dialog, DialogEvents } from './ports.js';

/** An INVITE of ours. */
export type OutgoingCallRequest = {
  readonly uri: string;
  /** True: the operator named the host of the URI, so that it may be any; left out, a tenant did. */
  readonly operatorHost?: boolean;
  /** Name of the SIP profile whose header, transport and digest rules apply. */
  readonly profile: string;
  readonly from: { readonly user: string; readonly display: string | null; readonly privacy: boolean };
  readonly headers: Readonly<Record<string, string>>;
  /** Call-ID of the INVITE, where it must be known before; left out, the SIP server makes one. */
  readonly sipCallId?: string;
  readonly offer: string;
  readonly digest?: { readonly username: string; readonly password: string };
  /** ms until CANCEL when nothing final came. */
  readonly ringTimeout: number;
  readonly signal?: AbortSignal;
  /** The INVITE is on its way; called again, with the same Call-ID, when it is repeated with credentials. */
  readonly onSent?: (sipCallId: string) => void;
  /** Call-ID of a call to stay beside: with several SIP servers, the one that has it places this one too. */
  readonly beside?: string;
  readonly onProvisional?: (response: {
    status: number;
    reason: string;
    sdp: string | null;
    headers: ReadonlyMap<string, string>;
    /** Address it came from. */
    source: string;
  }) => void;
  readonly events: DialogEvents;
};

export type OutgoingCallResult =
  | { readonly outcome: 'answered'; readonly dialog: Dialog; readonly sdp: string; readonly sent: SentInvite }
  | {
      readonly outcome: 'failed';
      /** Final status; null when we gave up without one. */
      readonly status: number | null;
      readonly reason: string;
      /** True: made by our own SIP server (timer B, DNS, connect), not by the peer (transfer.md T4). */
      readonly local: boolean;
      /** `timeout`: our ring timeout; `aborted`: the signal; null: the peer's or server's doing. */
      readonly gaveUp: 'timeout' | 'aborted' | null;
      readonly sent: SentInvite | null;
    };

/** The INVITE as it went out, for the attempt record; `viaReceived` is what the peer wrote into our Via. */
export type SentInvite = {
  readonly from: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly viaReceived: string | null;
};

export type Signalling = {
  place(request: OutgoingCallRequest): Promise<OutgoingCallResult>;
};
