import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sine, toneLevel, totalLevel } from '../../../test/support/goertzel.js';
import { type LegLog, legLog, legOptions, stereoChannels, wavFile } from '../../../test/support/media.js';
import { rtpRange } from '../../../test/support/ports.js';
import { type RtpPeer, rtpPeer } from '../../../test/support/rtp-peer.js';
import type { MediaLeg, MediaLegOptions, MediaPlane } from '../../domain/calls/ports.js';
import type { RelaySide } from '../../domain/calls/relay-ports.js';
import { createMediaPlane, type MediaPlaneOptions } from './index.js';
import { writeRtcp } from './rtcp.js';

let plane: MediaPlane;
let peers: RtpPeer[] = [];
let folder: string;

const newPlane = (options: Partial<MediaPlaneOptions> = {}): MediaPlane => {
  const { from: first, to: last } = rtpRange(40);
  return createMediaPlane({
    rtpAddress: '127.0.0.1',
    ports: { first, last },
    workers: 1,
    drainMs: 100,
    ...options,
    tuning: { rtcpIntervalMs: 400, ...options.tuning },
  });
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'media-'));
  plane = newPlane();
});
afterEach(async () => {
  await Promise.all(peers.map((peer) => peer.close()));
  peers = [];
  await plane.close();
  await rm(folder, { recursive: true, force: true });
});

type Joined = { readonly leg: MediaLeg; readonly peer: RtpPeer; readonly log: LegLog };

/** A leg that has answered the offer of a telephone of its own. */
/** Media is agreed on, and nobody has answered yet. */
const ringing = async (
  phone: Parameters<typeof rtpPeer>[0] = {},
  options: Partial<MediaLegOptions> = {},
  sdp: Parameters<RtpPeer['sdp']>[0] = {},
): Promise<Joined> => {
  const peer = await rtpPeer(phone);
  peers.push(peer);
  const log = legLog();
  const leg = await plane.open(legOptions(options), log);
  peer.accept(await leg.answer(peer.sdp(sdp)));
  return { leg, peer, log };
};
const joined = async (...how: Parameters<typeof ringing>): Promise<Joined> => {
  const it = await ringing(...how);
  it.leg.expectMedia();
  return it;
};

const mixed = (one: Int16Array, other: Int16Array): Int16Array => one.map((sample, i) => sample + other[i]!);

const tonePacketsOf = (peer: RtpPeer, from = 0): number =>
  peer.packets.slice(from).filter((packet) => packet.payload.some((octet) => octet !== 0xff && octet !== 0xd5)).length;

const sdpOf = ({ port }: { readonly port: number }): string =>
  ['v=0', 'o=x 9 9 IN IP4 192.0.2.9', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0', `m=audio ${port} RTP/AVP 0`, ''].join(
    '\r\n',
  );
const originVersion = (sdp: string): number => Number(/^o=\S+ \S+ (\d+) /m.exec(sdp)?.[1]);

/**
 * How far timestamps and time have come apart from the first packets to the last, ms. Of each twenty the fastest counts,
 * since a busy machine delays some.
 */
const clockDrift = (packets: RtpPeer['packets']): number => {
  const transits = packets.map((packet) => packet.at - ((packet.timestamp - packets[0]!.timestamp) >>> 0) / 8);
  return Math.min(...transits.slice(-20)) - Math.min(...transits.slice(0, 20));
};

describe('prompts', () => {
  test('a WAV file is played at its level, paced by 20 ms, without a hole', async () => {
    const path = join(folder, 'tone.wav');
    await writeFile(path, wavFile(sine(1_000, 1_000, -6)));
    const { leg, peer } = await joined();
    await peer.until('silence', () => peer.packets.length > 5);
    expect(await leg.play({ type: 'wav', path }).done).toBe('finished');
    await peer.until('all of the tone', () => tonePacketsOf(peer) >= 50);

    const begin = peer.packets.findIndex((packet) => packet.payload.some((octet) => octet !== 0xff));
    const heard = peer.heard(begin + 1).subarray(0, 6_400);
    expect(toneLevel(heard, 1_000)).toBeGreaterThan(-7);
    expect(toneLevel(heard, 1_000)).toBeLessThan(-5);
    expect(toneLevel(heard, 1_700)).toBeLessThan(-40);
    const { packets } = peer;
    for (let i = 1; i < packets.length; i += 1) {
      expect(packets[i]!.sequence).toBe((packets[i - 1]!.sequence + 1) & 0xffff);
      expect((packets[i]!.timestamp - packets[i - 1]!.timestamp) >>> 0).toBe(160);
    }
    expect(Math.abs(clockDrift(packets))).toBeLessThan(20);
  });

  test('stop ends a prompt early, a newer prompt replaces the older one', async () => {
    const { leg, peer } = await joined();
    const first = leg.play({ type: 'frequency', hz: 400, durationMs: 60_000 });
    await peer.until('the tone', () => tonePacketsOf(peer) > 3);
    const second = leg.play({ type: 'tone', tone: 'ringback' }, { loop: true });
    expect(await first.done).toBe('stopped');
    second.stop();
    expect(await second.done).toBe('stopped');
    second.stop();
  });

  test('a prompt that is stopped, replaced or bridged over while its file is being read never sounds', async () => {
    const path = join(folder, 'tone.wav');
    await writeFile(path, wavFile(sine(1_000, 1_000, -6)));
    const { leg, peer } = await joined();
    const other = await joined();
    const wav = { type: 'wav', path } as const;
    const stopped = leg.play(wav, { loop: true });
    stopped.stop();
    expect(await stopped.done).toBe('stopped');
    const replaced = leg.play(wav, { loop: true });
    const newer = leg.play({ type: 'tone', tone: 'silence' });
    expect(await replaced.done).toBe('stopped');
    newer.stop();
    const bridged = leg.play(wav, { loop: true });
    await leg.bridge(other.leg);
    expect(await bridged.done).toBe('stopped');
    const count = peer.packets.length;
    await peer.until('more packets', () => peer.packets.length > count + 10);
    expect(tonePacketsOf(peer)).toBe(0);
  });

  test('a prompt that is asked for before media is agreed on waits for it', async () => {
    const peer = await rtpPeer();
    peers.push(peer);
    const leg = await plane.open(legOptions(), legLog());
    const playback = leg.play({ type: 'pcm', samples: sine(800, 200), sampleRate: 8_000 });
    peer.accept(await leg.answer(peer.sdp()));
    expect(await playback.done).toBe('finished');
    await peer.until('the whole prompt', () => tonePacketsOf(peer) >= 10);
  });

  test('a file that is not there is told by name and the leg goes on', async () => {
    const { leg, peer } = await joined();
    await expect(leg.play({ type: 'wav', path: join(folder, 'missing.wav') }).done).rejects.toThrow('missing.wav');
    await peer.until('silence', () => peer.packets.length > 3);
  });

  test('loop repeats a short sample without a hole', async () => {
    const { leg, peer } = await joined();
    const playback = leg.play({ type: 'pcm', samples: sine(1_000, 50), sampleRate: 8_000 }, { loop: true });
    await peer.until('a second of tone', () => tonePacketsOf(peer) >= 50);
    const from = peer.packets.findIndex((packet) => packet.payload.some((octet) => octet !== 0xff)) + 1;
    expect(toneLevel(peer.heard(from).subarray(0, 6_400), 1_000)).toBeGreaterThan(-11);
    playback.stop();
  });

  test('a peer that wants 30 ms or 10 ms gets packets of that length', async () => {
    for (const ptime of [30, 10]) {
      const { peer } = await joined({}, { sessionId: `ptime-${ptime}` }, { ptime });
      await peer.until('packets', () => peer.packets.length > 10);
      expect(new Set(peer.packets.map((packet) => packet.payload.length))).toEqual(new Set([ptime * 8]));
    }
  });
});

describe('digits', () => {
  test('of the peer are told once each, with their length', async () => {
    const { peer, log } = await joined();
    await peer.press(5, 100);
    await peer.press(11, 200);
    await peer.until('two digits', () => log.digits.length === 2);
    expect(log.digits).toEqual([
      { digit: '5', durationMs: 100 },
      { digit: '#', durationMs: 200 },
    ]);
  });

  test('to the peer are telephone events of the number it asked for, in its stream', async () => {
    const { leg, peer } = await joined({}, {}, { telephoneEvent: 97 });
    await leg.sendDtmf('1#', { durationMs: 100, gapMs: 60 });
    const events = peer.packets.filter((packet) => packet.payloadType === 97);
    const ends = events.filter((packet) => (packet.payload[1]! & 0x80) !== 0);
    expect(new Set(events.map((packet) => packet.timestamp)).size).toBe(2);
    expect(ends.map((packet) => packet.payload[0])).toEqual([1, 1, 1, 11, 11, 11]);
    expect(ends[0]!.payload.readUInt16BE(2)).toBe(800);
    expect(events.filter((packet) => packet.marker).length).toBe(2);
    const { packets } = peer;
    for (let i = 1; i < packets.length; i += 1) {
      expect(packets[i]!.sequence).toBe((packets[i - 1]!.sequence + 1) & 0xffff);
    }
  });

  test('are heard in the audio of a peer without telephone events, where that is wanted', async () => {
    for (const inbandDtmf of [true, false]) {
      const { peer, log } = await joined({}, { inbandDtmf }, { telephoneEvent: null });
      const tones = mixed(sine(770, 80), sine(1_477, 80));
      const said = peer.play([...tones, ...new Int16Array(1_600)]);
      if (inbandDtmf) await peer.until('the digit', () => log.digits.length > 0);
      else {
        await peer.until('all of it to have been said', () => said.done());
        const { length } = peer.packets;
        await peer.until('time for it to be heard', () => peer.packets.length > length + 25);
      }
      expect(log.digits.map(({ digit }) => digit)).toEqual(inbandDtmf ? ['6'] : []);
    }
  });

  test('under way when the leg is closed are not said to have been sent', async () => {
    const { leg, peer } = await joined({}, {}, { telephoneEvent: 97 });
    const sent = expect(leg.sendDtmf('1', { durationMs: 6_000 })).rejects.toMatchObject({ code: 'session_ended' });
    await peer.until('the key', () => peer.packets.some(({ payloadType }) => payloadType === 97));
    await leg.close();
    await sent;
  });

  test('are tones to a peer without telephone events', async () => {
    const { leg, peer } = await joined({}, {}, { telephoneEvent: null });
    expect(leg.takesEvents()).toBe(false);
    await leg.sendDtmf('1', { durationMs: 160, gapMs: 100 });
    await peer.until('160 ms of tones', () => tonePacketsOf(peer) === 8);
  });

  test('cannot be sent while the peer holds or a relay has it, which is said', async () => {
    const { leg, peer } = await joined();
    expect(leg.takesEvents()).toBe(true);
    await leg.answer(peer.sdp({ direction: 'sendonly' }));
    await expect(leg.sendDtmf('1')).rejects.toMatchObject({ code: 'conflict' });
    await leg.answer(peer.sdp());
    await leg.lend({ figures: () => ({ packetsSent: 0, packetsReceived: 0 }) } as RelaySide);
    await expect(leg.sendDtmf('1')).rejects.toMatchObject({ code: 'conflict' });
  });
});

describe('a bridge', () => {
  const bridged = async (first: Parameters<typeof rtpPeer>[0], second: Parameters<typeof rtpPeer>[0]) => {
    const codecs = ['PCMU', 'PCMA', 'G722'] as const;
    const a = await joined(first, { role: 'caller', codecs });
    const b = await joined(second, { role: 'destination', codecs });
    await a.leg.bridge(b.leg);
    return { a, b };
  };

  test.each([
    ['PCMU to PCMU', {}, {}],
    ['PCMU to PCMA', {}, { codec: 'PCMA' as const }],
    ['G722 to PCMA', { codec: 'G722' as const }, { codec: 'PCMA' as const }],
    ['G722 to G722', { codec: 'G722' as const }, { codec: 'G722' as const }],
    ['RTP to SRTP', {}, { srtp: true }],
    ['PCMA under SRTP to PCMU under SRTP', { codec: 'PCMA' as const, srtp: true }, { srtp: true }],
  ])('%s carries a tone both ways', async (_name, first, second) => {
    const { a, b } = await bridged(first, second);
    const stops = [a.peer.tone(1_000), b.peer.tone(1_700)];
    await Promise.all([
      a.peer.until('a second of tone', () => tonePacketsOf(a.peer) > 60),
      b.peer.until('a second of tone', () => tonePacketsOf(b.peer) > 60),
    ]);
    for (const stop of stops) stop();
    for (const [peer, own, other] of [
      [a.peer, 1_000, 1_700],
      [b.peer, 1_700, 1_000],
    ] as const) {
      const heard = peer.heard(peer.packets.length - 50);
      // A busy machine leaves a frame or two of silence among the fifty.
      expect(toneLevel(heard, other)).toBeGreaterThan(-13);
      expect(toneLevel(heard, other)).toBeLessThan(-9);
      expect(toneLevel(heard, own)).toBeLessThan(-35);
      expect(peer.rejected()).toBe(0);
    }
  });

  test('of one codec forwards payloads as they are', async () => {
    const { a, b } = await bridged({}, {});
    const payloads = Array.from({ length: 20 }, (_, i) => Buffer.alloc(160, i + 1));
    for (const payload of payloads) a.peer.send(payload);
    await b.peer.until('all of them', () => tonePacketsOf(b.peer) >= 20);
    expect(b.peer.packets.filter((packet) => packet.payload[0] !== 0xff).map((packet) => packet.payload)).toEqual(
      payloads,
    );
  });

  test('carries key presses, under the number of the other side, and they are told here', async () => {
    const a = await joined({}, { role: 'caller' }, { telephoneEvent: 96 });
    const b = await joined({}, { role: 'destination' }, { telephoneEvent: 110 });
    await a.leg.bridge(b.leg);
    await a.peer.press(7, 120);
    await b.peer.until('the end of the event', () =>
      b.peer.packets.some((packet) => packet.payloadType === 110 && (packet.payload[1]! & 0x80) !== 0),
    );
    await a.peer.until('the digit', () => a.log.digits.length === 1);
    expect(a.log.digits).toEqual([{ digit: '7', durationMs: 120 }]);
    expect(b.log.digits).toEqual([]);
  });

  test('prompt, bridge, prompt: one SSRC, numbers without hole, time that never goes back', async () => {
    const { a, b } = await bridged({}, {});
    await a.leg.unbridge();
    await a.leg.play({ type: 'frequency', hz: 500, durationMs: 200 }).done;
    await a.leg.bridge(b.leg);
    const stop = b.peer.tone(1_700);
    const before = tonePacketsOf(a.peer);
    await a.peer.until('the tone', () => tonePacketsOf(a.peer) > before + 20);
    const playback = a.leg.play({ type: 'frequency', hz: 500, durationMs: 200 });
    await playback.done;
    const later = a.peer.packets.length;
    await a.peer.until(
      'the bridge again',
      () => toneLevel(a.peer.heard(Math.max(later, a.peer.packets.length - 10)), 1_700) > -15,
    );
    stop();
    const { packets } = a.peer;
    expect(new Set(packets.map((packet) => packet.ssrc)).size).toBe(1);
    for (let i = 1; i < packets.length; i += 1) {
      expect(packets[i]!.sequence).toBe((packets[i - 1]!.sequence + 1) & 0xffff);
      expect((packets[i]!.timestamp - packets[i - 1]!.timestamp) | 0).toBeGreaterThan(0);
    }
    expect(Math.abs(clockDrift(packets))).toBeLessThan(60);
  });

  test('whose other side describes its silence sends that background, and the voice again when it speaks', async () => {
    const { a, b } = await bridged({}, {});
    const stop = b.peer.tone(1_700);
    const begun = a.peer.packets.length;
    await a.peer.until(
      'the tone',
      () => toneLevel(a.peer.heard(Math.max(begun, a.peer.packets.length - 5)), 1_700) > -15,
    );
    stop();
    b.peer.send(Buffer.from([40]), { payloadType: 13 });
    const noisy = (): boolean => {
      const level = totalLevel(a.peer.heard(a.peer.packets.length - 10));
      // -40 dB of a square wave are -37 dB of a sine.
      return level > -40 && level < -34;
    };
    await a.peer.until('the noise', noisy);
    // A bridge that is made in the middle of the pause knows of it.
    await a.leg.unbridge();
    await a.peer.until('nothing', () => totalLevel(a.peer.heard(a.peer.packets.length - 10)) < -60);
    await a.leg.bridge(b.leg);
    await a.peer.until('the noise again', noisy);
    const again = b.peer.tone(1_700);
    await a.peer.until('the tone again', () => toneLevel(a.peer.heard(a.peer.packets.length - 5), 1_700) > -15);
    again();
    expect((await b.leg.quality()).packetsLost).toBe(0);
  });

  test('whose other side falls silent sends silence in its place', async () => {
    const { a } = await bridged({}, {});
    const before = a.peer.packets.length;
    await a.peer.until('silence', () => a.peer.packets.length > before + 20);
    expect(totalLevel(a.peer.heard(before))).toBeLessThan(-60);
  });

  test('of a leg whose peer is at a relay passes on what comes and has nothing else to say', async () => {
    const a = await joined({ srtp: true }, { role: 'caller', idleTimeout: 1_000 });
    const b = await joined({ srtp: true }, { role: 'destination' });
    await a.leg.bridge(b.leg);
    a.leg.expectMedia();
    a.peer.send(Buffer.alloc(160, 1));
    await a.peer.until('silence', () => a.peer.packets.length > 5);
    const before = a.leg.agreed();
    const relayed = sdpOf({ port: 4_000 });
    await a.leg.lend({
      offer: async () => relayed,
      accept: async () => {},
      answer: async (offer) => (offer.includes('sendonly') ? null : relayed),
      figures: () => ({ packetsSent: 1_000, packetsReceived: 2_000 }),
    });
    // What was on its way; then more than the second it may be idle, by the clock of the other leg, which goes on sending.
    const quiet = b.peer.packets.length;
    await b.peer.until('what is on its way', () => b.peer.packets.length > quiet + 5);
    const said = a.peer.packets.length;
    await b.peer.until('the second', () => b.peer.packets.length > quiet + 65);
    expect(a.peer.packets.length).toBe(said);
    expect(a.log.told).toEqual(['first-packet']);
    const payload = Buffer.alloc(160, 7);
    b.peer.send(payload);
    await a.peer.until('the packet', () => a.peer.packets.length > said);
    expect(a.peer.packets.at(-1)?.payload).toEqual(payload);

    // In our name: the same origin, one version further.
    const told = await a.leg.answer(a.peer.sdp());
    expect(told).toMatch(/^m=audio 4000 /m);
    expect(originVersion(told)).toBe(originVersion(before?.ours ?? '') + 1);
    expect(await a.leg.quality()).toMatchObject({ packetsReceived: 2_001 });

    // A hold is the leg's own again, under a key that nothing has been sent with (RFC 4568 section 7.1.4).
    const back = await a.leg.answer(a.peer.sdp({ direction: 'sendonly' }));
    expect(originVersion(back)).toBe(originVersion(before?.ours ?? '') + 2);
    const key = (sdp: string): string | undefined => /inline:(\S+)/.exec(sdp)?.[1];
    expect(key(back)).not.toBe(key(before?.ours ?? ''));
    a.peer.accept(await a.leg.answer(a.peer.sdp()));
    const from = a.peer.packets.length;
    await a.peer.until('silence of our own again', () => a.peer.packets.length > from + 5);
    // It counts anew: the peer has said nothing since.
    await a.peer.until('the loss', () => a.log.told.includes('lost idle'));
  });

  test('ends for both when one leg closes', async () => {
    const { a, b } = await bridged({}, {});
    await b.leg.close();
    const before = a.peer.packets.length;
    await a.peer.until('silence', () => a.peer.packets.length > before + 5);
    await a.leg.unbridge();
  });

  test('of legs of two sessions is refused', async () => {
    const a = await joined({}, { sessionId: 'one' });
    const other = newPlane();
    const leg = await other.open(legOptions(), legLog());
    await expect(a.leg.bridge(leg)).rejects.toThrow('one session');
    await other.close();
  });
});

describe('recording', () => {
  test('has the peer on the left and what it is told on the right', async () => {
    const path = join(folder, 'call.wav');
    const { leg, peer } = await joined();
    await leg.startRecording(path);
    const stop = peer.tone(1_000);
    await leg.play({ type: 'frequency', hz: 1_700, durationMs: 1_500 }).done;
    await leg.stopRecording();
    stop();
    const { left, right } = stereoChannels(await readFile(path));
    expect(left.length).toBeGreaterThan(11_000);
    const middle = (channel: Int16Array): Int16Array => channel.subarray(4_000, 10_400);
    expect(toneLevel(middle(left), 1_000)).toBeGreaterThan(-12);
    expect(toneLevel(middle(left), 1_700)).toBeLessThan(-40);
    expect(toneLevel(middle(right), 1_700)).toBeGreaterThan(-25);
    expect(toneLevel(middle(right), 1_000)).toBeLessThan(-40);
  });

  test('of a bridged leg has the other side on the right', async () => {
    const path = join(folder, 'bridge.wav');
    const a = await joined();
    const b = await joined({ codec: 'PCMA' });
    await a.leg.bridge(b.leg);
    await a.leg.startRecording(path);
    const stops = [a.peer.tone(1_000), b.peer.tone(1_700)];
    const before = a.peer.packets.length;
    await a.peer.until('two seconds of the bridge', () => a.peer.packets.length > before + 100);
    await a.leg.close();
    for (const stop of stops) stop();
    const { left, right } = stereoChannels(await readFile(path));
    expect(toneLevel(left.subarray(4_000, 10_400), 1_000)).toBeGreaterThan(-12);
    expect(toneLevel(right.subarray(4_000, 10_400), 1_700)).toBeGreaterThan(-12);
  });

  test('is silent while it is paused, and as long as the call', async () => {
    const path = join(folder, 'paused.wav');
    const { leg, peer } = await joined();
    const stop = peer.tone(1_000);
    await leg.startRecording(path);
    const passed = async (packets: number): Promise<void> => {
      const from = peer.packets.length;
      await peer.until(`${packets} packets`, () => peer.packets.length >= from + packets);
    };
    const begun = performance.now();
    await passed(40);
    await leg.pauseRecording(true);
    await passed(40);
    await leg.pauseRecording(false);
    await passed(60);
    await leg.stopRecording();
    const took = performance.now() - begun;
    stop();
    const { left } = stereoChannels(await readFile(path));
    expect(Math.abs(left.length / 8 - took)).toBeLessThan(500);
    const silences =
      [...left]
        .map((sample) => (sample === 0 ? '0' : '1'))
        .join('')
        .match(/0+/g) ?? [];
    const pause = silences.toSorted((a, b) => b.length - a.length)[0] ?? '';
    // The pause of 40 packets, and what waits behind it; the tone crosses zero for a sample at a time.
    expect(pause.length / 8).toBeGreaterThan(850);
    expect(pause.length / 8).toBeLessThan(took - 600);
    expect(toneLevel(left.subarray(-3_200), 1_000)).toBeGreaterThan(-12);
  });

  test('into a folder that is not there is refused with its name', async () => {
    const { leg } = await joined();
    await expect(leg.startRecording(join(folder, 'no', 'call.wav'))).rejects.toThrow('call.wav');
  });
});

describe('hold', () => {
  test('by the peer stops our media at once and is told; resume starts it again', async () => {
    const { leg, peer, log } = await joined({}, { idleTimeout: 300 });
    await peer.until('media', () => peer.packets.length > 5);
    const answer = await leg.answer(peer.sdp({ direction: 'sendonly' }));
    expect(answer).toContain('a=recvonly');
    await peer.until('the hold', () => log.told.includes('held'));
    // Whatever was on its way has arrived before a report that was asked for after it.
    const reports = peer.rtcp.length;
    await peer.until('a report', () => peer.rtcp.length > reports);
    const atHold = peer.packets.length;
    await peer.until('two more reports', () => peer.rtcp.length > reports + 4);
    expect(peer.packets.length).toBe(atHold);
    expect(log.told).not.toContain('lost idle');
    expect(await leg.answer(peer.sdp())).toContain('a=sendrecv');
    await peer.until('media again', () => peer.packets.length > atHold + 5);
    expect(log.told.slice(-1)).toEqual(['resumed']);
  });

  test('by the address 0.0.0.0 is a hold too', async () => {
    const { leg, peer, log } = await joined();
    await leg.answer(peer.sdp({ address: '0.0.0.0' }));
    await peer.until('the hold', () => log.told.includes('held'));
  });

  test('by us is offered as sendonly, music still goes out, and the next offer resumes', async () => {
    const { leg, peer } = await joined();
    const offer = await leg.offer({ hold: true });
    expect(offer).toContain('a=sendonly');
    await leg.accept(peer.sdp({ direction: 'recvonly' }));
    const before = peer.packets.length;
    await peer.until('music', () => peer.packets.length > before + 5);
    const resume = await leg.offer({ hold: false });
    expect(resume).toContain('a=sendrecv');
    await leg.accept(peer.sdp());
  });

  test('an offer without a wish leaves the hold as it is', async () => {
    const { leg, peer } = await joined();
    await leg.offer({ hold: true });
    await leg.accept(peer.sdp({ direction: 'recvonly' }));
    expect(await leg.offer()).toContain('a=sendonly');
  });
});

describe('offers', () => {
  test('of ours are answered and media flows', async () => {
    const peer = await rtpPeer({ codec: 'PCMA' });
    peers.push(peer);
    const log = legLog();
    const leg = await plane.open(legOptions(), log);
    peer.accept(await leg.offer());
    await leg.accept(peer.sdp());
    await peer.until('media', () => peer.packets.length > 5);
    peer.send(Buffer.alloc(160, 0xd5));
    await peer.until('the first packet', () => log.told.includes('first-packet'));
    expect(peer.packets[0]!.payloadType).toBe(8);
  });

  test('that cannot be met are refused by the code of their reason', async () => {
    const leg = await plane.open(legOptions({ codecs: ['PCMA'], security: 'none' }), legLog());
    const peer = await rtpPeer();
    peers.push(peer);
    await expect(leg.answer(peer.sdp())).rejects.toMatchObject({ code: 'no_common_codec' });
    await expect(leg.answer('rubbish')).rejects.toMatchObject({ code: 'sdp_invalid' });
    const secret = await plane.open(legOptions({ security: 'required' }), legLog());
    await expect(secret.answer(peer.sdp())).rejects.toMatchObject({ code: 'media_security_mismatch' });
  });

  test('carry the public address when it differs from the one listened on', async () => {
    const other = newPlane({ publicAddress: '198.51.100.9' });
    const leg = await other.open(legOptions(), legLog());
    const offer = await leg.offer();
    expect(offer).toContain('c=IN IP4 198.51.100.9');
    expect(offer).not.toContain('127.0.0.1');
    await other.close();
  });
});

describe('sources', () => {
  test('media goes to where the packets of a peer behind NAT come from', async () => {
    const { peer } = await joined({}, {}, { address: '192.0.2.44', port: 9 });
    peer.send(Buffer.alloc(160, 0xff));
    await peer.until('media', () => peer.packets.length > 5);
  });

  test('a peer we called, behind NAT, is heard and told where its signalling comes from', async () => {
    const peer = await rtpPeer();
    peers.push(peer);
    const log = legLog();
    const leg = await plane.open(legOptions({ signallingAddress: null }), log);
    peer.accept(await leg.offer());
    await leg.accept(peer.sdp({ address: '192.0.2.44' }), '127.0.0.1');
    peer.send(Buffer.alloc(160, 0xff));
    await peer.until('media both ways', () => log.told.includes('first-packet') && peer.packets.length > 5);
  });

  test('a stranger is neither heard nor sent to', async () => {
    const { leg, peer, log } = await joined({}, { signallingAddress: '127.0.0.1' });
    const stranger = await rtpPeer({ address: '127.0.0.66' });
    peers.push(stranger);
    stranger.accept(await leg.offer());
    for (let i = 0; i < 50; i += 1) stranger.send(Buffer.alloc(160, 1));
    peer.send(Buffer.alloc(160, 0xff));
    await peer.until('the first packet of the peer', () => log.told.includes('first-packet'));
    const before = peer.packets.length;
    await peer.until('media', () => peer.packets.length > before + 5);
    expect(stranger.packets.length).toBe(0);
    expect((await leg.quality()).packetsReceived).toBe(1);
  });

  test('an allowed source cannot take over a peer that sends, and can when it is silent', async () => {
    const { leg, peer } = await joined({}, { mediaRanges: ['127.0.0.0/8'] });
    const second = await rtpPeer({ address: '127.0.0.77', ssrc: 99 });
    peers.push(second);
    second.accept(await leg.offer());
    const stop = peer.tone(1_000);
    await peer.until('media', () => peer.packets.length > 10);
    const stopSecond = second.tone(1_700);
    await peer.until('more media', () => peer.packets.length > 40);
    expect(second.packets.length).toBe(0);
    stop();
    await second.until('media of its own after the loss', () => second.packets.length > 5);
    stopSecond();
  });

  test('garbage on the port changes nothing', async () => {
    const { leg, peer, log } = await joined();
    const rubbish = Buffer.from(Array.from({ length: 400 }, (_, i) => (i * 7919) & 0xff));
    for (let length = 0; length < 400; length += 1)
      peer.send(rubbish.subarray(0, length), { payloadType: length % 128 });
    for (let length = 0; length < 400; length += 1) peer.sendRtcp(rubbish.subarray(0, length));
    peer.send(Buffer.alloc(160, 0xff));
    await peer.until('the first packet', () => log.told.includes('first-packet'));
    expect((await leg.quality()).codec).toBe('PCMU');
    expect(log.told.filter((line) => line.startsWith('failed'))).toEqual([]);
  });
});

describe('timeouts', () => {
  test('a peer that never sends is told after the first-packet timeout', async () => {
    const { leg, peer, log } = await ringing({}, { firstPacketTimeout: 200, idleTimeout: 10_000 });
    // While it rings, or hears ringing, it owes nothing: a slow agent must not cost it the call.
    await peer.until('some time', () => peer.packets.length > 20);
    expect(log.told).toEqual([]);
    leg.expectMedia();
    await peer.until('the loss', () => log.told.includes('lost first-packet'));
    expect(log.told).toEqual(['lost first-packet']);
  });

  test('a peer that stops is told after the idle timeout, and again when it stops again', async () => {
    const { peer, log } = await joined({}, { firstPacketTimeout: 10_000, idleTimeout: 200 });
    peer.send(Buffer.alloc(160, 0xff));
    await peer.until('the loss', () => log.told.filter((line) => line === 'lost idle').length === 1);
    peer.send(Buffer.alloc(160, 0xff));
    await peer.until('the second loss', () => log.told.filter((line) => line === 'lost idle').length === 2);
    expect(log.told).toEqual(['first-packet', 'lost idle', 'lost idle']);
  });
});

describe('reports', () => {
  test('go out with CNAME, counts and the peer as seen, and BYE ends them', async () => {
    const { leg, peer } = await joined();
    const stop = peer.tone(1_000);
    await peer.until('a report about us', () =>
      peer.rtcp.some((packet) => packet.type === 'sender-report' && packet.reports[0]?.ssrc === 0x1234_5678),
    );
    stop();
    expect(peer.rtcp.some((packet) => packet.type === 'description' && packet.chunks[0]!.cname.length > 0)).toBe(true);
    const sender = peer.rtcp.find((packet) => packet.type === 'sender-report');
    expect(sender?.type === 'sender-report' && sender.ssrc).toBe(peer.packets[0]!.ssrc);
    await leg.close();
    await peer.until('BYE', () => peer.rtcp.some((packet) => packet.type === 'bye'));
  });

  test('of the peer give the round trip time and what it has lost of ours', async () => {
    const { leg, peer } = await joined();
    peer.send(Buffer.alloc(160, 0xff));
    await peer.until('a sender report', () => peer.rtcp.some((packet) => packet.type === 'sender-report'));
    const report = peer.rtcp.filter((packet) => packet.type === 'sender-report').at(-1);
    if (report?.type !== 'sender-report') throw new Error('no report');
    const bytes = Buffer.alloc(200);
    const middle = (((report.sender.ntpSeconds & 0xffff) << 16) | (report.sender.ntpFraction >>> 16)) >>> 0;
    const length = writeRtcp(bytes, [
      {
        type: 'receiver-report',
        ssrc: 0x1234_5678,
        reports: [
          {
            ssrc: report.ssrc,
            fractionLost: 64,
            cumulativeLost: 3,
            highestSequence: 1,
            jitter: 0,
            lastSenderReport: middle,
            delaySinceLastSenderReport: 0,
          },
        ],
      },
    ]);
    peer.sendRtcp(bytes.subarray(0, length));
    let roundTrip: number | null = null;
    for (let i = 0; i < 200 && roundTrip === null; i += 1) roundTrip = (await leg.quality()).roundTripMs;
    expect(roundTrip).toBeGreaterThanOrEqual(0);
    expect(await leg.quality()).toMatchObject({ remoteLoss: 0.25, remotePacketsLost: 3 });
    expect(roundTrip).toBeLessThan(5_000);
  });

  test('go to the port of the new description when the peer moves to another one of its address', async () => {
    const { leg, peer } = await joined();
    const bytes = Buffer.alloc(100);
    const length = writeRtcp(bytes, [{ type: 'receiver-report', ssrc: 0x1234_5678, reports: [] }]);
    peer.send(Buffer.alloc(160, 0xff));
    // From now on the port its reports come from is known.
    peer.sendRtcp(bytes.subarray(0, length));
    await peer.until('a report', () => peer.rtcp.length > 0);
    const moved = await rtpPeer();
    peers.push(moved);
    moved.accept(await leg.answer(moved.sdp()));
    await moved.until('a report there', () => moved.rtcp.length > 0);
  });

  test('loss is counted and lowers the quality', async () => {
    const { leg, peer } = await joined();
    const payload = Buffer.alloc(160, 0xff);
    for (let i = 0; i < 200; i += 1) {
      if (i % 10 === 5) peer.send(payload, { payloadType: 127 });
      else peer.send(payload);
    }
    await peer.until('reports', () => peer.rtcp.length > 2);
    const quality = await leg.quality();
    expect(quality.packetsReceived).toBe(180);
    expect(quality.packetsLost).toBe(20);
    expect(quality.mos).toBeLessThan(4);
  });
});

describe('an agent', () => {
  test('hears a peer that speaks G.722, is heard by it, and hears its background while it is silent', async () => {
    const { leg, peer } = await joined({ codec: 'G722' }, { codecs: ['PCMU', 'G722'] });
    let heard: Int16Array[] = [];
    const recent = (frames: number): Int16Array => new Int16Array(heard.slice(-frames).flatMap((frame) => [...frame]));
    const port: Parameters<MediaLeg['attach']>[0] = { onAudio: (samples) => heard.push(samples) };
    leg.attach(port);
    const stop = peer.tone(1_000);
    await peer.until('half a second of the peer', () => heard.length > 25 && toneLevel(recent(10), 1_000) > -12);
    stop();
    peer.send(Buffer.from([40]), { payloadType: 13 });
    heard = [];
    await peer.until('the background', () => heard.length > 10 && Math.abs(totalLevel(recent(10)) + 37) < 2);
    port.send?.(sine(1_700, 3_000));
    await peer.until('the agent', () => toneLevel(peer.heard().slice(-2_000), 1_700) > -12);
    expect((await leg.quality()).codec).toBe('G722');
    expect((await leg.quality()).packetsLost).toBe(0);
  });

  test('hears the peer and is heard', async () => {
    const { leg, peer } = await joined();
    const heard: Int16Array[] = [];
    const port: Parameters<MediaLeg['attach']>[0] = { onAudio: (samples) => heard.push(samples) };
    leg.attach(port);
    const stop = peer.tone(1_000);
    await peer.until('a second of the peer', () => heard.length > 60);
    expect(heard.every((frame) => frame.length === 160)).toBe(true);
    const all = new Int16Array(heard.slice(-30).flatMap((frame) => [...frame]));
    expect(toneLevel(all, 1_000)).toBeGreaterThan(-12);

    port.send?.(sine(1_700, 3_000));
    await peer.until('the agent', () => tonePacketsOf(peer) > 40);
    expect(toneLevel(peer.heard(peer.packets.length - 30), 1_700)).toBeGreaterThan(-12);
    port.clear?.();
    const cleared = tonePacketsOf(peer);
    const before = peer.packets.length;
    await peer.until('silence', () => peer.packets.length > before + 20);
    expect(tonePacketsOf(peer) - cleared).toBeLessThan(6);
    stop();
    leg.attach(null);
  });

  test('that throws does not disturb the others', async () => {
    const first = await joined({}, { sessionId: 'one' });
    const second = await joined({}, { sessionId: 'two' });
    let frames = 0;
    first.leg.attach({
      onAudio: () => {
        throw new Error('broken agent');
      },
    });
    second.leg.attach({
      onAudio: () => {
        frames += 1;
      },
    });
    await second.peer.until('frames', () => frames > 10);
  });
});

describe('the plane', () => {
  test('says when its ports are exhausted, and gives them out again after they have drained', async () => {
    const { from: first } = rtpRange(40);
    const small = createMediaPlane({
      rtpAddress: '127.0.0.1',
      ports: { first, last: first + 3 },
      workers: 1,
      drainMs: 50,
    });
    const legs = [await small.open(legOptions(), legLog()), await small.open(legOptions(), legLog())];
    await expect(small.open(legOptions(), legLog())).rejects.toMatchObject({ code: 'ports_exhausted', status: 503 });
    expect(small.stats()).toEqual({ legs: 2, workers: 1, portsFree: 0 });
    await Promise.all(legs.map((leg) => leg.close()));
    expect(small.stats().portsFree).toBe(0);
    await expect.poll(() => small.stats().portsFree).toBe(2);
    const again = await small.open(legOptions(), legLog());
    await again.close();
    await small.close();
  });

  test('passes over ports that another process holds', async () => {
    const holder = await rtpPeer();
    peers.push(holder);
    const other = createMediaPlane({
      rtpAddress: '127.0.0.1',
      ports: { first: holder.port, last: holder.port + 3 },
      workers: 1,
    });
    const leg = await other.open(legOptions(), legLog());
    expect(await leg.offer()).toContain(`m=audio ${holder.port + 2} `);
    await expect(other.open(legOptions(), legLog())).rejects.toMatchObject({ code: 'ports_exhausted' });
    await other.close();
  });

  test('a worker that dies takes only its own legs, says why, and is replaced', async () => {
    const workers: { terminate(): Promise<number> }[] = [];
    const collect = (worker: { terminate(): Promise<number> }): void => void workers.push(worker);
    process.on('worker', collect);
    const two = newPlane({ workers: 2 });
    const logs = [legLog(), legLog()];
    const legs = [
      await two.open(legOptions({ sessionId: 'one' }), logs[0]!),
      await two.open(legOptions({ sessionId: 'two' }), logs[1]!),
    ];
    process.off('worker', collect);
    const playbacks = legs.map((leg) => leg.play({ type: 'tone', tone: 'silence' }, { loop: true }));
    await workers.at(-1)!.terminate();
    await expect.poll(() => logs[0]!.told.length + logs[1]!.told.length).toBe(1);
    const dead = logs[0]!.told.length === 1 ? 0 : 1;
    expect(logs[dead]!.told[0]).toMatch(/^failed: The media worker ended with code 1\.$/);
    expect(await playbacks[dead]!.done).toBe('stopped');
    await expect(legs[dead]!.offer()).rejects.toMatchObject({ code: 'session_ended' });
    expect((await legs[dead]!.close()).packetsSent).toBe(0);
    expect(await legs[1 - dead]!.offer()).toContain('m=audio');
    await expect.poll(() => two.stats().workers).toBe(2);
    await (await two.open(legOptions({ sessionId: 'one' }), legLog())).close();
    await expect.poll(() => two.stats()).toMatchObject({ legs: 1, portsFree: 19 });
    await two.close();
  });

  test('spreads sessions over its workers and keeps the legs of one together', async () => {
    const two = newPlane({ workers: 2 });
    const open = (sessionId: string) => two.open(legOptions({ sessionId }), legLog());
    const [a1, b1, a2, b2] = [await open('a'), await open('b'), await open('a'), await open('b')];
    await a1!.bridge(a2!);
    await b1!.bridge(b2!);
    await expect(a1!.bridge(b1!)).rejects.toThrow('one session');
    await two.close();
  });

  test('close ends every leg, twice as well as once', async () => {
    const { leg, peer } = await joined();
    const quality = leg.close();
    expect(await leg.close()).toEqual(await quality);
    await plane.close();
    await plane.close();
    await peer.until('BYE', () => peer.rtcp.some((packet) => packet.type === 'bye'));
    await expect(plane.open(legOptions(), legLog())).rejects.toMatchObject({ code: 'draining' });
  });

  test.each([
    [{ rtpAddress: '0.0.0.0' }, 'RTP_PUBLIC_ADDRESS'],
    [{ rtpAddress: 'localhost' }, '"localhost" is not an IP address'],
    [{ publicAddress: 'gateway.example' }, '"gateway.example" is not an IP address'],
    [{ ports: { first: 20_001, last: 20_002 } }, '20001-20002'],
    [{ ports: { first: 65_000, last: 70_000 } }, '65000-70000'],
  ])('refuses %j', (options, sentence) => {
    expect(() => newPlane(options)).toThrow(sentence);
  });
});
