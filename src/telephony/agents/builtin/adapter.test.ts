import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../core/logger.js';
import { manualClock } from '../../../core/manual-clock.js';
import type { AgentContext, CallDoors, MediaLeg, PromptSource } from '../../../domain/calls/ports.js';
import { scriptedAgent } from './adapter.js';
import type { Speech } from './speech.js';

const prepared: string[] = [];
const spoken = (path: string) => ({ source: { type: 'wav', path } as const, release: () => {} });
const speech: Speech = {
  say: async (text) => spoken(text),
  play: async (file) => spoken(file),
  shipped: (name) => spoken(name),
  prepare: (texts) => void prepared.push(...texts),
};
const agent = scriptedAgent({ speech, clock: manualClock() });

const contextOf = (script: unknown, options: { readonly fail?: boolean; readonly signal?: AbortSignal } = {}) => {
  const seen: string[] = [];
  const doors: CallDoors = {
    transfer: async () => ({ outcome: 'connected', sipStatus: 200, reason: '', hint: null }),
    executeAction: async () => {
      throw new Error('broken door');
    },
    sendDtmf: async () => {},
    endCall: async (reason) => void seen.push(`ends: ${reason}`),
    listTools: async () => [],
    attributes: () => ({}),
    shownAttributes: () => ({}),
    setAttributes: () => {},
    note: () => {},
  };
  const leg: Pick<MediaLeg, 'play'> = {
    play: (source: PromptSource) => {
      seen.push(`plays ${source.type === 'wav' ? source.path : source.type}`);
      return { done: Promise.resolve('finished'), stop: () => {} };
    },
  };
  const context = {
    sessionId: 's',
    orgId: 'o',
    agentId: 'a',
    agentName: 'Support',
    config: script,
    caller: { e164: null, raw: '', display: null, withheld: true },
    called: '+14155550100',
    sipCallId: 'c',
    direction: 'inbound' as const,
    headers: new Map(),
    leg: leg as MediaLeg,
    doors,
    tools: { call: () => Promise.reject(new Error('unused')), list: async () => [] },
    answered: Promise.resolve(),
    rang: Promise.resolve(),
    credential: () => Promise.reject(new Error('unused')),
    log: silentLogger,
    signal: options.signal ?? new AbortController().signal,
  } satisfies AgentContext;
  return { context, seen };
};

describe('the built-in agent', () => {
  it('runs the script, prepares its fixed texts, and hangs up at its end', async () => {
    const { context, seen } = contextOf({ steps: [{ say: 'Hello from {agent}' }, { say: 'Bye' }] });
    const leg = await agent.start(context, { left: () => {} });
    await expect.poll(() => seen.length).toBe(3);
    expect(seen).toEqual(['plays Hello from Support', 'plays Bye', 'ends: the script came to its end']);
    expect(prepared).toEqual(['Bye']);
    await leg.stop('call-ended');
    await leg.stop('call-ended');
  });

  it('does not hang up after a transfer that connected, nor when it was stopped', async () => {
    const transferred = contextOf({ steps: [{ transfer: { destination: 'x' } }] });
    await (await agent.start(transferred.context, { left: () => {} })).stop('transferred');
    const stopped = contextOf({ steps: [{ ask: {} }] });
    await (await agent.start(stopped.context, { left: () => {} })).stop('call-ended');
    expect([...transferred.seen, ...stopped.seen]).toEqual([]);
  });

  it('stops with the call', async () => {
    const call = new AbortController();
    const { context, seen } = contextOf({ steps: [{ wait: 100 }, { say: 'never' }] }, { signal: call.signal });
    const leg = await agent.start(context, { left: () => {} });
    call.abort();
    await leg.stop('call-ended');
    expect(seen).toEqual([]);
  });

  it('says that it failed when something behind it breaks', async () => {
    const { context } = contextOf({ steps: [{ action: { name: 'x' } }] });
    const causes: unknown[] = [];
    await agent.start(context, { left: (cause) => causes.push(cause) });
    await expect.poll(() => causes).toEqual([{ failed: true, reason: 'broken door' }]);
  });

  it('refuses a script with faults, and names them when it is saved', async () => {
    const { context } = contextOf({ steps: [{ shout: 'x' }] });
    await expect(agent.start(context, { left: () => {} })).rejects.toThrow(
      'The script is not valid: steps[0] must have',
    );
    expect(agent.validate({ steps: [{ shout: 'x' }] })).toMatchObject([{ path: 'steps[0]' }]);
    expect(agent.validate({ steps: [] })).toEqual([]);
  });
});
