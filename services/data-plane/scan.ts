// What the gateway reads of a Messages request: seven members of the top level, found by the scanner.
// Each of them given twice is refused: JSON parsers take the last one, a careless reader the first,
// and a policy must not be checked on one while the upstream obeys the other.

import type { Member } from './member-capture.ts';
import { type ScannedObject, scanTopLevel } from './top-level-scanner.ts';

export interface MessageFacts {
  readonly model: string;
  readonly isStream: boolean;
  /** Null: absent or no sensible count. */
  readonly maxTokens: number | null;
  readonly isFast: boolean;
  /** The value of `tags`, when it is an object of reasonable size. */
  readonly tags: Readonly<Record<string, unknown>> | null;
  readonly scanned: ScannedObject;
}

/** `message` is for the client, under 400 `invalid_request_error`. */
export type MessageScan =
  | { readonly outcome: 'facts'; readonly facts: MessageFacts }
  | { readonly outcome: 'bad'; readonly message: string };

const WANTED: ReadonlySet<string> = new Set([
  'model',
  'stream',
  'max_tokens',
  'speed',
  'tags',
  'anthropic_version',
  'anthropic_beta',
]);
const RAW_BYTES_MAX = 4096;
/** What is not an object is parsed whole only up to this size, to say which complaint is right. */
const PARSED_BYTES_MAX = 65_536;
const INVALID = 'invalid JSON';
const NOT_OBJECT = 'request body must be a JSON object';

export function scanMessageRequest(chunks: readonly Buffer[]): MessageScan {
  const scanned = scanTopLevel(chunks, WANTED, RAW_BYTES_MAX);
  if (scanned.outcome !== 'object') {
    return bad(scanned.outcome === 'broken' ? INVALID : complaintAbout(chunks));
  }
  const byKey = new Map<string, Member>();
  for (const member of scanned.members) {
    if (byKey.has(member.key)) return bad(`${member.key} is given more than once`);
    byKey.set(member.key, member);
  }
  const value = (key: string): unknown => parseRaw(byKey.get(key));
  const model = value('model');
  if (model === BROKEN) return bad(INVALID);
  if (model === undefined || model === '') return bad('model is required');
  if (typeof model !== 'string') return bad('model must be a string');
  const maxTokens = value('max_tokens');
  const isCount = typeof maxTokens === 'number' && Number.isSafeInteger(maxTokens) && maxTokens > 0;
  const facts: MessageFacts = {
    model,
    isStream: value('stream') === true,
    maxTokens: isCount ? maxTokens : null,
    isFast: value('speed') === 'fast',
    tags: asObject(value('tags')),
    scanned,
  };
  return { outcome: 'facts', facts };
}

const BROKEN = Symbol('broken');

function parseRaw(member: Member | undefined): unknown {
  if (member === undefined) return undefined;
  if (member.raw === null) return null;
  try {
    return JSON.parse(member.raw);
  } catch {
    return BROKEN;
  }
}

function asObject(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
}

function complaintAbout(chunks: readonly Buffer[]): string {
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  if (bytes > PARSED_BYTES_MAX) return NOT_OBJECT;
  try {
    // A byte order mark is no JSON (RFC 8259 §8.1); toString keeps it, so that parse refuses it.
    JSON.parse(Buffer.concat(chunks).toString('utf8'));
    return NOT_OBJECT;
  } catch {
    return INVALID;
  }
}

function bad(message: string): MessageScan {
  return { outcome: 'bad', message };
}
