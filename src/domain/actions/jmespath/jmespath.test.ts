import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { search as referenceSearch } from 'jmespath';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../../core/entry-path.js';
import type { JsonValue } from '../template/values.js';
import { compileExpression, compileMapping } from './evaluate.js';
import { JmesPathError } from './syntax.js';

type Case = { expression: string; result?: JsonValue; error?: string; bench?: string; comment?: string };
type Group = { given: JsonValue; cases: Case[] };

const vectors = join(packageRoot(import.meta.url), '..', 'shared', 'vectors', 'jmespath');

const search = (expression: string, document: JsonValue): JsonValue => compileExpression(expression).search(document);

/** What a case yields, in the words of the suite. */
const outcome = ({ expression }: Case, given: JsonValue): { result: JsonValue } | { error: string } => {
  try {
    return { result: JSON.parse(JSON.stringify(search(expression, given))) as JsonValue };
  } catch (error) {
    if (error instanceof JmesPathError) return { error: error.kind };
    throw error;
  }
};

const failures: string[] = [];
const available = existsSync(vectors);
if (!available) console.log(`The JMESPath compliance suite is not at ${vectors}; its cases are left out.`);

describe.runIf(available)('the JMESPath compliance suite', () => {
  let total = 0;
  for (const file of available ? readdirSync(vectors).filter((name) => name.endsWith('.json')) : []) {
    const groups = JSON.parse(readFileSync(join(vectors, file), 'utf8')) as Group[];
    it(`passes ${file}`, () => {
      for (const { given, cases } of groups) {
        for (const entry of cases) {
          total += 1;
          const found = outcome(entry, given);
          const expected = entry.error === undefined ? { result: entry.result ?? null } : { error: entry.error };
          if (JSON.stringify(found) !== JSON.stringify(expected)) {
            try {
              expect(found).toEqual(expected);
            } catch {
              failures.push(
                `${file}: ${entry.expression} -> ${JSON.stringify(found)}, not ${JSON.stringify(expected)}`,
              );
            }
          }
        }
      }
    });
  }

  it('has all of its 892 cases and fails none', () => {
    expect(failures).toEqual([]);
    expect(total).toBe(892);
  });
});

describe('documents', () => {
  it.each([
    'constructor',
    '__proto__',
    'a.toString',
    'a.constructor.name',
    'list.length',
    'hasOwnProperty',
    '"__proto__"',
  ])('have nothing that is inherited: %s', (expression) => {
    expect(search(expression, { a: {}, list: [1] })).toBeNull();
  });

  it('may have keys called like inherited properties, and so may results', () => {
    const document = JSON.parse('{"__proto__":{"x":1},"constructor":2}') as JsonValue;
    expect(search('constructor', document)).toBe(2);
    expect(search('"__proto__".x', document)).toBe(1);
    const made = search('{"__proto__": constructor}', document);
    expect(JSON.stringify(made)).toBe('{"__proto__":2}');
    expect(JSON.stringify(search('merge(@, {"__proto__": `{"polluted": true}`})', document))).toContain('polluted');
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('toString() and other methods are no functions', () => {
    expect(() => compileExpression('toString(@)')).toThrow('there is no function "toString"');
    expect(() => compileExpression('constructor(@)')).toThrow('there is no function');
  });
});

describe('json_decode', () => {
  it('reads JSON inside a string', () => {
    const document = { payload: '{"order":{"status":"open"}}', bad: '{oops', n: 1 };
    expect(search('json_decode(payload).order.status', document)).toBe('open');
    expect(search('json_decode(bad)', document)).toBeNull();
    expect(search('json_decode(n)', document)).toBeNull();
    expect(search('json_decode(missing).a', document)).toBeNull();
  });
});

describe('hostile expressions', () => {
  it.each([
    ['deep parentheses', `${'('.repeat(1000)}a${')'.repeat(1000)}`],
    ['deep negation', `${'!'.repeat(1000)}a`],
    ['a long text', `a${' || a'.repeat(1000)}`],
    ['an open literal', '`aaaa'],
    ['an open quotation', '"aaaa'],
    ['too many colons', '[:::]'],
    ['nested lists', `${'['.repeat(200)}a${']'.repeat(200)}`],
  ])('are refused when they are saved: %s', (_name, expression) => {
    expect(() => compileExpression(expression)).toThrow(JmesPathError);
  });

  it.each([
    ['doubling by lists', `@${' | [@,@]'.repeat(60)}`],
    ['doubling by flattening', `[@,@]${' | [@,@][]'.repeat(40)}`],
    ['doubling and writing out', `[@,@]${' | [@,@]'.repeat(30)} | to_string(@)`],
    ['doubling and comparing', `[@${' | [@,@]'.repeat(30)}, @${' | [@,@]'.repeat(30)}] | [0] == [1]`],
    [
      'joining without end',
      `['aaaaaaaaaaaaaaaa']${" | [join('', @), join('', @), join('', @), join('', @)]".repeat(30)}`,
    ],
    ['writing out over and over', `[${Array.from({ length: 120 }, () => 'to_string(@)').join(',')}]`],
    ['projecting over and over', Array.from({ length: 100 }, () => 'items[*].a').join(' && ')],
  ])('are stopped while they run: %s', (_name, expression) => {
    const document = { items: Array.from({ length: 20_000 }, (_, index) => ({ a: `value ${index}` })) };
    let stopped: unknown;
    try {
      search(expression, document);
    } catch (error) {
      stopped = error;
    }
    expect(stopped).toBeInstanceOf(JmesPathError);
    expect(stopped).toMatchObject({ kind: 'limit' });
  });

  it('documents nested without end are refused where they would be walked', () => {
    const deep = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`) as JsonValue;
    expect(() => search('to_string(@)', deep)).toThrow('nested deeper');
    expect(() => search('[0]', deep)).toThrow('nested deeper');
    expect(() => search('@ == [@]', deep)).toThrow(JmesPathError);
  });
});

describe('the engine beside the reference implementation', () => {
  it('agrees on ordinary expressions', () => {
    const document = {
      ok: true,
      data: { user: { profile: { name: 'Ada' } } },
      orders: Array.from({ length: 20 }, (_, id) => ({
        id,
        status: id % 3 === 0 ? 'open' : 'shipped',
        total: (id * 37) % 101,
      })),
    };
    for (const expression of [
      'ok',
      'data.user.profile.name',
      "orders[?status=='open'].id",
      'length(orders) > `0`',
      'orders[-1]',
      'orders[::-2].id',
      "sort_by(orders[?status=='open'], &total)[].{id: id, total: total}",
      'max_by(orders, &total).id',
      'orders[].total | sum(@)',
      'orders[?total > `50` && status != `"open"`] | [0]',
      'keys(data)',
      'map(&status, orders)',
      'not_null(nothing, data.none, ok)',
    ]) {
      expect([expression, search(expression, document)]).toEqual([expression, referenceSearch(document, expression)]);
    }
  });
});

describe('output mappings', () => {
  it('take a property name or dotted path as it stands in the JSON', () => {
    const document = { status: 'sent', user: { profile: { name: 'Ada' } }, 'order-id': 7, '2fa': { 'is-on': true } };
    expect(compileMapping('status').search(document)).toBe('sent');
    expect(compileMapping('user.profile.name').search(document)).toBe('Ada');
    expect(compileMapping('order-id').search(document)).toBe(7);
    expect(compileMapping('2fa.is-on').search(document)).toBe(true);
    expect(() => compileMapping('a..b')).toThrow(JmesPathError);
  });
});
