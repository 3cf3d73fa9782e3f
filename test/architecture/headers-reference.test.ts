import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../../src/core/entry-path.js';

const root = packageRoot(import.meta.url);

/** Names that are none of the gateway's: each with the reason. */
const foreign = new Set([
  'x-gzip', // a content coding
  'x-powered-by', // a setting of express
  'x-idempotency-key', // of an action's target, harmless in a log
  'x-api-key', // of the demo's shop
  'x-body-encoding', // between the embedded engine and its application, never on a wire
  'x-custom', // an example in a comment
]);

const sources = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(?:ts|yaml)$/.test(name) && !name.endsWith('.test.ts'))
    .map((name) => readFileSync(join(root, folder, name), 'utf8'));

it('the page of headers has those of the code, and no others', () => {
  const text = [...sources('src'), ...sources('sip-profiles')].join('\n');
  const inCode = new Set(
    [...text.matchAll(/(?:['"`]|\[)(x-[a-z][a-z_-]*[a-z])(?=['"`\]])/gi)]
      .map(([, name = '']) => name.toLowerCase())
      .filter((name) => !foreign.has(name) && name !== 'x-twilio'),
  );
  const page = readFileSync(join(root, 'docs/reference/headers.md'), 'utf8');
  const onPage = new Set([...page.matchAll(/`(x-[a-z][a-z_-]*[a-z])`/gi)].map(([, name = '']) => name.toLowerCase()));
  expect([...onPage].sort()).toEqual([...inCode].sort());
  expect(onPage.size).toBeGreaterThan(20);
});
