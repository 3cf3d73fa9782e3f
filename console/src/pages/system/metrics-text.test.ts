import { expect, it } from 'vitest';
import { figuresIn } from './figures.js';
import { samplesIn } from './metrics-text.js';

it('reads names, labels and values, and no comments', () => {
  const text = '# HELP a b\n# TYPE a counter\na_total{reason="x",profile="say \\"hi\\""} 3\nb 1.5e3\n\n';
  expect(samplesIn(text)).toEqual([
    { name: 'a_total', labels: { reason: 'x', profile: 'say \\"hi\\"' }, value: 3 },
    { name: 'b', labels: {}, value: 1_500 },
  ]);
});

it('sums up what is looked at first', () => {
  const metric = (name: string, value: number, labels = {}) => ({ name: `voice_gateway_${name}`, labels, value });
  const figures = figuresIn([
    metric('sessions_live', 3),
    metric('transfer_attempts_total', 2, { outcome: 'connected', type: 'sip' }),
    metric('transfer_attempts_total', 1, { outcome: 'connected', type: 'phone' }),
    metric('transfer_attempts_total', 4, { outcome: 'busy', type: 'sip' }),
  ]);
  const figure = (title: string) => figures.find((each) => each.title === title)?.value;
  expect(['live calls', 'transfers connected', 'transfers not connected', 'calls ended'].map(figure)).toEqual([
    3, 3, 4, 0,
  ]);
});
