// Writes the reference pages that are made from code. Run by `npm run reference` after a build.
import { writeFileSync } from 'node:fs';
import { configReference } from '../dist/src/app/config-reference.js';

writeFileSync('docs/reference/configuration.md', configReference());
