import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Envelope } from './route.ts';

/** What can stand in a header, a log line and a usage event as it is. */
const CLIENTS_OWN = /^[\w.-]{1,128}$/;

/**
 * The name of a request in its answer, the log and its usage event: the client's own where it gives a
 * fit one in `x-client-request-id`, else a UUID v4. The admin API makes its `req_` ids of it, so there
 * it is always a UUID.
 */
export function requestIdFor(req: IncomingMessage, envelope: Envelope | undefined): string {
  const given = req.headers['x-client-request-id'];
  const isFit = envelope !== 'admin' && typeof given === 'string' && CLIENTS_OWN.test(given);
  return isFit ? given : randomUUID();
}
