import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../../support/gateway.js';
import { type ListedSession, sessionsOf } from '../../support/listed-sessions.js';
import { organization } from '../../support/organization.js';
import { runSipp, type SippResult } from '../../support/sipp.js';
import { expectMessage, scenario, sdp, send } from '../../support/sipp-scenario.js';
import { until } from '../../support/until.js';

const callsOfEach = 2_000;
const rate = 50;
/** Its agent says nothing and waits for the caller to hang up. */
const patient = '+14155550100';
/** Its agent hangs up at once. */
const curt = '+14155550101';

const request = (method: 'INVITE' | 'ACK' | 'BYE', cseq: number, body = ''): string =>
  send(
    `${method} sip:[field1]@[remote_ip]:[remote_port] SIP/2.0
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
    From: <sip:[field0]@[local_ip]:[local_port]>;tag=caller[call_number]
    To: <sip:[field1]@[remote_ip]:[remote_port]>${method === 'INVITE' ? '' : '[peer_tag_param]'}
    Call-ID: [call_id]
    CSeq: ${cseq} ${method}
    Contact: <sip:[field0]@[local_ip]:[local_port];transport=[transport]>
    Max-Forwards: 70
    ${body === '' ? 'Content-Length: 0' : `Content-Type: application/sdp\nContent-Length: [len]\n\n${body.trim()}`}`,
    { retransmit: method !== 'ACK' },
  );

/** A caller that answers the BYE of an agent, or hangs up itself when none has come for a second. */
const caller = scenario(
  request('INVITE', 1, sdp()),
  expectMessage(100, { optional: true }),
  expectMessage(180, { optional: true }),
  expectMessage(200),
  request('ACK', 1),
  '<recv request="BYE" timeout="1000" ontimeout="1"/>',
  `<send next="2"><![CDATA[

SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>`,
  '<label id="1"/>',
  request('BYE', 2),
  expectMessage(200),
  '<label id="2"/>',
  '<nop/>',
);

const parties = (area: string): { from: string; to: string }[] =>
  Array.from({ length: callsOfEach }, (_, index) => ({
    from: `+1${area}555${String(index).padStart(4, '0')}`,
    to: index % 2 === 0 ? patient : curt,
  }));

type Run = { readonly transport: 'udp' | 'tcp'; readonly area: string };
const overUdp: Run = { transport: 'udp', area: '212' };
const overTcp: Run = { transport: 'tcp', area: '213' };
const runs = [overUdp, overTcp];

/** What the gateway logged as wrong, each message once. */
const complaints = (gateway: TestGateway): string => {
  const counts = new Map<string, number>();
  for (const { level, msg, rule } of gateway.log()) {
    if (level !== 'warn' && level !== 'error') continue;
    const text = `${level}: ${msg} ${rule ?? ''}`;
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return [...counts].map(([text, count]) => `${count} × ${text}`).join('\n');
};

describe(`${callsOfEach} calls at ${rate}/s over UDP, then as many over TCP`, () => {
  let gateway: TestGateway;
  let folder: string;
  const results = new Map<string, SippResult>();
  let sessions: readonly ListedSession[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vg-load-'));
    // So many ports are other gateways' too, which run beside this one: the address is its own.
    gateway = await startGateway({
      env: { LOG_LEVEL: 'warn', RTP_ADDRESS: '127.0.0.31', RTP_PORTS: '10000-21999' },
    });
    const number = (text: string, agent: string) => ({ number: text, agent, profile: 'local', verified: true });
    const agent = (id: string, step: unknown) => ({
      ...{ id, name: id },
      leg: { type: 'builtin', script: { steps: [step] } },
    });
    await gateway.apply(
      organization([], {
        numbers: [number(patient, 'patient'), number(curt, 'curt')],
        agents: [agent('patient', { wait: 300 }), agent('curt', { hangup: {} })],
      }),
    );
    const run = async ({ transport, area }: Run): Promise<void> => {
      const file = join(folder, `${transport}.csv`);
      const lines = parties(area).map(({ from, to }) => `${from};${to};`);
      writeFileSync(file, `SEQUENTIAL\n${lines.join('\n')}\n`);
      results.set(
        transport,
        await runSipp({
          ...{ scenario: caller, target: `127.0.0.1:${gateway.sipPort}`, transport },
          ...{ calls: callsOfEach, rate, timeout: 100_000, args: ['-inf', file] },
        }),
      );
    };
    await run(overUdp);
    await run(overTcp);
    await until('no live session', async () => (await sessionsOf(gateway, 'live=true')).length === 0);
    sessions = await sessionsOf(gateway);
  }, 240_000);
  afterAll(async () => {
    await gateway?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(runs)('over $transport none fails and nothing is sent twice', ({ transport }) => {
    const result = results.get(transport);
    expect(result, `${result?.errors.slice(0, 1_000)}\n${complaints(gateway)}`).toMatchObject({
      ...{ code: 0, successful: callsOfEach, failed: 0, retransmissions: 0 },
    });
  });

  it.each(runs)('over $transport each is an ended session with its caller, called number and reason', ({ area }) => {
    const mine = new Map(
      sessions.filter((session) => session.caller.e164?.startsWith(`+1${area}`)).map((s) => [s.caller.e164, s]),
    );
    expect(mine.size).toBe(callsOfEach);
    for (const { from, to } of parties(area)) {
      const session = mine.get(from);
      expect(session).toMatchObject({
        ...{ status: 'ended', called: to },
        endReason: to === patient ? 'caller-hangup' : 'agent-hangup',
      });
      expect(session?.answeredAt).not.toBeNull();
    }
  });

  it('no session is there twice and nothing was logged as wrong', () => {
    expect(sessions).toHaveLength(callsOfEach * runs.length);
    expect(complaints(gateway)).toBe('');
  });
});
