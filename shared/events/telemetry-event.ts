// `telemetry.v1` on the bus: the OTLP payload as it came (usually gzipped) is the data, everything
// else are attributes. Pub/Sub holds an attribute to 1024 bytes, so a long list of groups is cut
// into numbered pieces, percent-encoded to keep bytes and characters the same thing.

import type { Principal } from '../domain/principal.ts';
import type { Signal } from '../domain/settings-push.ts';

/** Who sent it, as the verified session says. */
export type TelemetryIdentity = Pick<Principal, 'sub' | 'email' | 'groups'>;

export interface TelemetryEnvelope {
  readonly signal: Signal;
  /** Media type as the client sent it; empty when it named none. */
  readonly contentType: string;
  /** As the client sent it; empty when it named none. */
  readonly contentEncoding: string;
  /** Null: the gateway speaks of itself, and nobody's identity belongs to it. */
  readonly identity: TelemetryIdentity | null;
  /** URL of the only destination that still wants it. Null: all that take the signal. */
  readonly destination: string | null;
}

const PIECE_BYTES_MAX = 1000;
/** `source` of what no session sent. */
const GATEWAY = 'gateway';
const SIGNALS: readonly Signal[] = ['metrics', 'logs', 'traces'];

export function renderTelemetryAttributes(envelope: TelemetryEnvelope): Record<string, string> {
  const { identity } = envelope;
  const attributes: Record<string, string> = {
    signal: envelope.signal,
    'content-type': envelope.contentType,
    'content-encoding': envelope.contentEncoding,
  };
  if (envelope.destination !== null) attributes['destination'] = envelope.destination;
  if (identity === null) return { ...attributes, source: GATEWAY };
  attributes['sub'] = identity.sub;
  if (identity.email !== null) attributes['email'] = identity.email;
  const groups = encodeURIComponent(JSON.stringify(identity.groups));
  for (let piece = 0; piece * PIECE_BYTES_MAX < groups.length; piece += 1) {
    const start = piece * PIECE_BYTES_MAX;
    attributes[`groups.${piece}`] = groups.slice(start, start + PIECE_BYTES_MAX);
  }
  return attributes;
}

/** Null: not ours, or damaged; such a message can never be handled. */
export function parseTelemetryAttributes(
  attributes: Readonly<Record<string, string>>,
): TelemetryEnvelope | null {
  const signal = SIGNALS.find((name) => name === attributes['signal']);
  const identity = attributes['source'] === GATEWAY ? null : parseIdentity(attributes);
  if (signal === undefined || identity === undefined) return null;
  return {
    signal,
    contentType: attributes['content-type'] ?? '',
    contentEncoding: attributes['content-encoding'] ?? '',
    identity,
    destination: attributes['destination'] ?? null,
  };
}

function parseIdentity(
  attributes: Readonly<Record<string, string>>,
): TelemetryIdentity | undefined {
  const sub = attributes['sub'];
  const groups = parseGroups(attributes);
  if (sub === undefined || groups === null) return undefined;
  return { sub, email: attributes['email'] ?? null, groups };
}

function parseGroups(attributes: Readonly<Record<string, string>>): string[] | null {
  let encoded = '';
  for (let piece = 0; attributes[`groups.${piece}`] !== undefined; piece += 1) {
    encoded += attributes[`groups.${piece}`];
  }
  try {
    const groups: unknown = JSON.parse(decodeURIComponent(encoded));
    const isList = Array.isArray(groups) && groups.every((group) => typeof group === 'string');
    return isList ? groups : null;
  } catch {
    return null;
  }
}
