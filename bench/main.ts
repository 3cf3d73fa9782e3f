import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../src/core/entry-path.js';
import type { BenchResult } from './bench.js';
import { benches } from './catalogue.js';

// `npm run bench`: all of them, one after the other; `npm run bench -- relay signalling`: those.
const root = packageRoot(import.meta.url);
const results = join(root, 'bench/results');
const wanted = process.argv.slice(2);
const names = benches.map(({ name }) => name).join(', ');
if (wanted.includes('--help') || wanted.includes('-h')) {
  process.stdout.write(`npm run bench [-- <name>...], all of them without a name: ${names}\n`);
  process.exit(0);
}
const unknown = wanted.filter((name) => !benches.some((bench) => bench.name === name));
if (unknown.length > 0) {
  process.stderr.write(`no bench named ${unknown.join(', ')}; there are: ${names}\n`);
  process.exit(2);
}

const table = (result: BenchResult): string =>
  [
    `## ${result.id} ${result.title}`,
    '',
    '| what | ours | compared with | ratio | goal | met |',
    '|---|---|---|---|---|---|',
    ...result.rows.map(
      (row) =>
        `| ${row.what} | ${row.ours} | ${row.compared} | ${row.ratio === null ? '' : row.ratio.toFixed(2)} | ${row.goal} | ${row.met === null ? '' : row.met ? 'yes' : 'no'} |`,
    ),
    '',
    ...result.notes.map((note) => `- ${note}`),
  ].join('\n');

mkdirSync(results, { recursive: true });
for (const bench of benches) {
  if (wanted.length > 0 && !wanted.includes(bench.name)) continue;
  process.stdout.write(`\n${bench.id} ${bench.title}\n`);
  const result = await bench.run((line) => process.stdout.write(`  ${line}\n`));
  const machine = { node: process.version, cpus: cpus().length, model: cpus()[0]?.model ?? '', memory: totalmem() };
  writeFileSync(join(results, `${bench.name}.json`), `${JSON.stringify({ ...result, machine }, null, 2)}\n`);
  process.stdout.write(`\n${table(result)}\n`);
}

const all = readdirSync(results)
  .filter((file) => file.endsWith('.json'))
  .map((file) => JSON.parse(readFileSync(join(results, file), 'utf8')) as BenchResult)
  .filter((result) => Array.isArray(result.rows))
  .sort((a, b) => a.id.localeCompare(b.id, 'en', { numeric: true }));
const page = join(root, 'docs/performance.md');
const marker = '<!-- figures -->';
if (existsSync(page)) {
  const text = readFileSync(page, 'utf8');
  writeFileSync(page, `${text.slice(0, text.indexOf(marker) + marker.length)}\n\n${all.map(table).join('\n\n')}\n`);
}
