// Sign-in attempts are limited per network. The attacks: filling the store with grants, and
// guessing user codes, from one address or from the 2^64 addresses of one IPv6 customer.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBrowser } from '../support/browser.ts';
import { startDevice } from '../support/device-sign-in.ts';
import { openSignInGateway } from '../support/sign-in-gateway.ts';

const RATE_LIMITS = {
  deviceAuthorization: { max: 3, windowSeconds: 600 },
  deviceVerify: { max: 2, windowSeconds: 600 },
};

test('the sign-in after the last allowed one is 429 slow_down until the window ends', async () => {
  await using gateway = await openSignInGateway({ deps: { rateLimits: RATE_LIMITS } });
  const url = `${gateway.url}/oauth/device_authorization`;
  for (let i = 0; i < 3; i += 1) await startDevice(gateway.url);
  const refused = await fetch(url, { method: 'POST' });
  assert.equal(refused.status, 429);
  assert.deepEqual(await refused.json(), {
    error: 'slow_down',
    error_description:
      'Too many sign-in attempts came from your network, which other people may share.',
  });
  assert.equal(gateway.audited('device.authorize')?.result, 'rate_limited');
  gateway.clock.advance(600_001);
  await startDevice(gateway.url);
});

test('entering codes is limited, blocked posts do not count', async () => {
  await using gateway = await openSignInGateway({ deps: { rateLimits: RATE_LIMITS } });
  const { userCode } = await startDevice(gateway.url);
  const post = async (headers: Record<string, string>) => {
    const body = new URLSearchParams({ user_code: userCode });
    const init = { method: 'POST', body, headers, redirect: 'manual' } as const;
    const answer = await fetch(`${gateway.url}/device`, init);
    return [answer.status, await answer.text()] as const;
  };
  for (let i = 0; i < 5; i += 1) await post({ origin: 'http://evil.test' });
  assert.equal((await post({ origin: gateway.url }))[0], 302);
  assert.equal((await post({ origin: gateway.url }))[0], 302);
  const [status, text] = await post({ origin: gateway.url });
  assert.equal(status, 200);
  assert.match(text, /Too many attempts came from your network/);
});

test('the confirmation page stops telling which codes live, but still works', async () => {
  await using gateway = await openSignInGateway({ deps: { rateLimits: RATE_LIMITS } });
  const { userCode } = await startDevice(gateway.url);
  const browser = createBrowser();
  const visit = () => browser.visit(`${gateway.url}/device?user_code=${userCode}`);
  assert.match((await visit()).text, /Requested from/);
  await visit();
  const third = await visit();
  assert.equal(third.status, 200);
  assert.doesNotMatch(third.text, /Requested from/);
  assert.match(third.text, /This matches my device/);
});

test('addresses of one IPv6 /64 share their allowance, another /64 has its own', async () => {
  const trustedProxies = ['127.0.0.1/32'];
  await using gateway = await openSignInGateway({
    deps: { rateLimits: RATE_LIMITS },
    trustedProxies,
  });
  const from = async (address: string) => {
    const headers = { 'x-forwarded-for': address };
    const url = `${gateway.url}/oauth/device_authorization`;
    return (await fetch(url, { method: 'POST', headers })).status;
  };
  for (const host of ['1', '2', 'ffff:1']) {
    assert.equal(await from(`2001:db8:1:2::${host}`), 200);
  }
  assert.equal(await from('2001:db8:1:2:a:b:c:d'), 429);
  assert.equal(await from('2001:db8:1:3::1'), 200);
});
