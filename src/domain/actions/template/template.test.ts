import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { compileBody } from './body-template.js';
import { compileHeader } from './header-template.js';
import { parseTemplate } from './parse.js';
import { renderText, renderTrusted, type Scope } from './render.js';
import { createScope, recordReader } from './scope.js';
import { TemplateError } from './syntax.js';
import { compileUrl } from './url-template.js';
import type { JsonValue } from './values.js';

type Contents = { [name: string]: JsonValue };

const scopeOf = (
  user: Contents,
  more: { [context: string]: Contents } = {},
  trust: 'server' | 'session' | 'ai' = 'session',
): Scope =>
  createScope({
    user: recordReader(user, trust),
    session: recordReader(more.session ?? {}, 'server'),
    global: recordReader(more.global ?? {}, 'server'),
    _webhook: recordReader(more._webhook ?? {}, 'session'),
    _auth: recordReader(more._auth ?? {}, 'server'),
    ...(more.secret === undefined ? {} : { secret: recordReader(more.secret, 'server') }),
  });

const render = (text: string, user: Contents = {}, more: { [context: string]: Contents } = {}): string =>
  renderText(parseTemplate(text, { calls: true }), scopeOf(user, more));

const faultOf = (work: () => unknown): TemplateError => {
  try {
    work();
  } catch (error) {
    if (error instanceof TemplateError) return error;
    throw error;
  }
  throw new Error('no fault was found');
};

describe('references', () => {
  const user = {
    name: 'Ada',
    age: 36,
    vip: true,
    none: null,
    list: ['a', 'b', { deep: 'c' }],
    prefs: { chat: { tone: 'calm', 'odd key': 1 } },
  };

  it.each([
    ['Hello {name}!', 'Hello Ada!'],
    ['{ user.name }', 'Ada'],
    ['{age} {vip} [{none}] [{nobody}] [{session.id}]', '36 true [] [] [s1]'],
    ["{user.prefs['chat']['tone']}", 'calm'],
    ["{prefs['chat']['odd key']}", '1'],
    ['{prefs[chat][tone]}', 'calm'],
    ['{prefs.chat.tone}', 'calm'],
    ['{list[0]}{list[1]}{list[2].deep}{list[9]}', 'abc'],
    ['{list}', '["a","b",{"deep":"c"}]'],
    ['{conversation.id}', ''],
    ['\\{name\\} and \\n', '{name} and \\n'],
    ['no } harm', 'no } harm'],
    ['{"literal" | uppercase}', 'LITERAL'],
  ])('%s becomes %s', (text, expected) => {
    expect(render(text, user, { session: { id: 's1' } })).toBe(expected);
  });

  it.each([
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    "prefs['__proto__']",
    'prefs.constructor',
    'list.length',
    'name.length',
    "list['map']",
  ])('reaches nothing that is inherited: {%s}', (reference) => {
    expect(render(`[{${reference}}]`, user)).toBe('[]');
    expect(render(`[{"x" | replace x @${reference}}]`, user)).toBe('[]');
  });

  it('carries an own property that has the name of an inherited one', () => {
    const odd = JSON.parse('{"__proto__":"own","constructor":{"a":1}}') as Contents;
    expect(render('{__proto__}-{constructor.a}', odd)).toBe('own-1');
    expect(compileBody({ a: '{whole}' }).render(scopeOf({ whole: odd }))).toBe(
      '{"a":{"__proto__":"own","constructor":{"a":1}}}',
    );
  });

  it.each([
    ['{', 'an attribute name is missing (at character 2)'],
    ['ab{name', '"{" has no "}" (at character 3)'],
    ['{}', 'an attribute name is expected, "}" found (at character 2)'],
    ['{na me}', '"m" cannot stand here; "}" or "|" is expected (at character 5)'],
    ['{name | nofilter}', 'there is no filter "nofilter" (at character 9)'],
    ['{name | replace a}', 'the filter "replace" takes 2 arguments, not 1 (at character 9)'],
    ['{name | hmac sha3 k text}', 'hmac knows sha256, sha512, sha1, md5, not "sha3" (at character 9)'],
    ['{name | replace "a b}', 'the quotation is not closed (at character 17)'],
    ["{name['a]}", 'the quotation is not closed (at character 7)'],
    ['{name[]}', 'an index or name is missing between "[" and "]" (at character 7)'],
    ['hmac-sha256({a})', '"," is missing between the two arguments of the call (at character 16)'],
    ['hmac-sha256({a}, {b}', '")" is missing at the end of the call (at character 21)'],
  ])('names the fault and its place: %s', (text, message) => {
    expect(faultOf(() => parseTemplate(text, { calls: true })).message).toBe(message);
  });
});

describe('filters', () => {
  const user: Contents = {
    hello: 'hello',
    words: 'the quick  fox',
    n: 21,
    items: [
      { who: 'user', n: 1 },
      { who: 'bot', n: 2 },
      { who: 'user', n: 3 },
    ],
    list: [1, 2, 3, 4, 5],
    empty: '',
    two: 2,
    url: "https://a.test/x?y='z'",
    at: 1_700_000_000,
  };

  it.each([
    // The check value of the documentation.
    ['{hello | md5 | base64}', 'XUFAKrxLKna5cZ2REBfFkg=='],
    ['{"hello" | md5 | base64}', 'XUFAKrxLKna5cZ2REBfFkg=='],
    ['{hello | md5 | hex}', '5d41402abc4b2a76b9719d911017c592'],
    ['{empty | md5 true | base64}', ''],
    ['{empty | md5 | hex}', 'd41d8cd98f00b204e9800998ecf8427e'],
    ['{hello | uppercase}{hello|uppercase_first}{words | uppercase_words}', 'HELLOHelloThe Quick  Fox'],
    ['{"ABC" | lowercase}', 'abc'],
    [`{url | replace "'" "%27%27"}`, 'https://a.test/x?y=%27%27z%27%27'],
    ['{n | number_to_words | uppercase_first}', 'Twenty-one'],
    ['{n | ordinal} {n | ordinal_words}', '21st twenty-first'],
    ['{"1" | number_to_words} {"1" | ordinal} {"1" | ordinal_words}', 'one 1st first'],
    [
      '{"112" | ordinal} {"-1234567" | number_to_words}',
      '112th minus one million two hundred thirty-four thousand five hundred sixty-seven',
    ],
    ['{"2.05" | number_to_words} {"40" | ordinal_words} {hello | ordinal}', 'two point zero five fortieth hello'],
    ['{items | count} {hello | count} {nobody | count}', '3 1 0'],
    ['{items | where who user | select n}', '[1,3]'],
    ['{items | where n 2 gte | count}{items | where n 2 > | count}{items | where who o contains | count}', '211'],
    ["{items | where('who','bot') | select('n')}", '[2]'],
    ['{list | range -3 2} {list | range(0, 3)} {list | range 4 9}', '[3,4] [1,2,3] [5]'],
    ['{list | last} {list | last 2} {list | last @two}', '5 [4,5] [4,5]'],
    ['{words | url_encode} {words | url_encode true}', 'the+quick++fox the%20quick%20%20fox'],
    [`{"a-_.~!'()*é" | url_encode true}`, 'a-_.%7E%21%27%28%29%2A%C3%A9'],
    ['{"hello+w%20x%zz" | url_decode}', 'hello w x%zz'],
    ['{hello | base64} {hello | base64 -e} {"aGVsbG8=" | base64 -d} [{empty | base64}]', 'aGVsbG8= aGVsbG8= hello []'],
    ['{"not base64!" | base64 -d}', ''],
    ['{at | format_date "Y-m-d H:i:s"}', '2023-11-14 22:13:20'],
    ['{at | format_date "Y-m-d H:i:s T P e" Europe/Berlin}', '2023-11-14 23:13:20 GMT+1 +01:00 Europe/Berlin'],
    [
      '{at | format_date "D, d M Y N jS z W o t L B g G h A a y n v u U I Z"}',
      'Tue, 14 Nov 2023 2 14th 317 46 2023 30 0 967 10 22 10 PM pm 23 11 000 000000 1700000000 0 0',
    ],
    ['{at | format_date c} {at | format_date r}', '2023-11-14T22:13:20+00:00 Tue, 14 Nov 2023 22:13:20 +0000'],
    ['{"2024-02-29T12:00:00+02:00" | format_date "l j F \\\\a\\\\t H:i"}', 'Thursday 29 February at 10:00'],
    ['[{"2024-02-31" | format_date Y}] [{hello | format_date Y}]', '[] []'],
    ['{"lone @" | replace @ at}', 'lone at'],
  ])('%s becomes %s', (text, expected) => {
    expect(render(text, user)).toBe(expected);
  });

  it('takes attributes as arguments with @', () => {
    const more = { session: { count: 2, data: { field: 'x' } } };
    expect(render('{list | last @session.count}', user, more)).toBe('[4,5]');
    expect(render("{hello | replace l @session.data['field']}", user, more)).toBe('hexxo');
  });

  it('computes the HMAC examples as openssl does', () => {
    const openssl = (algorithm: string, key: string, message: string): Buffer =>
      execFileSync(
        'openssl',
        ['dgst', `-${algorithm}`, '-mac', 'HMAC', '-macopt', `hexkey:${Buffer.from(key).toString('hex')}`, '-binary'],
        {
          input: message,
        },
      );
    const secret = { secret: { key: 'secret' } };
    for (const algorithm of ['sha256', 'sha512', 'sha1', 'md5']) {
      const expected = openssl(algorithm, 'secret', 'hello');
      expect(render(`{hello | hmac ${algorithm} @secret.key text | base64}`, user, secret)).toBe(
        expected.toString('base64'),
      );
      expect(render(`{hello | hmac ${algorithm} c2VjcmV0 base64 | hex}`, user)).toBe(expected.toString('hex'));
      expect(render(`{hello | hmac ${algorithm} 736563726574 hex | hex}`, user)).toBe(expected.toString('hex'));
      expect(render(`{hello | hmac ${algorithm} secret | hex}`, user)).toBe(expected.toString('hex'));
      expect(render(`hmac-${algorithm}({hello}, {secret.key})`, user, secret)).toBe(expected.toString('hex'));
      expect(render(`v1=hmac-${algorithm}({hello}, secret);`, user)).toBe(`v1=${expected.toString('hex')};`);
      expect(render(`{hmac-${algorithm}(hello, secret.key) | uppercase}`, user, secret)).toBe(
        expected.toString('hex').toUpperCase(),
      );
    }
  });

  it('reproduces the full HMAC example of the documentation', () => {
    const context = {
      _webhook: { url: "https://Api.test/a?b='c'", body: '{"x":1}', method: 'POST' },
      _auth: { nonce: '', timestamp: 1_700_000_000 },
      secret: { key: 'k' },
    };
    const encoded = render(`{_webhook.url | replace "'" "%27%27"}`, {}, context);
    const base = render(
      '{_auth.u | lowercase | url_encode true | lowercase}',
      {},
      { ...context, _auth: { u: encoded } },
    );
    expect(base).toBe('https%3a%2f%2fapi.test%2fa%3fb%3d%2527%2527c%2527%2527');
    expect(render('{_webhook.body | md5 true | base64}', {}, context)).toBe(
      execFileSync('openssl', ['dgst', '-md5', '-binary'], { input: '{"x":1}' }).toString('base64'),
    );
  });

  it('caps what a filter can make', () => {
    const big = { a: 'x'.repeat(1_000_000), b: 'y'.repeat(1_000) };
    expect(faultOf(() => render('{a | replace x @b}', big)).message).toContain('more than 1048576');
    expect(faultOf(() => render('{a | url_encode | replace x yy}', big)).message).toContain('more than 1048576');
  });

  it('never puts a key into its message', () => {
    const fault = faultOf(() =>
      render('{hello | hmac sha256 @secret.key hex}', user, { secret: { key: 'canary-key!' } }),
    );
    expect(fault.message).toBe('the filter "hmac" has a key that is not hex (at character 10)');
  });

  it('names a time zone that does not exist', () => {
    expect(faultOf(() => render('{at | format_date Y Mars/Base}', user)).message).toContain('no time zone "Mars/Base"');
  });
});

describe('secrets outside authentication', () => {
  it('render as eight bullets, whatever is done to them', () => {
    const scope = scopeOf({ name: 'x' });
    const text = (template: string): string => renderText(parseTemplate(template, { calls: true }), scope);
    expect(text('{secret.api_key}')).toBe('••••••••');
    expect(text('a {secret.api_key} b')).toBe('a •••••••• b');
    expect(text('{secret.api_key | md5 | hex}')).toBe('••••••••');
    expect(text('{name | hmac sha256 @secret.api_key text | hex}')).toBe('••••••••');
    expect(text('hmac-sha256({name}, {secret.api_key})')).toBe('••••••••');
    expect(compileBody({ a: '{secret.api_key}' }).render(scope)).toBe('{"a":"••••••••"}');
    expect(compileUrl('https://a.test/{secret.api_key}').render(scope).pathname).toBe(
      `/${encodeURIComponent('••••••••')}`,
    );
    expect(() => compileUrl('https://{secret.host}/').render(scope)).toThrow('not a host name');
  });
});

describe('URLs', () => {
  const at = (template: string, user: Contents = {}, trust: 'session' | 'ai' = 'session'): string =>
    compileUrl(template).render(scopeOf(user, {}, trust)).href;

  it('parametrises host name, path segment and query parameters, each value encoded for its place', () => {
    const user = { region: 'eu-1', api_version: 'v2', user_id: 'a b&c=d/e?f#g', port: 8443 };
    expect(at('https://{region}.yourapi.com/api/{api_version}/users?userId={user_id}', user)).toBe(
      'https://eu-1.yourapi.com/api/v2/users?userId=a%20b%26c%3Dd%2Fe%3Ff%23g',
    );
    expect(at('https://a.test:{port}/{user_id}', user)).toBe('https://a.test:8443/a%20b%26c%3Dd%2Fe%3Ff%23g');
  });

  it('sends nothing for a missing attribute', () => {
    expect(at('https://a.test/x/{nobody}?q={nobody}')).toBe('https://a.test/x/?q=');
  });

  it.each(['evil.com/', 'evil.com#', 'evil.com?', 'x@evil.com', 'evil.com:1', 'a b', '', '-a', '[::1]', 'a..b', 'ａ'])(
    'refuses the value %j in a host',
    (value) => {
      expect(() => at('https://{host}.api.example.com/', { host: value })).toThrow('not a host name');
    },
  );

  it('refuses a value of the AI in a host', () => {
    expect(() => at('https://{host}.example.com/', { host: 'eu' }, 'ai')).toThrow(
      'chosen by the AI cannot stand in the host',
    );
    expect(at('https://eu.example.com/{host}', { host: 'eu' }, 'ai')).toBe('https://eu.example.com/eu');
  });

  it.each(['..', '.', '%2e%2e', '.%2E'])('a value cannot climb with %j', (value) => {
    const url = compileUrl('https://a.test/users/{id}/orders');
    if (value.includes('%')) {
      // The percent sign of a value is encoded, so it names a segment and climbs nowhere.
      expect(url.render(scopeOf({ id: value })).pathname).toBe(`/users/${encodeURIComponent(value)}/orders`);
    } else expect(() => url.render(scopeOf({ id: value }))).toThrow('"." or ".."');
  });

  it('lets "a/../b" pass as one encoded segment', () => {
    expect(at('https://a.test/users/{id}', { id: 'a/../b' })).toBe('https://a.test/users/a%2F..%2Fb');
  });

  it('refuses a dot segment that value and text make together', () => {
    expect(() => at('https://a.test/x/.{id}/y', { id: '.' })).toThrow('"." or ".."');
    expect(() => at('https://a.test/x/{a}{b}', { a: '.', b: '.' })).toThrow('"." or ".."');
    expect(at('https://a.test/x/{id}', { id: '...' })).toBe('https://a.test/x/...');
    expect(at('https://a.test/x?y={id}', { id: '..' })).toBe('https://a.test/x?y=..');
  });

  it.each([
    ['http://a.test/', 'must start with https://'],
    ['{base}/x', 'must start with https://'],
    ['ftp://a.test', 'must start with https://'],
    ['https://', 'no valid host'],
    ['https://user:pass@a.test/', 'user and password'],
    ['https://{u}@a.test/', 'user and password'],
    ['https://a.test/#x', 'fragment'],
    ['https://a.test/a b', 'cannot stand in a URL'],
    ['https://a.test\\@evil.test/', 'cannot stand in a URL'],
    ['https://a.test/../x', '"." or ".."'],
    ['https://a.test/%2e%2E/x', '"." or ".."'],
    ['https://a.test:99999/', 'no valid host'],
  ])('refuses %s when it is saved', (text, sentence) => {
    expect(faultOf(() => compileUrl(text)).message).toContain(sentence);
  });

  it('keeps lone surrogates from throwing', () => {
    expect(at('https://a.test/{x}', { x: 'a\ud800b' })).toBe('https://a.test/a%EF%BF%BDb');
  });

  it('knows the origin when the host is fixed', () => {
    expect(compileUrl('https://API.test:443/{x}').staticOrigin).toBe('https://api.test');
    expect(compileUrl('https://{x}.test/').staticOrigin).toBeUndefined();
  });
});

describe('bodies', () => {
  const scope = scopeOf({
    first_name: 'Ada "the" first',
    age: 36,
    vip: false,
    tags: ['a'],
    big: { a: [1] },
    nothing: null,
  });

  it('preserves the types of attributes that stand alone in double quotes', () => {
    const body = compileBody({
      n: '{first_name}',
      a: '{age}',
      v: '{vip}',
      t: '{tags}',
      b: '{big}',
      z: '{nothing}',
      m: '{missing}',
    });
    expect(JSON.parse(body.render(scope))).toEqual({
      n: 'Ada "the" first',
      a: 36,
      v: false,
      t: ['a'],
      b: { a: [1] },
      z: null,
      m: null,
    });
  });

  it('makes text of attributes inside longer strings', () => {
    expect(compileBody({ a: 'Hi {first_name}, {age}{missing}' }).render(scope)).toBe(
      '{"a":"Hi Ada \\"the\\" first, 36"}',
    );
  });

  it('leaves everything else as it is', () => {
    const body = { a: [1, 2.5, null, true, {}, []], 'k"ey': { b: 'text' }, c: '' };
    expect(JSON.parse(compileBody(body).render(scope))).toEqual(body);
  });

  it('takes the text of a body and says that attributes need double quotes', () => {
    expect(compileBody('{"firstName": "{first_name}"}').render(scope)).toBe('{"firstName":"Ada \\"the\\" first"}');
    const fault = faultOf(() => compileBody('{"firstName": {first_name}}'));
    expect(fault.message).toContain('an attribute must stand in double quotes');
  });

  it('names where in the body a template is wrong', () => {
    expect(faultOf(() => compileBody({ a: { b: ['x', '{broken'] } })).message).toBe(
      'at a.b[1]: "{" has no "}" (at character 1)',
    );
    expect(faultOf(() => compileBody({ '{x}': 1 })).message).toContain('property name');
  });

  it('refuses a body that is nested without end', () => {
    expect(faultOf(() => compileBody(`${'['.repeat(100)}${']'.repeat(100)}`)).message).toContain('too deeply');
  });
});

describe('headers', () => {
  it('render attributes and refuse line breaks, so that no header can be smuggled in', () => {
    const header = compileHeader('X-Note', 'note: {note}');
    expect(header.render(scopeOf({ note: 'ok' }))).toBe('note: ok');
    for (const note of ['a\r\nX-Evil: 1', 'a\nb', 'a\rb', 'a\0b']) {
      expect(faultOf(() => header.render(scopeOf({ note }))).message).toBe(
        'the header X-Note has a line break or zero byte in its value',
      );
    }
    expect(faultOf(() => header.render(scopeOf({ note: '10 €' }))).message).toContain('url_encode');
    expect(faultOf(() => compileHeader('X Bad', 'a')).message).toContain('not a valid header name');
  });

  it('in authentication refuse values of the AI, also behind a filter', () => {
    const ai = scopeOf({ x: 'a' }, {}, 'ai');
    for (const text of ['{x}', 'a {x | base64}', '{"a" | replace a @x}', 'hmac-sha256({x}, k)']) {
      const header = compileHeader('Authorization', text, { calls: true, trusted: true });
      expect(faultOf(() => header.render(ai)).message).toBe('a value chosen by the AI cannot stand in authentication');
      expect(() => header.render(scopeOf({ x: 'a' }))).not.toThrow();
    }
    expect(renderTrusted(parseTemplate('fixed'), ai, 'authentication')).toBe('fixed');
  });
});
