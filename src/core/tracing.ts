/** What a span says of itself: ids, states and figures. Nothing of what a caller is or says, and no credential. */
export type SpanFields = Readonly<Record<string, string | number | boolean>>;

/** The parts of a call that are traced. */
export type SpanName = 'answer' | 'agent' | 'action' | 'transfer.attempt' | 'prefetch' | 'enrichment';

/** A piece of work with a beginning and an end. Nothing of it throws or waits. */
export type Span = {
  /** `traceparent` of W3C Trace Context, for a request made within the span; null when nothing is traced. */
  readonly traceparent: string | null;
  set(fields: SpanFields): void;
  /** Something that happened within it, now. */
  event(name: string, fields?: SpanFields): void;
  /** Only the first end counts. `error`: a code from a closed set, when it failed. */
  end(fields?: SpanFields, error?: string): void;
};

export type SpanStart = {
  readonly fields?: SpanFields;
  /** ms since the epoch; now when left out. */
  readonly at?: number;
};

export type Tracer = {
  /** A whole call. */
  call(sessionId: string, start: SpanStart): Span;
  /**
   * A part of a call, on whichever instance it happens: the session's id says which trace it belongs to. Null: it belongs
   * to no call and has a trace of its own.
   */
  part(name: SpanName, sessionId: string | null, start?: SpanStart): Span;
};

const nothing = (): void => {};

export const silentSpan: Span = { traceparent: null, set: nothing, event: nothing, end: nothing };

/** Traces nothing: for gateways without an endpoint, and for tests. */
export const silentTracer: Tracer = { call: () => silentSpan, part: () => silentSpan };
