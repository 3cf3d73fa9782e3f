import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from './entry-path.js';
import { type ErrorEntry, errorCatalogue, GatewayError, isGatewayError } from './errors.js';

const row = (code: string, entry: ErrorEntry): string =>
  `| \`${code}\` | ${entry.status} | ${entry.owner} | ${entry.retryable ? 'yes' : 'no'} | ${entry.meaning} |`;

describe('the error catalogue', () => {
  it('stands in the reference page, every code and no other, in the same words', () => {
    const page = readFileSync(join(packageRoot(import.meta.url), 'docs/reference/errors.md'), 'utf8');
    const rows = page.split('\n').filter((line) => line.startsWith('| `'));
    expect(rows).toEqual(Object.entries(errorCatalogue).map(([code, entry]) => row(code, entry)));
  });

  it('has codes in snake case, statuses that are failures, and meanings that are sentences', () => {
    for (const [code, entry] of Object.entries(errorCatalogue)) {
      expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
      expect(entry.status).toBeGreaterThanOrEqual(400);
      expect(entry.meaning).toMatch(/^.+\.$/);
    }
  });

  it('gives an error its code, status, details and cause', () => {
    const cause = new Error('inner');
    const error = new GatewayError('conflict', 'It is taken.', { cause, details: [{ path: 'a', message: 'b' }] });
    expect(error).toMatchObject({ code: 'conflict', status: 409, message: 'It is taken.', cause });
    expect([isGatewayError(error), isGatewayError(error, 'internal'), isGatewayError(cause)]).toEqual([
      true,
      false,
      false,
    ]);
  });
});
