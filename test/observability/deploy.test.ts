import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { packageRoot } from '../../src/core/entry-path.js';
import { metricCatalogue } from '../../src/platform/telemetry/catalogue.js';
import { createMetrics } from '../../src/platform/telemetry/metrics.js';
import { hasProgram } from '../support/given-program.js';

const root = packageRoot(import.meta.url);
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

type Rule = { alert: string; expr: string; annotations: { summary: string; runbook: string } };
const { groups } = parse(read('deploy/prometheus/alerts.yaml')) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);

const dashboard = JSON.parse(read('deploy/grafana/voice-gateway.json')) as {
  panels: { title: string; targets: { expr: string }[] }[];
};
const expressions = [
  ...rules.map(({ alert, expr }) => [alert, expr] as const),
  ...dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const)),
];

/** Names of series as Prometheus has them: a histogram's with their endings. */
const known = async (): Promise<ReadonlySet<string>> => {
  const { text } = await createMetrics().page();
  const names = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', kind]) =>
    kind === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  );
  return new Set(names);
};

describe('alerts and dashboard', () => {
  it.each(expressions)('%s asks for metrics there are', async (_title, expr) => {
    const names = await known();
    const asked = [...expr.matchAll(/\bvoice_gateway_[a-z0-9_]+/g)].map(([name]) => name);
    expect(asked.filter((name) => !names.has(name))).toEqual([]);
  });

  it.each(expressions)('%s asks for label values there are', (_title, expr) => {
    for (const [, name = '', selector = ''] of expr.matchAll(/\b(voice_gateway_[a-z0-9_]+)\{([^}]*)\}/g)) {
      const entry = Object.values(metricCatalogue).find((metric) => name.startsWith(metric.name));
      for (const [, label = '', pattern = ''] of selector.matchAll(/(\w+)[=!]~?"([^"]*)"/g)) {
        const values: readonly string[] | 'profiles' | undefined = (
          entry?.labels as Readonly<Record<string, readonly string[] | 'profiles'>> | undefined
        )?.[label];
        if (values === undefined || values === 'profiles') continue;
        expect(pattern.split('|').filter((value) => !values.includes(value))).toEqual([]);
      }
    }
  });

  it('have one section of the runbook each, and the runbook no other', () => {
    const sections = [...read('docs/runbook.md').matchAll(/^## (\S+)$/gm)].map(([, title]) => title);
    expect(sections).toEqual(rules.map(({ alert }) => alert));
    for (const { alert, annotations } of rules) {
      expect(annotations.runbook).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
    }
  });

  it('every metric of the catalogue is seen to move by a test', () => {
    const tests = ['src', 'test'].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((path) => path.endsWith('.test.ts'))
        .map((path) => read(join(folder, path))),
    );
    const all = tests.join('\n');
    const names = Object.values(metricCatalogue).map(({ name }) => name.replace(/^voice_gateway_/, ''));
    expect(names.filter((name) => !all.includes(name))).toEqual([]);
  });

  it('every metric of the catalogue is looked at by the dashboard', () => {
    const all = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)).join('\n');
    expect(Object.values(metricCatalogue).filter(({ name }) => !all.includes(name))).toEqual([]);
  });

  const promtool = hasProgram('promtool', 'prometheus');
  it.skipIf(!promtool)('the configuration of Prometheus is one', () => {
    const run = spawnSync('promtool', ['check', 'config', '--syntax-only', 'compose.yaml'], {
      ...{ cwd: join(root, 'deploy/prometheus'), encoding: 'utf8' },
    });
    expect(run, run.stderr).toMatchObject({ status: 0 });
  });

  it.skipIf(!promtool)(
    'each alert fires on the series that stand for its fault, and is quiet on a healthy gateway',
    () => {
      const run = spawnSync('promtool', ['test', 'rules', 'alerts.test.yaml'], {
        cwd: join(root, 'deploy/prometheus'),
        encoding: 'utf8',
      });
      expect(run.stdout + run.stderr).toContain('SUCCESS');
      expect(run.status).toBe(0);
    },
  );
});
