// Where Redis is and who we are there, as ioredis wants it. Our own reading of the URL: the
// client's takes any of its options from the query string.

import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { AppError } from '#shared/errors/app-error.ts';

export interface RedisAddressOptions {
  /** `redis://host:6379` or `rediss://host:6379/0`; it may hold user and password. */
  readonly url: string;
  /** Stands before the URL's. */
  readonly username?: string;
  /** Stands before the URL's. */
  readonly password?: string;
  /** On by itself with `rediss:`. `ca` in PEM; without it the system's authorities are trusted. */
  readonly tls?: boolean | { readonly ca: string };
}

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: { readonly ca?: string };
}

const PORT = 6379;

/** @throws AppError `invalid_request`; what was given is not repeated: it may hold a password. */
export function redisAddress(options: RedisAddressOptions): RedisAddress {
  const url = URL.parse(options.url);
  const db = url === null ? null : /^\/?(\d*)$/.exec(url.pathname);
  if (url === null || db === null || !/^rediss?:$/.test(url.protocol) || url.hostname === '') {
    throw fault('The URL of Redis must read redis://host:6379, rediss://host:6379 or with /<db>.');
  }
  const username = options.username ?? decoded(url.username);
  const password = options.password ?? decoded(url.password);
  return {
    // An IPv6 address stands in brackets in a URL, and nowhere else.
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? PORT : Number(url.port),
    db: Number(db[1]),
    ...(username === '' ? {} : { username }),
    ...(password === '' ? {} : { password }),
    ...tlsOf(url, options.tls ?? false),
  };
}

function tlsOf(
  url: URL,
  wanted: boolean | { readonly ca: string },
): { tls?: { readonly ca?: string } } {
  if (wanted === false && url.protocol === 'redis:') return {};
  if (typeof wanted === 'boolean') return { tls: {} };
  try {
    // What is no certificate at all is ignored in silence where connections are made; a broken one
    // is found while the client connects, which then never tries again.
    new X509Certificate(wanted.ca);
    createSecureContext({ ca: wanted.ca });
  } catch (cause) {
    throw fault('The certificate authority of Redis is not PEM.', cause);
  }
  return { tls: { ca: wanted.ca } };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw fault('User and password in the URL of Redis must be percent-encoded.');
  }
}

function fault(message: string, cause?: unknown): AppError {
  return new AppError('invalid_request', message, { cause });
}
