import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../../src/core/entry-path.js';
import { controlNames, refusalRules, relayResults } from '../../src/domain/calls/index.js';
import { outboundRefusals } from '../../src/domain/outbound/index.js';
import { endReasons } from '../../src/domain/sessions/index.js';
import { permissions } from '../../src/platform/access/index.js';
import { webhookEvents } from '../../src/platform/events/index.js';
import { metricCatalogue, rejectReasons } from '../../src/platform/telemetry/index.js';
import { rejectionReasons } from '../../src/telephony/sip/index.js';

it('every reason to refuse a call is a label of the rejects metric, and the other way round', () => {
  const known = [...new Set<string>([...rejectionReasons.filter((reason) => reason !== 'call'), ...refusalRules])];
  expect([...rejectReasons].sort()).toEqual(known.sort());
});

it('every reason to refuse an outbound call is a label of its metric', () => {
  expect([...metricCatalogue.outboundRefused.labels.reason]).toEqual([...outboundRefusals]);
});

it('everything that may become of a call and its relay is a label of its metric', () => {
  expect([...metricCatalogue.relayMoves.labels.result]).toEqual([...relayResults]);
});

it('every reason a session ends for is a label of its metric', () => {
  expect([...metricCatalogue.sessionsEnded.labels.reason].sort()).toEqual([...endReasons].sort());
});

it('the page of tools names every control an agent has', () => {
  const page = readFileSync(join(packageRoot(import.meta.url), 'docs/reference/tools.md'), 'utf8');
  const named = [...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
  expect(named).toEqual([...controlNames].filter((name) => named.includes(name)));
  expect([...named].sort()).toEqual([...controlNames].sort());
});

it('the page of credentials has the table of permissions', () => {
  const page = readFileSync(join(packageRoot(import.meta.url), 'docs/reference/credentials.md'), 'utf8');
  const written = [...page.matchAll(/^\| `([\w:-]+)` \| ([\w, ]+) \|$/gm)].map(([, action, roles]) => [action, roles]);
  expect(written).toEqual(Object.entries(permissions).map(([action, roles]) => [action, roles.join(', ')]));
});

it('the page of webhooks has every event', () => {
  const page = readFileSync(join(packageRoot(import.meta.url), 'docs/reference/webhooks.md'), 'utf8');
  const written = [...page.matchAll(/^\| `(phone_call\.\w+)` \|/gm)].map(([, event]) => event);
  expect(written).toEqual([...webhookEvents]);
});
