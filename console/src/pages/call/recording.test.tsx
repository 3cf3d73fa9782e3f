import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { renderToStaticMarkup } from 'react-dom/server';
import { expect, it } from 'vitest';
import { WhoProvider } from '../../api/who.js';
import { Recording } from './recording.js';

const parts = [
  { part: 1, file: 'a.wav', startedAt: '2026-11-30T08:00:00.000Z' },
  { part: 3, file: 'a-3.wav', startedAt: '2026-11-30T08:01:00.000Z' },
];

const drawn = (permissions: readonly string[], ended = true, of: readonly (typeof parts)[number][] = parts): string => {
  const who = { kind: 'dashboard', sub: 'x', role: 'editor', organization: 'acme', permissions } as const;
  return renderToStaticMarkup(
    <QueryClientProvider client={new QueryClient()}>
      <WhoProvider value={{ who, organization: 'acme' }}>
        <Recording id="a" ended={ended} parts={of} />
      </WhoProvider>
    </QueryClientProvider>,
  );
};
const sounds = (markup: string): readonly (string | undefined)[] =>
  [...markup.matchAll(/<audio[^>]* src="([^"]*)"/g)].map(([, src]) => src);

it('plays and downloads every part of a recording', () => {
  const markup = drawn(['recordings:read']);
  expect(sounds(markup)).toEqual(['/v1/sessions/a/recording?part=1', '/v1/sessions/a/recording?part=3']);
  expect([...markup.matchAll(/download="([^"]*)"/g)].map(([, name]) => name)).toEqual(['a.wav', 'a-3.wav']);
  expect(markup).toContain('Part 3');
  expect(drawn(['recordings:read'], true, parts.slice(0, 1))).not.toContain('Part 1');
});

it('offers what the credential may do, once the call has ended', () => {
  expect(drawn(['recordings:read'])).not.toContain('Delete');
  expect(drawn(['recordings:read', 'recordings:delete'])).toContain('Delete');
  expect(drawn(['recordings:read', 'recordings:delete'], false)).not.toContain('Delete');
  expect(sounds(drawn([]))).toEqual([]);
  expect(drawn([], true, [])).toBe('');
});
