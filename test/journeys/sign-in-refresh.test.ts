// Refreshing and ending sessions: only the IdP's own word signs anybody out, a leaked token ends
// its session, and an answer that got lost does not.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { poll, refresh, signIn, startDevice } from '../support/device-sign-in.ts';
import { openSignInGateway, type SignInGateway } from '../support/sign-in-gateway.ts';

const INVALID_GRANT = { status: 401, body: { error: 'invalid_grant' } };
const UNAVAILABLE = { status: 503, body: { error: 'temporarily_unavailable' } };

let gateway: SignInGateway;
let session: { accessToken: string; refreshToken: string };
before(async () => {
  gateway = await openSignInGateway({
    deps: {
      session: { ttlHours: 1, billingGroupTag: null, refreshAnswerSeconds: 0.3 },
      rateLimits: {
        deviceAuthorization: { max: 1000, windowSeconds: 600 },
        deviceVerify: { max: 1000, windowSeconds: 600 },
      },
    },
  });
});
after(() => gateway[Symbol.asyncDispose]());
beforeEach(async () => {
  Object.assign(gateway.idp.switches, { tokenAnswer: null, down: false, hold: null });
  const dana = { email: 'dana@example.com', emailVerified: true, groups: ['engineering'] };
  gateway.idp.change('demo-dana', dana);
  session = await signIn({ gatewayUrl: gateway.url, person: 'dana' });
});

async function refreshed(token: string): Promise<{ accessToken: string; refreshToken: string }> {
  const { status, body } = await refresh(gateway.url, token);
  assert.equal(status, 200, JSON.stringify(body));
  return { accessToken: String(body.access_token), refreshToken: String(body.refresh_token) };
}

async function sessionIdOf(accessToken: string): Promise<string> {
  return (
    (await gateway.verifier.verify(accessToken, gateway.url))?.sessionId ??
    assert.fail('no session')
  );
}

test('a refresh rotates the token, keeps the session and takes over new groups', async () => {
  gateway.idp.change('demo-dana', { groups: ['engineering', 'on-call'] });
  const next = await refreshed(session.refreshToken);
  assert.notEqual(next.refreshToken, session.refreshToken);
  const principal = await gateway.verifier.verify(next.accessToken, gateway.url);
  assert.deepEqual(principal?.groups, ['engineering', 'on-call']);
  assert.equal(principal?.sessionId, await sessionIdOf(session.accessToken));
  await refreshed(next.refreshToken);
});

test('the same token within 30 seconds repeats the answer without asking the IdP', async () => {
  const next = await refreshed(session.refreshToken);
  const asked = gateway.idp.tokenRequests();
  gateway.clock.advance(30_000);
  const again = await refreshed(session.refreshToken);
  assert.equal(again.refreshToken, next.refreshToken);
  assert.equal(gateway.idp.tokenRequests(), asked);
});

test('a rotated token used after the grace ends the session and is audited', async () => {
  const next = await refreshed(session.refreshToken);
  gateway.clock.advance(30_001);
  assert.deepEqual(await refresh(gateway.url, session.refreshToken), INVALID_GRANT);
  assert.equal(gateway.audited('session.refresh')?.step, 'reuse');
  const { sub } = gateway.audited('session.refresh') ?? {};
  assert.equal(sub, 'demo-dana');
  const revocation = gateway.revocations.at(-1);
  assert.equal(revocation?.type, 'session');
  const sessionId = await sessionIdOf(next.accessToken);
  assert.ok(revocation?.type === 'session' && revocation.sessionId === sessionId);
  assert.deepEqual(await refresh(gateway.url, next.refreshToken), INVALID_GRANT);
});

test('a token two generations old ends the session even within the grace', async () => {
  const second = await refreshed(session.refreshToken);
  const third = await refreshed(second.refreshToken);
  assert.deepEqual(await refresh(gateway.url, session.refreshToken), INVALID_GRANT);
  assert.deepEqual(await refresh(gateway.url, third.refreshToken), INVALID_GRANT);
});

test('many refreshes at once ask the IdP once and get one answer', async () => {
  const asked = gateway.idp.tokenRequests();
  const both = Array.from({ length: 10 }, () => refreshed(session.refreshToken));
  const tokens = new Set((await Promise.all(both)).map(({ refreshToken }) => refreshToken));
  assert.equal(tokens.size, 1);
  assert.equal(gateway.idp.tokenRequests(), asked + 1);
});

test('a refresh that another instance holds is 503 and leaves the token good', async () => {
  const id = await sessionIdOf(session.accessToken);
  const nowMs = gateway.clock.now();
  assert.ok(await gateway.grants.leaseRefreshFamily(id, 0, nowMs + 60_000, nowMs));
  assert.deepEqual(await refresh(gateway.url, session.refreshToken), UNAVAILABLE);
  await gateway.grants.releaseRefreshFamily(id);
  await refreshed(session.refreshToken);
});

test('a lease whose holder died is taken over when it runs out', async () => {
  const id = await sessionIdOf(session.accessToken);
  const nowMs = gateway.clock.now();
  assert.ok(await gateway.grants.leaseRefreshFamily(id, 0, nowMs + 60_000, nowMs));
  gateway.clock.advance(60_001);
  await refreshed(session.refreshToken);
});

test('the IdP refusing is 401 and ends the session', async () => {
  gateway.idp.switches.tokenAnswer = { status: 400, body: { error: 'invalid_grant' } };
  assert.deepEqual(await refresh(gateway.url, session.refreshToken), INVALID_GRANT);
  const audited = gateway.audited('session.refresh');
  assert.deepEqual([audited?.step, audited?.answer], ['token_endpoint', 'invalid_grant']);
  gateway.idp.switches.tokenAnswer = null;
  assert.deepEqual(await refresh(gateway.url, session.refreshToken), INVALID_GRANT);
});

const BROKEN = [
  [401, 'invalid_client'],
  [403, 'access_denied'],
  [400, 'interaction_required'],
  [429, 'slow_down'],
  [500, 'server_error'],
  [503, 'temporarily_unavailable'],
] as const;
for (const [status, error] of BROKEN) {
  test(`an IdP that answers ${status} ${error} signs nobody out`, async () => {
    gateway.idp.switches.tokenAnswer = { status, body: { error } };
    assert.deepEqual(await refresh(gateway.url, session.refreshToken), UNAVAILABLE);
    gateway.idp.switches.tokenAnswer = null;
    await refreshed(session.refreshToken);
  });
}

test('an IdP that is gone signs nobody out', async () => {
  gateway.idp.switches.down = true;
  assert.deepEqual(await refresh(gateway.url, session.refreshToken), UNAVAILABLE);
  gateway.idp.switches.down = false;
  await refreshed(session.refreshToken);
});

test('a slow IdP is 503, and what it answers late is there for the next try', async () => {
  const asked = gateway.idp.tokenRequests();
  const { promise, resolve } = Promise.withResolvers<void>();
  gateway.idp.switches.hold = promise;
  assert.deepEqual(await refresh(gateway.url, session.refreshToken), UNAVAILABLE);
  const retry = refreshed(session.refreshToken);
  resolve();
  await retry;
  assert.equal(gateway.idp.tokenRequests(), asked + 1);
});

const NO_LONGER = [
  [{ email: 'dana@elsewhere.test' }, 'email domain not allowed'],
  [{ emailVerified: false }, 'email is not verified'],
] as const;
for (const [change, reason] of NO_LONGER) {
  test(`the gates hold at a refresh too: ${reason}`, async () => {
    gateway.idp.change('demo-dana', change);
    assert.deepEqual(await refresh(gateway.url, session.refreshToken), INVALID_GRANT);
    const audited = gateway.audited('session.refresh');
    assert.deepEqual([audited?.step, audited?.err], ['claims', reason]);
  });
}

test('a forged refresh token is refused without asking anybody', async () => {
  const asked = gateway.idp.tokenRequests();
  const [head, id, , tag] = session.refreshToken.split('.');
  for (const forged of ['junk', `${head}.${id}.1.${tag}`, session.refreshToken.slice(0, -2)]) {
    assert.deepEqual(await refresh(gateway.url, forged), INVALID_GRANT, forged);
  }
  assert.equal(gateway.idp.tokenRequests(), asked);
  await refreshed(session.refreshToken);
});

test('the IdP’s refresh token is nowhere in the database in the clear', async () => {
  const family = await gateway.grants.refreshFamily(
    await sessionIdOf(session.accessToken),
    gateway.clock.now(),
  );
  assert.equal(family?.sealed.split('.').length, 5);
});

async function revoke(fields: Record<string, string>): Promise<number> {
  const body = new URLSearchParams(fields);
  const answer = await fetch(`${gateway.url}/oauth/revoke`, { method: 'POST', body });
  return answer.status;
}

for (const kind of ['accessToken', 'refreshToken'] as const) {
  test(`revoking by ${kind} ends the session for good`, async () => {
    const sessionId = await sessionIdOf(session.accessToken);
    assert.equal(await revoke({ token: session[kind] }), 200);
    const untilMs = gateway.clock.now() + 3_660_000;
    assert.deepEqual(gateway.revocations.at(-1), { type: 'session', sessionId, untilMs });
    assert.deepEqual(await refresh(gateway.url, session.refreshToken), INVALID_GRANT);
  });
}

test('revoking what is no token of ours is 200 and revokes nothing', async () => {
  const before = gateway.revocations.length;
  assert.equal(await revoke({ token: 'junk', token_type_hint: 'access_token' }), 200);
  assert.equal(await revoke({}), 400);
  assert.equal(gateway.revocations.length, before);
});

test('a session revoked while its refresh is with the IdP does not come back', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  gateway.idp.switches.hold = promise;
  assert.deepEqual(await refresh(gateway.url, session.refreshToken), UNAVAILABLE);
  assert.equal(await revoke({ token: session.refreshToken }), 200);
  const retry = refresh(gateway.url, session.refreshToken);
  resolve();
  assert.deepEqual(await retry, INVALID_GRANT);
});

test('a terminal that polls too fast is slowed down by five seconds each time', async () => {
  const { deviceCode } = await startDevice(gateway.url);
  const at = async (advanceMs: number) => {
    gateway.clock.advance(advanceMs);
    const { status, body } = await poll(gateway.url, deviceCode);
    return `${status} ${body.error}`;
  };
  assert.equal(await at(0), '400 authorization_pending');
  assert.equal(await at(3900), '429 slow_down');
  assert.equal(await at(5000), '429 slow_down');
  assert.equal(await at(5000), '429 slow_down');
  // The interval is 20 s by now, less the second that is forgiven, since the first poll.
  assert.equal(await at(5100), '400 authorization_pending');
  assert.equal(await at(19_000), '400 authorization_pending');
});
