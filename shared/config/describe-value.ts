import type { Path } from './fault.ts';

const CHARS_MAX = 60;
const SECRET_KEYS = new Set([
  'secret',
  'client_secret',
  'private_key_pem',
  'jwt_secret',
  'signing_key',
  'api_key',
  'oauth_token',
  'key',
  'password',
  'postgres_url',
  'service_account_json',
  'aws_secret_access_key',
  'aws_session_token',
  'aws_bearer_token',
]);

/** True where a value must never be shown. */
export function isSecretPath(path: Path): boolean {
  if (path.includes('webhooks') && path.at(-1) === 'url') return true;
  return path.some((step) => step === 'headers' || SECRET_KEYS.has(String(step)));
}

/** What stands at a path, in words that may be printed. `reference` is how it was written. */
export function describeValue(value: unknown, path: Path, reference?: string): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'an empty value';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'a mapping';
  const length = typeof value === 'string' ? value.length : undefined;
  if (isSecretPath(path)) {
    return length === undefined ? `a ${typeof value} (text needs quotes)` : countChars(length);
  }
  if (reference !== undefined) return `${shorten(reference)} (${countChars(length ?? 0)})`;
  if (typeof value !== 'string') return `${String(value)} (a ${typeof value})`;
  return JSON.stringify(shorten(withoutPassword(value)));
}

function countChars(count: number): string {
  return count === 0 ? 'empty text' : `text of ${count} character${count === 1 ? '' : 's'}`;
}

function shorten(text: string): string {
  return text.length > CHARS_MAX ? `${text.slice(0, CHARS_MAX)}…` : text;
}

/** `https://user:password@host` → `https://…@host`. */
function withoutPassword(text: string): string {
  return text.replace(/(\/\/)[^/@\s]*@/, '$1…@');
}
