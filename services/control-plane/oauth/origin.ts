// Which origin is ours, and whether a form was posted from it.

import type { IncomingMessage } from 'node:http';
import { requestOrigin } from '#shared/http/origin.ts';

/** Our issuer and the base of our URLs, without a slash at the end. */
export function publicOrigin(req: IncomingMessage, publicUrl: string | null): string {
  return publicUrl === null ? requestOrigin(req) : publicUrl.replace(/\/$/, '');
}

/**
 * Fetch Metadata decides where the browser sends it (`none`: the person typed or clicked a
 * bookmark); otherwise Origin must be ours to the letter. A Referer proves nothing.
 */
export function isSameOrigin(req: IncomingMessage, publicUrl: string | null): boolean {
  const site = req.headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  return req.headers.origin === new URL(publicOrigin(req, publicUrl)).origin;
}
