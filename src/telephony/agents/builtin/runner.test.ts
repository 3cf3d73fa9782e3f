import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../core/logger.js';
import { manualClock } from '../../../core/manual-clock.js';
import type {
  ActionRunResult,
  CallDoors,
  Playback,
  PromptSource,
  TransferResult,
} from '../../../domain/calls/ports.js';
import { runScript, type ScriptRun } from './runner.js';
import { parseScript } from './script.js';
import type { Speech } from './speech.js';

/** Lets everything that can run without time or news run. */
const settle = async (): Promise<void> => {
  for (let round = 0; round < 20; round++) await new Promise((resolve) => setImmediate(resolve));
};

const result = (outcome: TransferResult['outcome']): TransferResult => ({
  outcome,
  sipStatus: null,
  reason: outcome,
  hint: null,
});

type Setup = {
  readonly run: ScriptRun;
  /** What happened, in order. */
  readonly seen: string[];
  readonly notes: unknown[];
  readonly clock: ReturnType<typeof manualClock>;
  readonly attributes: Record<string, unknown>;
  /** Ends the prompt that is being played. */
  finish(): Promise<void>;
  press(...digits: readonly string[]): Promise<void>;
};

const start = async (
  steps: readonly unknown[],
  doors: Partial<CallDoors> = {},
  attributes: Record<string, unknown> = {},
): Promise<Setup> => {
  const { script, faults } = parseScript({ steps });
  if (faults.length > 0) throw new Error(JSON.stringify(faults));
  const seen: string[] = [];
  const notes: unknown[] = [];
  const clock = manualClock();
  let playing: ((how: 'finished' | 'stopped') => void) | null = null;
  const spoken = (name: string) => ({
    source: { type: 'wav', path: name } as const satisfies PromptSource,
    release: () => void seen.push(`released ${name}`),
  });
  const speech: Speech = {
    say: async (text) => spoken(text),
    play: async (file) => spoken(file),
    shipped: (name) => spoken(`<${name}>`),
    prepare: () => {},
  };
  const play = (source: PromptSource): Playback => {
    if (source.type !== 'wav') throw new Error('only files here');
    seen.push(`plays ${source.path}`);
    if (source.path === 'broken.wav') return { done: Promise.reject(new Error('bad file')), stop: () => {} };
    let resolve: (how: 'finished' | 'stopped') => void = () => {};
    const done = new Promise<'finished' | 'stopped'>((go) => {
      resolve = go;
    });
    playing = resolve;
    return {
      done,
      stop: () => {
        seen.push(`stops ${source.path}`);
        resolve('stopped');
      },
    };
  };
  const run = runScript(script, {
    leg: { play },
    doors: {
      transfer: async () => result('not-available'),
      executeAction: async () => ({ success: true, statusCode: 200, outputs: {}, durationMs: 1 }),
      sendDtmf: async () => {},
      endCall: async () => {},
      listTools: async () => [],
      attributes: () => attributes,
      shownAttributes: () => attributes,
      setAttributes: (values) => void Object.assign(attributes, values),
      note: (type, data) => void notes.push({ type, ...data }),
      ...doors,
    },
    speech,
    clock,
    log: silentLogger,
    facts: { caller: '+14155550123', called: '+14155550100', agent: 'Support' },
  });
  await settle();
  return {
    run,
    seen,
    notes,
    clock,
    attributes,
    finish: async () => {
      playing?.('finished');
      playing = null;
      await settle();
    },
    press: async (...digits) => {
      for (const digit of digits) run.digit(digit);
      await settle();
    },
  };
};

const plays = (setup: Setup): readonly string[] =>
  setup.seen.filter((line) => line.startsWith('plays ')).map((line) => line.slice(6));

describe('a running script', () => {
  it('says and plays in order, fills attributes, and ends', async () => {
    const setup = await start([{ say: 'Hi {name} from {called}' }, { play: 'a.wav' }], {}, { name: 'Ann' });
    expect(plays(setup)).toEqual(['Hi Ann from +14155550100']);
    await setup.finish();
    await setup.finish();
    expect(await setup.run.done).toBe('finished');
    expect(plays(setup)).toEqual(['Hi Ann from +14155550100', 'a.wav']);
    expect(setup.seen.filter((line) => line.startsWith('released'))).toHaveLength(2);
    expect(setup.notes).toContainEqual({ type: 'agent.said', text: 'Hi Ann from +14155550100' });
  });

  it('goes on after a prompt that cannot be played', async () => {
    const setup = await start([{ play: 'broken.wav' }, { say: 'next' }]);
    expect(plays(setup)).toEqual(['broken.wav', 'next']);
  });

  it('hangs up where it says so, and nothing after that happens', async () => {
    const setup = await start([{ hangup: {} }, { say: 'never' }]);
    expect(await setup.run.done).toBe('hung-up');
    expect(plays(setup)).toEqual([]);
  });

  it('presses keys on its own behalf, and goes on when they have been sent', async () => {
    const pressed: string[] = [];
    const setup = await start([{ press: '12#' }, { hangup: {} }], {
      sendDtmf: async (digits) => void pressed.push(digits),
    });
    expect(await setup.run.done).toBe('hung-up');
    expect(pressed).toEqual(['12#']);
    expect(parseScript({ steps: [{ press: '1-2' }] }).faults).toEqual([
      { path: 'steps[0].press', message: 'must be 1 to 32 of 0-9, A-D, * and #' },
    ]);
  });

  it('goes on when its keys are refused', async () => {
    const setup = await start([{ press: '12#' }, { hangup: {} }], {
      sendDtmf: () => Promise.reject(new Error('on hold')),
    });
    expect(await setup.run.done).toBe('hung-up');
  });

  it('stops at once when the call ends, wherever it is', async () => {
    for (const steps of [
      [{ say: 'a' }],
      [{ ask: { say: 'a' } }],
      [{ ask: {} }],
      [{ wait: 5 }],
      [{ press: '1' }],
      [{ action: { name: 'slow' } }],
      [{ transfer: { destination: 'x' } }],
    ]) {
      const never = new Promise<never>(() => {});
      const setup = await start(steps, {
        executeAction: () => never,
        transfer: () => never,
        sendDtmf: () => never,
      });
      setup.run.stop();
      expect(await setup.run.done).toBe('stopped');
      expect(setup.clock.pending()).toBe(0);
    }
  });
});

describe('a question', () => {
  const menu = {
    ask: { say: 'menu', choices: { 1: [{ say: 'one' }], 2: [{ hangup: {} }], timeout: [{ say: 'late' }] } },
  };

  it('is interrupted by a digit, which takes its choice, and then the script goes on', async () => {
    const setup = await start([menu, { say: 'after' }]);
    await setup.press('1');
    expect(setup.seen).toContain('stops menu');
    await setup.finish();
    expect(plays(setup)).toEqual(['menu', 'one', 'after']);
    expect(setup.notes).toContainEqual({ type: 'agent.asked', outcome: 'choice', choice: '1' });
  });

  it('is answered by digits typed ahead, without being put', async () => {
    const setup = await start([{ say: 'long welcome' }, menu]);
    await setup.press('2');
    expect(await setup.run.done).toBe('hung-up');
    expect(plays(setup)).toEqual(['long welcome']);
  });

  it('without answer takes its time-out after the prompt, not before', async () => {
    const setup = await start([menu]);
    setup.clock.advance(60_000);
    await settle();
    expect(plays(setup)).toEqual(['menu']);
    await setup.finish();
    setup.clock.advance(9_999);
    await settle();
    expect(plays(setup)).toEqual(['menu']);
    setup.clock.advance(1);
    await settle();
    expect(plays(setup)).toEqual(['menu', 'late']);
  });

  it('with a wrong answer is put again, and after its attempts gives up', async () => {
    const setup = await start([menu, { say: 'after' }]);
    for (let attempt = 0; attempt < 3; attempt++) {
      await setup.press('9');
      await setup.finish();
    }
    expect(plays(setup)).toEqual([
      'menu',
      '<invalid-choice>',
      'menu',
      '<invalid-choice>',
      'menu',
      '<invalid-choice>',
      'late',
    ]);
  });

  it('for digits collects them up to the count, a hash, or silence, and writes none of them down', async () => {
    const ask = {
      ask: { say: 'number', digits: 4, timeout: 5, attribute: 'order_id', choices: { timeout: [{ say: 'late' }] } },
    };
    const full = await start([ask, { say: 'got {order_id}' }]);
    await full.press('1', '2');
    full.clock.advance(4_000);
    await full.press('3');
    full.clock.advance(4_000);
    await full.press('4');
    expect(plays(full).at(-1)).toBe('got 1234');
    const notes = JSON.stringify(full.notes.filter((note) => JSON.stringify(note).includes('agent.asked')));
    expect(notes).not.toContain('1234');
    expect(notes).toContain('"count":4');

    const hash = await start([ask, { say: 'got {order_id}' }]);
    await hash.press('7', '#');
    expect(plays(hash).at(-1)).toBe('got 7');

    const silent = await start([ask, { say: 'got {order_id}' }]);
    await silent.press('7');
    silent.clock.advance(5_000);
    await settle();
    expect(plays(silent).at(-1)).toBe('late');
  });
});

describe('an action', () => {
  it('gets filled attributes, and its way out when it fails', async () => {
    const asked: unknown[] = [];
    const failing = async (name: string, given: Readonly<Record<string, unknown>>): Promise<ActionRunResult> => {
      asked.push([name, given]);
      return {
        success: false,
        statusCode: 500,
        outputs: {},
        durationMs: 1,
        error: { code: 'http_error', message: 'no' },
      };
    };
    const setup = await start(
      [
        {
          action: {
            name: 'Order {kind}',
            attributes: { id: '{order}', text: 'a {order}' },
            failed: [{ say: 'sorry' }],
          },
        },
        { actions: ['a', 'b'] },
        { say: 'done' },
      ],
      { executeAction: failing },
      { kind: 'status', order: 17 },
    );
    await setup.finish();
    expect(asked).toEqual([
      ['Order status', { id: 17, text: 'a 17' }],
      ['a', {}],
      ['b', {}],
    ]);
    expect(plays(setup)).toEqual(['sorry', 'done']);
  });

  it('that is not available says so', async () => {
    const setup = await start([{ action: { name: 'a' } }, { say: 'next' }], {
      executeAction: async () => ({
        success: false,
        statusCode: null,
        outputs: {},
        durationMs: 0,
        error: { code: 'not_available', message: '' },
      }),
    });
    expect(plays(setup)).toEqual(['<not-available>']);
    await setup.finish();
    expect(plays(setup)).toEqual(['<not-available>', 'next']);
  });
});

describe('a transfer', () => {
  it('that connects ends the script', async () => {
    const setup = await start(
      [{ transfer: { destination: 'zendesk', summary: 'about {x}' } }, { say: 'never' }],
      {
        transfer: async (request) => {
          setup_requests.push(request);
          return result('connected');
        },
      },
      { x: 'shoes' },
    );
    expect(await setup.run.done).toBe('transferred');
    expect(setup_requests).toEqual([{ destination: 'zendesk', summary: 'about shoes' }]);
    expect(plays(setup)).toEqual([]);
  });
  const setup_requests: unknown[] = [];

  it.each([
    ['busy', [{ say: 'they are busy' }], 'they are busy'],
    ['no-answer', undefined, '<nobody-available>'],
    ['not-available', undefined, '<not-available>'],
    ['not-available', [{ say: 'own words' }], 'own words'],
  ] as const)('that ends with %s goes on with its way out', async (outcome, failed, expected) => {
    const setup = await start(
      [{ transfer: { destination: 'x', ...(failed === undefined ? {} : { failed }) } }, { say: 'after' }],
      {
        transfer: async () => result(outcome),
      },
    );
    expect(plays(setup)).toEqual([expected]);
    await setup.finish();
    expect(plays(setup)).toEqual([expected, 'after']);
    expect(setup.attributes.transfer_outcome).toBe(outcome);
  });
});

describe('while muted', () => {
  it('the script waits: what was being said is said again afterwards', async () => {
    const setup = await start([{ say: 'a' }, { say: 'b' }]);
    setup.run.mute();
    await settle();
    expect(setup.seen).toContain('stops a');
    await setup.press('1');
    setup.clock.advance(60_000);
    await settle();
    expect(plays(setup)).toEqual(['a']);
    setup.run.unmute();
    await settle();
    await setup.finish();
    expect(plays(setup)).toEqual(['a', 'a', 'b']);
  });

  it('a question does not run out, and is put again', async () => {
    const setup = await start([{ ask: { say: 'q', choices: { 1: [{ say: 'one' }], timeout: [{ say: 'late' }] } } }]);
    await setup.finish();
    setup.run.mute();
    await settle();
    setup.clock.advance(60_000);
    await setup.press('1');
    expect(plays(setup)).toEqual(['q']);
    setup.run.unmute();
    await settle();
    await setup.press('1');
    expect(plays(setup)).toEqual(['q', 'q', 'one']);
  });
});
