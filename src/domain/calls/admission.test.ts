import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../core/errors.js';
import { silentLogger } from '../../core/logger.js';
import { manualClock } from '../../core/manual-clock.js';
import { type CallsDeps, createCalls } from './calls.js';
import type { Opening } from './open-call.js';
import type { IncomingCall } from './ports.js';

const organizationFull = new GatewayError('organization_limit', 'The organization is at its limit of 3 calls.');

/** Calls whose store and media are noted; `more` makes them full in one way or another. */
const setUp = (more: {
  readonly overloaded?: boolean;
  readonly maxCalls?: number;
  readonly full?: boolean;
  readonly asked?: (most: unknown) => void;
}) => {
  const noted: string[] = [];
  const route = {
    organization: { id: 'acme', zendesk: null },
    number: { number: '+14155550100', profile: 'local', verified: true },
    agent: { id: 'support', leg: { type: 'builtin' } },
  };
  const deps = {
    directory: { route: async () => route },
    sessions: {
      create: async ({ mostLive }: { mostLive: unknown }) => {
        more.asked?.(mostLive);
        throw more.full === true ? organizationFull : new Error('as far as this test goes');
      },
    },
    media: {
      open: async () => {
        noted.push('media opened');
        return { answer: async () => '', close: async () => void noted.push('media closed') };
      },
    },
    agents: new Map([['builtin', {}]]),
    fallBack: { type: 'builtin' },
    ...{ clock: manualClock(), log: silentLogger },
    metrics: { rejected: (profile: string, rule: string) => void noted.push(`counted ${profile} ${rule}`) },
    overloaded: () => more.overloaded === true,
    limits: {
      maxCalls: more.maxCalls ?? 10,
      maxCallsOf: (orgId: string) => (orgId === 'acme' ? 3 : null),
      maxCallDuration: 1_000,
    },
  };
  const incoming = {
    ...{ called: '+14155550100', offer: 'v=0', headers: {}, log: silentLogger },
    profile: { name: 'local' },
    source: { transport: 'udp', address: '127.0.0.1', port: 5060 },
    caller: { e164: null, display: null, withheld: true },
    reject: (status: number, sentence: string, headers: Record<string, string>) =>
      void noted.push(`${status} ${sentence}${'Retry-After' in headers ? ' Later.' : ''}`),
  };
  return {
    calls: createCalls(deps as unknown as CallsDeps),
    incoming: incoming as unknown as IncomingCall,
    noted,
  };
};

describe('a new call', () => {
  it('gets 503 and is counted when the event loop lags, before anything is opened for it', async () => {
    const { calls, incoming, noted } = setUp({ overloaded: true });
    await calls.receive(incoming);
    expect(noted).toEqual([
      'counted local overloaded',
      '503 The processor is too busy to take a call without harming the others. Later.',
    ]);
    await expect(calls.place({} as Opening)).rejects.toMatchObject({ code: 'overloaded' });
  });

  it('gets 503 when the instance has its calls already', async () => {
    const { calls, incoming, noted } = setUp({ maxCalls: 0 });
    await calls.receive(incoming);
    expect(noted).toEqual(['counted local max-calls', '503 The gateway is at its limit of 0 calls. Later.']);
    await expect(calls.place({} as Opening)).rejects.toMatchObject({ code: 'overloaded' });
  });

  it('gets 503 while the gateway drains', async () => {
    const { calls, incoming, noted } = setUp({});
    await calls.drain(1_000, () => {});
    await calls.receive(incoming);
    expect(noted).toEqual([
      'counted local draining',
      '503 The gateway is shutting down and takes no new calls. Later.',
    ]);
    await expect(calls.place({} as Opening)).rejects.toMatchObject({ code: 'draining' });
  });

  it('gets 486 when its organization has its calls already, on whichever instance; its media is closed', async () => {
    const asked: unknown[] = [];
    const { calls, incoming, noted } = setUp({ full: true, asked: (most) => asked.push(most) });
    await calls.receive(incoming);
    expect(asked).toEqual([3]);
    expect(noted).toEqual([
      'media opened',
      'media closed',
      'counted local organization-calls',
      '486 The organization is at its limit of 3 calls.',
    ]);
  });
});
