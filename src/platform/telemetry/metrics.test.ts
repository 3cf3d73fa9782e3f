import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../core/entry-path.js';
import { type MetricEntry, metricCatalogue } from './catalogue.js';
import { createMetrics } from './metrics.js';

const row = (entry: MetricEntry): string => {
  const labels = Object.entries(entry.labels).map(([name, values]) =>
    values === 'profiles' ? `${name}: SIP profiles` : `${name}: ${values.join(', ')}`,
  );
  return `| \`${entry.name}\` | ${entry.kind} | ${labels.join('; ') || '–'} | ${entry.help} |`;
};

describe('metrics', () => {
  it('counts under the labels of the catalogue and folds every other value into one', async () => {
    const metrics = createMetrics({ profiles: ['local'], processMetrics: false });
    metrics.count('invites', 2, { profile: 'local', result: 'answered' });
    for (let i = 0; i < 100; i += 1) metrics.count('invites', 1, { profile: `made-up-${i}`, result: 'answered' });
    const { text, contentType } = await metrics.page();
    expect(contentType).toContain('text/plain');
    const series = text.split('\n').filter((line) => line.startsWith('voice_gateway_invites_total{'));
    expect(series.sort()).toEqual([
      'voice_gateway_invites_total{profile="local",result="answered"} 2',
      'voice_gateway_invites_total{profile="other",result="answered"} 100',
    ]);
  });

  it('takes milliseconds and shows seconds', async () => {
    const metrics = createMetrics({ processMetrics: false });
    metrics.observe('answerDelay', 30, { profile: 'local' });
    const { text } = await metrics.page();
    expect(text).toContain('voice_gateway_answer_delay_seconds_sum{profile="other"} 0.03');
    expect(text).toContain('voice_gateway_answer_delay_seconds_bucket{le="0.025",profile="other"} 0');
    expect(text).toContain('voice_gateway_answer_delay_seconds_bucket{le="0.05",profile="other"} 1');
  });

  it('asks its collectors at each scrape and reports the event loop', async () => {
    const metrics = createMetrics();
    let asked = 0;
    metrics.collect(() => metrics.set('sessionsLive', ++asked));
    await metrics.page();
    const { text } = await metrics.page();
    expect(text).toContain('voice_gateway_sessions_live 2');
    expect(text).toContain('voice_gateway_nodejs_eventloop_lag_seconds');
  });

  it('keeps the reference page in step with the catalogue, both ways', () => {
    const page = readFileSync(join(packageRoot(import.meta.url), 'docs/reference/metrics.md'), 'utf8');
    const written = page.split('\n').filter((line) => line.startsWith('| `voice_gateway_'));
    expect(written).toEqual(Object.values(metricCatalogue).map(row));
  });
});
