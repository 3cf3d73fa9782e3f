/**
 * Entry of a test agent's process: a participant of kind agent that does what it is told by messages. In a process of its
 * own, since two users of rtc-node cannot share one, and so that a test can kill it.
 */
import {
  AudioFrame,
  AudioSource,
  AudioStream,
  LocalAudioTrack,
  type LocalTrackPublication,
  Room,
  RoomEvent,
  RpcError,
  TrackKind,
  TrackPublishOptions,
  TrackSource,
} from '@livekit/rtc-node';
import { sine, toneLevel, totalLevel } from './goertzel.js';
import type { AgentEvent, AgentOrder, AgentSound } from './livekit-agent.js';

const tell = (event: AgentEvent): void => void process.send?.(event);

/** The room it is in, or was last: it takes one after the other, since a process is dear to start. */
let room = new Room();
/** The last second that was heard of the caller. */
let heard = new Int16Array(0);
let frames = 0;
/** When the last click was heard, by the clock all processes of a machine share. */
let clicks: number[] = [];
let above = 0;
let publication: LocalTrackPublication | undefined;
let playing: { stop: boolean } | null = null;

const listen = (samples: Int16Array): void => {
  frames += 1;
  const both = new Int16Array(Math.min(8_000, heard.length + samples.length));
  const keep = both.length - samples.length;
  both.set(heard.subarray(heard.length - keep), 0);
  both.set(samples, keep);
  heard = both;
  const loud = samples.findIndex((sample) => sample > 8_000 || sample < -8_000);
  if (loud >= 0 && above === 0) clicks.push(performance.timeOrigin + performance.now());
  above = loud >= 0 ? 10 : Math.max(0, above - 1);
};

/** A room as if the process had just begun. */
const open = (): void => {
  if (playing !== null) playing.stop = true;
  playing = null;
  publication = undefined;
  heard = new Int16Array(0);
  frames = 0;
  clicks = [];
  above = 0;
  const here = new Room();
  room = here;
  const say = (event: AgentEvent): void => {
    if (room === here) tell(event);
  };
  here.on(RoomEvent.TrackSubscribed, async (track) => {
    if (track.kind !== TrackKind.KIND_AUDIO) return;
    say({ type: 'subscribed' });
    const reader = new AudioStream(track, { sampleRate: 8_000, numChannels: 1, frameSizeMs: 20 }).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || room !== here) return;
      listen(value.data);
    }
  });
  here.on(RoomEvent.DtmfReceived, (code, digit) => say({ type: 'dtmf', code, digit }));
  here.on(RoomEvent.ParticipantDisconnected, () => say({ type: 'caller-left' }));
  here.on(RoomEvent.Disconnected, () => say({ type: 'disconnected' }));
};

const publish = async (sound: AgentSound): Promise<void> => {
  const rate = sound.sampleRate ?? 48_000;
  const source = new AudioSource(rate, 1, sound.queueMs ?? 200);
  const track = LocalAudioTrack.createAudioTrack('voice', source);
  const published = await room.localParticipant?.publishTrack(
    track,
    new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE }),
  );
  publication = published;
  if (sound.hz === null) return;
  const state = { stop: false };
  playing = state;
  // A whole second joins onto itself without a click.
  const second = sine(sound.hz, 1_000, -10, rate);
  const piece = rate / 50;
  void (async () => {
    await published?.waitForSubscription();
    if (state.stop) return;
    tell({ type: 'speaking' });
    const opening = sine(sound.opening?.hz ?? 0, sound.opening?.ms ?? 0, -10, rate);
    for (let at = 0; at + piece <= opening.length; at += piece)
      await source.captureFrame(new AudioFrame(opening.slice(at, at + piece), rate, 1, piece));
    for (let at = 0; !state.stop; at = (at + piece) % rate) {
      try {
        await source.captureFrame(new AudioFrame(second.slice(at, at + piece), rate, 1, piece));
      } catch (error) {
        tell({ type: 'trouble', message: String(error) });
        return;
      }
    }
    source.clearQueue();
  })();
};

/** The source has no queue and takes 10 ms at a time, so that a click's time is the time it leaves. */
const click = async (count: number, everyMs: number): Promise<readonly number[]> => {
  const source = new AudioSource(48_000, 1, 0);
  const track = LocalAudioTrack.createAudioTrack('clicks', source);
  const published = await room.localParticipant?.publishTrack(
    track,
    new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE, dtx: false, red: false }),
  );
  await published?.waitForSubscription();
  const silence = new Int16Array(480);
  const loud = Int16Array.from({ length: 480 }, (_, i) => 24_000 * Math.sin((2 * Math.PI * 1_000 * i) / 48_000));
  const times: number[] = [];
  const start = performance.now();
  const steps = Math.ceil((count * everyMs) / 10) + 50;
  for (let step = 0; step < steps; step += 1) {
    const clicks = step % (everyMs / 10) === 0 && step > 0 && times.length < count;
    if (clicks) times.push(performance.timeOrigin + performance.now());
    await source.captureFrame(new AudioFrame(clicks ? loud.slice() : silence.slice(), 48_000, 1, 480));
    const wait = start + (step + 1) * 10 - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  }
  await room.localParticipant?.unpublishTrack(published?.sid ?? '');
  return times;
};

const caller = () => {
  const found = [...room.remoteParticipants.values()][0];
  if (found === undefined) throw new Error('there is no caller in the room');
  return found;
};

const perform = async (order: AgentOrder): Promise<unknown> => {
  switch (order.type) {
    case 'join':
      open();
      await room.connect(order.url, order.token, { autoSubscribe: true, dynacast: false });
      return null;
    case 'publish':
      await publish(order.sound);
      return null;
    case 'hush':
      if (playing !== null) playing.stop = true;
      return null;
    case 'unpublish':
      await room.localParticipant?.unpublishTrack(publication?.sid ?? '');
      return null;
    case 'levels':
      return { tone: toneLevel(heard, order.hz), total: totalLevel(heard), frames };
    case 'clicks': {
      const found = clicks;
      clicks = [];
      return found;
    }
    case 'click':
      return click(order.count, order.everyMs);
    case 'caller': {
      const [found] = room.remoteParticipants.values();
      if (found === undefined) return null;
      const { identity, name, kind, attributes, metadata } = found.info;
      return { identity, name, kind, attributes, metadata };
    }
    case 'rpc':
      try {
        const payload = await room.localParticipant?.performRpc({
          destinationIdentity: caller().identity,
          method: order.method,
          payload: order.payload ?? 'x'.repeat(order.size ?? 0),
          responseTimeout: order.timeout ?? 10_000,
        });
        return { ok: true, payload };
      } catch (error) {
        if (!(error instanceof RpcError)) return { ok: false, code: -1, message: String(error) };
        return { ok: false, code: error.code, message: error.message, data: error.data };
      }
    case 'flood': {
      const end = performance.now() + order.forMs;
      const codes: Record<string, number> = {};
      const under: Promise<void>[] = [];
      while (performance.now() < end) {
        for (let i = 0; i < order.perSecond / 100; i += 1) {
          const call = perform({ type: 'rpc', method: order.method, payload: order.payload, timeout: 20_000 });
          under.push(
            call.then((answer) => {
              const { ok, code } = answer as { ok: boolean; code?: number };
              const key = ok ? 'ok' : String(code);
              codes[key] = (codes[key] ?? 0) + 1;
            }),
          );
        }
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      await Promise.all(under);
      return codes;
    }
    case 'dtmf':
      await room.localParticipant?.publishDtmf(order.code, order.digit);
      return null;
    case 'keys':
      await Promise.all(Array.from({ length: order.count }, () => room.localParticipant?.publishDtmf(1, '1')));
      return null;
    case 'tracks':
      for (let i = 0; i < order.count; i += 1) {
        const track = LocalAudioTrack.createAudioTrack(`track-${i}`, new AudioSource(48_000, 1, 0));
        await room.localParticipant?.publishTrack(
          track,
          new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE }),
        );
      }
      return null;
    case 'leave':
      await room.disconnect();
      return null;
  }
};

process.on('message', ({ id, order }: { id: number; order: AgentOrder }) => {
  perform(order).then(
    (value) => tell({ type: 'done', id, value: value ?? null }),
    (error: unknown) => tell({ type: 'failed', id, message: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
process.on('unhandledRejection', (error) => tell({ type: 'trouble', message: String(error) }));
tell({ type: 'ready' });
