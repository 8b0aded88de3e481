// A person who is erased by one call: no session, no name, the money stays.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { poolAccount, userAccount } from '#shared/domain/account.ts';
import { bucketsAt } from '#shared/domain/period.ts';
import { call, type Json, LIMITS, ok, seeTeam } from '../support/admin-calls.ts';
import { type AdminGateway, openAdminGateway, READ_KEY } from '../support/admin-gateway.ts';
import { NOON_MS } from '../support/clock.ts';
import { usageEvent } from '../support/usage-event.ts';

const BUCKETS = bucketsAt(NOON_MS);
const ADA = '/v1/organizations/users/ada';

let gateway: AdminGateway;
beforeEach(async () => {
  gateway = await openAdminGateway();
  await seeTeam(gateway);
  const people = ['ada', 'ada', 'ada', 'ada', 'ada', 'ada', 'ada', 'old', 'bob'];
  const events = people.map((sub) => {
    const who = { sub, email: `${sub}@example.com`, name: `Name ${sub}` };
    return usageEvent({ ...who, accounts: [userAccount(sub), poolAccount('team')] });
  });
  await gateway.ledger.record(events);
});
afterEach(() => gateway[Symbol.asyncDispose]());

async function signIn(sub: string): Promise<string> {
  const nowMs = gateway.clock.now();
  await gateway.grants.createRefreshFamily({
    ...{ id: `session-${sub}`, sub, generation: 0, sealed: 'sealed', leasedUntilMs: 0 },
    ...{ rotatedAtMs: nowMs, createdAtMs: nowMs, expiresAtMs: nowMs + 1_000_000 },
  });
  return gateway.token(['team'], sub);
}

async function usageStatus(token: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` };
  return (await fetch(`${gateway.origin}/api/oauth/usage`, { headers })).status;
}

test('nothing that is stored or logged names the person afterwards', async () => {
  await ok(gateway, 'POST', LIMITS, { scope: { type: 'user', user_id: 'ada' }, amount: '5' });
  await ok(gateway, 'POST', LIMITS, { scope: { type: 'user', user_id: 'bob' }, amount: '6' });
  const body = JSON.stringify({ account: { sub: 'ada', email: 'ada@example.com' } });
  await gateway.admin.raiseAlerts([{ id: 'alert-1', atMs: NOON_MS, body }]);
  await gateway.admin.markAlertsSent(['alert-1']);
  await signIn('ada');
  const lines = gateway.log.lines.length;
  const answer = await ok(gateway, 'DELETE', `${ADA}?reason=ticket%2012`);
  const { pseudonym } = answer;
  assert.deepEqual(answer, { type: 'user_erased', id: 'ada', pseudonym, events: 7 });
  assert.match(String(pseudonym), /^erased_[0-9a-f]{16}$/);
  const { monthly } = await gateway.ledger.spendOf(userAccount(String(pseudonym)), BUCKETS);
  assert.equal(monthly, 7 * 6000, 'the money stays, under the pseudonym');
  assert.equal((await gateway.ledger.spendOf(poolAccount('team'), BUCKETS)).monthly, 9 * 6000);

  const trail = await gateway.admin.audit(null, 10);
  const [row] = trail.rows;
  assert.deepEqual(
    [row?.action, row?.target, row?.reason, row?.actor],
    ['erase', pseudonym, 'ticket 12', 'admin-key:w'],
  );
  assert.doesNotMatch(withoutRevocation(gateway.dump?.() ?? ''), /\bada\b/i);
  const logged = JSON.stringify(gateway.log.lines.slice(lines));
  assert.doesNotMatch(logged, /\bada\b/i);
  assert.match(logged, /admin\.user\.erase/);
  assert.deepEqual(await gateway.quota.caps(), await gateway.admin.capTable());
  const { data } = await ok(gateway, 'GET', `${LIMITS}/audit`);
  const [told] = data as Json[];
  assert.deepEqual([told?.['action'], told?.['target_id']], ['user.erase', pseudonym]);
});

test('ends their sessions and nobody else’s', async () => {
  const [ada, bob] = [await signIn('ada'), await signIn('bob')];
  assert.equal(await usageStatus(ada), 200);
  await ok(gateway, 'DELETE', ADA);
  assert.deepEqual([await usageStatus(ada), await usageStatus(bob)], [401, 200]);
  const nowMs = gateway.clock.now();
  assert.equal(await gateway.grants.refreshFamily('session-ada', nowMs), null);
  assert.notEqual(await gateway.grants.refreshFamily('session-bob', nowMs), null);
  assert.equal((await gateway.grants.revocations(nowMs)).length, 1);
  gateway.clock.advance(1000);
  assert.equal(await usageStatus(await signIn('ada')), 200, 'somebody new may come');
});

test('somebody of whom nothing is known is not found, and nothing is written', async () => {
  for (const path of [
    ADA.replace('ada', 'nobody'),
    `${ADA}%00`,
    ADA.replace('ada', 'x'.repeat(5000)),
  ]) {
    const { status, json } = await call(gateway, 'DELETE', path);
    assert.deepEqual([status, (json['error'] as Json)['message']], [404, 'user not found']);
  }
  assert.deepEqual((await gateway.admin.audit(null, 10)).rows, []);
  assert.deepEqual(await gateway.grants.revocations(gateway.clock.now()), []);
});

/** Until their last token has ended, the revocation must name whom it refuses. */
function withoutRevocation(dump: string): string {
  const rows = JSON.parse(dump) as { type?: string }[][];
  return JSON.stringify(rows.map((table) => table.filter(({ type }) => type !== 'subject')));
}

test('a second call does not find them', async () => {
  await ok(gateway, 'DELETE', ADA);
  assert.equal((await call(gateway, 'DELETE', ADA)).status, 404);
  assert.equal((await gateway.admin.audit(null, 10)).rows.length, 1);
});

test('finds those whom only a cap or the ledger knows', async () => {
  await ok(gateway, 'POST', LIMITS, { scope: { type: 'user', user_id: 'capped' }, amount: '5' });
  for (const sub of ['capped', 'old']) {
    await ok(gateway, 'DELETE', `/v1/organizations/users/${sub}`);
  }
  const [cap] = await gateway.admin.caps();
  assert.match(JSON.stringify(cap?.scope), /erased_/);
});

test('reaches caps that were kept under the address', async () => {
  const scope = { type: 'user', user_id: 'Eve@Example.com' };
  await ok(gateway, 'POST', LIMITS, { scope, amount: '5' });
  const seen = { email: 'eve@example.com', name: 'Eve', groups: [], lastSeenMs: 1 };
  await gateway.admin.seen([{ sub: 'e1', ...seen }]);
  await ok(gateway, 'POST', LIMITS, { scope: { type: 'user', user_id: 'e1' }, amount: '5' });
  await ok(gateway, 'DELETE', '/v1/organizations/users/e1');
  const stored = [await gateway.admin.caps(), await gateway.admin.audit(null, 10)];
  assert.doesNotMatch(JSON.stringify(stored), /eve@|"e1"/i);
});

test('an administrator who erases themself is not named by it', async () => {
  const token = await gateway.token(['admins'], 'ada');
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch(gateway.origin + ADA, { method: 'DELETE', headers });
  assert.equal(answer.status, 200);
  const { rows } = await gateway.admin.audit(null, 1);
  assert.match(rows[0]?.actor ?? '', /^oidc:erased_/);
});

test('needs a write key', async () => {
  assert.equal((await call(gateway, 'DELETE', ADA, undefined, READ_KEY)).status, 403);
  assert.equal((await call(gateway, 'GET', ADA)).status, 405);
  assert.notEqual(await gateway.admin.person('ada'), null);
});
