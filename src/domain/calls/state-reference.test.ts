import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../../core/entry-path.js';
import { endReasons } from '../sessions/records.js';
import { stateReference } from './state-reference.js';

it('the page of states says what the machine does (npm run reference writes it)', () => {
  const page = readFileSync(join(packageRoot(import.meta.url), 'docs/reference/states.md'), 'utf8');
  expect(page).toBe(stateReference());
  for (const reason of endReasons) expect(page).toContain(`| \`${reason}\` |`);
  // The walk has come to the far end.
  expect(page).toMatch(/\| `transferred` \| `active` \| the destination hangs up \|/);
});
