import { expect, it } from 'vitest';
import { refusalRules } from '../../src/domain/calls/index.js';
import { outboundRefusals } from '../../src/domain/outbound/index.js';
import { endReasons } from '../../src/domain/sessions/index.js';
import { metricCatalogue, rejectReasons } from '../../src/platform/telemetry/index.js';
import { rejectionReasons } from '../../src/telephony/sip/index.js';

it('every reason to refuse a call is a label of the rejects metric, and the other way round', () => {
  const known = [...new Set<string>([...rejectionReasons.filter((reason) => reason !== 'call'), ...refusalRules])];
  expect([...rejectReasons].sort()).toEqual(known.sort());
});

it('every reason to refuse an outbound call is a label of its metric', () => {
  expect([...metricCatalogue.outboundRefused.labels.reason]).toEqual([...outboundRefusals]);
});

it('every reason a session ends for is a label of its metric', () => {
  expect([...metricCatalogue.sessionsEnded.labels.reason].sort()).toEqual([...endReasons].sort());
});
