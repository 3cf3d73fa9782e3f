import { describe, expect, it } from 'vitest';
import type { AudioPort } from '../../../domain/calls/ports.js';
import { callerPort } from './caller-port.js';

const speech = new Int16Array(160).fill(5_000);
const quiet = new Int16Array(160).fill(20);

/** A caller's leg that plays nothing until it is told to. */
const line = (hold = false) => {
  let queued = 0;
  let port: AudioPort | null = null;
  const played: Int16Array[] = [];
  const caller: Int16Array[] = [];
  const made = callerPort({
    leg: {
      attach: (next) => {
        port = next;
        if (next === null) return;
        next.send = (samples) => {
          played.push(samples);
          queued += samples.length / 8;
        };
        next.clear = () => {
          queued = 0;
        };
        next.queued = () => queued;
      },
    },
    hold,
    onCaller: (samples) => caller.push(samples),
  });
  return {
    port: made,
    played,
    caller,
    attached: () => port,
    /** The caller has heard so much, ms. */
    hears: (ms: number) => {
      queued = Math.max(0, queued - ms);
    },
    queued: () => queued,
  };
};

describe('the way from a room to the caller', () => {
  it('passes on what comes at the pace at which it is heard', () => {
    const { port, played, hears } = line();
    for (let frame = 0; frame < 500; frame += 1) {
      port.fromRoom(speech);
      hears(20);
    }
    expect(played).toHaveLength(500);
    expect(port.dropped()).toBe(0);
  });

  it('never keeps more than 120 ms and a frame in front of the caller', () => {
    const { port, queued } = line();
    for (let frame = 0; frame < 100; frame += 1) port.fromRoom(speech);
    expect(queued()).toBe(140);
    expect(port.dropped()).toBe(93);
  });

  it('wears a queue off by quiet frames at once', () => {
    const { port, hears, queued } = line();
    for (let frame = 0; frame < 5; frame += 1) port.fromRoom(speech);
    expect(queued()).toBe(100);
    for (let frame = 0; frame < 5; frame += 1) {
      port.fromRoom(quiet);
      hears(20);
    }
    expect(queued()).toBeLessThanOrEqual(40);
  });

  it('lets speech give way at most once a second', () => {
    const { port, hears, queued } = line();
    for (let frame = 0; frame < 5; frame += 1) port.fromRoom(speech);
    for (let frame = 0; frame < 250; frame += 1) {
      port.fromRoom(speech);
      hears(20);
    }
    expect(port.dropped()).toBeGreaterThanOrEqual(3);
    expect(port.dropped()).toBeLessThanOrEqual(5);
    expect(queued()).toBeLessThanOrEqual(40);
  });

  it('keeps the first words whole until the caller is there, and then wears them off at pauses', () => {
    const { port, played, hears, queued } = line(true);
    for (let frame = 0; frame < 15; frame += 1) port.fromRoom(speech);
    expect(played).toHaveLength(0);
    port.release();
    expect(played).toHaveLength(15);
    for (let frame = 0; frame < 50; frame += 1) {
      port.fromRoom(speech);
      hears(20);
    }
    expect(port.dropped()).toBe(0);
    for (let frame = 0; frame < 20; frame += 1) {
      port.fromRoom(quiet);
      hears(20);
    }
    expect(queued()).toBeLessThanOrEqual(40);
  });

  it('forgets what waits when the agent is interrupted, also while nobody hears it', () => {
    const held = line(true);
    held.port.fromRoom(speech);
    held.port.clear();
    held.port.release();
    expect(held.played).toHaveLength(0);
    const { port, queued } = line();
    port.fromRoom(speech);
    port.clear();
    expect(queued()).toBe(0);
  });

  it('is silent both ways while muted, and lets go of the leg at the end', () => {
    const { port, played, caller, attached } = line();
    port.setMuted(true);
    port.fromRoom(speech);
    attached()?.onAudio(speech);
    expect([played.length, caller.length]).toEqual([0, 0]);
    port.setMuted(false);
    port.fromRoom(speech);
    attached()?.onAudio(speech);
    expect([played.length, caller.length]).toEqual([1, 1]);
    port.close();
    expect(attached()).toBeNull();
  });
});
