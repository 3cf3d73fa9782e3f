import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../src/core/entry-path.js';
import { hears } from '../support/listening.js';
import { type LiveKitProxy, startLiveKitProxy } from '../support/livekit-proxy.js';
import type { LiveKitRig } from '../support/livekit-rig.js';
import { freePort } from '../support/ports.js';
import { rtpPeer } from '../support/rtp-peer.js';
import { answering, refusing, startLine } from '../support/sip-in-line.js';
import { callerNumber, plainDestination } from '../support/transfer-rig.js';
import { until } from '../support/until.js';
import { renderTrigger, sendWebhook } from '../support/zendesk-webhook.js';

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

/** Type-checks as it compiles. */
export const compileExample = async (): Promise<void> => {
  if (!hasPackages()) return;
  await promisify(execFile)(join(root, 'node_modules/.bin/tsc'), ['-p', folder]);
};

export const exampleCases = (rigOf: () => LiveKitRig, compiledOf: () => Promise<void>): void => {
  describe.skipIf(!hasPackages())('the example agent, started with @livekit/agents', () => {
    let rig: LiveKitRig;
    let agent: ChildProcess;
    let proxy: LiveKitProxy;
    let output = '';
    beforeAll(async () => {
      rig = rigOf();
      proxy = await startLiveKitProxy({ gateway: rig.gateway.httpUrl, livekit: rig.livekit.url });
      await compiledOf();
      const { LIVEKIT_API_KEY = '', LIVEKIT_API_SECRET = '' } = rig.livekit.env;
      agent = spawn(process.execPath, ['dist/agent.js', 'start'], {
        cwd: folder,
        env: {
          ...{ PATH: process.env.PATH, HOME: rig.gateway.dataDir, PORT: String(await freePort()) },
          ...{ LIVEKIT_URL: proxy.url, LIVEKIT_API_KEY, LIVEKIT_API_SECRET },
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      for (const stream of [agent.stdout, agent.stderr]) {
        stream?.setEncoding('utf8').on('data', (text: string) => {
          output += text;
        });
      }
      await until('the agent to be registered', () => output.includes('registered worker'), 60_000);
    }, 120_000);
    afterAll(async () => {
      const gone = new Promise((resolve) => agent?.once('exit', resolve));
      agent?.kill('SIGTERM');
      const force = setTimeout(() => agent?.kill('SIGKILL'), 3_000);
      await gone;
      clearTimeout(force);
      await proxy?.close();
    });
    const desk = (port: number) => ({
      ...plainDestination,
      ...{ id: 'desk', name: 'Desk', type: 'sip', profile: 'zendesk-sip-in' },
      value: `sip:desk@127.0.0.1:${port};transport=udp`,
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

    it.each([
      ['its tool', 2],
      ["LiveKit's TransferSIPParticipant", 3],
    ] as const)(
      'transfers by %s: has the caller back from a line that is busy, then one answers and gets caller and ticket',
      async (_way, key) => {
        await rig.gateway.apply({ organization: { id: 'acme', zendesk: { subdomain: 'acme' } } });
        const busy = await startLine(refusing('486 Busy Here', { ringFor: 200 }));
        const human = await rtpPeer();
        const line = await startLine(answering(human.sdp()));
        try {
          await rig.setUpLeg({ agentName: 'receptionist' }, [desk(busy.port)]);
          const caller = await (await rig.ring()).answered;
          await caller.phone.until('the agent', () => hears(caller.phone, 440));
          const { body } = await rig.gateway.api('/backend/zendesk-v2/voice-prefetch-url');
          const { pathname } = new URL((body as { webhookUrl: string }).webhookUrl);
          const stamped = await sendWebhook(
            rig.gateway.httpUrl + pathname,
            renderTrigger({ id: 4_711, caller: callerNumber }),
          );
          expect(stamped.body).toMatchObject({ success: true, sessionId: caller.sessionId });
          output = '';
          await caller.phone.press(key, 120);
          await said('{"transfer":{"outcome":"busy","sipStatus":486');
          await caller.phone.until('the other tone', () => hears(caller.phone, 880));
          await rig.setUpLeg({ agentName: 'receptionist' }, [desk(line.port)]);
          await caller.phone.press(key, 120);
          await caller.until('the transfer', ({ status }) => status === 'transferred');
          await said('{"transfer":{"outcome":"connected","sipStatus":200');
          await caller.dialog.bye();
          const { invites } = await line.stop();
          expect(invites[0]?.header('From')).toContain(`${callerNumber}@`);
          expect(invites[0]?.header('X-OPENCX-SESSION-ID')).toBe(caller.sessionId);
          expect(invites[0]?.header('X-OPENCX-TRANSFER')).toBe('true');
          expect(invites[0]?.header('X-Zendesk-Ticket-Id')).toBe('4711');
        } finally {
          await rig.gateway.apply({ organization: { id: 'acme', zendesk: null } });
          await Promise.all([busy.stop(), line.stop(), human.close()]);
        }
      },
      60_000,
    );
  });
};
