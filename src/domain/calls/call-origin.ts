import type { CallerIdentity, SessionDirection } from '../sessions/records.js';
import type { Failure } from '../transfer/index.js';
import type { CallEvent } from './machine.js';
import type { AgentAnswers, Dialog, DialogEvents, IncomingCall, MediaLeg, ProfileRules, RemoteParty } from './ports.js';

/**
 * How a call came about: by an INVITE from the person at the other end, or by one of ours to them. Everything else of a
 * call is the same for both.
 */
export type CallOrigin = {
  readonly direction: SessionDirection;
  readonly profile: ProfileRules;
  /** The person at the other end, whoever called whom. */
  readonly caller: CallerIdentity;
  readonly sipCallId: string;
  /** What a SIP peer told besides, by lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly remote?: RemoteParty;
  /** When the INVITE came or went, ms since the epoch. */
  readonly begunAt: number;
  /** Aborted when a caller gives up before the answer. */
  readonly cancelled: AbortSignal;
  /** The machine's first event. */
  first(answers: AgentAnswers): CallEvent;
  ring(): void;
  /**
   * Answers their INVITE, or sends ours, and resolves when both sides have agreed on media. Rejects when that does not
   * come about; then nothing of it is left.
   */
  connect(events: DialogEvents, progress: (status: number, reason: string) => void): Promise<Dialog>;
  /** What an error of `connect` means for the call. */
  failed(error: unknown): { readonly event: CallEvent; readonly failure: Failure | null };
  /** Refuses their INVITE. */
  reject(status: number, reason: string): void;
  /** Gives our INVITE up. */
  giveUp(): void;
};

/** A call that came in. `localSdp`: the answer to their offer, or our offer when the INVITE had none. */
export const incomingOrigin = (incoming: IncomingCall, leg: MediaLeg, localSdp: string): CallOrigin => ({
  direction: 'inbound',
  profile: incoming.profile,
  caller: incoming.caller,
  sipCallId: incoming.sipCallId,
  headers: incoming.headers,
  ...(incoming.remote === undefined ? {} : { remote: incoming.remote }),
  begunAt: incoming.receivedAt,
  cancelled: incoming.cancelled,
  first: (answers) => ({ type: 'accepted', answers }),
  ring: () => incoming.ring(),
  async connect(events) {
    const { dialog, ackSdp } = await incoming.answer(localSdp, events);
    if (ackSdp === null) return dialog;
    try {
      await leg.accept(ackSdp);
      return dialog;
    } catch (error) {
      await dialog.bye();
      throw error;
    }
  },
  failed: (error) => {
    const cancelled = incoming.cancelled.aborted;
    if (!cancelled) incoming.log.warn({ err: error }, 'answering a call failed');
    const detail = error instanceof Error ? error.message : String(error);
    return { event: { type: 'answer-failed', cancelled, detail }, failure: null };
  },
  reject: (status, reason) => incoming.reject(status, reason),
  giveUp: () => {},
});
