import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../src/core/entry-path.js';
import { hears } from '../support/listening.js';
import { type LiveKitRig, startLiveKitRig } from '../support/livekit-rig.js';
import { hasLiveKitServer } from '../support/livekit-server.js';
import { freePort } from '../support/ports.js';
import { rtpPeer } from '../support/rtp-peer.js';
import { answering, refusing, startLine } from '../support/sip-in-line.js';
import { plainDestination } from '../support/transfer-rig.js';
import { until } from '../support/until.js';

const root = packageRoot(import.meta.url);
const folder = join(root, 'examples/livekit-agent');

/** The example has packages of its own, which scripts/setup.sh installs for tests. */
const hasPackages = (): boolean => {
  if (existsSync(join(folder, 'node_modules/@livekit/agents'))) return true;
  const sentence = 'The packages of examples/livekit-agent are not installed: scripts/setup.sh test does it.';
  if (process.env.CI === 'true') throw new Error(sentence);
  console.info(`${sentence} Its test is skipped.`);
  return false;
};

describe.skipIf(!hasLiveKitServer() || !hasPackages())('the example agent, started with @livekit/agents', () => {
  let rig: LiveKitRig;
  let agent: ChildProcess;
  let output = '';
  beforeAll(async () => {
    // Type-checks as it compiles.
    execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', folder], { stdio: 'pipe' });
    rig = await startLiveKitRig();
    agent = spawn(process.execPath, ['dist/agent.js', 'start'], {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: rig.gateway.dataDir, PORT: String(await freePort()), ...rig.livekit.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [agent.stdout, agent.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    await until('the agent to be registered', () => output.includes('registered worker'), 30_000);
  }, 60_000);
  afterAll(async () => {
    const gone = new Promise((resolve) => agent?.once('exit', resolve));
    agent?.kill('SIGTERM');
    const force = setTimeout(() => agent?.kill('SIGKILL'), 3_000);
    await gone;
    clearTimeout(force);
    await rig?.close();
  });
  const desk = (port: number) => ({
    ...plainDestination,
    ...{ id: 'desk', name: 'Desk', type: 'sip', value: `sip:desk@127.0.0.1:${port}` },
  });
  const said = (text: string): Promise<unknown> =>
    until(`the agent to say ${text}`, () => output.includes(text), 15_000);

  it('is dispatched by name, gets its session by the metadata, calls tools and hangs up', async () => {
    await rig.setUpLeg({ agentName: 'receptionist' });
    const { sessionId, answered } = await rig.ring();
    const caller = await answered;
    await caller.phone.until('the agent', () => hears(caller.phone, 440));
    await said(`{"session":"${sessionId}","from":"+14155550123"}`);
    await caller.phone.press(1, 120);
    await said('{"tools":["end_call","send_dtmf"]}');
    const five = (): boolean =>
      caller.phone.packets.some(({ payloadType, payload }) => payloadType === 101 && payload[0] === 5);
    await caller.phone.until('the key of the agent', five);
    await caller.phone.press(9, 120);
    await caller.ended;
    const session = await caller.until('the end', ({ status }) => status === 'ended');
    expect(session.endReason).toBe('agent-hangup');
  }, 60_000);

  it('transfers to a line, which gets the caller and the session', async () => {
    const human = await rtpPeer();
    const line = await startLine(answering(human.sdp()));
    await rig.setUpLeg({ agentName: 'receptionist' }, [desk(line.port)]);
    const caller = await (await rig.ring()).answered;
    await caller.phone.until('the agent', () => hears(caller.phone, 440));
    await caller.phone.press(2, 120);
    const session = await caller.until('the transfer', ({ status }) => status === 'transferred');
    await said('"outcome":"connected"');
    await caller.dialog.bye();
    const { invites } = await line.stop();
    await human.close();
    expect(invites[0]?.header('From')).toContain('+14155550123@');
    expect(invites[0]?.header('X-OPENCX-SESSION-ID')).toBe(session.id);
  }, 60_000);

  it('has the caller back when the line is busy, and knows it', async () => {
    const line = await startLine(refusing('486 Busy Here', { ringFor: 200 }));
    await rig.setUpLeg({ agentName: 'receptionist' }, [desk(line.port)]);
    const caller = await (await rig.ring()).answered;
    await caller.phone.until('the agent', () => hears(caller.phone, 440));
    await caller.phone.press(2, 120);
    await said('"outcome":"busy","sipStatus":486');
    await caller.phone.until('the other tone', () => hears(caller.phone, 880));
    await caller.dialog.bye();
    await line.stop();
  }, 60_000);
});
