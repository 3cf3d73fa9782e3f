import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.js';
import { silentLogger } from '../../../src/core/logger.js';
import { type Calls, type CallsDeps, createCalls } from '../../../src/domain/calls/index.js';
import type { AgentAdapter, AgentContext, AgentLeg, LegQuality } from '../../../src/domain/calls/ports.js';
import { ANSWER_SDP, type SipApplication, startSipApplication } from '../../support/sip-application.js';
import { type SippRun, startSipp } from '../../support/sipp.js';
import { ackFailure, expectMessage, inDialog, invite, type Step, scenario, send } from '../../support/sipp-scenario.js';
import { until } from '../../support/until.js';

const quality: LegQuality = {
  ...{ codec: 'PCMU', packetsSent: 0, packetsReceived: 0, packetsLost: 0, packetsLate: 0 },
  ...{ jitterMs: 0, roundTripMs: null, mos: null },
  ...{ packetsDiscarded: 0, concealedMs: 0, remotePacketsLost: null, remoteLoss: null },
};

/** A call on a real SIP application whose agent takes as long as the test wants; media and store are noted, not done. */
type Setup = {
  readonly calls: Calls;
  readonly noted: string[];
  /** Resolves when the agent has been asked for. */
  readonly asked: Promise<AgentContext>;
  /** The agent is there. */
  ready(): void;
};

const setUp = (): Setup => {
  const noted: string[] = [];
  let ready: (leg: AgentLeg) => void = () => {};
  let ask: (context: AgentContext) => void = () => {};
  const asked = new Promise<AgentContext>((resolve) => {
    ask = resolve;
  });
  const agentLeg: AgentLeg = {
    dtmf: () => {},
    mute: () => {},
    unmute: () => {},
    stop: async (why) => void noted.push(`agent stopped: ${why}`),
  };
  const agent: AgentAdapter = {
    type: 'livekit',
    answers: 'when-ready',
    validate: () => [],
    start: (context) => {
      ask(context);
      return new Promise((resolve) => {
        ready = resolve;
      });
    },
  };
  const session = {
    ...{ id: 'session-1', snapshot: { orgId: 'acme', attributes: {} }, contact: null },
    change: async (change: { status?: string; endReason?: string }) => {
      noted.push(`session ${[change.status, change.endReason].filter(Boolean).join(' ')}`);
    },
    note: () => {},
    release: () => void noted.push('session released'),
  };
  const leg = {
    id: 'leg-1',
    answer: async () => ANSWER_SDP,
    expectMedia: () => {},
    close: async () => {
      noted.push('media closed');
      return quality;
    },
  };
  const route = {
    organization: { id: 'acme', name: 'Acme', zendesk: null },
    number: { number: '+14155550100', profile: 'local', verified: true },
    agent: { id: 'support', name: 'Support', leg: { type: 'livekit' }, record: false, maxDuration: 0 },
  };
  const deps = {
    directory: { route: async () => route },
    sessions: { create: async () => session },
    media: { open: async () => leg },
    agents: new Map([['livekit', agent]]),
    fallBack: { type: 'livekit', config: null },
    doors: { transfer: null, actions: null },
    transfers: { clock: systemClock },
    ...{ clock: systemClock, log: silentLogger, recordings: { folder: '/nowhere', store: '', host: '' } },
    metrics: { rejected: () => {}, answered: () => {}, ended: () => {}, live: () => {} },
    bindLadder: () => {},
    onClosed: () => {},
    overloaded: () => false,
    limits: { maxCalls: 10, maxCallsOf: () => null, maxCallDuration: 60_000 },
  };
  return {
    calls: createCalls(deps as unknown as CallsDeps),
    noted,
    asked,
    ready: () => ready(agentLeg),
  };
};

let app: SipApplication | null = null;
let sipp: SippRun | null = null;
afterEach(async () => {
  await sipp?.stop();
  await app?.close();
  [app, sipp] = [null, null];
});

const call = async (setup: Setup, ...steps: readonly Step[]): Promise<SippRun> => {
  app = await startSipApplication({ handler: (incoming) => void setup.calls.receive(incoming) });
  sipp = await startSipp({ target: app.address, scenario: scenario(...steps) });
  return sipp;
};

const cancel = send(`CANCEL sip:+14155550100@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch-3]
From: "Ann" <sip:+14155550123@[local_ip]:[local_port]>;tag=caller[call_number]
To: <sip:+14155550100@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 CANCEL
Max-Forwards: 70
Content-Length: 0`);
const rings = [invite({ branch: '[branch-0]' }), expectMessage(100, { optional: true }), expectMessage(180)];

describe('an agent that is not ready at once', () => {
  it('lets the caller hear ringing, and the answer waits for it', async () => {
    const setup = setUp();
    const run = await call(
      setup,
      ...rings,
      expectMessage(200),
      inDialog('ACK', 1),
      inDialog('BYE', 2),
      expectMessage(200),
    );
    await setup.asked;
    await until('a call that rings', () => setup.calls.live()[0]?.status() === 'ringing');
    setup.ready();
    const result = await run.done;
    expect(result.code, result.errors).toBe(0);
    await until('the end of the call', () => setup.calls.live().length === 0);
    expect(setup.noted).toEqual([
      'session active',
      'agent stopped: call-ended',
      'media closed',
      'session ended caller-hangup',
      'session released',
    ]);
  });

  it('is given up when the caller cancels: 487, everything closed, the session ends as cancelled', async () => {
    const setup = setUp();
    const run = await call(setup, ...rings, cancel, expectMessage(200), expectMessage(487), ackFailure());
    const context = await setup.asked;
    const result = await run.done;
    expect(result.code, result.errors).toBe(0);
    await until('the end of the call', () => setup.calls.live().length === 0);
    expect(context.signal.aborted).toBe(true);
    expect(setup.noted).toEqual(['media closed', 'session ended cancelled', 'session released']);
  });

  it('and comes only after the caller has cancelled is told to go, and answers nothing', async () => {
    const setup = setUp();
    const run = await call(setup, ...rings, cancel, expectMessage(200), expectMessage(487), ackFailure());
    await setup.asked;
    expect((await run.done).code).toBe(0);
    await until('the end of the call', () => setup.calls.live().length === 0);
    setup.ready();
    await until('the agent to be stopped', () => setup.noted.includes('agent stopped: call-ended'));
    expect(setup.noted.filter((what) => what.startsWith('session'))).toEqual([
      'session ended cancelled',
      'session released',
    ]);
    expect(app?.server.stats()).toEqual({ dialogs: 0, ringing: 0 });
  });
});
