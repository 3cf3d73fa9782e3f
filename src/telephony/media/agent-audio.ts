import type { AudioPort } from '../../domain/calls/ports.js';
import { type AudioRing, audioRing, audioRingMemory } from './audio-ring.js';

/** Half a second of the peer's audio: what may wait while this thread is busy. */
const toAgentSamples = 4_096;
/** Two seconds of the agent's audio are handed over at once; the rest waits on this side. */
const toPeerSamples = 16_384;
const frameSamples = 160;
/** An agent may speak much faster than real time; this is how far ahead it may be. */
const maxQueueMs = 120_000;

/** The signalling thread's end of the audio between an agent and its leg. */
export type AgentAudio = {
  readonly rings: { readonly toAgent: SharedArrayBuffer; readonly toPeer: SharedArrayBuffer };
  /** Delivers what has come from the peer and hands over what waits for it. */
  turn(): void;
  /** Takes `send` and `clear` off the port: what it sends from now on goes nowhere. */
  detach(): void;
};

export const agentAudio = (port: AudioPort): AgentAudio => {
  const rings = { toAgent: audioRingMemory(toAgentSamples), toPeer: audioRingMemory(toPeerSamples) };
  const fromPeer: AudioRing = audioRing(rings.toAgent);
  const toPeer: AudioRing = audioRing(rings.toPeer);
  const waiting: Int16Array[] = [];
  let waitingSamples = 0;
  let attached = true;

  const handOver = (): void => {
    while (waiting.length > 0) {
      const first = waiting[0] as Int16Array;
      const written = toPeer.write(first);
      waitingSamples -= written;
      if (written < first.length) {
        waiting[0] = first.subarray(written);
        return;
      }
      waiting.shift();
    }
  };

  port.send = (samples) => {
    if (!attached || samples.length === 0) return;
    const written = waiting.length === 0 ? toPeer.write(samples) : 0;
    if (written === samples.length) return;
    waiting.push(samples.slice(written));
    waitingSamples += samples.length - written;
    while (waitingSamples > maxQueueMs * 8 && waiting.length > 1) {
      waitingSamples -= (waiting.shift() as Int16Array).length;
    }
  };
  port.clear = () => {
    waiting.length = 0;
    waitingSamples = 0;
    if (attached) toPeer.clear();
  };

  port.queued = () => (attached ? (toPeer.unread() + waitingSamples) / 8 : 0);

  return {
    rings,
    turn() {
      if (!attached) return;
      while (attached && fromPeer.readable() >= frameSamples) {
        // A frame of its own for each call: the agent may keep it.
        const frame = new Int16Array(frameSamples);
        fromPeer.read(frame);
        port.onAudio(frame);
      }
      handOver();
    },
    detach() {
      attached = false;
      waiting.length = 0;
      waitingSamples = 0;
    },
  };
};
