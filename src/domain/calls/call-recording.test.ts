import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../core/logger.js';
import { manualClock } from '../../core/manual-clock.js';
import type { PhoneSession, RecordedPart } from '../sessions/records.js';
import { callRecording, type RecordingAction } from './call-recording.js';

const recordingOf = ({ answered = true, fails = false } = {}) => {
  const told: string[] = [];
  const notes: unknown[] = [];
  let recordings: readonly RecordedPart[] = [];
  const recording = callRecording({
    place: { folder: '/recordings', store: 'folder-1', host: 'voice-1' },
    leg: {
      startRecording: async (path) => {
        if (fails) throw new Error('no space left');
        told.push(`start ${path}`);
      },
      stopRecording: async () => void told.push('stop'),
      pauseRecording: async (paused) => void told.push(paused ? 'pause' : 'resume'),
    },
    gather: async () => void told.push('gather'),
    session: {
      id: 'one',
      get snapshot() {
        return { recordings } as PhoneSession;
      },
      change: async (change) => {
        recordings = change.recordings ?? recordings;
      },
      note: (type, data) => void notes.push([type, data]),
    },
    clock: manualClock(),
    answered: () => answered,
    log: silentLogger,
  });
  return { recording, told, notes, recorded: () => recordings };
};

describe('the recording of a call', () => {
  it('starts, pauses, resumes and stops, each once however often it is asked for', async () => {
    const { recording, told, notes } = recordingOf();
    const states: unknown[] = [];
    const actions: RecordingAction[] = ['stop', 'start', 'start', 'resume', 'pause', 'pause', 'resume', 'stop', 'stop'];
    for (const action of actions) states.push((await recording.act(action)).state);
    expect(states).toEqual([
      ...['off', 'recording', 'recording', 'recording', 'paused', 'paused', 'recording', 'off', 'off'],
    ]);
    expect(told).toEqual(['gather', 'start /recordings/one.wav', 'pause', 'resume', 'stop']);
    expect(notes).toEqual([
      ['recording.started', { file: 'one.wav' }],
      ['recording.paused', {}],
      ['recording.resumed', {}],
      ['recording.stopped', { file: 'one.wav' }],
    ]);
  });

  it('gives what is recorded after a stop a file of its own', async () => {
    const { recording, told, recorded } = recordingOf();
    await recording.act('start');
    await recording.act('stop');
    expect(await recording.act('start')).toEqual({ state: 'recording', file: 'one-2.wav' });
    expect(told.at(-1)).toBe('start /recordings/one-2.wav');
    // The session says of each where it is.
    const where = { at: 1_700_000_000_000, store: 'folder-1', host: 'voice-1' };
    expect(recorded()).toEqual([
      { part: 1, file: 'one.wav', ...where },
      { part: 2, file: 'one-2.wav', ...where },
    ]);
  });

  it('does what is asked for at once in the order of the requests', async () => {
    const { recording, told } = recordingOf();
    const all = (['start', 'pause', 'stop', 'start'] as const).map((action) => recording.act(action));
    expect((await Promise.all(all)).map(({ state }) => state)).toEqual(['recording', 'paused', 'off', 'recording']);
    expect(told).toEqual([
      ...['gather', 'start /recordings/one.wav', 'pause', 'stop'],
      ...['gather', 'start /recordings/one-2.wav'],
    ]);
  });

  it('keeps keys that are pressed in a pause out of the timeline', async () => {
    const { recording } = recordingOf();
    const key = { digit: '4', durationMs: 80 };
    expect(recording.notedKey(key)).toEqual(key);
    await recording.act('start');
    await recording.act('pause');
    expect(recording.notedKey(key)).toEqual({ durationMs: 80 });
    await recording.act('resume');
    expect(recording.notedKey(key)).toEqual(key);
  });

  it('has nothing to pause or resume while it is off, and says so', async () => {
    const { recording } = recordingOf();
    await expect(recording.act('pause')).rejects.toMatchObject({ code: 'conflict', message: /nothing to pause/ });
    await expect(recording.act('resume')).rejects.toMatchObject({ code: 'conflict' });
    expect(recording.running()).toBe(false);
  });

  it('does not start before the answer, nor when its file cannot be written', async () => {
    await expect(recordingOf({ answered: false }).recording.act('start')).rejects.toMatchObject({ code: 'conflict' });
    const { recording, notes, recorded } = recordingOf({ fails: true });
    await expect(recording.act('start')).rejects.toThrow('no space left');
    expect([notes, recorded()]).toEqual([[], []]);
    expect(recording.running()).toBe(false);
  });
});
