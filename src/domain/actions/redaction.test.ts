import { expect, it } from 'vitest';
import type { Header } from './headers.js';
import { createRedactor, isCredential } from './redaction.js';

const hidden = '••••••••';

it.each<[what: string, secret: string, text: string, clean: string]>([
  ['a number', '884213', '{"id":884213,"total":1884213.5}', `{"id":"${hidden}","total":1884213.5}`],
  [
    'part of a string',
    '884213',
    '{ "text": "is 884213", "n": [884213] }',
    `{ "text": "is ${hidden}", "n": ["${hidden}"] }`,
  ],
  ['the name of a field', 'secret-name', '{"secret-name":1}', `{"${hidden}":1}`],
  ['escapes', 'a/b-c"d', String.raw`{"a":"\u0061\/b-c\"d"}`, `{"a":"${hidden}"}`],
  [
    'JSON within JSON',
    'a"b"c"d',
    JSON.stringify({ a: JSON.stringify({ b: 'a"b"c"d' }) }),
    JSON.stringify({ a: `{"b":"${hidden}"}` }),
  ],
  ['a secret that is JSON', '{"tier":9}', '{"a":{"tier":9}}', `{"a":"${hidden}"}`],
  ['what is no JSON', '884213', 'total=884213;', `total=${hidden};`],
])('json: %s', (_what, secret, text, clean) => {
  expect(createRedactor([secret]).json(text)).toBe(clean);
});

it.each<[header: Header, credential: boolean]>([
  [['X-Customer-Id', '884213'], false],
  [['X-Customer-Id', '6b0d2c1e-6f0a-4b9e-9a53-1f3d4e5a6b7c'], false],
  [['X-Plan', 'enterprise'], false],
  [['X-Api-Key', '1234567'], true],
  [['X-Vendor', 'sk4eC39HqLyjWDarjtT1zdp7dc'], true],
  [['X-Vendor', 'Bearer abcdef'], true],
  [['Accept-Language', 'en-US,en;q=0.9,de;q=0.8'], false],
])('%j is a credential: %s', (header, credential) => {
  expect(isCredential(header)).toBe(credential);
});
