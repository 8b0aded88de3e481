// The device flow end to end over real HTTP with a real OIDC provider: what must work, and what
// the pages refuse.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createBrowser } from '../support/browser.ts';
import { approve, poll, signIn, startDevice, token } from '../support/device-sign-in.ts';
import { openSignInGateway, type SignInGateway } from '../support/sign-in-gateway.ts';

let gateway: SignInGateway;
before(async () => {
  gateway = await openSignInGateway({
    deps: {
      loginNotice: 'Use of this system is monitored.\nAsk IT.',
      rateLimits: {
        deviceAuthorization: { max: 1000, windowSeconds: 600 },
        deviceVerify: { max: 1000, windowSeconds: 600 },
      },
    },
  });
});
after(() => gateway[Symbol.asyncDispose]());

const NOT_RECOGNIZED = /That code was not recognized — it may have expired/;
const OTHER_SITE = /This request came from another site and was blocked/;

async function postDevice(headers: Record<string, string>, userCode = 'BCDF-GHJK') {
  const body = new URLSearchParams({ user_code: userCode });
  const init = { method: 'POST', body, headers, redirect: 'manual' } as const;
  const answer = await fetch(`${gateway.url}/device`, init);
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

test('the metadata names every endpoint and the revocation endpoint', async () => {
  const answer = await fetch(`${gateway.url}/.well-known/oauth-authorization-server`);
  assert.deepEqual(await answer.json(), {
    issuer: gateway.url,
    device_authorization_endpoint: `${gateway.url}/oauth/device_authorization`,
    token_endpoint: `${gateway.url}/oauth/token`,
    revocation_endpoint: `${gateway.url}/oauth/revoke`,
    grant_types_supported: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
    response_types_supported: [],
    token_endpoint_auth_methods_supported: ['none'],
    revocation_endpoint_auth_methods_supported: ['none'],
    scopes_supported: ['openid', 'profile', 'email'],
    gateway_protocol_version: 1,
  });
});

test('a person signs in and the session says who they are', async () => {
  const { accessToken } = await signIn({ gatewayUrl: gateway.url, person: 'ada' });
  const principal = await gateway.verifier.verify(accessToken, gateway.url);
  assert.equal(principal?.sub, 'demo-ada');
  assert.equal(principal?.email, 'ada@example.com');
  assert.deepEqual(principal?.groups, ['engineering', 'platform-admins']);
  assert.equal(gateway.audited('session.mint')?.sub, 'demo-ada');
  assert.ok(gateway.seen.some(({ sub }) => sub === 'demo-ada'));
});

test('the token reply has the keys of the protocol in their order, and no IdP token', async () => {
  const codes = await startDevice(gateway.url);
  await approve(createBrowser(), { gatewayUrl: gateway.url, person: 'dana', ...codes });
  const { body } = await poll(gateway.url, codes.deviceCode);
  assert.deepEqual(Object.keys(body), [
    'access_token',
    'refresh_token',
    'token_type',
    'expires_in',
    'email',
  ]);
  assert.equal(body.token_type, 'Bearer');
  assert.equal(body.expires_in, 3600);
  assert.match(String(body.refresh_token), /^tgr\./);
});

test('a device code is good once: of many polls after approval one gets the session', async () => {
  const codes = await startDevice(gateway.url);
  await approve(createBrowser(), { gatewayUrl: gateway.url, person: 'dana', ...codes });
  const polls = Array.from({ length: 8 }, () => poll(gateway.url, codes.deviceCode));
  const replies = await Promise.all(polls);
  assert.equal(replies.filter(({ status }) => status === 200).length, 1);
  const others = replies.filter(({ status }) => status !== 200);
  assert.ok(others.every(({ body }) => body.error === 'expired_token'));
});

test('an expired code is refused in the browser and ends the terminal', async () => {
  const { deviceCode, userCode } = await startDevice(gateway.url);
  gateway.clock.advance(600_001);
  assert.match((await postDevice({ origin: gateway.url }, userCode)).text, NOT_RECOGNIZED);
  assert.deepEqual(await poll(gateway.url, deviceCode), {
    status: 400,
    body: { error: 'expired_token' },
  });
});

test('codes may be typed in any case, with or without dash and spaces', async () => {
  const { userCode } = await startDevice(gateway.url);
  for (const typed of [userCode.toLowerCase(), userCode.replace('-', ' '), ` ${userCode} `]) {
    assert.equal((await postDevice({ origin: gateway.url }, typed)).status, 302, typed);
  }
});

test('a post from another site is blocked, whatever its Referer says', async () => {
  const { userCode } = await startDevice(gateway.url);
  const foreign = [
    {},
    { origin: 'http://evil.test' },
    { origin: 'null' },
    { origin: gateway.url.replace('127.0.0.1', 'localhost') },
    { origin: gateway.url, 'sec-fetch-site': 'cross-site' },
    { origin: gateway.url, 'sec-fetch-site': 'same-site' },
    { referer: `${gateway.url}/device` },
  ];
  for (const headers of foreign) {
    const answer = await postDevice(headers as Record<string, string>, userCode);
    assert.equal(answer.status, 200);
    assert.match(answer.text, OTHER_SITE, JSON.stringify(headers));
  }
  assert.equal(gateway.audited('device.verify')?.result, 'csrf_rejected');
  const own = { origin: 'http://evil.test', 'sec-fetch-site': 'same-origin' };
  assert.equal((await postDevice(own, userCode)).status, 302);
});

test('the confirmation page echoes the code as text and never as markup', async () => {
  const answer = await fetch(`${gateway.url}/device?user_code=%22%3E%3Cscript%3E`);
  const text = await answer.text();
  assert.ok(!text.includes('<script'));
  assert.match(text, /&quot;&gt;&lt;script&gt;/);
});

test('the confirmation page says where and when the request came from', async () => {
  const { userCode } = await startDevice(gateway.url);
  gateway.clock.advance(120_000);
  const text = await (await fetch(`${gateway.url}/device?user_code=${userCode}`)).text();
  assert.match(text, /<dd>127\.0\.0\.1<\/dd>/);
  assert.match(text, /2 minutes ago/);
  assert.match(text, /Use of this system is monitored\.\nAsk IT\./);
});

test('the pages allow no script and lead only to us and the identity provider', async () => {
  const { headers } = await fetch(`${gateway.url}/device`);
  const policy = headers.get('content-security-policy') ?? '';
  assert.match(policy, /^default-src 'none'; style-src 'sha256-[^']+'; frame-ancestors 'none'; /);
  assert.ok(policy.includes(`form-action 'self' ${gateway.idp.issuer}; base-uri 'none'`), policy);
  assert.equal(headers.get('cache-control'), 'no-store');
});

test('the authorization request carries state, nonce and PKCE, and binds the browser', async () => {
  const { userCode } = await startDevice(gateway.url);
  const { headers } = await postDevice({ origin: gateway.url }, userCode);
  const { searchParams } = new URL(headers.get('location') ?? '');
  assert.equal(searchParams.get('code_challenge_method'), 'S256');
  assert.equal(searchParams.get('redirect_uri'), `${gateway.url}/oauth/callback`);
  assert.equal(searchParams.get('state')?.split('.').length, 5);
  assert.equal(searchParams.get('nonce')?.length, 43);
  const cookie = headers.get('set-cookie') ?? '';
  assert.match(cookie, /^gw_dev=[\w-]{43}; Max-Age=600; HttpOnly; SameSite=Lax; Path=\/$/);
});

test('Deny ends the waiting terminal, once', async () => {
  const { deviceCode, userCode } = await startDevice(gateway.url);
  const browser = createBrowser();
  const denied = await browser.post(`${gateway.url}/device/deny`, { user_code: userCode });
  assert.match(denied.text, /You stopped this sign-in/);
  assert.equal(gateway.audited('device.deny')?.requested_from, '127.0.0.1');
  assert.deepEqual(await poll(gateway.url, deviceCode), {
    status: 400,
    body: { error: 'access_denied' },
  });
  const again = await browser.post(`${gateway.url}/device/deny`, { user_code: userCode });
  assert.match(again.text, /isn’t waiting for approval/);
});

test('the token endpoint refuses what is no grant with the errors of RFC 6749', async () => {
  const cases = [
    [{}, 'unsupported_grant_type'],
    [{ grant_type: 'authorization_code' }, 'unsupported_grant_type'],
    [{ grant_type: 'urn:ietf:params:oauth:grant-type:device_code' }, 'invalid_request'],
    [{ grant_type: 'refresh_token' }, 'invalid_request'],
  ] as const;
  for (const [fields, error] of cases) {
    assert.deepEqual(await token(gateway.url, fields), { status: 400, body: { error } });
  }
  assert.deepEqual(await poll(gateway.url, 'nobody'), {
    status: 400,
    body: { error: 'expired_token' },
  });
  const json = await fetch(`${gateway.url}/oauth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"grant_type":"refresh_token"}',
  });
  assert.deepEqual([json.status, await json.json()], [400, { error: 'invalid_request' }]);
});

test('a multipart form is a form', async () => {
  const body = new FormData();
  body.set('grant_type', 'refresh_token');
  body.set('refresh_token', 'junk');
  const answer = await fetch(`${gateway.url}/oauth/token`, { method: 'POST', body });
  assert.deepEqual([answer.status, await answer.json()], [401, { error: 'invalid_grant' }]);
});
