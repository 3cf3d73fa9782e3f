/**
 * A telephone agent for LiveKit, without a model so that it runs anywhere: it answers with a tone and obeys keys.
 *   1  asks the gateway for its tools, and presses a key for the caller to show that it may
 *   2  transfers the caller to the first destination it has; when that fails, says so with another tone
 *   3  the same as LiveKit's agents do it: by TransferSIPParticipant, with LIVEKIT_URL at the gateway's reverse proxy
 *   9  hangs up, as LiveKit agents do: by deleting the room
 * Where the tones are, an AgentSession with your models goes; the rest stays as it is.
 */
import { fileURLToPath } from 'node:url';
import { cli, defineAgent, type JobContext, ServerOptions } from '@livekit/agents';
import {
  AudioFrame,
  AudioSource,
  LocalAudioTrack,
  RoomEvent,
  TrackPublishOptions,
  TrackSource,
} from '@livekit/rtc-node';
import { SipCallError, SipClient } from 'livekit-server-sdk';

const sampleRate = 24_000;
const frame = sampleRate / 50;

/** A voice that hums: Hz, null for silence. */
const createVoice = () => {
  const source = new AudioSource(sampleRate, 1, 100);
  let hz: number | null = null;
  let phase = 0;
  let over = false;
  const speak = async (): Promise<void> => {
    while (!over) {
      const samples = new Int16Array(frame);
      for (let i = 0; i < frame && hz !== null; i += 1) {
        samples[i] = 8_000 * Math.sin(phase);
        phase += (2 * Math.PI * hz) / sampleRate;
      }
      await source.captureFrame(new AudioFrame(samples, sampleRate, 1, frame));
    }
  };
  return {
    track: LocalAudioTrack.createAudioTrack('voice', source),
    speak,
    hum: (next: number | null) => {
      hz = next;
    },
    stop: () => {
      over = true;
    },
  };
};

type Tool = { readonly name: string; readonly parameters: { properties?: { destination?: { enum?: string[] } } } };

export default defineAgent({
  entry: async (ctx: JobContext) => {
    await ctx.connect();
    const caller = await ctx.waitForParticipant();
    const voice = createVoice();
    ctx.addShutdownCallback(async () => voice.stop());

    /** Calls a tool of the gateway. A transfer is answered when it is certain what became of it: leave it the time. */
    const tool = async (method: string, args: unknown): Promise<unknown> => {
      const payload = JSON.stringify(args);
      const call = { destinationIdentity: caller.identity, method, payload, responseTimeout: 60_000 };
      const answer = await ctx.agent?.performRpc(call);
      return JSON.parse(answer ?? 'null');
    };

    type Outcome = { readonly outcome: string; readonly sipStatus: number | null };
    const byTool = async (destination: string): Promise<Outcome> =>
      (await tool('transfer_call', { destination, summary: 'The caller pressed 2.' })) as Outcome;
    const byLiveKit = async (destination: string): Promise<Outcome> => {
      const { LIVEKIT_URL = '', LIVEKIT_API_KEY, LIVEKIT_API_SECRET } = process.env;
      try {
        const sip = new SipClient(LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET);
        await sip.transferSipParticipant(ctx.room.name ?? '', caller.identity, destination);
        return { outcome: 'connected', sipStatus: 200 };
      } catch (error) {
        if (!(error instanceof SipCallError)) throw error;
        return { outcome: error.metadata?.outcome ?? 'failed', sipStatus: error.sipStatusCode ?? null };
      }
    };
    const transfer = async (way: (destination: string) => Promise<Outcome>): Promise<void> => {
      const tools = (await tool('list_tools', {})) as Tool[];
      const destinations = tools.find(({ name }) => name === 'transfer_call')?.parameters.properties?.destination?.enum;
      const result = await way(destinations?.[0] ?? '');
      console.log(JSON.stringify({ transfer: result }));
      if (result.outcome !== 'connected') voice.hum(880);
    };
    const showTools = async (): Promise<void> => {
      const tools = (await tool('list_tools', {})) as Tool[];
      console.log(JSON.stringify({ tools: tools.map(({ name }) => name) }));
      await tool('send_dtmf', { digits: '5' });
    };
    const keys: Readonly<Record<string, () => Promise<void>>> = {
      '1': showTools,
      '2': () => transfer(byTool),
      '3': () => transfer(byLiveKit),
      '9': () => ctx.deleteRoom(),
    };
    ctx.room.on(RoomEvent.DtmfReceived, (_code, digit) => {
      keys[digit]?.().catch((error: unknown) => console.error(String(error)));
    });

    // Its session at the gateway, for the REST API and the Model Context Protocol.
    const { voiceGateway } = JSON.parse(ctx.job.metadata) as { voiceGateway: { sessionId: string; apiUrl: string } };
    console.log(JSON.stringify({ session: voiceGateway.sessionId, from: caller.attributes['sip.phoneNumber'] }));
    voice.hum(440);
    await ctx.agent?.publishTrack(voice.track, new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE }));
    await voice.speak();
  },
});

cli.runApp(
  new ServerOptions({
    agent: fileURLToPath(import.meta.url),
    agentName: 'receptionist',
    numIdleProcesses: 1,
    // Ten calls at once, whatever else this machine is doing; the default goes by the processor's load.
    loadFunc: async ({ activeJobs }) => activeJobs.length / 10,
    loadThreshold: 1,
    // Where the worker tells its health.
    host: '127.0.0.1',
    port: Number(process.env.PORT ?? 8081),
  }),
);
