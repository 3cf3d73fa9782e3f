import { renderToStaticMarkup } from 'react-dom/server';
import { expect, it } from 'vitest';
import { Breakable } from './breakable.js';

it.each([
  ['sip:desk@127.0.0.1:5060;transport=udp', 'sip:desk@|127.0.0.1:5060;|transport=|udp'],
  ['https://a.test/hooks/calls?x=1&y', 'https://a.|test/|hooks/|calls?|x=|1&|y'],
  ['plain', 'plain'],
])('breaks %s where its parts meet', (of, parts) => {
  expect(
    renderToStaticMarkup(<Breakable of={of} />)
      .replaceAll('<wbr/>', '|')
      .replaceAll('&amp;', '&'),
  ).toBe(parts);
});
