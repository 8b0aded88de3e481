// A cloud's error answers in our words. Only what the model API itself says about the request passes
// (Anthropic's envelope, 400 and 413), with the operator's projects and accounts taken out. Of the
// cloud's own 400s a client learns what it can act upon.

import { parseJson } from '../meter.ts';
import type { StreamError } from '../stream-tail.ts';
import { isObject } from '../usage-counts.ts';
import { capabilityToken } from './capability-tokens.ts';
import type { ErrorReply } from './upstream.ts';

const OPERATOR = '— check the gateway operator';
const REJECTED: StreamError = {
  type: 'invalid_request_error',
  message: 'upstream rejected the request',
};
const TOO_LONG: StreamError = { type: 'invalid_request_error', message: 'Input is too long.' };
const OTHER: StreamError = { type: 'api_error', message: 'upstream error' };

const COPIES: Readonly<Record<number, StreamError>> = {
  400: REJECTED,
  401: { type: 'authentication_error', message: `upstream authentication failed ${OPERATOR}` },
  403: { type: 'permission_error', message: `upstream denied the request ${OPERATOR}` },
  404: { type: 'not_found_error', message: 'upstream resource not found' },
  413: { type: 'request_too_large', message: 'request too large for this upstream' },
  429: { type: 'rate_limit_error', message: 'upstream rate limit exceeded' },
  501: { type: 'not_supported', message: 'upstream does not support this endpoint' },
  504: { type: 'timeout_error', message: 'upstream error' },
  529: { type: 'overloaded_error', message: 'Overloaded' },
};

const SIZE_TEXT = /The (request|message) size \(.*\) exceeds/;
const ERROR_TYPE = /^[a-z_]{1,64}$/;
/** Headers about the failure that a client acts upon. */
const KEPT = ['retry-after', 'retry-after-ms', 'x-should-retry'];

export function translateCloudError(
  { status, headers, body }: ErrorReply,
  { project, requestId }: { readonly project?: string; readonly requestId: string },
): ErrorReply {
  const reply = anthropicError(status, copyOf(status, body, project), requestId);
  const kept = Object.entries(headers).filter(([name]) => KEPT.includes(name));
  return { ...reply, headers: { ...Object.fromEntries(kept), ...reply.headers } };
}

/** An answer of our own words, in the place of an upstream's. */
export function anthropicError(
  status: number,
  { type, message }: StreamError,
  requestId: string,
): ErrorReply {
  const text = JSON.stringify({ type: 'error', request_id: requestId, error: { type, message } });
  const headers = { 'content-type': 'application/json;charset=utf-8' };
  return { status, headers, body: Buffer.from(text) };
}

/** An error event within a stream. What the model API says about the request passes, as above. */
export function translateCloudStreamError(data: string, project?: string): StreamError {
  const said = errorIn(data);
  if (said === null) {
    const code = cloudCode(data);
    return code === 400 ? badRequest(data) : forDevelopers(COPIES[code] ?? OTHER);
  }
  if (said.type === REJECTED.type || said.type === COPIES[413]?.type) {
    return { type: said.type, message: redact(said.message, project) };
  }
  const copy = Object.values(COPIES).find(({ type }) => type === said.type);
  const type = ERROR_TYPE.test(said.type) ? said.type : OTHER.type;
  return forDevelopers(copy ?? { ...OTHER, type });
}

/** The gateway's own credential is nothing that a developer could mend by signing in again. */
function forDevelopers(copy: StreamError): StreamError {
  return copy === COPIES[401] || copy === COPIES[403] ? OTHER : copy;
}

function copyOf(status: number, body: Buffer, project: string | undefined): StreamError {
  if (status === 400 || status === 413) {
    const said = errorIn(body.toString());
    if (said !== null) return { type: said.type, message: redact(said.message, project) };
    if (status === 400) return badRequest(body.toString());
  }
  return COPIES[status] ?? OTHER;
}

function badRequest(body: string): StreamError {
  if (SIZE_TEXT.test(body)) return TOO_LONG;
  const said = cloudMessage(parseJson(body));
  if (said === TOO_LONG.message) return TOO_LONG;
  const token = said === null ? null : capabilityToken(said);
  return token === null ? REJECTED : { ...REJECTED, message: `capability_rejected: ${token}` };
}

/** `code` of Google's error, which is an HTTP status; 0 without one. */
function cloudCode(body: string): number {
  const value = parseJson(body);
  const error = isObject(value) ? value['error'] : null;
  const code = isObject(error) ? error['code'] : null;
  return typeof code === 'number' ? code : 0;
}

/** Google's `{error:{message}}`, alone or as the only entry of a list; Amazon's `{message}`. */
function cloudMessage(value: unknown): string | null {
  const answer = Array.isArray(value) ? value[0] : value;
  if (!isObject(answer)) return null;
  const { message } = isObject(answer['error']) ? answer['error'] : answer;
  return typeof message === 'string' ? message : null;
}

function errorIn(body: string): StreamError | null {
  const value = parseJson(body);
  if (!isObject(value) || value['type'] !== 'error' || !isObject(value['error'])) return null;
  const { type, message } = value['error'];
  return typeof type === 'string' && typeof message === 'string' ? { type, message } : null;
}

/** Projects of Google, resource names and accounts of Amazon; twelve digits are an account in both. */
function redact(message: string, project: string | undefined): string {
  const text = message
    .replaceAll(/\barn:aws[\w-]*:[^\s"'`,;)]+/g, 'arn:[redacted]')
    .replaceAll(/projects\/[^/\s"']+/g, 'projects/[redacted]')
    .replaceAll(/(?<![\w.-])\d{12}(?![\w-])/g, '[redacted]');
  return project === undefined ? text : text.replaceAll(project, '[redacted]');
}
