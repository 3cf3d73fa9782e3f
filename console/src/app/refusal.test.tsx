import { renderToStaticMarkup } from 'react-dom/server';
import { expect, it } from 'vitest';
import { Lag } from './lag.js';
import { refusalOf } from './refusal.js';

const of = (answer: () => Promise<Response>) => refusalOf('/v1/events', new AbortController().signal, answer);

it('a page that is one too many for its credential says so in the gateway’s words and comes again seldom', async () => {
  const message = 'This credential has 200 streams open already.';
  const crowded = await of(async () => Response.json({ statusCode: 429, message }, { status: 429 }));
  expect(crowded).toMatchObject({ state: 'crowded', why: message });
  const told = (state: Parameters<typeof Lag>[0]['state']) => renderToStaticMarkup(<Lag state={state} />);
  expect(told({ name: 'crowded', why: message })).toContain(message);
  expect(told({ name: 'crowded', why: message })).not.toContain('cannot be reached');
  expect(told({ name: 'lost' })).toContain('cannot be reached');
  const others = await Promise.all([
    of(async () => new Response(null, { status: 503 })),
    of(() => Promise.reject(new TypeError('no connection'))),
    of(async () => new Response('retry: 2000\n\n')),
  ]);
  expect(others.map(({ state }) => state)).toEqual(['lost', 'lost', 'lost']);
  for (const { wait } of others) expect(crowded.wait).toBeGreaterThanOrEqual(6 * wait);
});
