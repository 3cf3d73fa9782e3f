import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../core/entry-path.js';
import { environment } from './config.js';
import { configReference } from './config-reference.js';

it('the configuration page says what the schema says (npm run reference writes it)', () => {
  const page = readFileSync(join(packageRoot(import.meta.url), 'docs/reference/configuration.md'), 'utf8');
  expect(page).toBe(configReference());
});

it('the configuration page names every environment name', () => {
  for (const name of Object.keys(environment)) expect(configReference()).toContain(`\`${name}\``);
});
