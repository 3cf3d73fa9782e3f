import { createHash } from 'node:crypto';
import type { Attributes, Context, Span as OtelSpan } from '@opentelemetry/api';
import type { IdGenerator, RandomIdGenerator, SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { Clock } from '../../core/clock.js';
import type { Logger } from '../../core/logger.js';
import type { Redactor } from '../../core/redaction.js';
import type { Span, SpanFields, SpanName, SpanStart, Tracer } from '../../core/tracing.js';

export type TracingOptions = {
  /** Base of the collector's OTLP/HTTP address; `/v1/traces` is put behind it. */
  readonly endpoint: string;
  /** Sent with each export, such as a key of the collector's. */
  readonly headers: Readonly<Record<string, string>>;
  /** Share of calls that are traced, 0 to 1; the same ones on every instance. */
  readonly ratio: number;
  readonly instanceId: string;
  readonly version: string;
  readonly redactor: Pick<Redactor, 'text'>;
  readonly clock: Pick<Clock, 'after'>;
  readonly log: Logger;
};

export type Tracing = {
  readonly tracer: Tracer;
  /** Sends what is waiting, for 2 s at most. */
  close(): Promise<void>;
};

/** How long the end of the gateway waits for spans to be sent, ms. */
const patience = 2_000;
/** Spans kept while the collector does not answer; what comes beyond is dropped. */
const backlog = 8_192;

/** The trace of a call is found by the session's id, without its dashes; null for what is no UUID. */
const traceIdOf = (sessionId: string | null): string | null => {
  const id = sessionId?.replaceAll('-', '').toLowerCase() ?? '';
  return /^[0-9a-f]{32}$/.test(id) && !/^0+$/.test(id) ? id : null;
};
/** The span of the call itself: every instance knows it without being told, so that its spans have their parent. */
const rootSpanIdOf = (traceId: string): string => createHash('sha256').update(traceId).digest('hex').slice(0, 16);

/** Random ids, but for the one span of a call whose ids are given. */
const callIds = (
  random: RandomIdGenerator,
): IdGenerator & { whole(traceId: string, start: () => OtelSpan): OtelSpan } => {
  let next: string | null = null;
  return {
    generateTraceId: () => next ?? random.generateTraceId(),
    generateSpanId: () => (next === null ? random.generateSpanId() : rootSpanIdOf(next)),
    whole(traceId, start) {
      next = traceId;
      try {
        return start();
      } finally {
        next = null;
      }
    },
  };
};

/** One line when the collector is lost and one when it is back, not one for each batch. */
const watched = (exporter: SpanExporter, log: Logger): SpanExporter => {
  let failing = false;
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        const failed = result.error !== undefined || result.code !== 0;
        if (failed && !failing) log.warn({ reason: result.error?.message ?? null }, 'traces cannot be exported');
        if (!failed && failing) log.info({}, 'traces are exported again');
        failing = failed;
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  };
};

/**
 * Traces by OpenTelemetry, exported as OTLP over HTTP. The libraries are loaded here and nowhere else, so that a gateway
 * that does not trace has nothing of them. A collector that is away costs spans, never a call.
 */
export const startTracing = async (options: TracingOptions): Promise<Tracing> => {
  const { redactor, log } = options;
  const [{ ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace }, sdk, { OTLPTraceExporter }, resources] =
    await Promise.all([
      import('@opentelemetry/api'),
      import('@opentelemetry/sdk-trace-base'),
      import('@opentelemetry/exporter-trace-otlp-http'),
      import('@opentelemetry/resources'),
    ]);
  const exporter = new OTLPTraceExporter({
    url: `${options.endpoint.replace(/\/+$/, '')}/v1/traces`,
    headers: { ...options.headers },
    timeoutMillis: 5_000,
  });
  const ids = callIds(new sdk.RandomIdGenerator());
  const provider = new sdk.BasicTracerProvider({
    resource: resources.resourceFromAttributes({
      'service.name': 'voice-gateway',
      'service.version': options.version,
      'service.instance.id': options.instanceId,
    }),
    sampler: new sdk.TraceIdRatioBasedSampler(options.ratio),
    idGenerator: ids,
    spanLimits: { attributeValueLengthLimit: 256, eventCountLimit: 64 },
    spanProcessors: [
      new sdk.BatchSpanProcessor(watched(exporter, log), {
        maxQueueSize: backlog,
        maxExportBatchSize: 512,
        scheduledDelayMillis: 1_000,
        exportTimeoutMillis: 10_000,
      }),
    ],
  });
  const otel = provider.getTracer('voice-gateway', options.version);

  const kinds: Readonly<Record<'call' | SpanName, number>> = {
    call: SpanKind.SERVER,
    prefetch: SpanKind.SERVER,
    action: SpanKind.CLIENT,
    'transfer.attempt': SpanKind.CLIENT,
    enrichment: SpanKind.CLIENT,
    answer: SpanKind.INTERNAL,
    agent: SpanKind.INTERNAL,
  };

  /** Fields are ids and states; a secret that got into one of them all the same does not leave. */
  const clean = (fields: SpanFields = {}): Attributes =>
    Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [name, typeof value === 'string' ? redactor.text(value) : value]),
    );

  const wrap = (span: OtelSpan): Span => {
    const { traceId, spanId, traceFlags } = span.spanContext();
    let ended = false;
    return {
      traceparent: `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`,
      set: (fields) => void span.setAttributes(clean(fields)),
      event: (name, fields) => void span.addEvent(name, clean(fields)),
      end(fields, error) {
        if (ended) return;
        ended = true;
        span.setAttributes(clean(fields));
        if (error !== undefined) {
          span.setAttribute('error.type', error);
          span.setStatus({ code: SpanStatusCode.ERROR });
        }
        span.end();
      },
    };
  };

  const start = (name: 'call' | SpanName, { fields, at }: SpanStart, context: Context): OtelSpan =>
    otel.startSpan(
      name,
      { kind: kinds[name], attributes: clean(fields), ...(at === undefined ? {} : { startTime: at }) },
      context,
    );

  const withSession = (given: SpanStart, sessionId: string | null): SpanStart =>
    sessionId === null ? given : { ...given, fields: { 'session.id': sessionId, ...given.fields } };

  const tracer: Tracer = {
    call(sessionId, given) {
      const begin = () => start('call', withSession(given, sessionId), ROOT_CONTEXT);
      const traceId = traceIdOf(sessionId);
      return wrap(traceId === null ? begin() : ids.whole(traceId, begin));
    },
    part(name, sessionId, given = {}) {
      const traceId = traceIdOf(sessionId);
      const spanContext = {
        traceId: traceId ?? '',
        spanId: rootSpanIdOf(traceId ?? ''),
        traceFlags: TraceFlags.SAMPLED,
        isRemote: true,
      };
      const context = traceId === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, spanContext);
      return wrap(start(name, withSession(given, sessionId), context));
    },
  };

  return {
    tracer,
    async close() {
      await new Promise<void>((resolve) => {
        const limit = options.clock.after(patience, () => {
          log.warn({}, 'the last traces were not exported in time');
          resolve();
        });
        provider
          .shutdown()
          .catch((err: unknown) => log.warn({ err }, 'the last traces were not exported'))
          .finally(() => {
            limit.cancel();
            resolve();
          });
      });
    },
  };
};
