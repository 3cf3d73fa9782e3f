import { expect, it } from 'vitest';
import type { RunHead, RunRecord, RunStore } from '../../domain/actions/index.js';
import type { ApiDeps } from '../deps.js';
import type { RawRequest } from '../http/route.js';
import { runRoutes } from './runs.js';

const kept = 1_203;
const ids = Array.from({ length: kept }, (_, index) => `run-${index}`);

const store = {
  list: async (_orgId, _filter, { limit, cursor = '0-0' }) => {
    const from = Number.parseInt(cursor, 10);
    const next = from + limit;
    const items = ids.slice(from, next).map((id) => ({ id, at: 0 }) as RunHead);
    return { items, next: next < kept ? `${next}-0` : null };
  },
  records: async (_orgId, wanted) =>
    wanted.map((id) => ({ id, at: 0, request: null, response: null, error: null }) as RunRecord),
} satisfies Partial<RunStore> as unknown as RunStore;

const ask = async (query: Record<string, string>) => {
  const [route] = runRoutes({} as ApiDeps, { runs: store });
  const principal = { kind: 'dashboard', orgId: 'acme', role: 'viewer', scopes: null, sub: 'v' };
  const reply = await route?.run({ principal, params: {}, query, headers: {} } as unknown as RawRequest);
  let text = typeof reply?.body === 'string' ? reply.body : '';
  for await (const part of reply?.stream ?? []) text += String(part);
  const [head = '', ...rows] = text.trimEnd().split('\r\n');
  return { reply, head, rows: rows.map((row) => row.split(',')[0]) };
};

it('an export as CSV has every run that is kept, once and in order, under one head', async () => {
  const { head, rows, reply } = await ask({ format: 'csv' });
  expect(head).toMatch(/^id,time,action,/);
  expect(rows).toEqual(ids);
  expect(reply?.headers).not.toHaveProperty('X-Next-Cursor');
  expect((await ask({ format: 'csv', cursor: '1000-0' })).rows).toEqual(ids.slice(1_000));
});

it('a page as CSV says where the next one begins, and the last one that it is the last', async () => {
  const { rows, reply } = await ask({ format: 'csv', limit: '1000' });
  expect([rows.length, reply?.headers?.['X-Next-Cursor']]).toEqual([1_000, '1000-0']);
  const last = await ask({ format: 'csv', limit: '1000', cursor: '1000-0' });
  expect(last.rows).toEqual(ids.slice(1_000));
  expect(last.reply?.headers).not.toHaveProperty('X-Next-Cursor');
});

it('a page as JSON is one of a hundred', async () => {
  const { reply } = await ask({});
  expect(reply?.body).toMatchObject({ items: { length: 100 } });
});
