import { expect, it } from 'vitest';
import { mutations, runDemoWith } from '../support/demo-mutations.js';

// At the same time: each takes a quarter of a minute and waits for most of it.
it.concurrent('the demo holds', async () => {
  const { code, output } = await runDemoWith(null);
  expect(output).toContain('Everything held.');
  expect(output).not.toContain('✗');
  expect(code).toBe(0);
}, 120_000);

it.concurrent('the demo fails when the From is another one', async () => {
  const mutation = mutations.find(({ name }) => name === 'From is the called number') ?? null;
  const { code, output } = await runDemoWith(mutation);
  expect(output).toContain("✗ From is the caller's own number");
  expect(code).toBe(1);
}, 120_000);
