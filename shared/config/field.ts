// Fields of gateway.yaml as zod schemas. Every issue's message is the "accepted" half of a fault
// ("a whole number from 0 to 65535"): `issue-to-fault.ts` adds the path and what was found.

import { isIP } from 'node:net';
import { z } from 'zod';
import { createSecret, type Secret } from './secret.ts';

/** A scalar read by hand. `read` answers undefined for what is not accepted. */
export function field<T>(accepted: string, read: (value: unknown) => T | undefined) {
  return z.unknown().transform((input, context): T => {
    const value = read(input);
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: accepted, input });
    return z.NEVER;
  });
}

/** A mapping with exactly these keys; an unknown key's issue carries the list of known ones. */
export function section<S extends z.ZodRawShape>(shape: S) {
  const keys = Object.keys(shape).join(', ');
  const error = (issue: { readonly code?: string }): string =>
    issue.code === 'unrecognized_keys' ? keys : `a mapping with the keys ${keys}`;
  return z.strictObject(shape, { error });
}

/** A list with at least `countMin` entries. */
export function listOf<S extends z.ZodType>(entry: S, accepted: string, countMin = 0) {
  return z.array(entry, { error: accepted }).min(countMin, { error: accepted });
}

/** One value or a list of them; always read as a list. */
export function oneOrMore<S extends z.ZodType>(entry: S, accepted: string) {
  const wrap = (value: unknown): unknown =>
    value === undefined || value === null || Array.isArray(value) ? value : [value];
  return z.preprocess(wrap, listOf(entry, accepted, 1));
}

/** A mapping from names to values of one kind. */
export function mapOf<S extends z.ZodType>(value: S, accepted: string) {
  return z.record(z.string(), value, { error: accepted });
}

/** Text of at least one character. */
export function text(accepted = 'text that is not empty', charsMax = Number.POSITIVE_INFINITY) {
  return field(accepted, (value) =>
    typeof value === 'string' && value !== '' && value.length <= charsMax ? value : undefined,
  );
}

/** Text that fits a pattern. */
export function textLike(pattern: RegExp, accepted: string) {
  return field(accepted, (value) =>
    typeof value === 'string' && pattern.test(value) ? value : undefined,
  );
}

/** Text that must not be seen, at least `charsMin` long and fit for `isAccepted`. */
export function secretText(
  accepted = 'a secret that is not empty',
  charsMin = 1,
  isAccepted: (value: string) => boolean = () => true,
) {
  return field<Secret>(accepted, (value) =>
    typeof value === 'string' && value.length >= charsMin && isAccepted(value)
      ? createSecret(value)
      : undefined,
  );
}

/** true or false; the words too, because an expanded `${VAR}` is always text. */
export function flag() {
  return field('true or false', (value) => {
    if (typeof value === 'boolean') return value;
    return value === 'true' ? true : value === 'false' ? false : undefined;
  });
}

export function oneOf<const T extends string>(...values: readonly T[]) {
  const accepted = `one of ${values.join(', ')}`;
  return field(accepted, (value) => values.find((candidate) => candidate === value));
}

/** A whole number in a range; digits in quotes too, because an expanded `${VAR}` is always text. */
export function wholeNumber(unit: string, min: number, max = Number.MAX_SAFE_INTEGER) {
  const bound = max === Number.MAX_SAFE_INTEGER ? `of ${min} or more` : `from ${min} to ${max}`;
  return field(`a whole number ${bound}${unit === '' ? '' : ` (${unit})`}`, (value) => {
    const number = readNumber(value);
    return number !== undefined && Number.isSafeInteger(number) && number >= min && number <= max
      ? number
      : undefined;
  });
}

/** A number above zero, fractions allowed. */
export function positiveNumber(unit: string, max: number) {
  return field(`a number above 0 and up to ${max} (${unit})`, (value) => {
    const number = readNumber(value);
    return number !== undefined && number > 0 && number <= max ? number : undefined;
  });
}

const DECIMALS = 6;
const SCALE = 10 ** DECIMALS;

/** A decimal above zero with at most six decimals, as an integer of millionths: no float. */
export function millionths(unit: string) {
  return field(`a number above 0 with at most ${DECIMALS} decimals (${unit})`, (value) => {
    const written = typeof value === 'number' || typeof value === 'string' ? String(value) : '';
    const match = /^(\d{1,9})(?:\.(\d{1,6})0*)?$/.exec(written);
    if (match === null) return undefined;
    const total = Number(match[1]) * SCALE + Number((match[2] ?? '').padEnd(DECIMALS, '0'));
    return total > 0 ? total : undefined;
  });
}

/** An http(s) URL without user, password, query or fragment; trailing slashes are cut. */
export function webUrl(accepted = 'an http:// or https:// URL without user, query or fragment') {
  return field(accepted, (value) => {
    if (typeof value !== 'string' || !/^https?:\/\//i.test(value) || !URL.canParse(value)) {
      return undefined;
    }
    const url = new URL(value);
    const extra = `${url.username}${url.password}${url.search}${url.hash}`;
    return extra === '' && !/[?#\s]/.test(value) ? value.replace(/\/+$/, '') : undefined;
  });
}

/** `192.0.2.1`, `10.0.0.0/8`, `2001:db8::/32`. */
export function cidr() {
  const accepted = 'an IP address or a range like 10.0.0.0/8';
  return field(accepted, (value) => {
    if (typeof value !== 'string') return undefined;
    const [address, prefix, ...rest] = value.split('/');
    const version = isIP(address ?? '');
    if (version === 0 || rest.length > 0) return undefined;
    if (prefix === undefined) return value;
    const bits = /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.POSITIVE_INFINITY;
    return bits <= (version === 4 ? 32 : 128) ? value : undefined;
  });
}

/** A bare mail domain in lower case: `acme.com`; a leading @ is forgiven. */
export function mailDomain() {
  return field('one bare domain like acme.com', (value) => {
    if (typeof value !== 'string') return undefined;
    const domain = value.replace(/^@/, '').toLowerCase();
    return /^[^@\s,]+$/.test(domain) ? domain : undefined;
  });
}

function readNumber(value: unknown): number | undefined {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  return typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : undefined;
}
