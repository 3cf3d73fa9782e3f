import type { Clock } from '../../../core/clock.js';
import { redactMessage } from './redact.js';
import { summarize } from './summary.js';
import { type Withheld, withheldIn } from './withheld.js';

export type LadderEntry = {
  /** ms since the epoch. */
  readonly at: number;
  readonly direction: 'in' | 'out';
  readonly transport: string;
  /** `address:port` of the peer, and ours where known. */
  readonly remote: string;
  readonly local: string | null;
  readonly callId: string;
  readonly label: string;
  readonly startLine: string;
  readonly request: boolean;
  readonly sdp: boolean;
  readonly retransmission: boolean;
  /** The message without credentials and keys; cut when it is very long. */
  readonly message: string;
};

export type LadderView = {
  readonly sessionId: string;
  readonly entries: readonly LadderEntry[];
  /** Messages that did not fit; those kept are the first ones and the latest. */
  readonly dropped: number;
};

/** One message as the embedded engine's tap reports it. */
export type WireMessage = {
  readonly at: number;
  readonly direction: 'in' | 'out';
  readonly transport: string;
  readonly local: string;
  readonly remote: string;
  readonly callId: string;
  readonly retransmission: boolean;
  readonly raw: Uint8Array;
};

export type Ladder = {
  /** A message on the wire; fits the engine's tap. */
  record(message: WireMessage): void;
  /** One message as the SIP library has it; `remote` null: sent to where the SIP server found best. */
  recordText(message: {
    readonly at: number;
    readonly direction: 'in' | 'out';
    readonly transport: string;
    readonly remote: string | null;
    readonly callId: string;
    readonly raw: string;
  }): void;
  /** Says that a Call-ID belongs to a session; what was recorded for it before counts. */
  bind(sessionId: string, sipCallId: string): void;
  /** The session's messages in order of time; null when nothing is known of it. */
  get(sessionId: string): LadderView | null;
  /** The session has ended: its ladder is kept for a while and then forgotten. */
  end(sessionId: string): void;
  /** Whether the peer has sent anything under this Call-ID; null when the Call-ID is not known. */
  heardFrom(sipCallId: string): boolean | null;
  readonly stats: () => { readonly calls: number; readonly bytes: number };
};

export type LadderLimits = {
  /** Messages kept of one Call-ID: the first half of them, and the latest. */
  readonly messagesPerCall: number;
  /** Bytes kept of one message. */
  readonly bytesPerMessage: number;
  /** Bytes in all; the oldest calls without a live session go first. */
  readonly totalBytes: number;
  /** Calls that no session has claimed (refused, scanners). */
  readonly unboundCalls: number;
  /** How long a ladder is kept after its session ended, ms. */
  readonly keepAfterEnd: number;
};

export const defaultLadderLimits: LadderLimits = {
  messagesPerCall: 200,
  bytesPerMessage: 8192,
  totalBytes: 24 * 1024 * 1024,
  unboundCalls: 2000,
  keepAfterEnd: 15 * 60_000,
};

type Stored = Omit<LadderEntry, 'remote' | 'label' | 'startLine' | 'request' | 'sdp' | 'message'> & {
  readonly remote: string | null;
  readonly text: string;
};
type Call = {
  readonly callId: string;
  stored: Stored[];
  dropped: number;
  bytes: number;
  heard: boolean;
  sessionId: string | null;
};

/** Keeps the SIP messages of calls, bounded per call and in all. Secrets are taken out when a ladder is read. */
export const createLadder = (clock: Clock, limits: LadderLimits = defaultLadderLimits): Ladder => {
  // Both maps keep the order of insertion: the first entries are the oldest.
  const unbound = new Map<string, Call>();
  const bound = new Map<string, Call>();
  const sessions = new Map<string, { readonly callIds: Set<string>; ended: boolean }>();
  let bytes = 0;

  const forget = (call: Call): void => {
    bytes -= call.bytes;
    unbound.delete(call.callId);
    bound.delete(call.callId);
  };
  const forgetSession = (sessionId: string): void => {
    const session = sessions.get(sessionId);
    if (session === undefined) return;
    sessions.delete(sessionId);
    for (const callId of session.callIds) {
      const call = bound.get(callId);
      if (call?.sessionId === sessionId) forget(call);
    }
  };
  const makeRoom = (): void => {
    for (const call of unbound.values()) {
      if (bytes <= limits.totalBytes) return;
      forget(call);
    }
    for (const [sessionId, session] of sessions) {
      if (bytes <= limits.totalBytes) return;
      if (session.ended) forgetSession(sessionId);
    }
    // Live calls keep their beginning: a flood of them costs the latest messages of the longest-running ones.
    for (const call of bound.values()) {
      if (bytes <= limits.totalBytes) return;
      const kept = call.stored.splice(Math.ceil(call.stored.length / 2));
      for (const gone of kept) {
        call.bytes -= gone.text.length;
        bytes -= gone.text.length;
      }
      call.dropped += kept.length;
    }
  };

  const callOf = (callId: string): Call => {
    const known = bound.get(callId) ?? unbound.get(callId);
    if (known !== undefined) return known;
    if (unbound.size >= limits.unboundCalls) {
      const oldest = unbound.values().next();
      if (oldest.done !== true) forget(oldest.value);
    }
    const call: Call = { callId, stored: [], dropped: 0, bytes: 0, heard: false, sessionId: null };
    unbound.set(callId, call);
    return call;
  };

  const store = (entry: Stored): void => {
    const call = callOf(entry.callId);
    if (entry.direction === 'in') call.heard = true;
    if (call.stored.length >= limits.messagesPerCall) {
      // The beginning explains a call and the end its fate; the middle goes.
      const [gone] = call.stored.splice(Math.floor(limits.messagesPerCall / 2), 1);
      if (gone !== undefined) {
        call.bytes -= gone.text.length;
        bytes -= gone.text.length;
      }
      call.dropped++;
    }
    call.stored.push(entry);
    call.bytes += entry.text.length;
    bytes += entry.text.length;
    if (bytes > limits.totalBytes) makeRoom();
  };

  /** Where messages of a call went whose place is not known: to who answered them, else to the host they name. */
  const peerOf = (call: Call): string =>
    call.stored.find(({ direction, remote }) => direction === 'in' && remote !== null)?.remote ??
    /^\S+ sips?:(?:[^\s@]*@)?([^\s;?]+)/i.exec(call.stored[0]?.text ?? '')?.[1] ??
    'unknown';
  const entryOf = (stored: Stored, peer: string, withheld: Withheld | null): LadderEntry => {
    const { text, ...rest } = stored;
    const message = redactMessage(text, withheld);
    const { label, startLine, request, sdp } = summarize(message);
    const remote = stored.remote ?? peer;
    return { ...rest, remote, label, startLine, request, sdp, message };
  };
  const withheldOf = (call: Call): Withheld | null => {
    const told = call.stored.map(({ text }) => withheldIn(text)).filter((users) => users !== null);
    return told.length === 0 ? null : new Set(told.flatMap((users) => [...users]));
  };

  return {
    // Field by field: what is made of the rest of an object gets a hidden class of its own, here for every message kept.
    record: ({ at, direction, transport, local, remote, callId, retransmission, raw }) => {
      if (callId === '') return;
      const length = Math.min(raw.byteLength, limits.bytesPerMessage);
      const text = Buffer.from(raw.buffer, raw.byteOffset, length).toString();
      store({ at, direction, transport, local, remote, callId, retransmission, text });
    },
    recordText: ({ at, direction, transport, remote, callId, raw }) => {
      if (callId === '') return;
      const text = raw.slice(0, limits.bytesPerMessage);
      store({ at, direction, transport, local: null, remote, callId, retransmission: false, text });
    },
    bind: (sessionId, sipCallId) => {
      const session = sessions.get(sessionId) ?? { callIds: new Set<string>(), ended: false };
      sessions.set(sessionId, session);
      session.callIds.add(sipCallId);
      const call = callOf(sipCallId);
      unbound.delete(sipCallId);
      bound.set(sipCallId, call);
      call.sessionId = sessionId;
    },
    get: (sessionId) => {
      const session = sessions.get(sessionId);
      if (session === undefined) return null;
      const calls = [...session.callIds].map((callId) => bound.get(callId)).filter((call) => call !== undefined);
      return {
        sessionId,
        entries: calls
          .flatMap((call) => {
            const peer = peerOf(call);
            const withheld = withheldOf(call);
            return call.stored.map((stored) => entryOf(stored, peer, withheld));
          })
          .sort((a, b) => a.at - b.at),
        dropped: calls.reduce((sum, call) => sum + call.dropped, 0),
      };
    },
    end: (sessionId) => {
      const session = sessions.get(sessionId);
      if (session === undefined || session.ended) return;
      session.ended = true;
      clock.after(limits.keepAfterEnd, () => forgetSession(sessionId));
    },
    heardFrom: (sipCallId) => (bound.get(sipCallId) ?? unbound.get(sipCallId))?.heard ?? null,
    stats: () => ({ calls: bound.size + unbound.size, bytes }),
  };
};
