import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export type CollectedSpan = {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly name: string;
  /** ms since the epoch. */
  readonly begin: number;
  readonly end: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly string[];
  readonly failed: boolean;
};

/** A stand-in for an OpenTelemetry collector: takes traces as OTLP/HTTP in JSON. */
export type OtlpCollector = {
  readonly url: string;
  readonly spans: readonly CollectedSpan[];
  readonly requests: readonly { readonly path: string; readonly headers: NodeJS.Dict<string | string[]> }[];
  /** Everything received, as it came. */
  readonly received: () => string;
  close(): Promise<void>;
};

type Value = { readonly [kind: string]: unknown };
type Attributes = readonly { readonly key: string; readonly value: Value }[];
type WireSpan = {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: Attributes;
  readonly events?: readonly { readonly name: string }[];
  readonly status?: { readonly code?: number };
};
type Export = {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly WireSpan[] }[] }[];
};

const statusError = 2;
const milliseconds = (nanoseconds: string): number => Number(BigInt(nanoseconds) / 1_000n) / 1_000;

const read = (span: WireSpan): CollectedSpan => ({
  traceId: span.traceId,
  spanId: span.spanId,
  parentSpanId: span.parentSpanId ?? null,
  name: span.name,
  begin: milliseconds(span.startTimeUnixNano),
  end: milliseconds(span.endTimeUnixNano),
  attributes: Object.fromEntries((span.attributes ?? []).map(({ key, value }) => [key, Object.values(value)[0]])),
  events: (span.events ?? []).map(({ name }) => name),
  failed: span.status?.code === statusError,
});

/** `answers` false: it takes connections and says nothing, as a collector that hangs. */
export const startOtlpCollector = async (options: { readonly answers?: boolean } = {}): Promise<OtlpCollector> => {
  const spans: CollectedSpan[] = [];
  const requests: { path: string; headers: NodeJS.Dict<string | string[]> }[] = [];
  let received = '';
  const server = createServer((request, response) => {
    requests.push({ path: request.url ?? '', headers: request.headers });
    void text(request).then((body) => {
      received += body;
      const { resourceSpans } = JSON.parse(body) as Export;
      for (const { scopeSpans } of resourceSpans) for (const scope of scopeSpans) spans.push(...scope.spans.map(read));
      if (options.answers !== false) response.setHeader('content-type', 'application/json').end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    requests,
    received: () => received,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
