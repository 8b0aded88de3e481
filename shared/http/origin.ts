import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';

/**
 * Where a request was sent to, in its own words. Who has no public URL has no better name than this;
 * configuration allows that on loopback only.
 */
export function requestOrigin(req: IncomingMessage): string {
  const scheme = req.socket instanceof TLSSocket ? 'https' : 'http';
  return `${scheme}://${req.headers.host ?? 'localhost'}`;
}
