import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../core/logger.js';
import { manualClock } from '../../core/manual-clock.js';
import type { Route, TransferDestination } from '../directory/records.js';
import type { OwnedSession, SessionChange } from '../sessions/ports.js';
import type { PhoneSession } from '../sessions/records.js';
import { runCall } from './call.js';
import { incomingOrigin } from './call-origin.js';
import type {
  AgentAdapter,
  AgentContext,
  AgentEvents,
  Dialog,
  DialogEvents,
  IncomingCall,
  MediaLeg,
  OutgoingCallRequest,
  OutgoingCallResult,
  ProfileRules,
} from './ports.js';

const rules: ProfileRules = {
  name: 'local',
  country: 'US',
  codecs: ['PCMU'],
  mediaSecurity: 'none',
  mediaRanges: [],
  firstPacketTimeout: 0,
  idleTimeout: 0,
  forwardHold: false,
  comfortNoise: false,
  inbandDtmf: false,
  dtmf: 'rfc4733',
};
const destination: TransferDestination = {
  id: 'zendesk',
  orgId: 'acme',
  name: 'Zendesk',
  type: 'sip',
  value: 'sip:support@127.0.0.1',
  profile: 'local',
  trunk: null,
  method: 'invite',
  callerId: null,
  digest: null,
  headers: {},
  secureMedia: false,
  holdAudio: null,
  announcement: null,
  ringTimeout: 30,
  onFailure: 'return',
  next: null,
  returnWithin: 0,
};

const announced = { type: 'wav', path: 'announced.wav' } as const;

/** Lets everything that waits for promises go on. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

/** A whole call without a socket: its caller, its agents and its line do what a test says. */
const callWithoutSockets = async (
  change: Partial<TransferDestination> = {},
  more: {
    /** The agent's fall-back destination. */
    readonly fallback?: string;
    /** Destinations besides, by id; what they do not say is as with the first. */
    readonly others?: Readonly<Record<string, Partial<TransferDestination>>>;
    /** Playing an announcement throws. */
    readonly announceFails?: boolean;
  } = {},
) => {
  const clock = manualClock();
  const done: string[] = [];
  let playedOut: () => void = () => {};
  const leg = (role: string): MediaLeg =>
    ({
      id: role,
      answer: async () => 'answer',
      offer: async () => 'offer',
      accept: async () => {},
      expectMedia: () => void done.push(`${role} to be heard`),
      play: (source: { readonly tone?: string; readonly path?: string }) => {
        if (role === 'line' && more.announceFails === true) throw new Error('no audio');
        done.push(`${role} hears ${source.tone ?? source.path ?? 'audio'}`);
        return {
          done: new Promise((resolve) => {
            playedOut = () => resolve('finished');
          }),
          stop: () => {},
        };
      },
      bridge: async (other: MediaLeg) => void done.push(`${role} joined with ${other.id}`),
      unbridge: async () => {},
      attach: () => {},
      close: async () => {
        done.push(`${role} closed`);
        return { codec: null };
      },
    }) as unknown as MediaLeg;
  const dialog = (role: string): Dialog =>
    ({
      sipCallId: role,
      remote: { address: '192.0.2.9' },
      bye: async () => void done.push(`BYE ${role}`),
    }) as unknown as Dialog;

  let snapshot = {
    id: 's',
    orgId: 'acme',
    zendeskTicketId: '1',
    contactId: null,
    attributes: {},
    caller: { e164: '+14155550123', raw: '', display: null, withheld: false },
  } as unknown as PhoneSession;
  const session = {
    id: 's',
    get snapshot() {
      return snapshot;
    },
    contact: null,
    change: async ({ timeline, ...fields }: SessionChange) => {
      snapshot = { ...snapshot, ...fields } as PhoneSession;
      for (const { type } of timeline ?? []) done.push(type);
    },
    note: (type: string) => void done.push(type),
    refresh: async () => snapshot,
    release: () => {},
  } as unknown as OwnedSession;

  let callerEvents: DialogEvents | null = null;
  const agents: { name: string; events: AgentEvents; context: AgentContext }[] = [];
  const agent = (name: string): AgentAdapter => ({
    type: 'builtin',
    answers: 'at-once',
    validate: () => [],
    start: async (context, events) => {
      agents.push({ name, events, context });
      done.push(`${name} started`);
      return {
        dtmf: () => {},
        mute: () => void done.push(`${name} muted`),
        unmute: () => void done.push(`${name} unmuted`),
        stop: async () => void done.push(`${name} stopped`),
      };
    },
  });
  const placed: OutgoingCallRequest[] = [];
  let finish: (result: OutgoingCallResult) => void = () => {};
  const target = { ...destination, ...change };
  const route = {
    organization: { id: 'acme' },
    number: { number: '+14155550100' },
    agent: {
      id: 'support',
      orgId: 'acme',
      name: 'S',
      leg: { type: 'builtin' },
      transferDestinations: ['zendesk'],
      fallback: more.fallback ?? null,
    },
  } as unknown as Route;
  const incoming = {
    ...{ sipCallId: 'c', profile: rules, headers: new Map(), receivedAt: 0, log: silentLogger },
    caller: { e164: '+14155550123', raw: '', display: null, withheld: false },
    cancelled: new AbortController().signal,
    answer: async (_sdp: string, events: DialogEvents) => {
      callerEvents = events;
      return { dialog: dialog('caller'), ackSdp: null };
    },
  } as unknown as IncomingCall;
  const callerLeg = leg('caller');
  const call = runCall({
    origin: incomingOrigin(incoming, callerLeg, 'sdp'),
    ...{
      route,
      session,
      clock,
      log: silentLogger,
      maxDuration: 3_600_000,
      recordings: { folder: '', store: '', host: '' },
      record: false,
    },
    leg: callerLeg,
    agent: { adapter: agent('agent'), config: null },
    fallBack: { adapter: agent('fall-back'), config: () => null },
    doors: { actions: null },
    credential: {
      mint: async () => {
        done.push('token minted');
        return { token: 'vgs', apiUrl: '' };
      },
      revoke: () => void done.push('token revoked'),
    },
    onLegClosed: () => {},
    transfers: {
      directory: { destination: async (_org, id) => ({ ...target, ...more.others?.[id], id }) },
      signalling: () => ({
        place: (request) => {
          placed.push(request);
          done.push(`INVITE ${placed.length}`);
          request.signal?.addEventListener('abort', () => {
            finish({
              outcome: 'failed',
              status: null,
              reason: 'given up',
              local: false,
              gaveUp: 'aborted',
              sent: null,
            });
          });
          return new Promise((resolve) => {
            finish = resolve;
          });
        },
      }),
      media: {
        open: async () => leg('line'),
        stats: () => ({ legs: 0, workers: 0, portsFree: 0 }),
        close: async () => {},
      },
      relay: null,
      profile: (name) => ({
        ...{ name, callerId: 'caller', assertedIdentity: false, diversion: false, ticketHeaders: [] },
        ...{ sendsRefer: true, rules },
      }),
      ensureTicket: async () => {},
      announce: async (text) => {
        done.push(`announcement ${text}`);
        return text === 'nothing.wav' ? null : { source: announced, release: () => void done.push('released') };
      },
      digest: () => null,
      holdAudio: async (path) => ({ type: 'wav', path }),
      host: () => 'gw',
      publicAddress: () => '192.0.2.1',
      bindLadder: () => {},
      clock,
      metrics: { attempted: () => {}, rang: () => {} },
    },
    onAnswered: () => {},
    onEnded: (reason) => void done.push(`ended ${reason}`),
  });
  await settle();
  const transfer = await call.transfers.start({ destination: 'zendesk', summary: 'wants a refund' });
  await settle();
  if (!transfer.started) throw new Error('nothing was begun');
  const request = (): OutgoingCallRequest => {
    const latest = placed.at(-1);
    if (latest === undefined) throw new Error('nothing was placed');
    return latest;
  };
  return {
    call,
    done,
    agents,
    transfer,
    ring: () =>
      request().onProvisional?.({
        ...{ status: 180, reason: 'Ringing', sdp: null, headers: new Map(), source: '192.0.2.9' },
      }),
    answer: () =>
      finish({
        outcome: 'answered',
        dialog: dialog('line'),
        sdp: 'sdp',
        sent: { from: '<sip:a@b>', headers: {}, viaReceived: null },
      }),
    refuse: () => finish({ outcome: 'failed', status: 486, reason: 'Busy', local: false, gaveUp: null, sent: null }),
    lineHangsUp: () => request().events.ended({ by: 'remote', reason: null }),
    /** The last thing played has come to its end. */
    playedOut: () => playedOut(),
    clock,
    callerHangsUp: () => callerEvents?.ended({ by: 'remote', reason: null }),
  };
};

const since = (done: readonly string[], mark: string): readonly string[] => done.slice(done.indexOf(mark) + 1);

describe('an announcement', () => {
  const text = 'A call from {caller}, who {summary}.';
  const answered = async (change: Partial<TransferDestination> = {}) => {
    const race = await callWithoutSockets({ announcement: text, ...change });
    race.ring();
    race.answer();
    await settle();
    return race;
  };

  it('is said to the line while the caller hears that it rings, and then they are joined', async () => {
    const race = await answered();
    expect(race.done).toContain('announcement A call from +14155550123, who wants a refund.');
    expect(race.done).toContain('line hears announced.wav');
    expect(race.done).not.toContain('caller joined with line');
    // Its silence would be told to nobody yet, and once only.
    expect(race.done).toContain('caller to be heard');
    expect(race.done).not.toContain('line to be heard');
    expect(race.call.status()).toBe('transferring');
    race.playedOut();
    expect(await race.transfer.decided).toMatchObject({ outcome: 'connected' });
    await settle();
    expect(
      race.done.filter((what) => /hears|joined|agent (muted|stopped)|transfer\.announced|released/.test(what)),
    ).toEqual([
      'agent muted',
      'caller hears ringback',
      'line hears announced.wav',
      'released',
      'transfer.announced',
      'caller joined with line',
      'agent stopped',
    ]);
    expect(race.done).toContain('line to be heard');
  });

  it('that cannot be had, or has nothing to say, keeps nobody waiting', async () => {
    for (const announcement of ['nothing.wav', '   ']) {
      const race = await answered({ announcement });
      expect(await race.transfer.decided).toMatchObject({ outcome: 'connected' });
      expect(race.done).toContain('caller joined with line');
    }
  });

  it('to a line that is busy is thrown away', async () => {
    const race = await callWithoutSockets({ announcement: text });
    race.refuse();
    expect(await race.transfer.settled).toMatchObject({ outcome: 'busy' });
    expect(race.done).toContain('released');
    expect(race.done).not.toContain('line hears announced.wav');
  });

  it('that never ends is cut after a minute', async () => {
    const race = await answered();
    race.clock.advance(60_000);
    await settle();
    expect(race.done).toContain('caller joined with line');
  });

  it('during which the line hangs up brings the caller back to the agent', async () => {
    const race = await answered();
    race.lineHangsUp();
    expect(await race.transfer.settled).toMatchObject({ outcome: 'no-answer', reason: 'line-ended-early' });
    await settle();
    expect(race.call.status()).toBe('active');
    expect(race.done).toContain('line closed');
    expect(race.done).toContain('agent unmuted');
    expect(race.done).not.toContain('caller joined with line');
  });

  it('goes on to the join, where a hold of the caller that began before it begins', async () => {
    const race = await answered();
    race.call.mediaEvents.hold(true);
    await settle();
    expect(race.done).not.toContain('line hears audio');
    race.playedOut();
    await settle();
    expect(race.done.indexOf('line hears audio')).toBeGreaterThan(race.done.indexOf('caller joined with line'));
  });

  it('during which the transfer is cancelled hangs the line up and returns the caller', async () => {
    const race = await answered();
    expect(race.call.transfers.cancel('cancelled')).toBe(true);
    expect(await race.transfer.settled).toMatchObject({ outcome: 'cancelled' });
    await settle();
    expect(race.done).toContain('BYE line');
    expect(race.call.status()).toBe('active');
  });

  it('during which the caller hangs up leaves no leg', async () => {
    const race = await answered();
    race.callerHangsUp();
    await race.call.done;
    expect(await race.transfer.settled).toMatchObject({ outcome: 'caller-hung-up' });
    expect(race.done).toContain('BYE line');
    expect(race.done).toContain('line closed');
    expect(race.done).not.toContain('caller joined with line');
  });
});

describe('races of a transfer', () => {
  it('the agent dies while it rings: the caller is connected all the same, and nothing stands in', async () => {
    const race = await callWithoutSockets();
    race.ring();
    race.agents[0]?.events.left({ failed: true, reason: 'crashed' });
    race.answer();
    expect(await race.transfer.decided).toMatchObject({ outcome: 'connected' });
    await settle();
    expect(race.call.status()).toBe('transferred');
    expect(race.done).toContain('caller joined with line');
    expect(race.done).not.toContain('fall-back started');
  });

  it('the agent dies while it rings and nobody answers: the fall-back takes the caller', async () => {
    const race = await callWithoutSockets();
    race.ring();
    race.agents[0]?.events.left({ failed: true, reason: 'crashed' });
    race.refuse();
    await race.transfer.settled;
    await settle();
    expect(race.done).toContain('fall-back started');
    expect(race.call.status()).toBe('active');
  });

  it('the same with a fall-back destination: it is called, and the caller hears that it rings meanwhile', async () => {
    const race = await callWithoutSockets({}, { fallback: 'owner' });
    race.ring();
    race.agents[0]?.events.left({ failed: true, reason: 'crashed' });
    race.refuse();
    await race.transfer.settled;
    await settle();
    expect(since(race.done, 'transfer.failed').filter((what) => /hears|INVITE/.test(what))).toEqual([
      'caller hears ringback',
      'INVITE 2',
    ]);
    expect(race.call.status()).toBe('transferring');
    race.refuse();
    await settle();
    expect(since(race.done, 'INVITE 2')).toContain('fall-back started');
    expect(race.call.status()).toBe('active');
  });

  it('a line that hangs up within returnWithin after the agent has left leads to the fall-back destination', async () => {
    const race = await callWithoutSockets({ returnWithin: 30 }, { fallback: 'owner' });
    race.ring();
    race.answer();
    await settle();
    race.agents[0]?.events.left({ failed: true, reason: 'crashed' });
    race.lineHangsUp();
    await race.transfer.settled;
    await settle();
    expect(since(race.done, 'transfer.failed').filter((what) => /hears|INVITE/.test(what))).toEqual([
      'caller hears ringback',
      'INVITE 2',
    ]);
    race.answer();
    await settle();
    expect(since(race.done, 'INVITE 2')).toContain('caller joined with line');
  });

  it('a fault of ours once the line has answered hangs it up, and the fall-back destination is called', async () => {
    const race = await callWithoutSockets(
      { announcement: 'A call.' },
      { fallback: 'owner', others: { owner: { announcement: null } }, announceFails: true },
    );
    race.ring();
    race.agents[0]?.events.left({ failed: true, reason: 'crashed' });
    race.answer();
    expect(await race.transfer.settled).toMatchObject({ outcome: 'failed' });
    await settle();
    expect(since(race.done, 'INVITE 1')).toEqual(expect.arrayContaining(['BYE line', 'line closed', 'INVITE 2']));
  });

  it('a fall-back destination behind a transfer that is ahead of it gives way to the fall-back agent', async () => {
    const race = await callWithoutSockets({}, { fallback: 'owner' });
    race.refuse();
    await race.transfer.settled;
    await settle();
    const second = race.call.transfers.start({ destination: 'zendesk', summary: null });
    race.agents[0]?.events.left({ failed: true, reason: 'crashed' });
    await second;
    await settle();
    expect(race.done).toContain('fall-back started');
    race.refuse();
    await settle();
    expect(race.call.status()).toBe('active');
  });

  it('the agent leaves before anything rings: the caller hears ringback until the line says more', async () => {
    const race = await callWithoutSockets();
    race.agents[0]?.events.left({ failed: false, reason: 'done' });
    expect(race.done.at(-1)).toBe('caller hears ringback');
    race.ring();
    race.answer();
    await settle();
    expect(race.done.filter((what) => what === 'caller hears ringback')).toHaveLength(1);
    expect(race.done).toContain('caller joined with line');
  });

  it('the next destination plays its own hold audio in the place of what was heard', async () => {
    const next = { onFailure: 'next', next: 'owner' } as const;
    const race = await callWithoutSockets(next, {
      others: { owner: { onFailure: 'return', next: null, holdAudio: 'music.wav' } },
    });
    race.ring();
    race.refuse();
    await settle();
    race.ring();
    expect(race.done.filter((what) => what.startsWith('caller hears'))).toEqual([
      'caller hears ringback',
      'caller hears music.wav',
    ]);
  });

  it('the agent is muted from the first 18x until the failure, and the caller hears ringback in between', async () => {
    const race = await callWithoutSockets();
    expect(race.done).not.toContain('agent muted');
    race.ring();
    race.ring();
    race.refuse();
    await race.transfer.settled;
    const order = race.done.filter((what) => /muted|hears/.test(what));
    expect(order).toEqual(['agent muted', 'caller hears ringback', 'agent unmuted']);
  });

  it('the line hangs up in the instant of its 200: the caller is not left on a dead bridge', async () => {
    const race = await callWithoutSockets();
    race.ring();
    race.answer();
    race.lineHangsUp();
    await race.call.done;
    expect(race.done).toContain('ended destination-hangup');
    expect(race.done).toContain('BYE caller');
    expect(race.done).toContain('line closed');
  });

  it('the same with returnWithin: the caller is with the agent again', async () => {
    const race = await callWithoutSockets({ returnWithin: 30 });
    race.ring();
    race.answer();
    race.lineHangsUp();
    const early = { outcome: 'no-answer', reason: 'line-ended-early' };
    // By the API and by the agent's tool.
    expect(await race.transfer.decided).toMatchObject(early);
    expect(await race.transfer.settled).toMatchObject(early);
    await settle();
    expect(race.call.status()).toBe('active');
    expect(since(race.done, 'transfer.connected')).toContain('agent unmuted');
  });

  it('an agent that has handed over ends and presses nothing; its token goes when it cannot come back', async () => {
    const race = await callWithoutSockets({ returnWithin: 30 });
    const [agent] = race.agents;
    await agent?.context.credential();
    race.ring();
    race.answer();
    await settle();
    for (const [name, args] of [
      ['end_call', {}],
      ['send_dtmf', { digits: '1' }],
      ['execute_action', { name: 'end_call' }],
    ] as const) {
      const answer = await agent?.context.tools.call(name, args);
      expect(answer).toMatchObject({ ok: false, fault: { code: 'not_available' } });
    }
    await expect(agent?.context.doors.endCall(null)).rejects.toMatchObject({ code: 'not_available' });
    expect(race.call.status()).toBe('transferred');
    expect(race.done).not.toContain('token revoked');
    race.clock.advance(30_000);
    await settle();
    expect(race.done).toContain('token revoked');
    // A stand-in would get one of its own.
    await agent?.context.credential();
    expect(race.done.filter((what) => what === 'token minted')).toHaveLength(2);
    race.lineHangsUp();
    await race.call.done;
    expect(race.done).toContain('ended destination-hangup');
  });

  it('with returnWithin the agent is kept until the time is over, and a later hang-up ends the call', async () => {
    const race = await callWithoutSockets({ returnWithin: 30 });
    race.ring();
    race.answer();
    await settle();
    expect(race.done).toContain('caller joined with line');
    expect(race.done).not.toContain('agent stopped');
    race.clock.advance(30_000);
    await settle();
    expect(await race.transfer.decided).toMatchObject({ outcome: 'connected' });
    expect(race.done).toContain('agent stopped');
    race.lineHangsUp();
    await race.call.done;
    expect(race.done).toContain('ended destination-hangup');
  });

  it('the caller hangs up in the instant of the 200: the line gets its BYE and no leg stays open', async () => {
    const race = await callWithoutSockets();
    race.ring();
    race.answer();
    race.callerHangsUp();
    await race.call.done;
    expect(race.done).toContain('ended caller-hangup');
    expect(race.done).toContain('BYE line');
    expect(race.done).toContain('line closed');
    expect(race.done).not.toContain('BYE caller');
  });

  it('the caller hangs up while it rings: the attempt is written before the end of the call', async () => {
    const race = await callWithoutSockets();
    race.ring();
    race.callerHangsUp();
    await race.call.done;
    expect(race.done.indexOf('transfer.cancelled')).toBeGreaterThan(0);
    expect(race.done.indexOf('transfer.cancelled')).toBeLessThan(race.done.indexOf('call.ended'));
    expect(await race.transfer.settled).toMatchObject({ outcome: 'caller-hung-up' });
  });
});
