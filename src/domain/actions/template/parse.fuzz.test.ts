import { describe, expect, it } from 'vitest';
import { compileBody } from './body-template.js';
import { maxTemplateLength, parseTemplate } from './parse.js';
import { renderText } from './render.js';
import { createScope, recordReader } from './scope.js';
import { TemplateError } from './syntax.js';
import { compileUrl } from './url-template.js';

/** Mulberry32: a small generator with a seed, so that a failing input can be found again. */
const generator = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
};

/** Pieces the grammar is made of, mixed with what it is not made of. */
const pieces = [
  '{',
  '}',
  '{',
  '}',
  '|',
  '@',
  '.',
  '[',
  ']',
  "'",
  '"',
  '\\',
  '\\{',
  '(',
  ')',
  ',',
  ' ',
  '\n',
  '-d',
  'user',
  'user.',
  'secret.key',
  '_auth.uuid',
  '_webhook',
  '_webhook.body',
  'name',
  "['a']",
  '[0]',
  ' | ',
  'md5',
  'base64',
  'hmac sha256 k text',
  'hmac-sha256(',
  'hmac-md5({a}, {b})',
  'replace a b',
  'where a 1 gt',
  'range -3 2',
  'last',
  'format_date "Y-m-d" UTC',
  'format_date c',
  'ordinal',
  'url_encode true',
  "select('n')",
  'https://',
  'a.test',
  '/',
  '?',
  '#',
  '..',
  '%2e',
  '__proto__',
  'constructor',
  '€',
  '\ud800',
  '0',
  '\0',
];

const scope = createScope({
  user: recordReader({ name: 'Ada', a: [1, { a: 2 }], b: { a: 'x' } }, 'session'),
  _auth: recordReader({ uuid: 'u' }, 'server'),
});

describe('the template language under random input', () => {
  it('throws nothing but its own error in 1,000,000 inputs', { timeout: 120_000 }, () => {
    const random = generator(20_261_121);
    let parsed = 0;
    let rendered = 0;
    for (let round = 0; round < 1_000_000; round += 1) {
      let text = '';
      const length = 1 + Math.floor(random() * 9);
      for (let at = 0; at < length; at += 1) text += pieces[Math.floor(random() * pieces.length)];
      try {
        const parts = parseTemplate(text, { calls: round % 2 === 0 });
        parsed += 1;
        if (round % 4 === 0) {
          renderText(parts, scope);
          rendered += 1;
        }
        if (round % 16 === 1) compileUrl(`https://a.test/${text}`).render(scope);
        if (round % 16 === 3) compileBody({ a: text }).render(scope);
      } catch (error) {
        if (!(error instanceof TemplateError)) throw new Error(`input ${JSON.stringify(text)}`, { cause: error });
      }
    }
    // The inputs are worth something only if a good part of them is valid.
    expect(parsed).toBeGreaterThan(100_000);
    expect(rendered).toBeGreaterThan(20_000);
  });

  it('makes every URL as a URL parser would have it', () => {
    const random = generator(20_261_130);
    const texts = [
      'a',
      'b.c',
      'é',
      '€',
      "it's",
      '%41',
      '%zz',
      '!*()',
      '[1]',
      ';=&',
      '//',
      '/',
      '~',
      ':@',
      '.',
      '+',
      '\ud83d',
    ];
    const values = ["o'neill", 'a b', '?&=#', '日本', '..', '.', '%2e', '\ud800', '/x/', '[::1]', '\\', '\t', '😀', ''];
    const pick = <T>(from: readonly T[]): T =>
      from[Math.floor(random() * from.length)] ?? expect.fail('nothing to pick');
    let made = 0;
    for (let round = 0; round < 20_000; round += 1) {
      const user = createScope({ user: recordReader({ v: pick(values), w: pick(values), h: 'eu-1' }, 'session') });
      const part = (): string => (random() < 0.4 ? pick(['{v}', '{w}']) : pick(texts));
      const some = (): string => Array.from({ length: Math.floor(random() * 4) }, part).join('');
      const text = `https://${pick(['a.test', 'A.test:443', '{h}.test', 'b.test:8443'])}${pick(['', '/'])}`;
      const template = text.endsWith('/') ? `${text}${some()}${pick(['', '?'])}${some()}` : `${text}?${some()}`;
      try {
        const url = compileUrl(template).render(user);
        const { href, protocol, origin, hostname, port, pathname, search } = new URL(url.href);
        expect(url, template).toEqual({ href, protocol, origin, hostname, port, pathname, search });
        made += 1;
      } catch (error) {
        if (!(error instanceof TemplateError)) throw error;
      }
    }
    expect(made).toBeGreaterThan(8_000);
  });

  it.each([
    ['braces', '{'],
    ['opening quotes', '{"'],
    ['accessors', "['a"],
    ['pipes', '{a|'],
    ['arguments', '{a|replace '],
    ['calls', 'hmac-md5('],
    ['escapes', '\\{'],
    ['blanks', '{ '],
    ['references', '{a}'],
    ['at signs', '@a'],
    ['dots', '{a.a.a'],
  ])('takes the longest text made of %s and refuses a longer one', (_name, piece) => {
    const text = piece.repeat(Math.floor(maxTemplateLength / piece.length));
    try {
      parseTemplate(text, { calls: true });
    } catch (error) {
      expect(error).toBeInstanceOf(TemplateError);
    }
    expect(() => parseTemplate(piece.repeat(maxTemplateLength + 1))).toThrow('longer than');
  });
});
