import assert from 'node:assert/strict';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { describe, test } from 'node:test';
import { AppError } from '#shared/errors/app-error.ts';
import { ERROR_CODES, type ErrorCode } from '#shared/errors/codes.ts';
import { sendFailure } from './envelope.ts';
import type { Envelope } from './route.ts';

const ID = '01234567-89ab-4cde-8f01-23456789abcd';

function sent(envelope: Envelope, code: ErrorCode, retryAfterSeconds?: number) {
  const res = new ServerResponse(new IncomingMessage(new Socket()));
  let body = '';
  const keep = (text: string) => {
    body = text;
    return res;
  };
  Object.assign(res, { end: keep });
  const options = retryAfterSeconds === undefined ? {} : { retryAfterSeconds };
  sendFailure(res, envelope, new AppError(code, 'do this', options), ID);
  return { status: res.statusCode, body, header: (name: string) => headersOf(res)[name] };
}

/** What `writeHead` was given, lower case. */
function headersOf(res: ServerResponse): Record<string, string> {
  const block = String((res as unknown as { _header: string })._header);
  const lines = block.split('\r\n').slice(1);
  return Object.fromEntries(
    lines.map((line) => {
      const [name = '', value = ''] = line.split(': ');
      return [name.toLowerCase(), value];
    }),
  );
}

describe('each failure on the Anthropic wire', () => {
  for (const [code, status, type] of [
    ['invalid_request', 400, 'invalid_request_error'],
    ['unauthenticated', 401, 'authentication_error'],
    ['forbidden', 403, 'permission_error'],
    ['not_found', 404, 'not_found_error'],
    ['internal', 500, 'api_error'],
    ['upstream_failed', 502, 'api_error'],
    ['upstream_rejected', 502, 'api_error'],
    ['unavailable', 503, 'api_error'],
    ['overloaded', 529, 'overloaded_error'],
  ] as const) {
    test(`${code}: ${status} ${type}`, () => {
      const answer = sent('anthropic', code);
      const error = { type, message: 'do this' };
      assert.equal(answer.status, status);
      assert.equal(answer.header('content-type'), 'application/json;charset=utf-8');
      assert.equal(answer.body, JSON.stringify({ type: 'error', request_id: ID, error }));
    });
  }

  test('only what would fail again says that it is not to be retried', () => {
    const final = ERROR_CODES.filter(
      (code) => sent('anthropic', code).header('x-should-retry') === 'false',
    );
    assert.deepEqual(final, ['unauthenticated']);
  });

  test('retry-after is whole seconds, rounded up, and absent when nobody knows', () => {
    assert.equal(sent('anthropic', 'overloaded', 0.2).header('retry-after'), '1');
    assert.equal(sent('anthropic', 'overloaded').header('retry-after'), undefined);
  });
});

test('the gates’ refusals are plain text in every envelope', () => {
  for (const envelope of ['anthropic', 'oauth', 'admin'] as const) {
    for (const [code, status] of [
      ['length_required', 411],
      ['request_too_large', 413],
      ['uri_too_long', 414],
      ['headers_too_large', 431],
    ] as const) {
      const answer = sent(envelope, code);
      assert.deepEqual([answer.status, answer.body], [status, 'do this']);
      assert.equal(answer.header('content-type'), 'text/plain;charset=utf-8');
    }
  }
});

test('OAuth: RFC 6749 §5.2, never stored', () => {
  const answer = sent('oauth', 'unavailable', 3);
  assert.equal(answer.status, 503);
  assert.equal(answer.body, '{"error":"temporarily_unavailable","error_description":"do this"}');
  assert.equal(answer.header('cache-control'), 'no-store');
  assert.equal(answer.header('pragma'), 'no-cache');
  assert.equal(answer.header('retry-after'), '3');
});

test('admin: the request id last, as a header too, and the same request as x-request-id', () => {
  const answer = sent('admin', 'forbidden');
  const request_id = `req_${ID.replaceAll('-', '')}`;
  const error = { type: 'permission_error', message: 'do this' };
  assert.equal(answer.body, JSON.stringify({ type: 'error', error, request_id }));
  assert.equal(answer.header('request-id'), request_id);
});
