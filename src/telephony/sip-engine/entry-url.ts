import { existsSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * Where a compiled worker entry beside this module is. A test runner executes TypeScript source, which Node's threads
 * cannot: it is pointed to the same file below `dist` of the package.
 */
export const entryUrl = (moduleUrl: string, relative: string): URL => {
  const here = new URL(relative, moduleUrl);
  if (!moduleUrl.endsWith('.ts')) return here;
  let root = dirname(fileURLToPath(moduleUrl));
  while (!existsSync(join(root, 'package.json'))) {
    const parent = dirname(root);
    if (parent === root) throw new Error(`no package.json above ${moduleUrl}`);
    root = parent;
  }
  const path = fileURLToPath(here);
  return pathToFileURL(join(root, 'dist', path.slice(root.length + sep.length)));
};
