// Every gate and refusal that holds for all routes (wire contract §0), over real HTTP.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { AppError } from '#shared/errors/app-error.ts';
import { sendJson, sendText } from '#shared/http/answer.ts';
import { readBody, readForm, readJson } from '#shared/http/body.ts';
import { createAddressList } from '#shared/http/client-ip.ts';
import type { Exchange, Route } from '#shared/http/route.ts';
import { type StartedHttp, startHttp, TEST_PRINCIPAL, TEST_TOKEN } from '../support/http.ts';
import { createMemoryLog } from '../support/log.ts';
import { lastAnswer, speak } from '../support/raw-http.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const AUTH = { authorization: `Bearer ${TEST_TOKEN}` };
const LIMIT = 1_000;

const boom = () => {
  throw new Error('secret reason');
};
const ROUTES: readonly Route[] = [
  text('/healthz', 'public', 'ok'),
  text('/readyz', 'public', 'ready'),
  text('/page', 'public', 'page'),
  text('/v1/models', 'session', 'models'),
  { ...text('/any', 'public', 'a'), methods: 'any' },
  {
    path: '/who/:name',
    methods: ['GET'],
    access: 'session',
    handle: ({ res, params, principal, clientIp, url, requestId, receivedAtMs }) =>
      sendJson(res, 200, {
        ...{ name: params['name'], sub: principal.sub, clientIp, requestId, receivedAtMs },
        path: url.pathname,
        query: url.search,
      }),
  },
  {
    path: '/self-checked',
    methods: ['POST'],
    access: 'session',
    revocation: 'in_handler',
    handle: async ({ req, res }) => sendText(res, 200, `${(await readBody(req, LIMIT)).length}`),
  },
  {
    path: '/small',
    methods: ['POST'],
    access: 'public',
    handle: async ({ req, res }) => sendText(res, 200, `${(await readBody(req, 10)).length}`),
  },
  {
    path: '/form',
    methods: ['POST'],
    access: 'public',
    envelope: 'oauth',
    handle: async ({ req, res }) => sendJson(res, 200, Object.fromEntries(await readForm(req))),
  },
  {
    path: '/admin',
    methods: ['GET', 'POST'],
    access: 'own',
    envelope: 'admin',
    handle: async ({ req, res }) =>
      req.method === 'GET' ? boom() : sendJson(res, 200, await readJson(req)),
  },
  { path: '/boom', methods: ['GET'], access: 'public', handle: boom },
  {
    path: '/late',
    methods: ['GET'],
    access: 'public',
    handle: ({ res }) => {
      res.writeHead(200, { 'content-length': 100 }).write('begun');
      boom();
    },
  },
  {
    path: '/overloaded',
    methods: ['GET'],
    access: 'public',
    handle: () => {
      throw new AppError('overloaded', 'busy now', { retryAfterSeconds: 1.2 });
    },
  },
];

function text(path: string, access: 'public' | 'session', body: string): Route {
  const handle = ({ res }: Exchange) => sendText(res, 200, body);
  return { path, methods: ['GET'], access, handle };
}

const log = createMemoryLog();
const revoked = new Set<string>();
let server: StartedHttp;
before(async () => {
  server = await startHttp(ROUTES, {
    log,
    isRevoked: async ({ sub }) => revoked.has(sub),
    gates: {
      requestBytesMax: LIMIT,
      headerBytesMax: 4_000,
      urlCharsMax: 200,
      trustedProxies: createAddressList(['127.0.0.1', '10.0.0.0/8']),
      allow: createAddressList(['127.0.0.1', '192.0.2.0/24', '2001:db8::/32']),
      deny: createAddressList(['192.0.2.66']),
    },
  });
});
after(() => server.close());
beforeEach(() => {
  log.lines.length = 0;
  revoked.clear();
});

const ask = (path: string, init: RequestInit = {}) => fetch(server.url + path, init);
async function answer(path: string, init: RequestInit = {}) {
  const response = await ask(path, init);
  return [response.status, await response.text()] as const;
}
const audits = () => log.lines.filter(({ level }) => level === 'audit');

describe('every answer', () => {
  for (const [path, status] of [
    ['/page', 200],
    ['/nowhere', 401],
    ['/boom', 500],
    [`/page?${'x'.repeat(300)}`, 414],
  ] as const) {
    test(`${status} carries the security headers and a request id of its own`, async () => {
      const response = await ask(path, { headers: { 'x-request-id': 'mine' } });
      await response.text();
      assert.equal(response.status, status);
      const { headers } = response;
      assert.equal(headers.get('x-content-type-options'), 'nosniff');
      assert.equal(headers.get('x-frame-options'), 'DENY');
      assert.equal(headers.get('referrer-policy'), 'no-referrer');
      assert.equal(headers.get('cross-origin-opener-policy'), 'same-origin');
      assert.match(headers.get('x-request-id') ?? '', UUID);
      assert.equal(headers.get('strict-transport-security'), null);
      assert.equal(headers.get('x-powered-by'), null);
      assert.equal(headers.get('etag'), null);
    });
  }
});

describe('a request that its client has a name for', () => {
  const idOf = async (path: string, id: string) => {
    const response = await ask(path, { headers: { 'x-client-request-id': id } });
    await response.text();
    return response.headers;
  };

  test('keeps it in the answer, its body and the log', async () => {
    const response = await ask('/boom', { headers: { 'x-client-request-id': 'my_request-1.2' } });
    assert.equal(response.headers.get('x-request-id'), 'my_request-1.2');
    assert.equal(JSON.parse(await response.text()).request_id, 'my_request-1.2');
    assert.equal(log.lines[0]?.fields['request_id'], 'my_request-1.2');
    const longest = 'x'.repeat(128);
    assert.equal((await idOf('/nowhere', longest)).get('x-request-id'), longest);
  });

  test('gets one of ours where that name is not fit', async () => {
    for (const id of ['', 'a b', 'a/b', 'a,b', '"', 'x'.repeat(129)]) {
      assert.match((await idOf('/page', id)).get('x-request-id') ?? '', UUID, id);
    }
  });

  test('gets one of ours on the admin API, which makes its own ids of it', async () => {
    const headers = await idOf('/admin', 'cri');
    const id = headers.get('x-request-id') ?? '';
    assert.match(id, UUID);
    assert.equal(headers.get('request-id'), `req_${id.replaceAll('-', '')}`);
  });
});

describe('a session', () => {
  test('reaches its handler with who, where from, and what was asked', async () => {
    const response = await ask('/who/a%2Fb?x=1', { headers: AUTH });
    const { requestId, receivedAtMs, ...rest } = (await response.json()) as Record<string, unknown>;
    const expected = { name: 'a/b', sub: 'u1', clientIp: '127.0.0.1', path: '/who/a%2Fb' };
    assert.deepEqual(rest, { ...expected, query: '?x=1' });
    assert.equal(requestId, response.headers.get('x-request-id'));
    assert.equal(receivedAtMs, TEST_PRINCIPAL.issuedAtMs);
  });

  for (const [name, headers, reason] of [
    ['without a token', {}, 'missing_token'],
    ['with another scheme', { authorization: `bearer ${TEST_TOKEN}` }, 'missing_token'],
    ['with x-api-key only', { 'x-api-key': TEST_TOKEN }, 'missing_token'],
    ['with a wrong token', { authorization: 'Bearer wrong' }, 'invalid_token'],
    ['with two spaces', { authorization: `Bearer  ${TEST_TOKEN}` }, 'invalid_token'],
  ] as const) {
    test(`is refused ${name}: 401, told not to retry, audited`, async () => {
      const response = await ask('/v1/models?secret=1', { headers });
      const id = response.headers.get('x-request-id');
      assert.equal(response.status, 401);
      assert.equal(response.headers.get('x-should-retry'), 'false');
      assert.equal(response.headers.get('content-type'), 'application/json;charset=utf-8');
      const error = { type: 'authentication_error', message: 'invalid token' };
      assert.equal(await response.text(), JSON.stringify({ type: 'error', request_id: id, error }));
      const fields = { request_id: id, reason, path: '/v1/models', client_ip: '127.0.0.1' };
      assert.deepEqual(audits(), [{ level: 'audit', message: 'auth.denied', fields }]);
    });
  }

  test('that is revoked is refused on its next request, unless its handler asks itself', async () => {
    assert.equal((await answer('/v1/models', { headers: AUTH }))[0], 200);
    revoked.add('u1');
    assert.equal((await answer('/v1/models', { headers: AUTH }))[0], 401);
    const own = await answer('/self-checked', { method: 'POST', headers: AUTH, body: 'abc' });
    assert.deepEqual(own, [200, '3']);
  });
});

describe('paths and methods', () => {
  test('an unknown path is 401 for a stranger and 404 for a session', async () => {
    for (const path of ['/nowhere', '/page/', '/PAGE', '/who/%zz', '//page']) {
      assert.equal((await answer(path))[0], 401, path);
      assert.deepEqual(await answer(path, { headers: AUTH }), [404, 'not found'], path);
    }
  });

  test('a wrong method is 405 with Allow: at once where public, else for a session', async () => {
    const open = await ask('/page', { method: 'POST' });
    assert.equal(open.status, 405);
    assert.equal(open.headers.get('allow'), 'GET, HEAD');
    assert.equal((await ask('/form', { method: 'OPTIONS' })).headers.get('allow'), 'POST');
    assert.equal((await answer('/v1/models', { method: 'DELETE' }))[0], 401);
    const known = await ask('/v1/models', { method: 'DELETE', headers: AUTH });
    assert.equal(known.status, 405);
    assert.equal(known.headers.get('allow'), 'GET, HEAD');
  });

  test('HEAD answers like GET, without the body', async () => {
    for (const path of ['/healthz', '/readyz', '/page']) {
      const response = await ask(path, { method: 'HEAD' });
      assert.equal(response.status, 200, path);
      assert.notEqual(response.headers.get('content-length'), '0');
      assert.equal(await response.text(), '');
    }
  });

  test('a route that looks at no method answers any', async () => {
    for (const method of ['GET', 'POST', 'PATCH', 'OPTIONS']) {
      assert.deepEqual(await answer('/any', { method }), [200, 'a'], method);
    }
  });

  test('request targets that are no path are unknown paths', async () => {
    const end = 'Host: x\r\nConnection: close\r\n\r\n';
    const star = await speak(server.port, `OPTIONS * HTTP/1.1\r\n${end}`);
    assert.equal(lastAnswer(star).status, 401);
    const who = `GET http://x:1/who/me?a=b HTTP/1.1\r\nAuthorization: ${AUTH.authorization}\r\n`;
    const absolute = JSON.parse(lastAnswer(await speak(server.port, who + end)).body);
    assert.deepEqual([absolute.name, absolute.path, absolute.query], ['me', '/who/me', '?a=b']);
    assert.ok(log.lines.every(({ level }) => level === 'audit'));
  });
});

describe('addresses', () => {
  const from = (hops: string, path = '/page') =>
    answer(path, { headers: { 'x-forwarded-for': hops } });
  const FORBIDDEN = [403, 'forbidden'] as const;

  test('outside the allow list, on the deny list or unreadable: 403, audited with why', async () => {
    for (const [hops, reason, ip] of [
      ['203.0.113.5', 'ip_not_allowlisted', '203.0.113.5'],
      ['192.0.2.5, 203.0.113.9', 'ip_not_allowlisted', '203.0.113.9'],
      ['203.0.113.5, 10.1.1.1', 'ip_not_allowlisted', '203.0.113.5'],
      ['192.0.2.66', 'ip_denylist', '192.0.2.66'],
      ['::ffff:192.0.2.66', 'ip_denylist', '192.0.2.66'],
      ['foo', 'xff_unparseable', '127.0.0.1'],
    ] as const) {
      log.lines.length = 0;
      assert.deepEqual(await from(hops), FORBIDDEN, hops);
      assert.equal(audits()[0]?.message, 'access.denied');
      assert.equal(audits()[0]?.fields['reason'], reason, hops);
      assert.equal(audits()[0]?.fields['client_ip'], ip, hops);
    }
  });

  test('on the allow list, in every spelling, or a chain of proxies alone: passes', async () => {
    for (const hops of [
      ...['192.0.2.5', '192.0.2.5:1234', '::ffff:192.0.2.5', '2001:db8::1', '[2001:db8::1]:99'],
      ...['10.0.0.1, 10.0.0.2', '', 'garbage, 192.0.2.5'],
    ]) {
      assert.deepEqual(await from(hops), [200, 'page'], hops);
    }
  });

  test('the deny list is in front of the health checks, the allow list is not', async () => {
    for (const path of ['/healthz', '/readyz']) {
      assert.equal((await from('203.0.113.5', path))[0], 200);
      assert.deepEqual(await from('192.0.2.66', path), FORBIDDEN);
    }
    assert.deepEqual(await from('192.0.2.66', '/who/%zz'), FORBIDDEN);
  });
});

describe('sizes', () => {
  const post = (body: string | Buffer) => ({ method: 'POST', body, headers: AUTH });

  test('a body at the limit passes, one byte more is 413 before the session is looked at', async () => {
    assert.deepEqual(await answer('/self-checked', post('x'.repeat(LIMIT))), [200, `${LIMIT}`]);
    const stranger = { method: 'POST', body: 'x'.repeat(LIMIT + 1) };
    for (const path of ['/self-checked', '/nowhere', '/form']) {
      assert.deepEqual(await answer(path, stranger), [413, 'payload too large'], path);
    }
  });

  test('413 comes from the Content-Length alone, before any body or 100 Continue', async () => {
    const head = `POST /page HTTP/1.1\r\nHost: x\r\nContent-Length: ${LIMIT + 1}\r\n`;
    const received = await speak(server.port, `${head}Expect: 100-continue\r\n\r\n`);
    assert.deepEqual(lastAnswer(received), { status: 413, body: 'payload too large' });
    assert.ok(!received.includes('100 Continue'));
  });

  test('a client that sends its large body all the same reads the refusal', async () => {
    const body = Buffer.alloc(8 * 1024 * 1024);
    assert.deepEqual(await answer('/page', post(body)), [413, 'payload too large']);
  });

  test('Expect: 100-continue is honoured where the body is wanted', async () => {
    const head = 'POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n';
    const received = await speak(server.port, `${head}Expect: 100-continue\r\n\r\nabc`);
    assert.equal(received.match(/100 Continue/g)?.length, 1);
    assert.deepEqual(lastAnswer(received), { status: 200, body: '3' });
  });

  test('a body without a length is 411', async () => {
    const head = 'POST /form HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n';
    const received = await speak(server.port, `${head}0\r\n\r\n`);
    assert.deepEqual(lastAnswer(received), { status: 411, body: 'length required' });
  });

  test('long headers are 431, a long URL is 414, except for /healthz', async () => {
    const long = { headers: { 'x-long': 'x'.repeat(5_000) } };
    assert.deepEqual(await answer('/page', long), [431, 'request header fields too large']);
    assert.deepEqual(await answer(`/page?${'x'.repeat(200)}`), [414, 'uri too long']);
    assert.deepEqual(await answer(`/healthz?${'x'.repeat(200)}`, long), [200, 'ok']);
  });

  test('a body beyond its handler’s own limit is refused before the rest arrives', async () => {
    assert.deepEqual(await answer('/small', post('x'.repeat(11))), [413, 'payload too large']);
    const head =
      'POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\nConnection: close\r\n\r\n';
    const unfinished = await speak(server.port, head + 'x'.repeat(20));
    assert.deepEqual(lastAnswer(unfinished), { status: 413, body: 'payload too large' });
  });
});

describe('a handler that fails', () => {
  test('is answered in the route’s envelope, and what happened stays in the log', async () => {
    const response = await ask('/boom');
    const request_id = response.headers.get('x-request-id');
    const error = { type: 'api_error', message: 'internal server error' };
    assert.equal(response.status, 500);
    assert.equal(await response.text(), JSON.stringify({ type: 'error', request_id, error }));
    assert.equal(log.lines[0]?.level, 'error');
    assert.equal(log.lines[0]?.fields['request_id'], request_id);
  });

  test('after the headers went out: the connection is cut, and the log says why', async () => {
    const response = await ask('/late');
    await assert.rejects(response.text());
    assert.equal(log.lines[0]?.level, 'error');
  });

  test('says in whole seconds when to come back', async () => {
    const response = await ask('/overloaded');
    assert.equal(response.status, 529);
    assert.equal(response.headers.get('retry-after'), '2');
    assert.equal(
      ((await response.json()) as { error: { type: string } }).error.type,
      'overloaded_error',
    );
  });

  test('speaks admin: request_id last, also as a header', async () => {
    const response = await ask('/admin');
    const id = response.headers.get('request-id');
    assert.match(id ?? '', /^req_[0-9a-f]{32}$/);
    const error = { type: 'api_error', message: 'internal server error' };
    assert.equal(await response.text(), JSON.stringify({ type: 'error', error, request_id: id }));
    const bad = await ask('/admin', { method: 'POST', body: '{' });
    assert.equal(bad.status, 400);
    assert.match(await bad.text(), /invalid JSON body/);
  });

  test('speaks OAuth: error and description, never stored', async () => {
    const body = new URLSearchParams('a=1&a=2');
    const response = await ask('/form', { method: 'POST', body });
    assert.equal(response.status, 400);
    assert.equal(response.headers.get('cache-control'), 'no-store');
    assert.equal(
      await response.text(),
      '{"error":"invalid_request","error_description":"a is given twice"}',
    );
  });
});
