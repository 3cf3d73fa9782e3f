import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../../src/core/entry-path.js';
import { sourceFiles } from './imports.js';

/** Ways to make text into elements, code or addresses that React does not guard. */
const unguarded =
  /dangerouslySetInnerHTML|\b(?:innerHTML|outerHTML|insertAdjacentHTML|srcdoc|createContextualFragment)\b|document\.write|\beval\(|new Function|javascript:/i;

it('no file of the console makes markup, code or addresses of text', () => {
  const root = packageRoot(import.meta.url);
  const files = sourceFiles(root, 'console/src').filter((file) => !file.includes('.test.'));
  expect(files.length).toBeGreaterThan(40);
  expect(files.filter((file) => unguarded.test(readFileSync(join(root, file), 'utf8')))).toEqual([]);
});
