// How each wire spells a failure: one total table of statuses and types, and three envelopes. A new
// error code does not compile until it is in the table.

import type { ServerResponse } from 'node:http';
import type { AppError } from '#shared/errors/app-error.ts';
import type { ErrorCode } from '#shared/errors/codes.ts';
import { type AnswerHeaders, sendJson, sendText } from './answer.ts';
import type { Envelope } from './route.ts';

interface Spelling {
  readonly status: number;
  /** Anthropic error type. */
  readonly type: string;
  /** RFC 6749 §5.2, RFC 7009 §2.2.1. */
  readonly oauth: string;
  /** False: the same request fails again, so the client is told not to retry. */
  readonly retry?: false;
  /** Refused by a gate, before any protocol was spoken. */
  readonly plain?: true;
}

const SPELLINGS = {
  invalid_request: { status: 400, type: 'invalid_request_error', oauth: 'invalid_request' },
  unauthenticated: {
    status: 401,
    type: 'authentication_error',
    oauth: 'invalid_token',
    retry: false,
  },
  forbidden: { status: 403, type: 'permission_error', oauth: 'access_denied' },
  not_found: { status: 404, type: 'not_found_error', oauth: 'invalid_request' },
  method_not_allowed: { status: 405, type: 'invalid_request_error', oauth: 'invalid_request' },
  length_required: {
    status: 411,
    type: 'invalid_request_error',
    oauth: 'invalid_request',
    plain: true,
  },
  request_too_large: {
    status: 413,
    type: 'request_too_large',
    oauth: 'invalid_request',
    plain: true,
  },
  uri_too_long: {
    status: 414,
    type: 'invalid_request_error',
    oauth: 'invalid_request',
    plain: true,
  },
  headers_too_large: {
    status: 431,
    type: 'invalid_request_error',
    oauth: 'invalid_request',
    plain: true,
  },
  conflict: { status: 409, type: 'invalid_request_error', oauth: 'temporarily_unavailable' },
  upstream_failed: { status: 502, type: 'api_error', oauth: 'temporarily_unavailable' },
  upstream_rejected: { status: 502, type: 'api_error', oauth: 'temporarily_unavailable' },
  overloaded: { status: 529, type: 'overloaded_error', oauth: 'temporarily_unavailable' },
  unavailable: { status: 503, type: 'api_error', oauth: 'temporarily_unavailable' },
  internal: { status: 500, type: 'api_error', oauth: 'server_error' },
} satisfies Record<ErrorCode, Spelling>;

/** Answers a request with a failure; headers must not have been sent. */
export function sendFailure(
  res: ServerResponse,
  envelope: Envelope,
  error: AppError,
  requestId: string,
): void {
  const spelling: Spelling = SPELLINGS[error.code];
  const headers = failureHeaders(spelling, error);
  if (spelling.plain === true) sendText(res, spelling.status, error.message, headers);
  else ENVELOPES[envelope](res, spelling, error.message, { requestId, headers });
}

type SendEnvelope = (
  res: ServerResponse,
  spelling: Spelling,
  message: string,
  context: { readonly requestId: string; readonly headers: AnswerHeaders },
) => void;

const ENVELOPES: Record<Envelope, SendEnvelope> = {
  anthropic(res, { status, type }, message, { requestId, headers }) {
    const body = { type: 'error', request_id: requestId, error: { type, message } };
    sendJson(res, status, body, headers);
  },
  oauth(res, { status, oauth }, message, { headers }) {
    const body = { error: oauth, error_description: message };
    sendJson(res, status, body, { ...headers, 'cache-control': 'no-store', pragma: 'no-cache' });
  },
  admin(res, { status, type }, message, { requestId, headers }) {
    // 32 hex digits as in the reference, and the same request as `x-request-id`.
    const id = `req_${requestId.replaceAll('-', '')}`;
    const body = { type: 'error', error: { type, message }, request_id: id };
    sendJson(res, status, body, { ...headers, 'request-id': id });
  },
};

function failureHeaders({ retry }: Spelling, { retryAfterSeconds }: AppError): AnswerHeaders {
  return {
    ...(retry === false ? { 'x-should-retry': 'false' } : {}),
    ...(retryAfterSeconds === undefined ? {} : { 'retry-after': Math.ceil(retryAfterSeconds) }),
  };
}
