import type { z } from 'zod';
import { flag, listOf, mapOf, secretText, section, textLike, webUrl } from './field.ts';

const ATTRIBUTE = 'printable ASCII without space , ; = \\ " %';
const ATTRIBUTE_PATTERN = /^[!#$&-+\--:<>-[\]-~]+$/;

const destination = section({
  /** OTLP/HTTP base; the signal's path /v1/metrics, /v1/logs or /v1/traces is added. */
  url: webUrl('the https:// base URL of an OTLP/HTTP collector'),
  /** Headers added to every export; values are secrets. Default none. */
  headers: mapOf(secretText('a header value'), 'a mapping from header names to values').default({}),
  /** Default true. */
  metrics: flag().default(true),
  /** Default false. */
  logs: flag().default(false),
  /** Default false. */
  traces: flag().default(false),
});

/** Where the clients' telemetry goes, with the identity that the session proves. */
export const telemetrySchema = section({
  /** Default none: telemetry is taken in and dropped. */
  forward_to: listOf(destination, 'a list of destinations').default([]),
  /** Attributes pushed to clients as OTEL_RESOURCE_ATTRIBUTES. Default none. */
  resource_attributes: mapOf(
    textLike(ATTRIBUTE_PATTERN, ATTRIBUTE),
    `a mapping from names to values of ${ATTRIBUTE}`,
  )
    .refine((map) => Object.keys(map).every((name) => ATTRIBUTE_PATTERN.test(name)), {
      error: `names of ${ATTRIBUTE}`,
    })
    .default({}),
});

export type TelemetryConfig = z.output<typeof telemetrySchema>;
