// What the admin API does beyond the reference: people by e-mail, dollars, models, budgets of everybody,
// dry runs.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { modelAccount, ORGANIZATION, poolAccount, userAccount } from '#shared/domain/account.ts';
import { call, type Json, LIMITS, ok, refused, seeTeam, spend } from '../support/admin-calls.ts';
import { type AdminGateway, openAdminGateway } from '../support/admin-gateway.ts';

const TEAM = { type: 'rbac_group', rbac_group_id: 'team' };
const EVERYBODY = { type: 'organization' };
const ADA = { user_id: 'ada', email_address: 'Ada@example.com', name: 'Name ada' };

let gateway: AdminGateway;
beforeEach(async () => {
  gateway = await openAdminGateway();
  await seeTeam(gateway);
});
afterEach(() => gateway[Symbol.asyncDispose]());

function post(body: object): Promise<Json> {
  return ok(gateway, 'POST', LIMITS, body);
}

function user(user_id: string) {
  return { type: 'user', user_id };
}

describe('whose cap it is', () => {
  for (const [name, scope] of [
    ['their user_id', user('ada')],
    ['their address', { type: 'user', email: 'ADA@example.COM' }],
    ['their address as a user_id', user('ada@EXAMPLE.com')],
  ] as const) {
    test(`is told, by ${name}`, async () => {
      const { scope: told, resolved, unresolved, warnings } = await post({ scope, amount: '5' });
      assert.deepEqual(told, user('ada'));
      assert.deepEqual([resolved, unresolved, warnings], [ADA, undefined, undefined]);
    });
  }

  test('a cap that was set by user_id is changed by address', async () => {
    const { id } = await post({ scope: user('ada'), amount: '5' });
    assert.equal(
      (await post({ scope: { type: 'user', email: 'ada@example.com' }, amount: '6' }))['id'],
      id,
    );
  });

  test('an address of several people is refused', async () => {
    for (const scope of [{ type: 'user', email: 'twice@example.com' }, user('twice@example.com')]) {
      const message = await refused(gateway, 'POST', LIMITS, { scope, amount: '5' });
      assert.equal(message, 'scope: 2 people have this e-mail address; give the user_id');
    }
    assert.deepEqual(await gateway.admin.caps(), []);
  });

  for (const [name, scope, warning] of [
    ['a user_id', user('new'), /^Nobody with this user_id was seen yet/],
    ['an address', user('new@example.com'), /^Nobody with this e-mail address was seen yet/],
    ['an address', { type: 'user', email: 'new@example.com' }, /^Nobody with this e-mail address/],
  ] as const) {
    test(`a cap for ${name} that nobody was seen with is accepted and marked`, async () => {
      const { unresolved, warnings, resolved } = await post({ scope, amount: '5' });
      assert.deepEqual([unresolved, resolved], [true, undefined]);
      assert.match(String(warnings), warning);
      assert.equal((await gateway.admin.caps()).length, 1);
    });
  }
});

test('dollars are exact cents', async () => {
  const { amount } = await post({ scope: user('ada'), amount_usd: '12.10' });
  assert.equal(amount, '1210');
});

test('a cap on a model stands beside the one for all, under one name for all spellings', async () => {
  const all = await post({ scope: user('ada'), amount: '9' });
  const spelled = { model: 'claude-sonnet-4-5@20250929', amount: '5' };
  const one = await post({ scope: user('ada'), ...spelled });
  const again = await post({ scope: user('ada'), model: 'Claude-Sonnet-4-5', amount: '6' });
  assert.deepEqual([one['model'], one['id'] === again['id']], ['claude-sonnet-4-5', true]);
  assert.ok(!('model' in all) && all['id'] !== one['id']);
  const { caps } = await gateway.quota.caps();
  assert.deepEqual(
    caps.map(({ model }) => model),
    [null, 'claude-sonnet-4-5'],
  );
});

test('a budget of everybody, by day: kept, published, and shown with what was spent of it', async () => {
  const budget = { amount_usd: '1', paused: false };
  const body = { scope: EVERYBODY, period: 'daily', amount: '50', pooled_budget: budget };
  const created = await post(body);
  const shown = { amount: '100', paused: false, currency: 'USD', period_to_date_spend: '0' };
  assert.deepEqual(created['pooled_budget'], shown);
  const { budgets } = await gateway.quota.caps();
  assert.deepEqual(
    budgets.map(({ scope, period, amountMicroUsd }) => [scope.type, period, amountMicroUsd]),
    [['organization', 'daily', 1_000_000]],
  );
  await spend(gateway, 12.5, ORGANIZATION);
  const read = await ok(gateway, 'GET', `${LIMITS}/${created['id']}`);
  assert.deepEqual(read['pooled_budget'], { ...shown, period_to_date_spend: '12.5' });
  gateway.breakQuota('spend');
  const durable = await ok(gateway, 'GET', `${LIMITS}/${created['id']}`);
  assert.deepEqual(durable['pooled_budget'], shown, 'the ledger has nothing of it yet');
});

test('the audit trail and the log tell what a budget was', async () => {
  const budget = { amount: '100', paused: true };
  await post({ scope: TEAM, amount: '5', pooled_budget: budget, reason: 'first' });
  await post({ scope: TEAM, pooled_budget: { paused: false } });
  const { data } = await ok(gateway, 'GET', `${LIMITS}/audit`);
  const [second, first] = data as Record<string, Json>[];
  const told = { amount: '100', paused: true, currency: 'USD' };
  assert.deepEqual(first?.['after']?.['pooled_budget'], told);
  assert.deepEqual(second?.['before']?.['pooled_budget'], told);
  assert.deepEqual(second?.['after']?.['pooled_budget'], { ...told, paused: false });
  assert.equal(first?.['reason'], 'first');
  const line = gateway.log.lines.findLast(({ message }) => message === 'admin.limit.upsert');
  assert.deepEqual(
    [line?.fields['pooled_paused'], line?.fields['before_pooled_paused']],
    [false, true],
  );
});

describe('effective', () => {
  async function rows(query: string): Promise<Json[]> {
    return (await ok(gateway, 'GET', `${LIMITS}/effective?${query}`))['data'] as Json[];
  }

  test('shows budgets in the rows of their period, paused ones as such', async () => {
    const budget = (amount: string, paused = false) => ({ amount, paused });
    await post({ scope: TEAM, amount: '9', pooled_budget: budget('100') });
    await post({ scope: EVERYBODY, amount: '9', pooled_budget: budget('200', true) });
    await post({ scope: EVERYBODY, period: 'daily', amount: '9', pooled_budget: budget('300') });
    await spend(gateway, 4, userAccount('ada'), poolAccount('team'), ORGANIZATION);
    const [daily, weekly, monthly] = await rows('user_ids[]=ada');
    const shared = { period_to_date_spend: '4' };
    assert.deepEqual(daily?.['budgets'], [
      { scope: EVERYBODY, period: 'daily', amount: '300', ...shared },
    ]);
    assert.ok(weekly !== undefined && !('budgets' in weekly));
    assert.deepEqual(monthly?.['budgets'], [
      { scope: TEAM, period: 'monthly', amount: '100', ...shared },
      { scope: EVERYBODY, period: 'monthly', amount: '200', paused: true, ...shared },
    ]);
    assert.equal(monthly?.['period_to_date_spend'], '4');
    const [other] = await rows('user_ids[]=cy&period[]=monthly');
    assert.deepEqual(Object(other?.['budgets']).length, 1);
  });

  test('has a row for each cap on a model that applies', async () => {
    await post({ scope: TEAM, amount: '9', model: 'opus' });
    await post({ scope: user('ada'), amount: '4', model: 'claude-opus-5-5' });
    await spend(gateway, 3, userAccount('ada'), modelAccount('opus', userAccount('ada')));
    const found = await rows('user_ids[]=ada&period[]=monthly');
    assert.deepEqual(
      found.map(({ model, amount, period_to_date_spend }) => [model, amount, period_to_date_spend]),
      [
        [undefined, null, '3'],
        ['claude-opus-5-5', '4', '0'],
        ['opus', '9', '3'],
      ],
    );
    assert.equal((await rows('user_ids[]=cy&period[]=monthly')).length, 1);
  });

  test('sorts by spend, page by page, everybody once', async () => {
    for (const [sub, cents] of [
      ['bob', 20.4725],
      ['dee', 20.4725],
      ['ada', 3],
    ] as const) {
      await spend(gateway, cents, userAccount(sub));
    }
    const seen: unknown[] = [];
    let page = '';
    do {
      const query = `sort=spend_desc&period[]=weekly&limit=1${page}`;
      const { data, next_page } = await ok(gateway, 'GET', `${LIMITS}/effective?${query}`);
      for (const row of data as { scope: { user_id: string } }[]) seen.push(row.scope.user_id);
      page = next_page === null ? '' : `&page=${next_page}`;
    } while (page !== '');
    assert.deepEqual(seen, ['bob', 'dee', 'ada', 'cy']);
    const unsorted = Buffer.from('{"p":"ada"}').toString('base64url');
    const query = `sort=spend_desc&period[]=weekly&page=${unsorted}`;
    assert.equal(
      await refused(gateway, 'GET', `${LIMITS}/effective?${query}`),
      'page: invalid page token',
    );
  });
});

describe('a dry run', () => {
  test('of a cap says what would be and whom it would block, and writes nothing', async () => {
    await spend(gateway, 30, userAccount('ada'));
    await spend(gateway, 10, userAccount('bob'));
    const body = { scope: TEAM, amount: '30', dry_run: true };
    const { before, after, ...told } = await post(body);
    assert.equal(before, null);
    const { id, amount } = after as Json;
    assert.deepEqual([id, amount], [null, '30']);
    assert.deepEqual(told, {
      ...{ type: 'spend_limit_preview', dry_run: true, would_block: 1, people_checked: 4 },
    });
    assert.deepEqual(await gateway.admin.caps(), []);
    assert.deepEqual((await gateway.admin.audit(null, 1)).rows, []);
    assert.equal((await gateway.quota.caps()).version, 0);
    assert.equal((await post({ ...body, amount: '10' }))['would_block'], 2);
    await post({ scope: user('ada'), amount: null });
    assert.equal((await post({ ...body, amount: '10' }))['would_block'], 1);
  });

  test('of a budget blocks all who have no other', async () => {
    await spend(gateway, 30, poolAccount('team'));
    const body = (amount: string) => ({
      ...{ scope: TEAM, amount: '500', dry_run: true },
      pooled_budget: { amount, paused: false },
    });
    assert.equal((await post(body('31')))['would_block'], 0);
    assert.equal((await post(body('30')))['would_block'], 2);
    await gateway.admin.seen([
      {
        ...{ sub: 'bob', email: null, name: null, groups: ['team', 'rich'] },
        lastSeenMs: gateway.clock.now(),
      },
    ]);
    const rich = { type: 'rbac_group', rbac_group_id: 'rich' };
    await post({ scope: rich, amount: '500', pooled_budget: { amount: '1' } });
    assert.equal((await post(body('30')))['would_block'], 1);
  });

  test('of a cap on a model counts what went to the model', async () => {
    const ada = userAccount('ada');
    await spend(gateway, 30, ada, modelAccount('opus', ada));
    const body = { scope: EVERYBODY, amount: '30', dry_run: true };
    assert.equal((await post({ ...body, model: 'opus' }))['would_block'], 1);
    assert.equal((await post({ ...body, model: 'haiku' }))['would_block'], 0);
  });

  test('of a deletion says what would come in its place', async () => {
    await spend(gateway, 30, userAccount('ada'));
    await post({ scope: TEAM, amount: '10' });
    const { id } = await post({ scope: user('ada'), amount: null });
    const { before, after, would_block } = await ok(
      gateway,
      'DELETE',
      `${LIMITS}/${id}?dry_run=true`,
    );
    assert.deepEqual([(before as Json)['id'], after, would_block], [id, null, 1]);
    assert.equal((await gateway.admin.caps()).length, 2);
    assert.equal(
      await refused(gateway, 'DELETE', `${LIMITS}/${id}?dry_run=yes`),
      'dry_run: must be true or false',
    );
    const unknown = `${LIMITS}/spl_${'0'.repeat(32)}?dry_run=true`;
    assert.equal((await call(gateway, 'DELETE', unknown)).status, 404);
  });

  test('is refused like the change itself', async () => {
    const body = { scope: TEAM, pooled_budget: { amount: '1' }, dry_run: true };
    assert.equal(await refused(gateway, 'POST', LIMITS, body), 'amount: Required');
  });
});
