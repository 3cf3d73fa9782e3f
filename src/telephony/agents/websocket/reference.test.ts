import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../../../core/entry-path.js';
import { legFields } from './config.js';
import { spokenTypes } from './gateway-dialect.js';
import { botFaultCodes } from './messages.js';

const page = readFileSync(join(packageRoot(import.meta.url), 'docs/reference/agent-websocket.md'), 'utf8');
/** First cells of the table below a line that begins with `heading`. */
const rows = (heading: string): string[] => {
  const from = page.indexOf(heading);
  if (from < 0) throw new Error(`the page has no ${heading}`);
  const table = page.slice(page.indexOf('\n|---', from)).split('\n').slice(2);
  const end = table.findIndex((line) => !line.startsWith('|'));
  return table
    .slice(0, end)
    .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map((m) => m[1] ?? ''));
};

it('the reference page names every field of the leg, every message of a bot and every error, and no other', () => {
  expect(rows('| field |').sort()).toEqual([...legFields].sort());
  expect(rows('### From the bot').sort()).toEqual([...spokenTypes].sort());
  expect(rows('| code of `error` |').sort()).toEqual([...botFaultCodes].sort());
});
