import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';

export type Import = {
  /** The importing file, relative to the repository, with forward slashes. */
  readonly from: string;
  /** A file relative to the repository (ours), or a bare specifier (`node:fs`, `ioredis`). */
  readonly to: string;
  readonly ours: boolean;
  readonly typeOnly: boolean;
};

const importPattern =
  /^\s*(?:import|export)\s+(type\s+)?(?:[^'"`;]*?\s+from\s+)?['"]([^'"]+)['"]|(?<![.\w])import\(\s*['"]([^'"]+)['"]\s*\)/gm;

export const sourceFiles = (root: string, folder: string): string[] => {
  const found: string[] = [];
  const walk = (dir: string): void => {
    for (const name of readdirSync(dir)) {
      const path = join(dir, name);
      if (statSync(path).isDirectory()) walk(path);
      else if (/\.tsx?$/.test(name)) found.push(relative(root, path).replaceAll('\\', '/'));
    }
  };
  walk(join(root, folder));
  return found.sort();
};

export const isTest = (file: string): boolean => /\.test\.tsx?$/.test(file);

/** Removes comments, so that an import named in a docstring is not taken for one. */
const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');

export const importsOf = (root: string, file: string): Import[] => {
  const text = withoutComments(readFileSync(join(root, file), 'utf8'));
  const found: Import[] = [];
  for (const match of text.matchAll(importPattern)) {
    const specifier = match[2] ?? match[3] ?? '';
    const typeOnly = match[1] !== undefined;
    if (specifier.startsWith('.')) {
      const to = normalize(join(dirname(file), specifier))
        .replaceAll('\\', '/')
        .replace(/\.js$/, '.ts');
      found.push({ from: file, to, ours: true, typeOnly });
    } else {
      found.push({ from: file, to: specifier, ours: false, typeOnly });
    }
  }
  return found;
};
