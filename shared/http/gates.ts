// What is looked at before any route: address, header, URL and body size, in this order. The deny
// list is in front of everything, `/healthz` included; the allow list spares the health checks.

import type { IncomingMessage } from 'node:http';
import { AppError } from '#shared/errors/app-error.ts';
import { type AddressList, clientIp } from './client-ip.ts';
import { pathOf } from './path.ts';

export interface Gates {
  readonly trustedProxies: AddressList;
  readonly allow: AddressList;
  readonly deny: AddressList;
  readonly requestBytesMax: number;
  /** Null: the server's own limit. */
  readonly headerBytesMax: number | null;
  readonly urlCharsMax: number | null;
}

export type GateRefusal = 'xff_unparseable' | 'ip_denylist' | 'ip_not_allowlisted';

export type Passage =
  | { readonly outcome: 'passed'; readonly clientIp: string }
  | { readonly outcome: 'refused'; readonly clientIp: string; readonly reason: GateRefusal }
  | { readonly outcome: 'too_much'; readonly clientIp: string; readonly error: AppError };

export function passGates(gates: Gates, req: IncomingMessage): Passage {
  const peer = req.socket.remoteAddress;
  const found = clientIp(peer, headerText(req, 'x-forwarded-for'), gates.trustedProxies);
  if (!found.ok) return { outcome: 'refused', clientIp: peer ?? '', reason: 'xff_unparseable' };
  const { ip } = found;
  const path = pathOf(req);
  const isProbe = path === '/healthz' || path === '/readyz';
  if (gates.deny.has(ip)) return { outcome: 'refused', clientIp: ip, reason: 'ip_denylist' };
  if (path === '/healthz') return { outcome: 'passed', clientIp: ip };
  if (!gates.allow.isEmpty && !isProbe && !gates.allow.has(ip)) {
    return { outcome: 'refused', clientIp: ip, reason: 'ip_not_allowlisted' };
  }
  const error = sizeFault(gates, req);
  return error === null
    ? { outcome: 'passed', clientIp: ip }
    : { outcome: 'too_much', clientIp: ip, error };
}

function sizeFault(gates: Gates, req: IncomingMessage): AppError | null {
  if (gates.headerBytesMax !== null && headerBytes(req) > gates.headerBytesMax) {
    return new AppError('headers_too_large', 'request header fields too large');
  }
  if (gates.urlCharsMax !== null && (req.url ?? '').length > gates.urlCharsMax) {
    return new AppError('uri_too_long', 'uri too long');
  }
  if (req.headers['transfer-encoding'] !== undefined) {
    return new AppError('length_required', 'length required');
  }
  if (Number(req.headers['content-length'] ?? 0) > gates.requestBytesMax) {
    return new AppError('request_too_large', 'payload too large');
  }
  return null;
}

// `name: value\r\n` for each field.
function headerBytes(req: IncomingMessage): number {
  let bytes = 0;
  for (const part of req.rawHeaders) bytes += part.length + 2;
  return bytes;
}

function headerText(req: IncomingMessage, name: string): string | undefined {
  const value = req.headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}
