import type { z } from 'zod';
import { cidr, field, listOf, section, text, webUrl, wholeNumber } from './field.ts';

const pemPath = () =>
  field('the path of a PEM file', (value) =>
    typeof value === 'string' && value !== '' && !value.includes('-----BEGIN') ? value : undefined,
  );

/** Where the gateway listens and how the world sees it. */
export const listenSchema = section({
  /** Address to bind. Default 0.0.0.0 (every interface). */
  host: text('a host name or an address to bind, like 0.0.0.0 or 127.0.0.1').default('0.0.0.0'),
  /** TCP port; 0 lets the system choose. Default 8080. The environment's PORT overrides it. */
  port: wholeNumber('TCP port', 0, 65_535).default(8080),
  /**
   * The origin that clients and the identity provider see, without a trailing slash. Absent: taken
   * from the Host header, which only a loopback host allows.
   */
  public_url: webUrl('the origin that clients see, like https://tallygate.example.com').optional(),
  /** Serve TLS directly from these PEM files. Absent: plain HTTP, behind a proxy that ends TLS. */
  tls: section({
    /** Path of the certificate chain (PEM). */
    cert: pemPath(),
    /** Path of its private key (PEM). */
    key: pemPath(),
  }).optional(),
  /**
   * Proxies whose X-Forwarded-For is believed. Absent or empty: the TCP peer is the client.
   */
  trusted_proxies: listOf(cidr(), 'a list of IP addresses and ranges').default([]),
});

/** Who may reach the gateway at all, by client address. */
export const accessControlSchema = section({
  /** When not empty, only these may. Default: everyone. Health checks are exempt. */
  allow_cidrs: listOf(cidr(), 'a list of IP addresses and ranges').default([]),
  /** Never these, health checks included. Default: nobody. */
  deny_cidrs: listOf(cidr(), 'a list of IP addresses and ranges').default([]),
});

/** What is refused before any work: by its size, or because there is too much of it. */
export const limitsSchema = section({
  /** Bytes of a request's body. Default 33 554 432 (32 MiB). */
  max_request_bytes: wholeNumber('bytes', 1).default(33_554_432),
  /** Bytes of a request's headers. Absent: the HTTP server's own limit. */
  max_request_header_bytes: wholeNumber('bytes', 1).optional(),
  /** Characters of a request's URL. Absent: the HTTP server's own limit. */
  max_url_length: wholeNumber('characters', 1).optional(),
  /** Requests for a model that may be open in this process. Absent: as many as come. */
  open_requests_max: wholeNumber('requests', 1).optional(),
  /** How late the process may be before more such requests are told 529. Default 500. */
  overload_delay_ms: wholeNumber('milliseconds', 1).default(500),
});

export const timeoutsSchema = section({
  /** Milliseconds until an upstream's first byte, before the next is tried. Default 120 000. */
  upstream_ttfb_ms: wholeNumber('milliseconds', 1).default(120_000),
});

const rateLimit = (max: number) =>
  section({
    /** Requests of one client address in a window. */
    max: wholeNumber('requests', 1).default(max),
    /** Seconds of a window. Default 600. */
    window_seconds: wholeNumber('seconds', 1).default(600),
  }).prefault({});

/** Sign-in attempts per client address. */
export const rateLimitsSchema = section({
  /** Starting a sign-in. Default 30 in 600 s. */
  device_authorization: rateLimit(30),
  /** Entering a code. Default 10 in 600 s. */
  device_verify: rateLimit(10),
});

export type ListenConfig = z.output<typeof listenSchema>;
export type AccessControlConfig = z.output<typeof accessControlSchema>;
export type LimitsConfig = z.output<typeof limitsSchema>;
export type RateLimitsConfig = z.output<typeof rateLimitsSchema>;
