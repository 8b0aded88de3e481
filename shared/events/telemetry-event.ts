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
  readonly identity: TelemetryIdentity;
  /** URL of the only destination that still wants it. Null: all that take the signal. */
  readonly destination: string | null;
}

const PIECE_BYTES_MAX = 1000;
const SIGNALS: readonly Signal[] = ['metrics', 'logs', 'traces'];

export function renderTelemetryAttributes(envelope: TelemetryEnvelope): Record<string, string> {
  const { identity } = envelope;
  const groups = encodeURIComponent(JSON.stringify(identity.groups));
  const attributes: Record<string, string> = {
    signal: envelope.signal,
    'content-type': envelope.contentType,
    'content-encoding': envelope.contentEncoding,
    sub: identity.sub,
  };
  if (identity.email !== null) attributes['email'] = identity.email;
  if (envelope.destination !== null) attributes['destination'] = envelope.destination;
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
  const sub = attributes['sub'];
  const groups = parseGroups(attributes);
  if (signal === undefined || sub === undefined || groups === null) return null;
  return {
    signal,
    contentType: attributes['content-type'] ?? '',
    contentEncoding: attributes['content-encoding'] ?? '',
    identity: { sub, email: attributes['email'] ?? null, groups },
    destination: attributes['destination'] ?? null,
  };
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
