import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type OtlpCollector, startOtlpCollector } from '../../../test/support/otlp-collector.js';
import { until } from '../../../test/support/until.js';
import { openTracing } from '../../app/tracing.js';
import { systemClock } from '../../core/clock.js';
import { newUuid } from '../../core/ids.js';
import { silentLogger } from '../../core/logger.js';
import { type ManualClock, manualClock } from '../../core/manual-clock.js';
import { createRedactor } from '../../core/redaction.js';
import { silentTracer } from '../../core/tracing.js';
import { startTracing, type Tracing, type TracingOptions } from './tracing.js';

const loaded = vi.hoisted(() => ({ sdk: 0 }));
vi.mock('@opentelemetry/sdk-trace-base', async (original) => {
  loaded.sdk += 1;
  return original();
});

it('without an endpoint there is a tracer that does nothing, and the libraries are not loaded', async () => {
  const nothing = { config: { traces: { endpoint: undefined } } } as unknown as Parameters<typeof openTracing>[0];
  expect(await openTracing(nothing)).toBe(silentTracer);
  expect(loaded.sdk).toBe(0);
});

describe('traces', () => {
  let collector: OtlpCollector;
  let clock: ManualClock;
  const started: Tracing[] = [];
  const lines: string[] = [];
  const start = async (options: Partial<TracingOptions> = {}): Promise<Tracing> => {
    const log = { ...silentLogger, warn: (_: unknown, message: string) => void lines.push(message) };
    const tracing = await startTracing({
      ...{ endpoint: collector.url, headers: {}, ratio: 1, instanceId: newUuid(), version: '1' },
      ...{ redactor: createRedactor(['canary-7f3a']), clock: systemClock, log },
      ...options,
    });
    started.push(tracing);
    return tracing;
  };
  beforeEach(async () => {
    lines.length = 0;
    clock = manualClock();
    collector = await startOtlpCollector();
  });
  afterEach(async () => {
    const ended = started.splice(0).map((tracing) => tracing.close());
    clock.advance(10_000);
    await Promise.all(ended);
    await collector.close();
  });

  it('of one call come together from several instances without a word between them', async () => {
    const sessionId = newUuid();
    const [owner, other] = await Promise.all([start({ headers: { 'x-key': 'k' } }), start()]);
    const call = owner.tracer.call(sessionId, { fields: { 'call.direction': 'inbound' }, at: 1_000_000_000_000 });
    const part = other.tracer.part('prefetch', sessionId);
    part.event('seen');
    part.end({ 'prefetch.stamped': true });
    part.end({ 'prefetch.stamped': false }, 'late');
    call.end({}, 'error');
    await Promise.all([owner.close(), other.close()]);
    const [root, child] = [...collector.spans].sort((a) => (a.name === 'call' ? -1 : 1));
    expect(root).toMatchObject({
      traceId: sessionId.replaceAll('-', ''),
      parentSpanId: null,
      begin: 1_000_000_000_000,
      attributes: { 'session.id': sessionId, 'call.direction': 'inbound', 'error.type': 'error' },
      failed: true,
    });
    expect(child).toMatchObject({
      traceId: root?.traceId,
      parentSpanId: root?.spanId,
      events: ['seen'],
      failed: false,
    });
    expect(child?.attributes['prefetch.stamped']).toBe(true);
    expect(part.traceparent).toBe(`00-${child?.traceId}-${child?.spanId}-01`);
    expect(collector.requests.map(({ path }) => path)).toEqual(['/v1/traces', '/v1/traces']);
    expect(collector.requests.some(({ headers }) => headers['x-key'] === 'k')).toBe(true);
  });

  it('of no call have a trace of their own, and no value leaves that is a secret', async () => {
    const { tracer, close } = await start();
    tracer.part('action', null, { fields: { 'action.name': 'with canary-7f3a' } }).end();
    tracer.part('action', null).end();
    await close();
    expect(new Set(collector.spans.map(({ traceId }) => traceId)).size).toBe(2);
    expect(collector.spans.every(({ parentSpanId }) => parentSpanId === null)).toBe(true);
    expect(collector.received()).not.toContain('canary-7f3a');
  });

  it('of a share of the calls are whole or not there', async () => {
    const [owner, other] = await Promise.all([start({ ratio: 0.5 }), start({ ratio: 0.5 })]);
    const ids = Array.from({ length: 64 }, () => newUuid());
    for (const id of ids) {
      const span = other.tracer.part('answer', id);
      const call = owner.tracer.call(id, {});
      expect(span.traceparent?.slice(-2)).toBe(call.traceparent?.slice(-2));
      span.end();
      call.end();
    }
    await Promise.all([owner.close(), other.close()]);
    const traces = new Set(collector.spans.map(({ traceId }) => traceId));
    expect(collector.spans).toHaveLength(2 * traces.size);
    expect(traces.size).toBeGreaterThan(0);
    expect(traces.size).toBeLessThan(ids.length);
  });

  it('are given up after 2 s when the collector hangs at the end', async () => {
    const hanging = await startOtlpCollector({ answers: false });
    const tracing = await start({ endpoint: `${hanging.url}/`, clock });
    tracing.tracer.call(newUuid(), {}).end();
    const closing = tracing.close();
    await until('the export', () => hanging.requests.length > 0, 20_000);
    clock.advance(2_000);
    await closing;
    expect(lines).toEqual(['the last traces were not exported in time']);
    await hanging.close();
  });
});
