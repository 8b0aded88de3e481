// The parts of OTLP that carry attributes, and the way to them (opentelemetry-proto 1.x: metrics,
// logs, trace, common, resource, collector). One table for both encodings: names as in OTLP/JSON,
// numbers as on the protobuf wire. What is not listed is never looked at and passes unchanged.

import type { Signal } from '#shared/domain/settings-push.ts';

export interface OtlpField {
  readonly name: string;
  readonly number: number;
  readonly many: boolean;
  /** A shape; `attributes`: a list of key-values; `raw`: opaque bytes that may be read as text. */
  readonly of: string;
  /** Added when it is missing, so that there is a place for the identity. */
  readonly always: boolean;
}

export interface OtlpShape {
  /** The session's identity belongs into its `attributes`; elsewhere claims are only removed. */
  readonly stamped: boolean;
  readonly fields: readonly OtlpField[];
}

const one = (number: number, name: string, of: string): OtlpField => {
  return { number, name, of, many: false, always: false };
};
const always = (number: number, name: string, of: string): OtlpField => {
  return { number, name, of, many: false, always: true };
};
const many = (number: number, name: string, of: string): OtlpField => {
  return { number, name, of, many: true, always: false };
};
const attributes = (number: number, name = 'attributes') => many(number, name, 'attributes');
const raw = (number: number, name: string) => one(number, name, 'raw');
const plain = (...fields: OtlpField[]): OtlpShape => ({ stamped: false, fields });
const stamped = (...fields: OtlpField[]): OtlpShape => ({ stamped: true, fields });

export const OTLP_SHAPES: Readonly<Record<string, OtlpShape>> = {
  Resource: stamped(attributes(1)),
  Scope: plain(attributes(3)),

  MetricsRequest: plain(many(1, 'resourceMetrics', 'ResourceMetrics')),
  ResourceMetrics: plain(
    always(1, 'resource', 'Resource'),
    many(2, 'scopeMetrics', 'ScopeMetrics'),
  ),
  ScopeMetrics: plain(one(1, 'scope', 'Scope'), many(2, 'metrics', 'Metric')),
  Metric: plain(
    one(5, 'gauge', 'Numbers'),
    one(7, 'sum', 'Numbers'),
    one(9, 'histogram', 'Histograms'),
    one(10, 'exponentialHistogram', 'Exponentials'),
    one(11, 'summary', 'Summaries'),
    attributes(12, 'metadata'),
  ),
  Numbers: plain(many(1, 'dataPoints', 'NumberPoint')),
  Histograms: plain(many(1, 'dataPoints', 'HistogramPoint')),
  Exponentials: plain(many(1, 'dataPoints', 'ExponentialPoint')),
  Summaries: plain(many(1, 'dataPoints', 'SummaryPoint')),
  NumberPoint: stamped(many(5, 'exemplars', 'Exemplar'), attributes(7)),
  HistogramPoint: stamped(many(8, 'exemplars', 'Exemplar'), attributes(9)),
  ExponentialPoint: stamped(attributes(1), many(11, 'exemplars', 'Exemplar')),
  SummaryPoint: stamped(attributes(7)),
  Exemplar: plain(attributes(7, 'filteredAttributes')),

  LogsRequest: plain(many(1, 'resourceLogs', 'ResourceLogs')),
  ResourceLogs: plain(always(1, 'resource', 'Resource'), many(2, 'scopeLogs', 'ScopeLogs')),
  ScopeLogs: plain(one(1, 'scope', 'Scope'), many(2, 'logRecords', 'LogRecord')),
  LogRecord: stamped(raw(5, 'body'), attributes(6), raw(12, 'eventName')),

  TracesRequest: plain(many(1, 'resourceSpans', 'ResourceSpans')),
  ResourceSpans: plain(always(1, 'resource', 'Resource'), many(2, 'scopeSpans', 'ScopeSpans')),
  ScopeSpans: plain(one(1, 'scope', 'Scope'), many(2, 'spans', 'Span')),
  Span: stamped(attributes(9), many(11, 'events', 'SpanEvent'), many(13, 'links', 'SpanLink')),
  SpanEvent: plain(attributes(3)),
  SpanLink: plain(attributes(4)),
};

/** The shape of each signal's export request. */
export const REQUEST_SHAPE: Readonly<Record<Signal, string>> = {
  metrics: 'MetricsRequest',
  logs: 'LogsRequest',
  traces: 'TracesRequest',
};
