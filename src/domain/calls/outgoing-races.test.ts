import { expect, it } from 'vitest';
import { silentLogger } from '../../core/logger.js';
import { manualClock } from '../../core/manual-clock.js';
import type { Route } from '../directory/records.js';
import type { OwnedSession, SessionChange } from '../sessions/ports.js';
import type { PhoneSession } from '../sessions/records.js';
import { runCall } from './call.js';
import { outgoingOrigin } from './outgoing-origin.js';
import type { AgentAdapter, MediaLeg, OutgoingCallRequest, OutgoingCallResult } from './ports.js';
import type { TransferDeps, TransferProfile } from './transfer-ports.js';

/** Lets everything that waits for promises go on. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

/** A call of ours without a socket: the other side and the agent do what a test says. */
const dialled = async (options: { readonly agentFirst?: boolean; readonly accept?: MediaLeg['accept'] } = {}) => {
  const clock = manualClock();
  const done: string[] = [];
  let request: OutgoingCallRequest | null = null;
  let finish: (result: OutgoingCallResult) => void = () => {};
  const leg = {
    offer: async () => 'offer',
    accept: options.accept ?? (async () => {}),
    expectMedia: () => void done.push('media expected'),
    sendDtmf: async (digits: string) => void done.push(`keys ${digits}`),
    attach: () => {},
    close: async () => {
      done.push('media closed');
      return { codec: null };
    },
  } as unknown as MediaLeg;
  let snapshot = { id: 's', orgId: 'acme', attributes: {} } as unknown as PhoneSession;
  const session = {
    id: 's',
    get snapshot() {
      return snapshot;
    },
    change: async ({ timeline, endReason, ...fields }: SessionChange) => {
      snapshot = { ...snapshot, ...fields } as PhoneSession;
      for (const { type } of timeline ?? []) done.push(type);
      if (endReason !== undefined) done.push(endReason);
    },
    note: (type: string) => void done.push(type),
    release: () => {},
  } as unknown as OwnedSession;
  let agentIsThere: () => void = () => {};
  let agentFails: (error: Error) => void = () => {};
  const adapter: AgentAdapter = {
    type: 'livekit',
    answers: 'when-ready',
    validate: () => [],
    start: (context) =>
      new Promise((resolve, reject) => {
        done.push('agent asked');
        void context.rang.then(() => done.push('agent hears that it rings'));
        agentFails = reject;
        agentIsThere = () =>
          resolve({
            dtmf: (digit) => void done.push(`agent heard ${digit}`),
            mute: () => {},
            unmute: () => {},
            stop: async () => void done.push('agent stopped'),
          });
      }),
  };
  const signalling = {
    place: (asked: OutgoingCallRequest): Promise<OutgoingCallResult> => {
      request = asked;
      return new Promise((resolve) => {
        finish = resolve;
      });
    },
  };
  const origin = outgoingOrigin({
    ...{
      signalling,
      clock,
      log: silentLogger,
      media: leg,
      digest: null,
      operatorHost: false,
      sipCallId: 'c',
      publicAddress: '192.0.2.1',
    },
    plan: { target: 'sip:p@192.0.2.9', from: '<sip:+14155550100@gw>', headers: {}, ringTimeout: 30_000 },
    profile: { name: 'local', rules: { name: 'local' } } as unknown as TransferProfile,
    person: { e164: '+12025550101', raw: '', display: null, withheld: false },
    ...{ agentFirst: options.agentFirst === true, dtmf: null, allowListed: false },
    onRang: () => {},
    onAnswered: () => void done.push('counted'),
  });
  const call = runCall({
    ...{
      origin,
      session,
      leg,
      clock,
      log: silentLogger,
      maxDuration: 3_600_000,
      recordings: { folder: '', store: '', host: '' },
      record: false,
    },
    route: {
      organization: { id: 'acme' },
      number: { number: '+14155550100' },
      agent: { id: 'support', orgId: 'acme', name: 'S', transferDestinations: [], fallback: null },
    } as unknown as Route,
    agent: { adapter, config: null },
    fallBack: { adapter, config: () => null },
    doors: { actions: null },
    credential: { mint: () => Promise.reject(new Error('unused')), revoke: () => {} },
    transfers: { clock, directory: { destination: async () => null } } as unknown as TransferDeps,
    onAnswered: () => {},
    onLegClosed: () => {},
    onEnded: () => {},
  });
  await settle();
  const placed = (): OutgoingCallRequest => {
    if (request === null) throw new Error('nobody was called');
    return request;
  };
  return {
    ...{ call, done, clock, placed },
    agentIsThere: () => agentIsThere(),
    agentFails: () => agentFails(new Error('no room')),
    answer: () =>
      finish({
        ...{ outcome: 'answered', sdp: 'sdp', sent: { from: '', headers: {}, viaReceived: null } },
        dialog: { remote: { address: '192.0.2.9' }, bye: async () => void done.push('BYE') } as never,
      }),
    fail: (status: number | null, gaveUp: 'timeout' | 'aborted' | null = null) =>
      finish({ outcome: 'failed', status, reason: 'x', local: false, gaveUp, sent: null }),
  };
};

it('a hang-up that crosses the 200: the other side gets its BYE, once', async () => {
  const { call, done, placed, answer } = await dialled();
  call.hangUp('api-hangup');
  expect(placed().signal?.aborted).toBe(true);
  answer();
  await call.done;
  expect(done.filter((what) => what === 'BYE')).toEqual(['BYE']);
  expect(done).toContain('api-hangup');
  expect(done).not.toContain('agent asked');
  expect(done).not.toContain('counted');
});

it('a hang-up between the 200 and its SDP being taken: BYE, once', async () => {
  let taken: () => void = () => {};
  const accept = (): Promise<void> =>
    new Promise((resolve) => {
      taken = resolve;
    });
  const { call, done, answer } = await dialled({ accept });
  answer();
  await settle();
  call.hangUp('drain');
  taken();
  await call.done;
  expect(done.filter((what) => what === 'BYE')).toEqual(['BYE']);
  expect(await call.connected).toMatchObject({ answered: false });
});

it('a BYE right behind the 200 ends the call, and no agent is asked for', async () => {
  const { call, done, placed, answer } = await dialled();
  answer();
  placed().events.ended({ by: 'remote', reason: null });
  await call.done;
  expect(done).toContain('caller-hangup');
  expect(done).not.toContain('agent asked');
});

it('a hang-up while it rings ends at once, and what comes of the INVITE changes nothing', async () => {
  const { call, done, fail } = await dialled();
  call.hangUp('api-hangup');
  fail(null, 'aborted');
  await call.done;
  expect(await call.connected).toMatchObject({ answered: false, failure: { outcome: 'cancelled' } });
  expect(done.filter((what) => what === 'call.ended')).toHaveLength(1);
});

it('says busy, and closes what was opened', async () => {
  const { call, done, fail } = await dialled();
  fail(486);
  await call.done;
  expect(await call.connected).toMatchObject({ answered: false, failure: { outcome: 'busy', sipStatus: 486 } });
  expect(done).toEqual(['call.rejected', 'media closed', 'media.quality', 'call.ended', 'rejected']);
});

it('an agent that is to be there first and cannot be had: the other side is not left ringing', async () => {
  const { call, done, placed, agentFails, fail } = await dialled({ agentFirst: true });
  agentFails();
  await settle();
  expect(placed().signal?.aborted).toBe(true);
  fail(null, 'aborted');
  await call.done;
  expect(done).toEqual(expect.arrayContaining(['agent asked', 'agent.failed', 'error']));
});

it('an agent that was there first hears that it rings, once', async () => {
  const { call, done, agentIsThere, placed, fail } = await dialled({ agentFirst: true });
  agentIsThere();
  await settle();
  expect(done).not.toContain('agent hears that it rings');
  for (const status of [100, 180, 183])
    placed().onProvisional?.({ status, reason: '', sdp: null, headers: new Map(), source: '192.0.2.9' });
  await settle();
  expect(done.filter((what) => what === 'agent hears that it rings')).toHaveLength(1);
  fail(480);
  await call.done;
});

it('an agent that was there first leaves with a call that nobody answers', async () => {
  const { call, done, agentIsThere, fail } = await dialled({ agentFirst: true });
  agentIsThere();
  await settle();
  fail(480);
  await call.done;
  expect(done.indexOf('agent stopped')).toBeGreaterThan(done.indexOf('agent asked'));
});

it('media may come from where the signalling of the one we called comes from, early or late', async () => {
  const taken: unknown[] = [];
  const { placed, answer } = await dialled({ accept: async (...given) => void taken.push(given) });
  const early = { status: 183, reason: 'Progress', sdp: 'early', headers: new Map(), source: '192.0.2.8' };
  placed().onProvisional?.(early);
  answer();
  await settle();
  expect(taken).toEqual([
    ['early', '192.0.2.8'],
    ['sdp', '192.0.2.9'],
  ]);
});

it('a key by INFO is one the agent hears, and none a second time that comes in the media too', async () => {
  const { call, done, placed, answer, agentIsThere } = await dialled();
  answer();
  await settle();
  agentIsThere();
  await settle();
  placed().events.info?.('application/dtmf-relay', 'Signal=5\r\nDuration=160\r\n');
  call.mediaEvents.dtmf({ digit: '5', durationMs: 160 });
  call.mediaEvents.dtmf({ digit: '6', durationMs: 160 });
  placed().events.info?.('text/plain', '7');
  expect(done.filter((line) => line.startsWith('agent heard') || line === 'dtmf.received')).toEqual([
    ...['dtmf.received', 'agent heard 5', 'dtmf.received', 'agent heard 6'],
  ]);
});
