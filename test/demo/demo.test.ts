import { expect, it } from 'vitest';
import { mutations, runDemoWith } from '../support/demo-mutations.js';

it('the demo holds', async () => {
  const { code, output } = await runDemoWith(null);
  expect(output).toContain('Everything held.');
  expect(output).not.toContain('✗');
  expect(code).toBe(0);
}, 60_000);

it('the demo fails when the From is another one', async () => {
  const mutation = mutations.find(({ name }) => name === 'From is the called number') ?? null;
  const { code, output } = await runDemoWith(mutation);
  expect(output).toContain("✗ From is the caller's own number");
  expect(code).toBe(1);
}, 60_000);
