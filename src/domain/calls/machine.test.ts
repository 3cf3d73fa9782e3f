import { describe, expect, it } from 'vitest';
import { type CallEffect, type CallEvent, type CallState, initialCall, transition } from './machine.js';

const states: Record<string, CallState> = {
  offered: initialCall,
  'waiting for the agent': { ...initialCall, agent: 'starting' },
  'agent ready, answering': { ...initialCall, agent: 'up', caller: 'answering' },
  answering: { ...initialCall, caller: 'answering' },
  dialling: { ...initialCall, caller: 'dialling' },
  'dialling, agent starting': { ...initialCall, caller: 'dialling', agent: 'starting' },
  'dialling, agent up': { ...initialCall, caller: 'dialling', agent: 'up' },
  'agent failed, answering': { ...initialCall, caller: 'answering', agent: 'failed' },
  'agent starting': { ...initialCall, status: 'active', caller: 'up', agent: 'starting' },
  'agent gone': { ...initialCall, status: 'active', caller: 'up', agent: 'gone' },
  active: { ...initialCall, status: 'active', caller: 'up', agent: 'up' },
  'transfer trying': { ...initialCall, status: 'transferring', caller: 'up', agent: 'up', destination: 'trying' },
  'transfer ringing': { ...initialCall, status: 'transferring', caller: 'up', agent: 'muted', destination: 'ringing' },
  'transfer ringing, agent gone': {
    ...initialCall,
    status: 'transferring',
    caller: 'up',
    agent: 'gone',
    destination: 'ringing',
  },
  'transfer ringing, agent starting': {
    ...initialCall,
    status: 'transferring',
    caller: 'up',
    agent: 'starting',
    destination: 'ringing',
  },
  transferred: { ...initialCall, status: 'transferred', caller: 'up', agent: 'gone', destination: 'up' },
  'transferred, agent kept': { ...initialCall, status: 'transferred', caller: 'up', agent: 'muted', destination: 'up' },
  ended: { status: 'ended', caller: 'gone', agent: 'gone', destination: 'none', endReason: 'caller-hangup' },
};

const events: readonly CallEvent[] = [
  { type: 'accepted', answers: 'at-once' },
  { type: 'accepted', answers: 'when-ready' },
  { type: 'dialled', agentFirst: false },
  { type: 'dialled', agentFirst: true },
  { type: 'not-answered', reason: 'rejected' },
  { type: 'not-answered', reason: 'error' },
  { type: 'agent-ready' },
  { type: 'agent-left', failed: false },
  { type: 'agent-left', failed: true },
  { type: 'agent-replaced' },
  { type: 'acknowledged' },
  { type: 'answer-failed', cancelled: false, detail: 'The answer could not be sent.' },
  { type: 'answer-failed', cancelled: true, detail: 'The caller cancelled.' },
  { type: 'cancelled' },
  { type: 'caller-left' },
  { type: 'caller-lost', detail: 'Session timer expired' },
  { type: 'media-lost' },
  { type: 'media-failed' },
  { type: 'hang-up', reason: 'api-hangup' },
  { type: 'hang-up', reason: 'drain' },
  { type: 'transfer-started' },
  { type: 'transfer-ringing' },
  { type: 'transfer-connected', keepAgent: false },
  { type: 'transfer-connected', keepAgent: true },
  { type: 'transfer-settled' },
  { type: 'transfer-failed', step: 'return' },
  { type: 'transfer-failed', step: 'hang-up' },
  { type: 'transfer-handed-over' },
  { type: 'destination-left', step: 'end' },
  { type: 'destination-left', step: 'return' },
  { type: 'destination-left', step: 'next' },
];

const brief = (effect: CallEffect): string => {
  if (effect.type === 'reject') return `reject ${effect.status}`;
  if (effect.type !== 'end') return effect.type;
  const byes = [effect.byeCaller ? 'caller' : '', effect.byeDestination ? 'destination' : ''].filter(
    (leg) => leg !== '',
  );
  return `end ${effect.reason}${effect.detail === null ? '' : ` (${effect.detail})`}${byes.length > 0 ? `, BYE ${byes.join(' and ')}` : ''}`;
};

/** state | event | next status/caller/agent/destination | effects. Pairs not listed change nothing and do nothing. */
const table: readonly (readonly [keyof typeof states, string, string, string])[] = [
  ['offered', 'accepted at-once', 'ringing answering none none', 'answer'],
  ['offered', 'accepted when-ready', 'ringing offered starting none', 'ring; start-agent'],
  ['offered', 'dialled', 'ringing dialling none none', 'dial'],
  ['offered', 'dialled agent-first', 'ringing dialling starting none', 'start-agent; dial'],
  ['dialling', 'acknowledged', 'active up starting none', 'start-agent'],
  ['dialling', 'not-answered rejected', 'ended gone gone none', 'end rejected'],
  ['dialling', 'not-answered error', 'ended gone gone none', 'end error'],
  ['dialling', 'caller-left', 'ended gone gone none', 'end caller-hangup'],
  ['dialling', 'media-failed', 'ended gone gone none', 'cancel-dial; end error, BYE caller'],
  ['dialling', 'hang-up api-hangup', 'ended gone gone none', 'cancel-dial; end api-hangup, BYE caller'],
  ['dialling', 'hang-up drain', 'ended gone gone none', 'cancel-dial; end drain, BYE caller'],
  ['dialling', 'transfer-started', 'ringing dialling none none', ''],
  ['dialling, agent starting', 'agent-ready', 'ringing dialling up none', ''],
  ['dialling, agent starting', 'acknowledged', 'active up starting none', ''],
  ['dialling, agent starting', 'agent-left failed', 'ended gone gone none', 'cancel-dial; end error, BYE caller'],
  ['dialling, agent up', 'acknowledged', 'active up up none', ''],
  ['dialling, agent up', 'agent-left', 'ended gone gone none', 'cancel-dial; end agent-hangup, BYE caller'],
  ['offered', 'cancelled', 'ended gone gone none', 'end cancelled'],
  ['offered', 'agent-left failed', 'ringing answering failed none', 'answer'],
  ['offered', 'agent-left', 'ended gone gone none', 'reject 480; end agent-hangup'],
  ['offered', 'media-failed', 'ended gone gone none', 'reject 500; end error'],
  ['offered', 'hang-up api-hangup', 'ended gone gone none', 'reject 480; end api-hangup'],
  ['offered', 'hang-up drain', 'ended gone gone none', 'reject 503; end drain'],
  ['waiting for the agent', 'agent-ready', 'ringing answering up none', 'answer'],
  ['waiting for the agent', 'agent-left failed', 'ringing answering failed none', 'answer'],
  ['waiting for the agent', 'cancelled', 'ended gone gone none', 'end cancelled'],
  ['answering', 'acknowledged', 'active up starting none', 'start-agent'],
  ['answering', 'answer-failed cancelled', 'ended gone gone none', 'end cancelled (The caller cancelled.)'],
  ['answering', 'answer-failed', 'ended gone gone none', 'end error (The answer could not be sent.)'],
  ['answering', 'caller-left', 'ended gone gone none', 'end caller-hangup'],
  ['answering', 'caller-lost', 'ended gone gone none', 'end error (Session timer expired)'],
  ['answering', 'hang-up api-hangup', 'ended gone gone none', 'end api-hangup, BYE caller'],
  ['agent ready, answering', 'acknowledged', 'active up up none', ''],
  ['agent failed, answering', 'acknowledged', 'active up gone none', 'fall-back'],
  ['agent starting', 'agent-ready', 'active up up none', ''],
  ['agent starting', 'agent-left failed', 'active up gone none', 'fall-back'],
  ['active', 'agent-left', 'ended gone gone none', 'end agent-hangup, BYE caller'],
  ['active', 'agent-left failed', 'active up gone none', 'fall-back'],
  ['agent gone', 'agent-replaced', 'active up starting none', ''],
  ['active', 'agent-replaced', 'active up up none', ''],
  ['active', 'caller-left', 'ended gone gone none', 'end caller-hangup'],
  ['active', 'caller-lost', 'ended gone gone none', 'end error (Session timer expired)'],
  ['waiting for the agent', 'media-lost', 'ringing offered starting none', ''],
  ['answering', 'media-lost', 'ringing answering none none', ''],
  ['dialling', 'media-lost', 'ringing dialling none none', ''],
  ['active', 'media-lost', 'ended gone gone none', 'end no-media, BYE caller'],
  ['active', 'hang-up drain', 'ended gone gone none', 'end drain, BYE caller'],
  ['active', 'transfer-started', 'transferring up up trying', ''],
  ['transfer trying', 'transfer-ringing', 'transferring up muted ringing', 'mute-agent'],
  ['transfer trying', 'transfer-failed', 'active up up none', ''],
  ['transfer trying', 'transfer-connected', 'transferred up gone up', 'join; stop-agent'],
  ['transfer trying', 'caller-left', 'ended gone gone none', 'cancel-transfer; end caller-hangup'],
  ['transfer ringing', 'caller-lost', 'ended gone gone none', 'cancel-transfer; end error (Session timer expired)'],
  ['transfer ringing', 'transfer-connected', 'transferred up gone up', 'join; stop-agent'],
  ['transfer ringing', 'transfer-failed', 'active up up none', 'unmute-agent'],
  ['transfer ringing', 'agent-left', 'transferring up gone ringing', ''],
  ['transfer ringing', 'agent-left failed', 'transferring up gone ringing', ''],
  ['transfer ringing', 'hang-up api-hangup', 'ended gone gone none', 'cancel-transfer; end api-hangup, BYE caller'],
  ['transfer ringing, agent starting', 'agent-ready', 'transferring up muted ringing', 'mute-agent'],
  ['transfer ringing, agent starting', 'transfer-failed', 'active up starting none', ''],
  ['transfer ringing, agent gone', 'transfer-failed', 'active up gone none', 'fall-back'],
  ['transfer ringing, agent gone', 'transfer-connected', 'transferred up gone up', 'join'],
  ['transfer trying', 'transfer-connected keep', 'transferred up muted up', 'join; mute-agent'],
  ['transfer trying', 'transfer-failed hang-up', 'ended gone gone none', 'end destination-hangup, BYE caller'],
  ['transfer trying', 'transfer-handed-over', 'ended gone gone none', 'end agent-hangup, BYE caller'],
  ['transfer ringing', 'transfer-connected keep', 'transferred up muted up', 'join'],
  ['transfer ringing', 'transfer-failed hang-up', 'ended gone gone none', 'end destination-hangup, BYE caller'],
  ['transfer ringing', 'transfer-handed-over', 'ended gone gone none', 'end agent-hangup, BYE caller'],
  ['transfer ringing, agent gone', 'transfer-connected keep', 'transferred up gone up', 'join'],
  ['transferred, agent kept', 'transfer-settled', 'transferred up gone up', 'stop-agent'],
  ['transferred, agent kept', 'destination-left return', 'active up up none', 'unmute-agent'],
  ['transferred, agent kept', 'destination-left next', 'transferring up muted ringing', ''],
  ['transferred, agent kept', 'destination-left', 'ended gone gone none', 'end destination-hangup, BYE caller'],
  ['transferred, agent kept', 'agent-left', 'transferred up gone up', ''],
  ['transferred, agent kept', 'caller-left', 'ended gone gone none', 'end caller-hangup, BYE destination'],
  ['transferred', 'transfer-settled', 'transferred up gone up', ''],
  ['transferred', 'destination-left return', 'active up gone none', 'fall-back'],
  ['transferred', 'destination-left next', 'transferring up gone ringing', ''],
  ['transferred', 'caller-left', 'ended gone gone none', 'end caller-hangup, BYE destination'],
  ['transferred', 'caller-lost', 'ended gone gone none', 'end error (Session timer expired), BYE destination'],
  ['transferred', 'destination-left', 'ended gone gone none', 'end destination-hangup, BYE caller'],
  ['transferred', 'hang-up api-hangup', 'ended gone gone none', 'end api-hangup, BYE caller and destination'],
  ['transferred', 'media-lost', 'ended gone gone none', 'end no-media, BYE caller and destination'],
];

const name = (event: CallEvent): string => {
  if (event.type === 'dialled') return event.agentFirst ? 'dialled agent-first' : 'dialled';
  if (event.type === 'not-answered') return `not-answered ${event.reason}`;
  if (event.type === 'accepted') return `accepted ${event.answers}`;
  if (event.type === 'hang-up') return `hang-up ${event.reason}`;
  if (event.type === 'agent-left') return event.failed ? 'agent-left failed' : 'agent-left';
  if (event.type === 'answer-failed') return event.cancelled ? 'answer-failed cancelled' : 'answer-failed';
  if (event.type === 'transfer-connected') return event.keepAgent ? 'transfer-connected keep' : event.type;
  if (event.type === 'transfer-failed') return event.step === 'return' ? event.type : `${event.type} ${event.step}`;
  if (event.type === 'destination-left') return event.step === 'end' ? event.type : `${event.type} ${event.step}`;
  return event.type;
};

describe('the call machine', () => {
  for (const [state, event, next, effects] of table) {
    it(`${state} + ${event} → ${next}${effects ? `: ${effects}` : ''}`, () => {
      const found = events.find((candidate) => name(candidate) === event);
      if (found === undefined) throw new Error(`no event ${event}`);
      const { state: after, effects: done } = transition(states[state] ?? initialCall, found);
      expect(`${after.status} ${after.caller} ${after.agent} ${after.destination}`).toBe(next);
      expect(done.map(brief).join('; ')).toBe(effects);
    });
  }

  it('ends from every state on every ending event, once, and is then deaf', () => {
    for (const state of Object.values(states)) {
      for (const event of events) {
        const first = transition(state, event);
        const ends = first.effects.filter((effect) => effect.type === 'end');
        expect(ends.length).toBe(state.status !== 'ended' && first.state.status === 'ended' ? 1 : 0);
        if (first.state.status === 'ended') {
          for (const later of events)
            expect(transition(first.state, later)).toEqual({ state: first.state, effects: [] });
        }
      }
    }
  });

  it('says of a transfer that the caller hung up when the caller is gone, whatever took it away', () => {
    const by = (event: CallEvent): unknown =>
      transition(states['transfer ringing'] ?? initialCall, event).effects.find(
        (effect) => effect.type === 'cancel-transfer',
      )?.by;
    expect(by({ type: 'caller-left' })).toBe('caller-hung-up');
    expect(by({ type: 'caller-lost', detail: 'Session timer expired' })).toBe('caller-hung-up');
    expect(by({ type: 'hang-up', reason: 'api-hangup' })).toBe('cancelled');
  });

  it('never leaves a caller without agent, destination or fall-back while the call is up', () => {
    for (const state of Object.values(states)) {
      for (const event of events) {
        const { state: after, effects } = transition(state, event);
        if (after.status === 'active' && after.agent === 'gone' && state.agent !== 'gone') {
          expect(effects.map((effect) => effect.type)).toContain('fall-back');
        }
      }
    }
  });

  it('sends BYE to a leg that stands and never to one that has gone', () => {
    for (const state of Object.values(states)) {
      for (const event of events) {
        for (const effect of transition(state, event).effects) {
          if (effect.type !== 'end') continue;
          const callerStands =
            (state.caller === 'up' || state.caller === 'answering' || state.caller === 'dialling') &&
            event.type !== 'caller-left' &&
            event.type !== 'caller-lost' &&
            event.type !== 'not-answered' &&
            event.type !== 'answer-failed';
          expect(effect.byeCaller).toBe(callerStands);
          expect(effect.byeDestination).toBe(state.destination === 'up' && event.type !== 'destination-left');
        }
      }
    }
  });
});
