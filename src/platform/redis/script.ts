import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** A Lua script, sent by its digest (EVALSHA) and whole only when the server does not know it yet. */
export type RedisScript = {
  /** For messages and metrics. */
  readonly name: string;
  readonly source: string;
  /** SHA-1 of the source in hex, the name Redis gives it. */
  readonly sha: string;
};

/** A script from its text. */
export const scriptOf = (name: string, source: string): RedisScript => ({
  name,
  source,
  sha: createHash('sha1').update(source).digest('hex'),
});

/**
 * Loads a script from `.lua` files beside the module, joined in order: Redis has no include, so what several scripts
 * share stands in a file of its own and goes first. Read once, at start.
 *
 * @param moduleUrl `import.meta.url` of the caller
 * @param files paths relative to the caller; the last one names the script
 */
export const loadScript = (moduleUrl: string, ...files: readonly string[]): RedisScript => {
  const name = (files.at(-1) ?? 'script').replace(/^.*\//, '').replace(/\.lua$/, '');
  return scriptOf(name, files.map((file) => readFileSync(new URL(file, moduleUrl), 'utf8')).join('\n'));
};
