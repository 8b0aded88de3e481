// A value that must not be seen. It lives in a closure, so that spreading, printing or serialising
// the holder shows nothing; only `reveal()` gives it out, and one grep finds every caller.

const REDACTED = '[redacted]';
const known = new WeakSet<object>();

export interface Secret {
  /** The value itself. Call it where the value is used, never to keep or to print it. */
  reveal(): string;
  toString(): string;
  toJSON(): string;
}

/** Wraps a secret so that String(), JSON.stringify and util.inspect print `[redacted]`. */
export function createSecret(value: string): Secret {
  const secret = {
    reveal: () => value,
    toString: () => REDACTED,
    toJSON: () => REDACTED,
    [Symbol.toPrimitive]: () => REDACTED,
    [Symbol.for('nodejs.util.inspect.custom')]: () => REDACTED,
  };
  known.add(secret);
  return Object.freeze(secret);
}

/** True only for what `createSecret` made. */
export function isSecret(value: unknown): value is Secret {
  return typeof value === 'object' && value !== null && known.has(value);
}
