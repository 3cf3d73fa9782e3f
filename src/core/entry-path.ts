import { existsSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The folder of the package: the nearest one above `moduleUrl` that has a package.json. */
export const packageRoot = (moduleUrl: string): string => {
  let dir = dirname(fileURLToPath(moduleUrl));
  while (!existsSync(join(dir, 'package.json'))) {
    const parent = dirname(dir);
    if (parent === dir) throw new Error(`no package.json above ${moduleUrl}`);
    dir = parent;
  }
  return dir;
};

/**
 * Where the compiled entry of a worker thread or child process is. Node runs JavaScript only, so a caller that is
 * itself TypeScript source (a test runner executes it) is pointed to the same file below `dist`.
 */
export const entryUrl = (moduleUrl: string, relative: string): URL => {
  const here = new URL(relative, moduleUrl);
  if (!moduleUrl.endsWith('.ts')) return here;
  const root = packageRoot(moduleUrl);
  const path = fileURLToPath(here);
  return pathToFileURL(join(root, 'dist', path.slice(root.length + sep.length)).replace(/\.ts$/, '.js'));
};
