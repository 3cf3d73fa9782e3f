import { expect, it } from 'vitest';
import { messageText } from './http-text.js';

it('writes a request and an answer as they went over the wire, and leaves alone what is neither', () => {
  const headers = [['X-Shop', 'a']];
  expect(messageText({ method: 'POST', url: 'https://a.test/', headers, body: '{"a":1}' })).toBe(
    'POST https://a.test/\nX-Shop: a\n\n{"a":1}',
  );
  expect(messageText({ headers, body: '' })).toBe('X-Shop: a');
  expect(messageText(null)).toBeNull();
  expect(messageText({ headers: 'x' })).toEqual({ headers: 'x' });
});
