import { join } from 'node:path';
import type { Clock } from '../../core/clock.js';
import { GatewayError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import type { OwnedSession } from '../sessions/ports.js';
import type { RecordingStore } from '../sessions/records.js';
import type { LegRecorder } from './leg-audio.js';

export const recordingActions = ['start', 'pause', 'resume', 'stop'] as const;
export type RecordingAction = (typeof recordingActions)[number];

export type RecordingState = 'off' | 'recording' | 'paused';
/** `file`: name of the recording that is being written; null when none is. */
export type RecordingView = { readonly state: RecordingState; readonly file: string | null };

/** Where the recordings of this instance go: a folder, and what a session says of it. */
export type RecordingPlace = RecordingStore & { readonly folder: string };

/** The recording of one call: one file from start to stop, however often it pauses. */
export type CallRecording = {
  /**
   * Does one thing after the other, in the order asked for; what is so already is done. Throws GatewayError conflict when
   * there is nothing to do it to, or `internal` when the file cannot be written.
   */
  act(action: RecordingAction): Promise<RecordingView>;
  /** True while a file is being written, paused or not. */
  running(): boolean;
  /** What the timeline may say of a key: while the recording pauses, what is typed is as secret as what is said. */
  notedKey(key: { readonly digit: string; readonly durationMs: number }): Readonly<Record<string, unknown>>;
};

/** A second recording of a call is a file of its own: what was stopped is complete. */
const fileOf = (sessionId: string, part: number): string => `${sessionId}${part === 1 ? '' : `-${part}`}.wav`;

/** @param context `answered`: whether the other end is there to be recorded */
export const callRecording = (context: {
  readonly place: RecordingPlace;
  readonly leg: LegRecorder;
  /** Brings what is to be recorded through the gateway. */
  readonly gather: () => Promise<void>;
  readonly session: Pick<OwnedSession, 'id' | 'note' | 'change' | 'snapshot'>;
  readonly answered: () => boolean;
  readonly clock: Clock;
  readonly log: Logger;
}): CallRecording => {
  const { leg, session, clock } = context;
  const { folder, store, host } = context.place;
  let state: RecordingState = 'off';
  let part = 0;
  let file: string | null = null;
  let last: Promise<unknown> = Promise.resolve();

  const view = (): RecordingView => ({ state, file });

  const nothing = (action: RecordingAction): GatewayError =>
    new GatewayError('conflict', `The call is not being recorded, so there is nothing to ${action}.`);

  const steps: Readonly<Record<RecordingAction, () => Promise<void>>> = {
    async start() {
      if (state !== 'off') return;
      if (!context.answered()) throw new GatewayError('conflict', 'The call has not been answered yet.');
      await context.gather();
      const name = fileOf(session.id, part + 1);
      await leg.startRecording(join(folder, name));
      part += 1;
      file = name;
      state = 'recording';
      // Said now and not at its end: what a crash leaves is a file that can be heard.
      const recorded = { part, file: name, at: clock.now(), store, host };
      void session.change({ recordings: [...session.snapshot.recordings, recorded] });
      session.note('recording.started', { file });
    },
    async pause() {
      if (state === 'off') throw nothing('pause');
      if (state === 'paused') return;
      await leg.pauseRecording(true);
      state = 'paused';
      session.note('recording.paused', {});
    },
    async resume() {
      if (state === 'off') throw nothing('resume');
      if (state === 'recording') return;
      await leg.pauseRecording(false);
      state = 'recording';
      session.note('recording.resumed', {});
    },
    async stop() {
      if (state === 'off') return;
      await leg.stopRecording();
      session.note('recording.stopped', { file });
      state = 'off';
      file = null;
    },
  };

  return {
    act(action) {
      const done = last.then(steps[action]).then(view);
      last = done.catch((error: unknown) => {
        if (!(error instanceof GatewayError) || error.code === 'internal')
          context.log.error({ err: error, action }, 'a recording could not be changed');
      });
      return done;
    },
    running: () => state !== 'off',
    notedKey: ({ digit, durationMs }) => (state === 'paused' ? { durationMs } : { digit, durationMs }),
  };
};
