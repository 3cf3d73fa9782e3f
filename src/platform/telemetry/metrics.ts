import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { type MetricEntry, type MetricId, metricCatalogue } from './catalogue.js';

type Catalogue = typeof metricCatalogue;
type IdsOf<Kind> = { [Id in MetricId]: Catalogue[Id]['kind'] extends Kind ? Id : never }[MetricId];
type LabelsOf<Id extends MetricId> = {
  readonly [Name in keyof Catalogue[Id]['labels']]: Catalogue[Id]['labels'][Name] extends readonly (infer Value)[]
    ? Value
    : string;
};
type WithLabels<Id extends MetricId> = keyof Catalogue[Id]['labels'] extends never
  ? [labels?: Readonly<Record<string, never>>]
  : [labels: LabelsOf<Id>];

export type Metrics = {
  /** Adds `by` (at least 0) to a counter. */
  count<Id extends IdsOf<'counter'>>(id: Id, by: number, ...labels: WithLabels<Id>): void;
  /** Sets a gauge. */
  set<Id extends IdsOf<'gauge'>>(id: Id, value: number, ...labels: WithLabels<Id>): void;
  /** Records one duration in a histogram, in milliseconds. */
  observe<Id extends IdsOf<'histogram'>>(id: Id, ms: number, ...labels: WithLabels<Id>): void;
  /** Asked for at each scrape; for values somebody else keeps. */
  collect(fn: () => void): void;
  /** The page in Prometheus text format. */
  page(): Promise<{ readonly contentType: string; readonly text: string }>;
};

type Instrument = { record(labels: Record<string, string>, value: number): void };

const makeInstrument = (entry: MetricEntry, registry: Registry): Instrument => {
  const common = {
    name: entry.name,
    help: entry.help,
    labelNames: Object.keys(entry.labels),
    registers: [registry],
  };
  if (entry.kind === 'counter') {
    const counter = new Counter(common);
    return { record: (labels, value) => counter.inc(labels, value) };
  }
  if (entry.kind === 'gauge') {
    const gauge = new Gauge(common);
    return { record: (labels, value) => gauge.set(labels, value) };
  }
  const histogram = new Histogram({ ...common, buckets: [...(entry.buckets ?? [])] });
  return { record: (labels, value) => histogram.observe(labels, value / 1_000) };
};

/**
 * The metrics of the catalogue on a registry of their own, with Node's process metrics (event-loop lag, memory,
 * processor time) unless `processMetrics` is false. `profiles` are the names the label `profile` may have.
 */
export const createMetrics = (
  options: { readonly profiles?: readonly string[]; readonly processMetrics?: boolean } = {},
): Metrics => {
  const registry = new Registry();
  // prom-client looks at the event loop a hundred times a second if not told otherwise, which was half of what an idle
  // gateway did. What it reports as lag is the whole time between two looks.
  const processMetrics = { register: registry, prefix: 'voice_gateway_', eventLoopMonitoringPrecision: 50 };
  if (options.processMetrics !== false) collectDefaultMetrics(processMetrics);
  const collectors: (() => void)[] = [];
  const instruments = new Map<string, { record(labels: Readonly<Record<string, unknown>>, value: number): void }>();
  const catalogue: Readonly<Record<string, MetricEntry>> = metricCatalogue;
  for (const [id, entry] of Object.entries(catalogue)) {
    const instrument = makeInstrument(entry, registry);
    const sets = Object.entries(entry.labels).map(
      ([name, values]) => [name, new Set(values === 'profiles' ? (options.profiles ?? []) : values)] as const,
    );
    instruments.set(id, {
      record(labels, value) {
        const closed: Record<string, string> = {};
        for (const [name, values] of sets) {
          const given = labels[name];
          closed[name] = typeof given === 'string' && values.has(given) ? given : 'other';
        }
        instrument.record(closed, value);
      },
    });
  }
  const record = (id: MetricId, value: number, labels: Readonly<Record<string, unknown>> | undefined): void =>
    instruments.get(id)?.record(labels ?? {}, value);
  return {
    count: (id, by, ...[labels]) => record(id, by, labels),
    set: (id, value, ...[labels]) => record(id, value, labels),
    observe: (id, ms, ...[labels]) => record(id, ms, labels),
    collect: (fn) => {
      collectors.push(fn);
    },
    async page() {
      for (const fn of collectors) fn();
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
  };
};
