import { describe, expect, it } from 'vitest';
import { afterFailure } from './failure-policy.js';

const destination = (onFailure: 'return' | 'next' | 'hangup', next: string | null = null) => ({ onFailure, next });

describe('what follows a failed attempt', () => {
  it.each([
    [destination('return'), 'busy', [], { step: 'return' }],
    [destination('return', 'b'), 'no-answer', [], { step: 'return' }],
    [destination('hangup'), 'declined', [], { step: 'hang-up' }],
    [destination('next', 'b'), 'busy', ['a'], { step: 'next', destination: 'b' }],
    [destination('next', 'a'), 'busy', ['a', 'b'], { step: 'return' }],
    [destination('next', null), 'busy', ['a'], { step: 'return' }],
    [destination('hangup'), 'cancelled', ['a'], { step: 'return' }],
    [destination('next', 'b'), 'cancelled', ['a'], { step: 'return' }],
    [destination('next', 'b'), 'caller-hung-up', ['a'], { step: 'nothing' }],
    [destination('hangup'), 'caller-hung-up', ['a'], { step: 'nothing' }],
  ] as const)('%j, %s after %j: %j', (to, outcome, tried, expected) => {
    expect(afterFailure(to, outcome, tried)).toEqual(expected);
  });
});
