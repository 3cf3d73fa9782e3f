// Writes the reference pages that are made from code. Run by `npm run reference` after a build. The page of the API is made
// from what a running gateway serves: `node scripts/write-reference.mjs http://127.0.0.1:8080`.
import { writeFileSync } from 'node:fs';
import { apiReference } from '../dist/src/api/api-reference.js';
import { configReference } from '../dist/src/app/config-reference.js';
import { stateReference } from '../dist/src/domain/calls/state-reference.js';

writeFileSync('docs/reference/configuration.md', configReference());
writeFileSync('docs/reference/states.md', stateReference());
const [, , url] = process.argv;
if (url !== undefined) {
  const response = await fetch(new URL('/openapi.json', url));
  writeFileSync('docs/reference/api.md', apiReference(await response.json()));
}
