import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, CommanderError } from 'commander';
import { expect, it } from 'vitest';
import { packageRoot } from '../core/entry-path.js';
import { callCommand } from './call/command.js';
import { demoCommand } from './demo/command.js';
import { createProgram } from './program.js';

const root = packageRoot(import.meta.url);
const pages = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...['docs', 'examples', 'deploy'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(?:md|ya?ml|txt)$/.test(name) && !name.includes('node_modules'))
      .map((name) => join(folder, name)),
  ),
];

type Documented = {
  readonly page: string;
  readonly line: string;
  readonly args: readonly string[];
  readonly whole: boolean;
};

/** Words as a shell reads them, up to what belongs to the shell. */
const wordsOf = (text: string): string[] => {
  const words: string[] = [];
  for (const [word] of text.matchAll(/'[^']*'|"[^"]*"|[^\s'"]+/g)) {
    if (/^(?:#|\d?>|\||&|;)/.test(word)) break;
    words.push(word.replace(/^(['"])(.*)\1$/, '$2').replace(/[;,]$/, ''));
  }
  return words;
};

/** A line of a block is a whole command; in a sentence it may be no more than a name. */
const documentedIn = (page: string): Documented[] => {
  const text = readFileSync(join(root, page), 'utf8');
  const found: Documented[] = [];
  const add = (line: string, whole: boolean): void => {
    const [, rest] = /^(?:[A-Z_]+=\S* )*(?:npx )?voice-gateway (.*)$/.exec(line.trim()) ?? [];
    // `voice-gateway cannot start:` is the beginning of what it says.
    if (rest === undefined || rest.endsWith(':') || rest.startsWith('…')) return;
    found.push({ page, line, args: wordsOf(rest), whole });
  };
  if (page.endsWith('.md')) {
    const blocks = /^ *```[^\n]*\n([\s\S]*?)^ *```/gm;
    for (const [, block = ''] of text.matchAll(blocks)) for (const line of block.split('\n')) add(line, true);
    for (const [, span = ''] of text.replace(blocks, '').matchAll(/`([^`]+)`/g)) add(span.replace(/\s+/g, ' '), false);
  } else {
    for (const [, line = ''] of text.matchAll(/^ *#? *((?:npx )?voice-gateway .*)$/gm)) add(line, true);
  }
  return found;
};

const program = (): Command => {
  const quiet = { out: () => {}, err: () => {} };
  const context = { ...quiet, env: {}, cwd: '/', readStdin: async () => '', signal: new AbortController().signal };
  const made = createProgram(context, [callCommand, demoCommand]);
  const still = (command: Command): void => {
    if (command.commands.length === 0) command.action(() => {});
    for (const inner of command.commands) still(inner);
  };
  still(made);
  return made;
};

/** What commander says against a command line; null: nothing. */
const refusalOf = ({ args, whole }: Pick<Documented, 'args' | 'whole'>): string | null => {
  try {
    program().parse([...args], { from: 'user' });
    return null;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const named = ['commander.missingArgument', 'commander.missingMandatoryOptionValue', 'commander.help'];
    return !whole && named.includes(error.code) ? null : error.message;
  }
};

it('every command of the documentation is one of the program', () => {
  const documented = pages.flatMap(documentedIn);
  const wrong = documented.flatMap((each) => {
    const refusal = refusalOf(each);
    return refusal === null ? [] : [`${each.page}: ${each.line.trim()}: ${refusal}`];
  });
  expect(wrong).toEqual([]);
  // Guides, README and examples have some each; the search must find them.
  expect(documented.filter(({ whole }) => whole).length).toBeGreaterThan(20);
  expect(new Set(documented.map(({ page }) => page)).size).toBeGreaterThan(10);
});

it.each([
  [['export', 'acme'], /too many arguments|Expected 0 arguments/],
  [['sessions', '--organization', 'acme'], /unknown option/],
  [['zendesk', 'chek'], /unknown command/],
  [['apply'], /required option/],
])('%j would be found', (args, message) => {
  expect(refusalOf({ args, whole: true })).toMatch(message);
});
