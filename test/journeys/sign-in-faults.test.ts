// Sign-ins that go wrong at the identity provider or in the browser: what the person reads, and
// what the waiting terminal learns.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { createOidcClient } from '../../services/control-plane/login/oidc-client.ts';
import { type Browser, createBrowser, type Visit } from '../support/browser.ts';
import { createTestClock } from '../support/clock.ts';
import { type DeviceCodes, poll, startDevice } from '../support/device-sign-in.ts';
import { openTestIdentityProvider } from '../support/identity-provider.ts';
import { oidcOptions, openSignInGateway, type SignInGateway } from '../support/sign-in-gateway.ts';

let gateway: SignInGateway;
let browser: Browser;
let codes: DeviceCodes;
before(async () => {
  gateway = await openSignInGateway({
    deps: {
      rateLimits: {
        deviceAuthorization: { max: 1000, windowSeconds: 600 },
        deviceVerify: { max: 1000, windowSeconds: 600 },
      },
    },
  });
});
after(() => gateway[Symbol.asyncDispose]());
beforeEach(async () => {
  Object.assign(gateway.idp.switches, {
    tokenAnswer: null,
    down: false,
    callbackError: null,
    hold: null,
  });
  gateway.idp.change('demo-dana', { emailVerified: true, email: 'dana@example.com' });
  browser = createBrowser();
  codes = await startDevice(gateway.url);
});

/** Picks Dana and stops before the callback: its address, with the code in it. */
async function callbackUrl(): Promise<string> {
  const choice = await browser.post(`${gateway.url}/device`, { user_code: codes.userCode });
  const body = new URLSearchParams({ person: 'demo-dana' });
  let at: Visit = await browser.visit(choice.url, { method: 'POST', body });
  for (;;) {
    const next = new URL(at.headers.get('location') ?? assert.fail(at.text), at.url).href;
    if (next.startsWith(gateway.url)) return next;
    at = await browser.visit(next);
  }
}

/** An address where a provider was and is no more. */
async function closedIssuer(): Promise<string> {
  const gone = await openTestIdentityProvider();
  await gone.close();
  return gone.issuer;
}

async function pollError(): Promise<string | number | undefined> {
  gateway.clock.advance(10_000);
  return (await poll(gateway.url, codes.deviceCode)).body.error;
}

test('a forged state shows an expired link and leaves the terminal waiting', async () => {
  const url = new URL(await callbackUrl());
  const state = url.searchParams.get('state') ?? '';
  for (const forged of [`${state.slice(0, -4)}AAAA`, 'junk', '', 'a.b.c.d.e']) {
    url.searchParams.set('state', forged);
    assert.match((await browser.visit(url.href)).text, /This sign-in link has expired/);
  }
  assert.equal(await pollError(), 'authorization_pending');
});

test('a sign-in cannot be finished in another browser', async () => {
  const url = await callbackUrl();
  const page = await createBrowser().visit(url);
  assert.match(page.text, /started in a different browser/);
  assert.equal(gateway.audited('device.callback')?.result, 'browser_mismatch');
  assert.equal(await pollError(), 'authorization_pending');
});

test('a callback is good once', async () => {
  const url = await callbackUrl();
  assert.match((await browser.visit(url)).text, /You’re signed in/);
  assert.match((await browser.visit(url)).text, /started in a different browser/);
});

test('a callback replayed with its cookie is refused too', async () => {
  const start = await fetch(`${gateway.url}/device`, {
    method: 'POST',
    redirect: 'manual',
    headers: { origin: gateway.url },
    body: new URLSearchParams({ user_code: codes.userCode }),
  });
  const state = new URL(start.headers.get('location') ?? '').searchParams.get('state') ?? '';
  const cookie = start.headers.get('set-cookie')?.split(';')[0] ?? '';
  const visit = async () => {
    const url = `${gateway.url}/oauth/callback?code=junk&state=${state}&iss=${gateway.idp.issuer}`;
    return (await fetch(url, { headers: { cookie } })).text();
  };
  assert.match(await visit(), /Sign-in could not be completed/);
  assert.match(await visit(), /This sign-in link has expired/);
});

test('an error page of the IdP ends the terminal at once and is shown as text', async () => {
  const description = '<b>Not assigned</b>';
  gateway.idp.switches.callbackError = { error: 'access_denied', error_description: description };
  const page = await browser.post(`${gateway.url}/device`, { user_code: codes.userCode });
  assert.match(page.text, /access_denied: &lt;b&gt;Not assigned&lt;\/b&gt;/);
  assert.equal(await pollError(), 'access_denied');
});

test('an error of the IdP without a description names the error', async () => {
  gateway.idp.switches.callbackError = { error: 'login_required' };
  const page = await browser.post(`${gateway.url}/device`, { user_code: codes.userCode });
  assert.match(page.text, /Identity provider returned: login_required/);
});

test('an IdP that says it is busy leaves the code good for another try', async () => {
  gateway.idp.switches.callbackError = { error: 'temporarily_unavailable' };
  const page = await browser.post(`${gateway.url}/device`, { user_code: codes.userCode });
  assert.match(page.text, new RegExp(`href="/device\\?user_code=${codes.userCode}"`));
  assert.equal(await pollError(), 'authorization_pending');
});

test('an error without a state of ours changes nothing', async () => {
  const page = await browser.visit(`${gateway.url}/oauth/callback?error=access_denied&state=x`);
  assert.match(page.text, /Identity provider returned: access_denied/);
  assert.equal(await pollError(), 'authorization_pending');
});

for (const status of [500, 503, 429]) {
  test(`a token endpoint that answers ${status} leaves the code good for another try`, async () => {
    const url = await callbackUrl();
    gateway.idp.switches.tokenAnswer = { status, body: { error: 'server_error' } };
    assert.match((await browser.visit(url)).text, /Your device is still waiting/);
    assert.equal(await pollError(), 'authorization_pending');
    gateway.idp.switches.tokenAnswer = null;
    assert.match((await browser.visit(await callbackUrl())).text, /You’re signed in/);
  });
}

test('an IdP that is gone during the callback leaves the code good for another try', async () => {
  const url = await callbackUrl();
  gateway.idp.switches.down = true;
  assert.match((await browser.visit(url)).text, /Your device is still waiting/);
  assert.equal(await pollError(), 'authorization_pending');
});

test('a client the IdP does not know ends the terminal, and the log says why', async () => {
  const url = await callbackUrl();
  gateway.idp.switches.tokenAnswer = { status: 401, body: { error: 'invalid_client' } };
  assert.match((await browser.visit(url)).text, /Sign-in could not be completed\./);
  assert.equal(gateway.audited('session.mint')?.err, 'IdP answered 401 invalid_client');
  assert.equal(await pollError(), 'access_denied');
});

test('an ID token that is not signed by the IdP is refused', async () => {
  const url = await callbackUrl();
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const id_token = `${part({ alg: 'RS256', kid: 'demo' })}.${part({ sub: 'demo-ada' })}.AAAA`;
  const body = { access_token: 'x', token_type: 'Bearer', id_token };
  gateway.idp.switches.tokenAnswer = { status: 200, body };
  assert.match((await browser.visit(url)).text, /Sign-in could not be completed\./);
  assert.equal(await pollError(), 'access_denied');
});

const REFUSED = [
  [{ emailVerified: false }, 'email is not verified'],
  [{ email: 'dana@elsewhere.test' }, 'email domain not allowed'],
] as const;
for (const [change, reason] of REFUSED) {
  test(`refused by the gates: ${reason}`, async () => {
    gateway.idp.change('demo-dana', change);
    const page = await browser.visit(await callbackUrl());
    assert.match(page.text, /Sign-in could not be completed\./);
    assert.ok(!page.text.includes(reason));
    assert.equal(gateway.audited('session.mint')?.err, reason);
    assert.equal(await pollError(), 'access_denied');
  });
}

test('a grant that expired meanwhile is named as such', async () => {
  const url = await callbackUrl();
  await gateway.grants.decideDeviceGrant(
    codes.userCode.replace('-', ''),
    { status: 'denied' },
    gateway.clock.now(),
  );
  assert.match((await browser.visit(url)).text, /already been used or has expired/);
});

test('an IdP that was never reached keeps nobody from the page and says so on submit', async () => {
  const issuer = await closedIssuer();
  await using away = await openSignInGateway({ oidc: { issuer } });
  const { userCode } = await startDevice(away.url);
  assert.equal((await createBrowser().visit(`${away.url}/device`)).status, 200);
  const page = await createBrowser().post(`${away.url}/device`, { user_code: userCode });
  assert.equal(page.status, 503);
  assert.match(page.text, /Your identity provider cannot be reached right now/);
});

test('an unreachable IdP is named with the address and what to check', async () => {
  const issuer = await closedIssuer();
  assert.equal(
    await createOidcClient(oidcOptions(issuer), createTestClock()).check(),
    `The identity provider cannot be reached at ${issuer}/.well-known/openid-configuration ` +
      '(ECONNREFUSED): check oidc.issuer and the way from the gateway to it. ' +
      'Nobody can sign in until it answers.',
  );
});

test('a wrong issuer is named with the right one', async () => {
  const { issuer } = gateway.idp;
  const options = oidcOptions(issuer.replace('127.0.0.1', 'localhost'));
  const sentence =
    `oidc.issuer is ${options.issuer}, but the provider there calls itself ${issuer}: ` +
    'write the issuer to the letter as the provider does.';
  assert.equal(await createOidcClient(options, createTestClock()).check(), sentence);
  const discoveryUrl = `${issuer}/.well-known/openid-configuration`;
  const elsewhere = createOidcClient({ ...options, discoveryUrl }, createTestClock());
  assert.equal(await elsewhere.check(), sentence);
});

test('an issuer without a discovery document and a plain http one are named', async () => {
  const { issuer } = gateway.idp;
  const check = (url: string) => createOidcClient(oidcOptions(url), createTestClock()).check();
  assert.match((await check(`${issuer}/nowhere`)) ?? '', /answered HTTP 404 at .*discovery_url\.$/);
  assert.match((await check('http://idp.example.com')) ?? '', /plain http is only for loopback/);
  assert.equal(await check(issuer), null);
});
