import { expect, it } from 'vitest';
import type { AgentTools } from '../../../domain/calls/ports.js';
import { longestAnswer } from './rpc-payload.js';
import { answerRpc } from './tools-rpc.js';

const answerTo = async (value: unknown) => {
  const tools: AgentTools = { call: async () => ({ ok: true, value }), list: async () => [] };
  const reply = await answerRpc({ tools, headers: new Map() }, 'execute_action', '{}');
  if (!reply.ok) throw new Error(reply.message);
  expect(Buffer.byteLength(reply.payload)).toBeLessThanOrEqual(longestAnswer);
  return { size: Buffer.byteLength(reply.payload), value: JSON.parse(reply.payload) };
};

const ran = { success: true, statusCode: 200, durationMs: 3 };

it('an answer that fits is whole', async () => {
  const answer = { ...ran, outputs: { state: 'x'.repeat(14_000), list: [1, 2] } };
  expect((await answerTo(answer)).value).toEqual(answer);
});

it.each([
  ['long attributes', { a: 'x'.repeat(15_000), b: 'y'.repeat(15_000), c: 'z'.repeat(15_000) }],
  ['characters of several octets', { a: 'ä'.repeat(15_000), b: '"\\'.repeat(7_000), c: '😀'.repeat(7_000) }],
  [
    'lists',
    { a: Array.from({ length: 3_000 }, (_, index) => index), b: { deep: 'x'.repeat(9_000) }, c: 'y'.repeat(9_000) },
  ],
])('%s are shortened with a note until all fit, and short ones stay', async (_what, long) => {
  const { size, value } = await answerTo({ ...ran, outputs: { ...long, state: 'sent', count: 7 } });
  expect(value).toMatchObject({ ...ran, outputs: { state: 'sent', count: 7 } });
  for (const name of ['a', 'b', 'c']) expect(value.outputs[name]).toMatch(/\n\[\d+ characters were cut\.\]$/);
  expect(size).toBeGreaterThan(longestAnswer - 100);
});

it('a text is shortened too, and an answer of names alone is left out', async () => {
  const { value } = await answerTo({ ...ran, outputs: { state: 'sent' }, text: 'ß'.repeat(15_000) });
  expect(value.text).toContain('characters were cut');
  const many = Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`attribute_${index}`, index]));
  expect((await answerTo({ ...ran, outputs: many })).value).toMatchObject({ ...ran, outputs: {} });
});
