import type { EndReason, SessionStatus } from '../sessions/records.js';

/**
 * The call as a pure machine: state and event give the next state and what to do. No time, no sockets; `call.ts` carries
 * out the effects. Statuses: ringing → active → transferring → transferred → ended, and transferring → active when a
 * transfer fails (calls.md C3).
 */
export type CallState = {
  readonly status: SessionStatus;
  /**
   * The dialog with the person at the other end. They call: `offered` until we answer, `answering` until the ACK. We call:
   * `dialling` until they answer. `gone` once BYE or CANCEL came, or they did not answer.
   */
  readonly caller: 'offered' | 'answering' | 'dialling' | 'up' | 'gone';
  /** `failed`: it could not be had before we answered, so the fall-back takes its place after the ACK. */
  readonly agent: 'none' | 'starting' | 'failed' | 'up' | 'muted' | 'gone';
  readonly destination: 'none' | 'trying' | 'ringing' | 'up';
  readonly endReason: EndReason | null;
};

export type CallEvent =
  | { readonly type: 'accepted'; readonly answers: 'at-once' | 'when-ready' }
  /** The call is ours to place. `agentFirst`: the agent's leg is had while it rings, else when it is answered. */
  | { readonly type: 'dialled'; readonly agentFirst: boolean }
  /** The person we call did not answer; `reason` says whose doing it was. */
  | { readonly type: 'not-answered'; readonly reason: 'rejected' | 'cancelled' | 'error' }
  | { readonly type: 'agent-ready' }
  | { readonly type: 'agent-left'; readonly failed: boolean }
  /** Somebody is had in the place of an agent that is gone. */
  | { readonly type: 'agent-replaced' }
  /** Both sides have agreed: the ACK of our 200, or their 200. */
  | { readonly type: 'acknowledged' }
  /** The 200 did not lead to a dialog: CANCEL overtook it, or no ACK came. */
  | { readonly type: 'answer-failed'; readonly cancelled: boolean; readonly detail: string }
  | { readonly type: 'cancelled' }
  | { readonly type: 'caller-left' }
  /** Nobody hung up: no ACK came, the session was not refreshed, or the SIP server lost the dialog. */
  | { readonly type: 'caller-lost'; readonly detail: string }
  | { readonly type: 'media-lost' }
  | { readonly type: 'media-failed' }
  | { readonly type: 'hang-up'; readonly reason: 'agent-hangup' | 'api-hangup' | 'max-duration' | 'drain' | 'error' }
  | { readonly type: 'transfer-started' }
  | { readonly type: 'transfer-ringing' }
  /** `keepAgent`: the line may yet turn out to be empty (`returnWithin`), so the agent stays, muted. */
  | { readonly type: 'transfer-connected'; readonly keepAgent: boolean }
  /** The line has stayed long enough: the kept agent may go. */
  | { readonly type: 'transfer-settled' }
  | { readonly type: 'transfer-failed'; readonly step: 'return' | 'hang-up' }
  /** The carrier has taken the caller over (REFER): our leg is over. */
  | { readonly type: 'transfer-handed-over' }
  /** `return` and `next`: it hung up so soon that the call goes on as if nobody had answered (transfer.md T4). */
  | { readonly type: 'destination-left'; readonly step: 'end' | 'return' | 'next'; readonly detail?: string };

export type CallEffect =
  | { readonly type: 'ring' }
  | { readonly type: 'answer' }
  | { readonly type: 'dial' }
  | { readonly type: 'cancel-dial' }
  | { readonly type: 'start-agent' }
  | { readonly type: 'mute-agent' }
  | { readonly type: 'unmute-agent' }
  | { readonly type: 'stop-agent' }
  | { readonly type: 'join' }
  | { readonly type: 'fall-back' }
  /** Nobody talks with the caller while a line is tried: they hear that it rings. */
  | { readonly type: 'ring-back' }
  | { readonly type: 'cancel-transfer'; readonly by: 'caller-hung-up' | 'cancelled' }
  | { readonly type: 'reject'; readonly status: number; readonly reason: string }
  /** Close everything; the legs that still stand get BYE. `detail` says what the reason alone does not. */
  | {
      readonly type: 'end';
      readonly reason: EndReason;
      readonly detail: string | null;
      readonly byeCaller: boolean;
      readonly byeDestination: boolean;
    };

export type Transition = { readonly state: CallState; readonly effects: readonly CallEffect[] };

export const initialCall: CallState = {
  status: 'ringing',
  caller: 'offered',
  agent: 'none',
  destination: 'none',
  endReason: null,
};

const stay = (state: CallState): Transition => ({ state, effects: [] });

/** Ends the call from any state but `ended`: a pending INVITE is refused, a ringing destination cancelled, standing legs get BYE. */
const end = (
  state: CallState,
  reason: EndReason,
  more: {
    readonly refuse?: { readonly status: number; readonly reason: string };
    readonly detail?: string | undefined;
  } = {},
): Transition => {
  const effects: CallEffect[] = [];
  if (state.destination === 'trying' || state.destination === 'ringing') {
    effects.push({ type: 'cancel-transfer', by: state.caller === 'gone' ? 'caller-hung-up' : 'cancelled' });
  }
  if (state.caller === 'offered')
    effects.push({ type: 'reject', ...(more.refuse ?? { status: 480, reason: 'Temporarily Unavailable' }) });
  if (state.caller === 'dialling') effects.push({ type: 'cancel-dial' });
  effects.push({
    type: 'end',
    reason,
    detail: more.detail ?? null,
    // Who is being called may have answered already.
    byeCaller: state.caller === 'up' || state.caller === 'answering' || state.caller === 'dialling',
    byeDestination: state.destination === 'up',
  });
  return {
    state: { ...state, status: 'ended', caller: 'gone', agent: 'gone', destination: 'none', endReason: reason },
    effects,
  };
};

const hasAgent = (state: CallState): boolean => state.agent === 'up' || state.agent === 'muted';

/** The caller is with the agent again, or with what stands in for an agent that left meanwhile. */
const backToAgent = (state: CallState): Transition => {
  const back: CallState = { ...state, status: 'active', destination: 'none' };
  if (state.agent === 'gone') return { state: back, effects: [{ type: 'fall-back' }] };
  return state.agent === 'muted'
    ? { state: { ...back, agent: 'up' }, effects: [{ type: 'unmute-agent' }] }
    : stay(back);
};

export const transition = (state: CallState, event: CallEvent): Transition => {
  if (state.status === 'ended') return stay(state);
  switch (event.type) {
    case 'accepted':
      if (state.caller !== 'offered' || state.agent !== 'none') return stay(state);
      return event.answers === 'at-once'
        ? { state: { ...state, caller: 'answering' }, effects: [{ type: 'answer' }] }
        : { state: { ...state, agent: 'starting' }, effects: [{ type: 'ring' }, { type: 'start-agent' }] };

    case 'dialled': {
      if (state.caller !== 'offered' || state.agent !== 'none') return stay(state);
      const dialling: CallState = { ...state, caller: 'dialling' };
      return event.agentFirst
        ? { state: { ...dialling, agent: 'starting' }, effects: [{ type: 'start-agent' }, { type: 'dial' }] }
        : { state: dialling, effects: [{ type: 'dial' }] };
    }

    case 'not-answered':
      return state.caller === 'dialling' ? end({ ...state, caller: 'gone' }, event.reason) : stay(state);

    case 'agent-ready':
      if (state.agent !== 'starting') return stay(state);
      // It comes while somebody else is being rung: it waits like an agent that was there before.
      if (state.destination === 'ringing')
        return { state: { ...state, agent: 'muted' }, effects: [{ type: 'mute-agent' }] };
      return state.caller === 'offered'
        ? { state: { ...state, agent: 'up', caller: 'answering' }, effects: [{ type: 'answer' }] }
        : stay({ ...state, agent: 'up' });

    case 'agent-replaced':
      return state.agent === 'gone' ? stay({ ...state, agent: 'starting' }) : stay(state);

    case 'acknowledged': {
      if (state.caller !== 'answering' && state.caller !== 'dialling') return stay(state);
      const up: CallState = { ...state, status: 'active', caller: 'up' };
      if (state.agent === 'none') return { state: { ...up, agent: 'starting' }, effects: [{ type: 'start-agent' }] };
      return state.agent === 'failed'
        ? { state: { ...up, agent: 'gone' }, effects: [{ type: 'fall-back' }] }
        : stay(up);
    }

    case 'agent-left':
      if (state.agent === 'gone') return stay(state);
      // While a human is being rung or is there, the agent's end changes nothing for the caller (transfer.md T4), but
      // a line that does not ring yet has left them to the agent: now nothing would be heard.
      if (state.destination !== 'none') {
        const left: CallState = { ...state, agent: 'gone' };
        return state.destination === 'trying' ? { state: left, effects: [{ type: 'ring-back' }] } : stay(left);
      }
      // Nobody is called for an agent that is not there.
      if (state.caller === 'dialling') {
        return end({ ...state, agent: 'gone' }, event.failed ? 'error' : 'agent-hangup');
      }
      if (event.failed) {
        return state.caller === 'offered'
          ? { state: { ...state, agent: 'failed', caller: 'answering' }, effects: [{ type: 'answer' }] }
          : { state: { ...state, agent: 'gone' }, effects: [{ type: 'fall-back' }] };
      }
      return end({ ...state, agent: 'gone' }, 'agent-hangup');

    case 'answer-failed':
      return state.caller === 'answering'
        ? end({ ...state, caller: 'gone' }, event.cancelled ? 'cancelled' : 'error', { detail: event.detail })
        : stay(state);

    case 'cancelled':
      // A CANCEL that crosses our 200 changes nothing (RFC 3261 9.2): the caller's side answers the 200 with ACK and BYE.
      return state.caller === 'offered' ? end({ ...state, caller: 'gone' }, 'cancelled') : stay(state);

    case 'caller-left':
      return state.caller === 'gone' ? stay(state) : end({ ...state, caller: 'gone' }, 'caller-hangup');

    case 'caller-lost':
      return state.caller === 'gone'
        ? stay(state)
        : end({ ...state, caller: 'gone' }, 'error', { detail: event.detail });

    case 'media-lost':
      // Until there is a dialog, nobody has to send anything.
      return state.caller === 'up' ? end(state, 'no-media') : stay(state);

    case 'media-failed':
      return end(state, 'error', { refuse: { status: 500, reason: 'Server Internal Error' } });

    case 'hang-up':
      return end(
        state,
        event.reason,
        event.reason === 'drain' ? { refuse: { status: 503, reason: 'Service Unavailable' } } : {},
      );

    case 'transfer-started':
      if (state.status !== 'active' || state.destination !== 'none') return stay(state);
      return {
        state: { ...state, status: 'transferring', destination: 'trying' },
        // The fall-back destination is called for an agent that is gone.
        effects: state.agent === 'gone' ? [{ type: 'ring-back' }] : [],
      };

    case 'transfer-ringing':
      if (state.destination !== 'trying') return stay(state);
      return state.agent === 'up'
        ? { state: { ...state, destination: 'ringing', agent: 'muted' }, effects: [{ type: 'mute-agent' }] }
        : stay({ ...state, destination: 'ringing' });

    case 'transfer-connected': {
      if (state.destination !== 'trying' && state.destination !== 'ringing') return stay(state);
      const up: CallState = { ...state, status: 'transferred', destination: 'up' };
      const effects: CallEffect[] = [{ type: 'join' }];
      if (!hasAgent(state)) return { state: { ...up, agent: 'gone' }, effects };
      if (!event.keepAgent) return { state: { ...up, agent: 'gone' }, effects: [...effects, { type: 'stop-agent' }] };
      if (state.agent === 'up') effects.push({ type: 'mute-agent' });
      return { state: { ...up, agent: 'muted' }, effects };
    }

    case 'transfer-settled':
      return state.destination === 'up' && hasAgent(state)
        ? { state: { ...state, agent: 'gone' }, effects: [{ type: 'stop-agent' }] }
        : stay(state);

    case 'transfer-failed':
      if (state.destination !== 'trying' && state.destination !== 'ringing') return stay(state);
      return event.step === 'return'
        ? backToAgent(state)
        : end({ ...state, destination: 'none' }, 'destination-hangup');

    case 'transfer-handed-over':
      return state.destination === 'trying' || state.destination === 'ringing'
        ? end({ ...state, destination: 'none' }, 'agent-hangup')
        : stay(state);

    case 'destination-left':
      if (state.destination !== 'up') return stay(state);
      if (event.step === 'return') return backToAgent(state);
      return event.step === 'next'
        ? stay({ ...state, status: 'transferring', destination: 'ringing' })
        : end({ ...state, destination: 'none' }, 'destination-hangup', { detail: event.detail });
  }
};
