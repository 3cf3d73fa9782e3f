import { describe, expect, it } from 'vitest';
import { fixedTexts, parseScript } from './script.js';
import { shippedPrompts, standIn } from './shipped-prompts.js';
import { fill, fillValue, isTemplate } from './template.js';

describe('a script', () => {
  it('of the contract is read whole', () => {
    const { script, faults } = parseScript({
      steps: [
        { say: 'Welcome {name}' },
        { play: 'jingle.wav' },
        {
          ask: {
            say: 'Press 1 or 0',
            digits: 1,
            timeout: 10,
            choices: {
              1: [{ action: { name: 'Order status', attributes: { id: '{digits}' } } }],
              0: [{ transfer: { destination: 'zendesk', failed: [{ say: 'Sorry' }] } }],
              timeout: [{ hangup: {} }],
            },
          },
        },
        { actions: ['a', 'b'] },
        { hangup: null },
      ],
    });
    expect(faults).toEqual([]);
    expect(script.steps.map((step) => step.type)).toEqual(['utter', 'utter', 'ask', 'action', 'action', 'hangup']);
    expect(script.steps[2]).toMatchObject({ digits: 1, timeout: 10_000, attempts: 3, attribute: null });
    expect(fixedTexts(script.steps)).toEqual(['Press 1 or 0', 'Sorry']);
  });

  it('that asks for digits without choices keeps them as an attribute', () => {
    const { script } = parseScript({ steps: [{ ask: { digits: 6 } }, { ask: { digits: 4, attribute: 'pin' } }] });
    expect(script.steps).toMatchObject([{ attribute: 'digits' }, { attribute: 'pin' }]);
  });

  it.each([
    [null, 'steps', 'expected'],
    [{}, 'steps', 'must be a list of steps'],
    [{ steps: 'x' }, 'steps', 'must be a list of steps'],
    [{ steps: [], colour: 1 }, 'steps', 'has unknown keys: colour'],
    [{ steps: [{}] }, 'steps[0]', 'must have exactly one of: say, play, ask'],
    [{ steps: ['hi'] }, 'steps[0]', 'must have exactly one of'],
    [{ steps: [{ say: 'a', play: 'b.wav' }] }, 'steps[0]', 'must have exactly one of'],
    [{ steps: [{ shout: 'a' }] }, 'steps[0]', 'must have exactly one of'],
    [{ steps: [{ say: '' }] }, 'steps[0].say', 'must not be empty'],
    [{ steps: [{ say: 'x'.repeat(2001) }] }, 'steps[0].say', 'at most 2000'],
    [{ steps: [{ play: '../secret.wav' }] }, 'steps[0].play', 'inside the folder of prompts'],
    [{ steps: [{ play: '/etc/passwd.wav' }] }, 'steps[0].play', 'inside the folder of prompts'],
    [{ steps: [{ play: 'C:\\a.wav' }] }, 'steps[0].play', 'inside the folder of prompts'],
    [{ steps: [{ play: 'a.mp3' }] }, 'steps[0].play', 'must be a .wav file'],
    [{ steps: [{ ask: { digits: 0 } }] }, 'steps[0].ask.digits', 'must be 1 or more'],
    [{ steps: [{ ask: { timeout: 0 } }] }, 'steps[0].ask.timeout', 'must be at least 1 s'],
    [{ steps: [{ ask: { say: 'a', play: 'b.wav' } }] }, 'steps[0].ask', 'has both say and play'],
    [{ steps: [{ ask: { choices: { x: [] } } }] }, 'steps[0].ask.choices.x', 'must be digits'],
    [{ steps: [{ ask: { choices: { 12: [] } } }] }, 'steps[0].ask.choices.12', 'more digits than the 1'],
    [{ steps: [{ ask: { choices: { 1: [{ say: 7 }] } } }] }, 'steps[0].ask.choices.1[0].say', 'must be text'],
    [{ steps: [{ transfer: {} }] }, 'steps[0].transfer.destination', 'must be text'],
    [
      { steps: [{ transfer: { destination: 'a', failed: [{ nope: 1 }] } }] },
      'steps[0].transfer.failed[0]',
      'must have exactly one of',
    ],
    [{ steps: [{ action: { name: 'a', colour: 1 } }] }, 'steps[0].action', 'has unknown keys: colour'],
    [{ steps: [{ actions: [] }] }, 'steps[0].actions', 'must name an action'],
    [{ steps: [{ hangup: { now: true } }] }, 'steps[0].hangup', 'has unknown keys: now'],
  ])('%j is refused with the path of its fault', (document, path, message) => {
    const { faults } = parseScript(document);
    expect(faults[0]?.path).toBe(path);
    expect(faults[0]?.message).toContain(message);
  });

  it('names every fault, and is bounded in steps and depth', () => {
    expect(parseScript({ steps: [{ say: 1 }, { say: 2 }] }).faults).toHaveLength(2);
    const many = parseScript({ steps: Array.from({ length: 2000 }, () => ({ say: 'a' })) });
    expect(many.faults).toEqual([{ path: 'steps[500]', message: 'is one step too many: at most 500' }]);
    let deep: unknown = [{ say: 'a' }];
    for (let level = 0; level < 50; level++) deep = [{ ask: { choices: { 1: deep } } }];
    expect(parseScript({ steps: deep }).faults[0]?.message).toContain('nested more than 12 deep');
  });
});

describe('attributes in texts', () => {
  it('are put in where they are named, and nothing else happens', () => {
    const attributes = { name: 'Ann', n: 3, list: [1], empty: null, evil: '{name}' };
    expect(fill('Hi {name}, {n} {list}{empty}{missing} { name } {} {evil}', attributes)).toBe(
      'Hi Ann, 3 [1] { name } {} {name}',
    );
    expect(fill('{constructor}{toString}', attributes)).toBe('');
    expect(fill('{name}'.repeat(5000), attributes)).toHaveLength(2000);
    expect(isTemplate('a {b}')).toBe(true);
    expect(isTemplate('a { b }')).toBe(false);
  });

  it('keep their type where they stand alone', () => {
    expect(fillValue({ a: '{n}', b: ['{list}', 'x{n}'], c: 7, d: '{missing}' }, { n: 3, list: [1] })).toEqual({
      a: 3,
      b: [[1], 'x3'],
      c: 7,
      d: '',
    });
  });
});

describe('the shipped prompt for a text that cannot be spoken', () => {
  it.each([
    ['Press 1 for sales', 'choice', 'press-a-key'],
    ['Your PIN please', 'digits', 'enter-digits'],
    ['Goodbye!', 'none', 'goodbye'],
    ['I am transferring you now', 'none', 'transferring'],
    ['One moment please', 'none', 'please-hold'],
    ['Hello and welcome to Acme', 'none', 'welcome'],
    ['Order 17 has shipped', 'none', 'announcement-unavailable'],
    ['Bitte warten', 'none', 'announcement-unavailable'],
  ] as const)('%s as %s is %s', (text, question, expected) => {
    expect(standIn(text, question)).toBe(expected);
    expect(shippedPrompts[expected]).toBeTruthy();
  });
});
