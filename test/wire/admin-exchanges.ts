// A captured exchange of the admin API, sent again to a gateway of ours and compared.
//
// On purpose not the same, each listed in DIFFERENCES: wrong methods are 405 with `Allow`, HEAD is
// answered like GET, PUT takes a file of caps; a NUL byte in an id is the caller's fault, not a 500;
// budgets may be of the organization and of any period. Left out of the comparison, by ADDED: whom a cap
// resolved to, warnings, and the budgets in `effective`, which the reference does not have.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type AdminGateway, READ_KEY } from '../support/admin-gateway.ts';

export interface Captured {
  name: string;
  request: { method: string; path: string; headers: Record<string, string>; body?: unknown };
  response: { status: number; headers: Record<string, string>; body: unknown };
}

interface Difference {
  readonly status: number;
  readonly message?: string;
}

const METHOD_NOT_ALLOWED = { status: 405 };
const NEEDS_AMOUNT = {
  status: 400,
  message:
    "A pooled budget that isn't paused needs amount (each member's own limit) on the same spend " +
    'limit. Set amount; it may equal pooled_budget.amount.',
};
const DIFFERENCES: Readonly<Record<string, Difference>> = {
  PUT: { status: 400, message: 'limits: Required' },
  'PATCH id': METHOD_NOT_ALLOWED,
  'POST to id': METHOD_NOT_ALLOWED,
  HEAD: { status: 200 },
  'POST user nul byte': {
    status: 400,
    message: 'scope.user_id: must not contain control characters',
  },
  'pooled on daily': NEEDS_AMOUNT,
  'pooled on org': NEEDS_AMOUNT,
};

/** Fields that our replies have beside the reference's. */
const ADDED = new Set(['resolved', 'unresolved', 'warnings', 'budgets']);

export function readCaptures<T>(name: string): T[] {
  const file = new URL(`captures/${name}.jsonl`, import.meta.url);
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as T);
}

/** What stands for `spl_<hex32>` in a request, in order. */
export type Ids = readonly string[];

export async function replay(gateway: AdminGateway, exchange: Captured, ids: Ids) {
  const { method, path, body } = exchange.request;
  const waiting = [...ids];
  const target = path.replaceAll('spl_<hex32>', () => waiting.shift() ?? `spl_${'0'.repeat(32)}`);
  const chunked = exchange.name === 'POST chunked';
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(gateway.origin + target, {
    method,
    headers: await headersFor(gateway, exchange),
    ...(body === undefined ? {} : { body: chunked ? new Blob([text]).stream() : text }),
    ...(chunked ? { duplex: 'half' } : {}),
  });
  const answer = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
  return {
    status: response.status,
    headers: response.headers,
    body: (isJson && answer !== '' ? JSON.parse(answer) : answer) as unknown,
  };
}

/** The captures of these were made with a key and do not show it. */
const KEY_NOT_SHOWN = /^(audit|list with pool|effective: )/;

async function headersFor(gateway: AdminGateway, { name, request, response }: Captured) {
  const headers: Record<string, string> = { ...request.headers };
  if (headers['authorization'] === 'Bearer <jwt>') {
    const token = await gateway.token(name.includes('non-admin') ? ['eng'] : ['admins'], 'adm');
    headers['authorization'] = `Bearer ${token}`;
  }
  if (KEY_NOT_SHOWN.test(name) && response.status !== 401) headers['x-api-key'] = READ_KEY;
  return headers;
}

export function normalise(value: unknown): unknown {
  const text =
    JSON.stringify(value, (name, field) => (ADDED.has(name) ? undefined : field)) ?? 'null';
  return JSON.parse(
    text
      .replaceAll(/"spl_[0-9a-f]{32}"/g, '"spl_<hex32>"')
      .replaceAll(/"req_[0-9a-f]{32}"/g, '"req_<hex32>"')
      .replaceAll(/"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"/g, '"<iso>"')
      .replaceAll(/"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"/g, '"<uuid>"'),
  );
}

export type Replayed = Awaited<ReturnType<typeof replay>>;

export function assertSame(actual: Replayed, exchange: Captured, expectedBody: unknown): void {
  const difference = DIFFERENCES[exchange.name];
  if (difference !== undefined) {
    assert.equal(actual.status, difference.status);
    if (difference.message === undefined) return;
    const { error } = actual.body as { error: { message: string } };
    assert.equal(error.message, difference.message);
    return;
  }
  const { status, headers } = exchange.response;
  const body = normalise(actual.body);
  assert.deepEqual([actual.status, body], [status, expectedBody]);
  // Scripts print replies: the order of the fields is part of them.
  assert.equal(JSON.stringify(body), JSON.stringify(expectedBody));
  assert.equal(actual.headers.get('cache-control') ?? undefined, headers['cache-control']);
  const type = actual.headers.get('content-type')?.toLowerCase().replaceAll(' ', '');
  assert.equal(type, headers['content-type']);
}

export function assertRequestId({ headers, body }: Replayed): void {
  if (typeof body !== 'object' || body === null || !('request_id' in body)) return;
  const { request_id } = body;
  if (String(request_id).startsWith('req_')) assert.equal(headers.get('request-id'), request_id);
}
