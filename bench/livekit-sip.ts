import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SipClient } from 'livekit-server-sdk';
import { type AgentSound, startAgent, type TestAgent } from '../test/support/livekit-agent.js';
import { apiKey, apiSecret, startLiveKitServer } from '../test/support/livekit-server.js';
import { freePort, rtpRange } from '../test/support/ports.js';
import { startTestRedis } from '../test/support/redis.js';
import { type RtpPeer, rtpPeer } from '../test/support/rtp-peer.js';
import { startSipApplication } from '../test/support/sip-application.js';
import { until } from '../test/support/until.js';
import { untilBound } from '../test/support/until-bound.js';

const dialled = '+14155550100';

/** A call through livekit/sip: the caller's telephone and the agent in its room. */
export type ComparedTalk = { readonly phone: RtpPeer; readonly agent: TestAgent; end(): Promise<void> };

/** LiveKit's own SIP bridge with a livekit-server and a redis-server of its own. */
export type LiveKitSip = {
  readonly pid: number;
  readonly serverPid: number;
  talk(sound: AgentSound): Promise<ComparedTalk>;
  close(): Promise<void>;
};

/** The program of livekit/sip that the AI's leg is compared with, from LIVEKIT_SIP; null where none is given. */
export const givenLiveKitSip = (): string | null => process.env.LIVEKIT_SIP || null;

export const startLiveKitSip = async (program: string): Promise<LiveKitSip> => {
  const endings: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const end of endings.reverse()) await end();
  };
  try {
    const redisPort = await freePort();
    const redis = await startTestRedis(['--port', String(redisPort), '--bind', '127.0.0.1']);
    endings.push(() => redis.stop());
    const redisAddress = `127.0.0.1:${redisPort}`;
    const livekit = await startLiveKitServer(undefined, redisAddress);
    endings.push(() => livekit.stop());
    const application = await startSipApplication({ alwaysEmbedded: true });
    endings.push(() => application.close());
    const folder = mkdtempSync(join(tmpdir(), 'livekit-sip-'));
    endings.push(() => rmSync(folder, { recursive: true, force: true }));
    const sipPort = await freePort();
    const ports = rtpRange(400);
    writeFileSync(
      join(folder, 'sip.yaml'),
      `api_key: ${apiKey}
api_secret: ${apiSecret}
ws_url: ${livekit.url}
redis: { address: ${redisAddress} }
sip_port: ${sipPort}
listen_ip: 127.0.0.1
nat_1_to_1_ip: 127.0.0.1
rtp_port: ${ports.from}-${ports.to}
max_cpu_utilization: 1
logging: { level: warn }
`,
    );
    const child: ChildProcess = spawn(program, ['--config', join(folder, 'sip.yaml')], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    endings.push(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    });
    await untilBound(sipPort, '127.0.0.1', 'udp', 20_000);
    const rules = new SipClient(livekit.url.replace('ws:', 'http:'), apiKey, apiSecret);
    const trunk = await rules.createSipInboundTrunk('bench', [dialled]);
    await rules.createSipDispatchRule(
      { type: 'individual', roomPrefix: 'call-' },
      { trunkIds: [trunk.sipTrunkId], name: 'bench' },
    );
    const seen = new Set<string>();
    const talk = async (sound: AgentSound): Promise<ComparedTalk> => {
      const phone = await rtpPeer();
      const placed = application.server.place({
        uri: `sip:${dialled}@127.0.0.1:${sipPort}`,
        profile: 'local',
        from: { user: '+14155550123', display: null, privacy: false },
        headers: {},
        offer: phone.sdp(),
        ringTimeout: 30_000,
        events: {
          ended: () => {},
          offered: async (offer) => {
            if (offer !== null) phone.accept(offer);
            return phone.sdp();
          },
          info: () => {},
        },
      });
      const room = await until('the room of the call', async () => {
        if (child.exitCode !== null) throw new Error(`livekit/sip has ended: ${output.slice(-2_000)}`);
        const names = (await livekit.rooms.listRooms()).map(({ name }) => name);
        return names.find((name) => name.startsWith('call-') && !seen.has(name)) ?? null;
      });
      seen.add(room);
      const agent = await startAgent();
      await agent.order({ type: 'join', url: livekit.url, token: await livekit.agentToken(room, 'agent') });
      await agent.order({ type: 'publish', sound });
      const result = await placed;
      if (result.outcome !== 'answered') throw new Error(`livekit/sip did not answer: ${JSON.stringify(result)}`);
      phone.accept(result.sdp);
      return {
        phone,
        agent,
        end: async () => {
          await result.dialog.bye();
          await agent.kill();
          await phone.close();
        },
      };
    };
    return { pid: child.pid ?? 0, serverPid: livekit.pid, talk, close };
  } catch (error) {
    await close();
    throw error;
  }
};
