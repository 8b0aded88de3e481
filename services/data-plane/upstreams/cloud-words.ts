// What a cloud said when it refused, for the operator's log: the client gets our words instead. An
// error may quote the request that it is about, so of what stands in quotes only names stay: paths of
// fields, resources, ids of models.

import { maskCredentials } from '#shared/telemetry/redact.ts';
import { parseJson } from '../meter.ts';
import { isObject } from '../usage-counts.ts';

export interface CloudWords {
  /** Google's `PERMISSION_DENIED`, or the type of an Anthropic error. */
  readonly errorStatus: string | null;
  readonly message: string;
}

const MESSAGE_CHARS_MAX = 500;
const QUOTED = /"(?:[^"\\]|\\.)*"?|`[^`]*`?|(?<!\w)'[^']*'?/g;
/** A name of several parts; a single word may be anybody's. */
const NAME = /^.[\w*]+(?:[./:@[\]-]+[\w*]+)+\]?.$|^.[a-z]+(?:_[a-z]+)+.$/;
const NAME_CHARS_MAX = 100;

export function readCloudWords(body: Buffer): CloudWords {
  const text = body.toString('utf8');
  const error = errorOf(parseJson(text));
  const said = error?.['message'];
  const status = error?.['status'] ?? error?.['type'];
  return {
    errorStatus: typeof status === 'string' ? status.slice(0, NAME_CHARS_MAX) : null,
    message: withoutQuotes(typeof said === 'string' ? said : text),
  };
}

/** `{error}` of both, `[{error}]` of Google's streams, or the error itself. */
function errorOf(value: unknown): Record<string, unknown> | null {
  const first: unknown = Array.isArray(value) ? value[0] : value;
  if (!isObject(first)) return null;
  return isObject(first['error']) ? first['error'] : first;
}

function withoutQuotes(said: string): string {
  // Masked and unquoted before it is cut: half a quotation would not be known for one.
  const text = maskCredentials(said).replace(QUOTED, (quoted) =>
    quoted.length <= NAME_CHARS_MAX && NAME.test(quoted) ? quoted : '[quoted]',
  );
  return text.length > MESSAGE_CHARS_MAX ? `${text.slice(0, MESSAGE_CHARS_MAX - 1)}…` : text;
}
