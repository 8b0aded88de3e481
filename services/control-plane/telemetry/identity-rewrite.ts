// Identity in telemetry is the verified session's, never the client's word: every attribute that
// claims one is removed wherever OTLP can carry attributes, and ours is added to each resource,
// point, record and span. Doing it twice gives the same bytes. Attributes that may carry content
// (`prompt`, `response`, …) are the client's configuration and stay; log events that are nothing
// but whole API bodies are dropped.

import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { Signal } from '#shared/domain/settings-push.ts';
import type { TelemetryIdentity } from '#shared/events/telemetry-event.ts';
import type { OtlpEncoding, OtlpNode } from './otlp-encoding.ts';
import { otlpJson } from './otlp-json.ts';
import { OTLP_SHAPES, type OtlpField, REQUEST_SHAPE } from './otlp-shape.ts';

export interface TelemetryPayload {
  readonly signal: Signal;
  readonly contentType: string;
  readonly contentEncoding: string;
  readonly data: Uint8Array;
}

/** `malformed` can never be handled; its reason holds nothing of the payload. */
export type Rewrite =
  | { readonly outcome: 'rewritten'; readonly data: Uint8Array }
  | { readonly outcome: 'malformed'; readonly reason: string };

const CLAIMED_PREFIX = /^(?:user|enduser|identity)\./i;
// What our attributes become in Prometheus: there a client's `user_email` would lie over ours.
const CLAIMED_NAME =
  /^(?:user_(?:id|email|groups|account_uuid|account_id)|enduser_id|identity_source)$/i;
const BODY_EVENT = /^(?:claude_code\.)?api_(?:request|response)_body$/;

const inflate = promisify(gunzip);
const deflate = promisify(gzip);

export async function overwriteIdentity(
  payload: TelemetryPayload,
  identity: TelemetryIdentity,
  decodedBytesMax: number,
): Promise<Rewrite> {
  const encoding = await encodingOf(payload.contentType);
  if (encoding === null) return malformed('content type is neither OTLP protobuf nor OTLP JSON');
  const isGzip = payload.contentEncoding.trim().toLowerCase() === 'gzip';
  if (!isGzip && !['', 'identity'].includes(payload.contentEncoding.trim().toLowerCase())) {
    return malformed('content encoding is not gzip');
  }
  const plain = isGzip ? await decompress(payload.data, decodedBytesMax) : payload.data;
  if (plain === null) return malformed('gzip is damaged or too large when decoded');
  if (plain.byteLength > decodedBytesMax) return malformed('payload is too large');
  const rewritten = rewrite(encoding, plain, REQUEST_SHAPE[payload.signal], identity);
  if (rewritten === null) return malformed('payload is not a valid OTLP export request');
  return { outcome: 'rewritten', data: isGzip ? await deflate(rewritten) : rewritten };
}

function malformed(reason: string): Rewrite {
  return { outcome: 'malformed', reason };
}

/** Protobuf is loaded with the first message of it: it is 60 files, and telemetry is optional. */
async function encodingOf(contentType: string): Promise<OtlpEncoding | null> {
  const mediaType = contentType.split(';')[0]?.trim().toLowerCase();
  if (mediaType === 'application/json') return otlpJson;
  if (mediaType !== 'application/x-protobuf' && mediaType !== '') return null;
  return (await import('./otlp-protobuf.ts')).otlpProtobuf;
}

async function decompress(data: Uint8Array, maxOutputLength: number): Promise<Uint8Array | null> {
  try {
    return await inflate(data, { maxOutputLength });
  } catch {
    return null;
  }
}

/** Null: damaged. The decoders' own messages quote the payload and are left behind. */
function rewrite(
  encoding: OtlpEncoding,
  data: Uint8Array,
  shape: string,
  identity: TelemetryIdentity,
): Uint8Array | null {
  try {
    const root = encoding.decode(data, shape);
    visit({ encoding, stamp: stampOf(encoding, identity) }, root, shape);
    return encoding.encode(root, shape);
  } catch {
    return null;
  }
}

function stampOf(encoding: OtlpEncoding, { sub, email, groups }: TelemetryIdentity): unknown[] {
  return [
    encoding.attribute('user.id', sub),
    ...(email === null ? [] : [encoding.attribute('user.email', email)]),
    ...(groups.length === 0 ? [] : [encoding.attribute('user.groups', groups.join(','))]),
    encoding.attribute('identity.source', 'gateway-oidc'),
  ];
}

interface Walk {
  readonly encoding: OtlpEncoding;
  readonly stamp: readonly unknown[];
}

function visit(walk: Walk, node: OtlpNode, shapeName: string): void {
  const shape = OTLP_SHAPES[shapeName];
  if (shape === undefined) throw new RangeError(`no such shape of OTLP: ${shapeName}`);
  for (const field of shape.fields) {
    if (field.of === 'raw') continue;
    if (field.always && node[field.name] == null) node[field.name] = walk.encoding.create(field.of);
    for (const name of walk.encoding.spellings(field.name)) {
      if (node[name] != null) node[name] = rewriteField(walk, field, node[name]);
    }
  }
  if (shape.stamped) node['attributes'] = [...listOf(node['attributes'] ?? []), ...walk.stamp];
}

function rewriteField(walk: Walk, field: OtlpField, value: unknown): unknown {
  const { encoding } = walk;
  if (field.of === 'attributes') {
    return listOf(value).filter((attribute) => !isClaim(encoding.keyOf(attribute)));
  }
  const children = (field.many ? listOf(value) : [value]).map(nodeOf);
  const kept =
    field.of === 'LogRecord' ? children.filter((record) => !isBody(encoding, record)) : children;
  for (const child of kept) visit(walk, child, field.of);
  return field.many ? kept : kept[0];
}

function isClaim(key: string): boolean {
  return CLAIMED_PREFIX.test(key) || CLAIMED_NAME.test(key);
}

/** Whether a log record is one of the events that hold a whole request or answer. */
function isBody(encoding: OtlpEncoding, record: OtlpNode): boolean {
  const named = ['body', 'eventName'].flatMap((field) => {
    return encoding.spellings(field).map((name) => {
      return record[name] == null ? null : encoding.rawText(field, record[name]);
    });
  });
  const attributes = listOf(record['attributes'] ?? [])
    .filter((attribute) => encoding.keyOf(attribute) === 'event.name')
    .map((attribute) => encoding.textOf(attribute));
  return [...named, ...attributes].some((name) => name !== null && BODY_EVENT.test(name));
}

function listOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  throw new TypeError('not a list');
}

function nodeOf(value: unknown): OtlpNode {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as OtlpNode;
  }
  throw new TypeError('not an object');
}
