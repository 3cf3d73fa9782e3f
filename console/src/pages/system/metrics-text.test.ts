import { expect, it } from 'vitest';
import { samplesIn } from './metrics-text.js';

it('reads names, labels and values, and no comments', () => {
  const text = '# HELP a b\n# TYPE a counter\na_total{reason="x",profile="say \\"hi\\""} 3\nb 1.5e3\n\n';
  expect(samplesIn(text)).toEqual([
    { name: 'a_total', labels: { reason: 'x', profile: 'say \\"hi\\"' }, value: 3 },
    { name: 'b', labels: {}, value: 1_500 },
  ]);
});
