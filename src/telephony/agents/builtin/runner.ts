import type { Clock } from '../../../core/clock.js';
import type { Logger } from '../../../core/logger.js';
import type { CallDoors, MediaLeg } from '../../../domain/calls/ports.js';
import type { AskStep, Script, Step, Utterance } from './script.js';
import type { ShippedPrompt } from './shipped-prompts.js';
import type { Speech, Spoken } from './speech.js';
import { fill, fillValue, isTemplate } from './template.js';

export type RunnerDeps = {
  readonly leg: Pick<MediaLeg, 'play'>;
  readonly doors: CallDoors;
  readonly speech: Speech;
  readonly clock: Clock;
  readonly log: Logger;
  /** What texts may name besides the attributes of the call: `caller`, `called`, `agent`. */
  readonly facts: Readonly<Record<string, string>>;
};

/** How a script ended: by itself, by a transfer, or because it was stopped. */
export type ScriptEnd = 'finished' | 'hung-up' | 'transferred' | 'stopped';

export type ScriptRun = {
  digit(digit: string): void;
  /** The script waits and neither speaks nor listens. */
  mute(): void;
  unmute(): void;
  stop(): void;
  /** Settles when nothing of the script is under way any more; rejects when it failed. */
  readonly done: Promise<ScriptEnd>;
};

/** Digits pressed ahead of the questions they answer. */
const MAX_TYPED_AHEAD = 32;

/** Longest text in the timeline, characters. */
const MAX_NOTED = 500;

class Stopped extends Error {}
/** Thrown at the end of nearly every call: one for all, since gathering its stack is what an error costs. */
const stoppedScript = new Stopped('the script was stopped');
class Finished extends Error {
  constructor(readonly end: ScriptEnd) {
    super(end);
  }
}

/** Runs a script over one call. Its only inputs are digits, time and the answers of the doors, so a test can play them. */
export const runScript = (script: Script, deps: RunnerDeps): ScriptRun => {
  const { doors, speech, clock, log } = deps;
  let stopped = false;
  const onStop = new Set<() => void>();
  /** For work outside that takes a signal; most scripts need none, and making one costs as much as a step. */
  const stopSignal = (): AbortSignal => {
    const controller = new AbortController();
    if (stopped) controller.abort('stopped');
    else onStop.add(() => controller.abort('stopped'));
    return controller.signal;
  };
  let keys: string[] = [];
  let muted = false;
  let sleepers: (() => void)[] = [];

  /** Something has changed: everyone who waits looks again. */
  const wake = (): void => {
    const all = sleepers;
    sleepers = [];
    for (const go of all) go();
  };
  const assertRunning = (): void => {
    if (stopped) throw stoppedScript;
  };
  /** Sleeps until the next change. A stop between looking and sleeping would never wake anyone, so it is seen here. */
  const change = async (): Promise<void> => {
    assertRunning();
    await new Promise<void>((resolve) => sleepers.push(resolve));
  };
  /** Waits for something outside the script, but not beyond its stop: an action may take longer than the call. */
  const orStopped = <T>(work: Promise<T>): Promise<T> => {
    assertRunning();
    return new Promise((resolve, reject) => {
      const giveUp = (): void => reject(stoppedScript);
      onStop.add(giveUp);
      work.then(resolve, reject).finally(() => onStop.delete(giveUp));
    });
  };
  const untilHeard = async (): Promise<void> => {
    assertRunning();
    while (muted) {
      await change();
      assertRunning();
    }
  };

  const attributes = (): Readonly<Record<string, unknown>> => ({ ...deps.facts, ...doors.attributes() });

  /** Plays to the end, to a digit, or until the script is muted; then the same is played again from its beginning. */
  const playOut = async (make: () => Promise<Spoken>): Promise<void> => {
    for (;;) {
      await untilHeard();
      const making = make();
      const spoken = await orStopped(making).catch((error: unknown) => {
        // What comes too late must still be given back.
        making.then((late) => late.release()).catch(() => {});
        throw error;
      });
      try {
        if (muted || stopped) continue;
        // Digits typed ahead answer what is about to be said.
        if (keys.length > 0) return;
        const playback = deps.leg.play(spoken.source);
        let over = false;
        playback.done.then(
          () => {
            over = true;
            wake();
          },
          (error: unknown) => {
            over = true;
            log.error({ error: String(error) }, 'a prompt could not be played');
            wake();
          },
        );
        while (!over && !muted && keys.length === 0 && !stopped) await change();
        if (!over) playback.stop();
        assertRunning();
        if (over || keys.length > 0) return;
      } finally {
        spoken.release();
      }
    }
  };

  const utter = async (utterance: Utterance, question: 'none' | 'choice' | 'digits'): Promise<void> => {
    if ('play' in utterance) {
      doors.note('agent.said', { file: utterance.play });
      return playOut(() => speech.play(utterance.play));
    }
    const text = fill(utterance.say, attributes()).trim();
    if (text === '') return;
    doors.note('agent.said', { text: text.slice(0, MAX_NOTED) });
    const keep = !isTemplate(utterance.say);
    return playOut(() => speech.say(text, { voice: script.voice, question, keep, signal: stopSignal() }));
  };
  const utterShipped = (name: ShippedPrompt): Promise<void> => {
    doors.note('agent.said', { prompt: name });
    return playOut(async () => speech.shipped(name));
  };

  /** Collects digits; null when none came in time, `muted` when the script lost the caller meanwhile. */
  const collect = async (step: AskStep): Promise<string | 'timeout' | 'muted'> => {
    let entered = '';
    let late = false;
    const startTimer = () =>
      clock.after(step.timeout, () => {
        late = true;
        wake();
      });
    let timer = startTimer();
    try {
      for (;;) {
        const key = keys.shift();
        if (key !== undefined) {
          // A hash ends a longer entry, unless it is itself one of the choices.
          if (key === '#' && step.digits > 1 && entered !== '' && !step.choices.has(`${entered}#`)) return entered;
          entered += key;
          if (entered.length >= step.digits) return entered;
          timer.cancel();
          timer = startTimer();
          continue;
        }
        if (muted) return 'muted';
        if (late) return 'timeout';
        await change();
        assertRunning();
      }
    } finally {
      timer.cancel();
    }
  };

  const ask = async (step: AskStep): Promise<void> => {
    const question = step.choices.size > 0 ? 'choice' : 'digits';
    for (let attempt = 1; ; ) {
      if (step.prompt !== null && keys.length === 0) await utter(step.prompt, question);
      else await untilHeard();
      const entered = await collect(step);
      // The caller was away with a transfer: the question is put anew, and does not count twice.
      if (entered === 'muted') continue;
      if (entered === 'timeout') {
        doors.note('agent.asked', { outcome: 'timeout' });
        return runSteps(step.onTimeout ?? []);
      }
      const chosen = step.choices.get(entered);
      if (chosen !== undefined || step.choices.size === 0) {
        // What was typed may be a card number: only a choice of the script is written down.
        doors.note(
          'agent.asked',
          chosen === undefined ? { outcome: 'digits', count: entered.length } : { outcome: 'choice', choice: entered },
        );
        if (step.attribute !== null) doors.setAttributes({ [step.attribute]: entered });
        return runSteps(chosen ?? []);
      }
      keys = [];
      doors.note('agent.asked', { outcome: 'invalid', attempt });
      if (attempt >= step.attempts) {
        if (step.onInvalid === null) await utterShipped('invalid-choice');
        return runSteps(step.onInvalid ?? step.onTimeout ?? []);
      }
      attempt++;
      await utterShipped('invalid-choice');
    }
  };

  const action = async (step: Extract<Step, { type: 'action' }>): Promise<void> => {
    const known = attributes();
    const filled = fillValue(step.attributes, known);
    const given = typeof filled === 'object' && filled !== null ? Object.entries(filled) : [];
    const result = await orStopped(doors.executeAction(fill(step.name, known), Object.fromEntries(given)));
    if (result.success) return;
    log.info({ action: step.name, error: result.error?.code }, 'an action of a script failed');
    if (step.failed !== null) return runSteps(step.failed);
    // An action without a way out for failure says so when it cannot run at all; other failures are the script's to tell.
    if (result.error?.code === 'not_available') await utterShipped('not-available');
  };

  const transfer = async (step: Extract<Step, { type: 'transfer' }>): Promise<void> => {
    const known = attributes();
    const destination = fill(step.destination, known);
    const summary = step.summary === null ? {} : { summary: fill(step.summary, known) };
    const result = await orStopped(doors.transfer({ destination, ...summary }));
    if (result.outcome === 'connected') throw new Finished('transferred');
    if (result.outcome === 'caller-hung-up') throw stoppedScript;
    log.info({ destination, outcome: result.outcome, reason: result.reason }, 'a transfer of a script failed');
    doors.setAttributes({ transfer_outcome: result.outcome });
    keys = [];
    if (step.failed !== null) return runSteps(step.failed);
    await utterShipped(result.outcome === 'not-available' ? 'not-available' : 'nobody-available');
  };

  const wait = async (ms: number): Promise<void> => {
    let over = false;
    const timer = clock.after(ms, () => {
      over = true;
      wake();
    });
    try {
      while (!over) {
        await change();
        assertRunning();
      }
    } finally {
      timer.cancel();
    }
  };

  const runStep = async (step: Step): Promise<void> => {
    switch (step.type) {
      case 'utter':
        return utter(step.utterance, 'none');
      case 'ask':
        return ask(step);
      case 'action':
        return action(step);
      case 'transfer':
        return transfer(step);
      case 'set':
        doors.setAttributes(
          Object.fromEntries(
            Object.entries(step.attributes).map(([name, value]) => [name, fillValue(value, attributes())]),
          ),
        );
        return;
      case 'wait':
        return wait(step.ms);
      case 'press':
        // Whoever holds, or takes no keys, must not end the script. The timeline has why.
        return orStopped(
          doors.sendDtmf(step.digits).catch((error: unknown) => {
            log.warn({ err: error }, 'the keys of a script could not be sent');
          }),
        );
      case 'hangup':
        throw new Finished('hung-up');
    }
  };
  const runSteps = async (steps: readonly Step[]): Promise<void> => {
    for (const step of steps) {
      await untilHeard();
      await runStep(step);
    }
  };

  const run = async (): Promise<ScriptEnd> => {
    try {
      await runSteps(script.steps);
      return 'finished';
    } catch (error) {
      if (error instanceof Finished) return error.end;
      if (error instanceof Stopped || stopped) return 'stopped';
      throw error;
    }
  };

  return {
    digit: (digit) => {
      if (muted || stopped || keys.length >= MAX_TYPED_AHEAD) return;
      keys.push(digit);
      wake();
    },
    mute: () => {
      muted = true;
      keys = [];
      wake();
    },
    unmute: () => {
      muted = false;
      wake();
    },
    stop: () => {
      if (stopped) return;
      stopped = true;
      const all = [...onStop];
      onStop.clear();
      for (const listener of all) listener();
      wake();
    },
    done: run(),
  };
};
