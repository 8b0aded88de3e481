// A file of caps: what it changes is told, and the second time it changes nothing.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { AdminStore } from '#shared/ports/admin-store.ts';
import { call, type Json, LIMITS, ok, refused, seeTeam } from '../support/admin-calls.ts';
import { onSqlite } from '../support/admin-database.ts';
import { type AdminGateway, openAdminGateway, READ_KEY } from '../support/admin-gateway.ts';

const ROWS = [
  { scope: { type: 'organization' }, amount_usd: '20.00' },
  { scope: { type: 'user', email: 'ada@example.com' }, amount: '500', period: 'daily' },
  { scope: { type: 'rbac_group', rbac_group_id: 'team' }, amount: null, model: 'opus' },
];

let gateway: AdminGateway;
beforeEach(async () => {
  gateway = await openAdminGateway();
  await seeTeam(gateway);
});
afterEach(() => gateway[Symbol.asyncDispose]());

function put(file: object): Promise<Json> {
  return ok(gateway, 'PUT', LIMITS, file);
}

function countsOf({ create, update, delete: removed, unchanged }: Json) {
  const counts = [create, update, removed].map((rows) => (rows as object[]).length);
  return [...counts, unchanged];
}

async function auditRows(): Promise<number> {
  return (await gateway.admin.audit(null, 1000)).rows.length;
}

describe('a file of caps', () => {
  test('is applied, in force, and says what it did', async () => {
    const plan = await put({ limits: ROWS, reason: 'caps.yaml@3f2a' });
    assert.deepEqual(countsOf(plan), [3, 0, 0, 0]);
    assert.deepEqual([plan['type'], plan['dry_run']], ['spend_limits_plan', false]);
    const [organization, ada] = plan['create'] as Json[];
    assert.deepEqual(
      [organization?.['amount'], ada?.['scope']],
      ['2000', { type: 'user', user_id: 'ada' }],
    );
    const table = await gateway.quota.caps();
    assert.deepEqual(table, await gateway.admin.capTable());
    assert.equal(table.caps.length, 3);
    const { rows } = await gateway.admin.audit(null, 10);
    assert.deepEqual(
      rows.map(({ actor, reason }) => [actor, reason]),
      Array(3).fill(['admin-key:w', 'caps.yaml@3f2a']),
    );
  });

  test('changes nothing the second time', async () => {
    await put({ limits: ROWS });
    const before = await gateway.admin.capTable();
    assert.deepEqual(countsOf(await put({ limits: ROWS, prune: true })), [0, 0, 0, 3]);
    assert.deepEqual(await gateway.admin.capTable(), before);
    assert.equal(await auditRows(), 3);
  });

  test('tells before and after of what differs, and prunes only when asked to', async () => {
    await put({ limits: ROWS });
    const fewer = [{ ...ROWS[0], amount_usd: '25', reason: 'more' }];
    const plan = await put({ limits: fewer });
    assert.deepEqual(countsOf(plan), [0, 1, 0, 0]);
    const [update] = plan['update'] as { before: Json; after: Json }[];
    assert.deepEqual([update?.before['amount'], update?.after['amount']], ['2000', '2500']);
    assert.equal((await gateway.admin.audit(null, 1)).rows[0]?.reason, 'more');
    const pruned = await put({ limits: fewer, prune: true });
    assert.deepEqual(countsOf(pruned), [0, 0, 2, 1]);
    assert.equal((await gateway.quota.caps()).caps.length, 1);
  });

  test('keeps budgets that it does not name', async () => {
    const scope = { type: 'rbac_group', rbac_group_id: 'team' };
    const row = { scope, amount: '500' };
    await put({ limits: [{ ...row, pooled_budget: { amount: '900', paused: false } }] });
    assert.deepEqual(countsOf(await put({ limits: [row] })), [0, 0, 0, 1]);
    const paused = { limits: [{ ...row, pooled_budget: { paused: true } }] };
    assert.deepEqual(countsOf(await put(paused)), [0, 1, 0, 0]);
    assert.deepEqual((await gateway.admin.caps())[0]?.pooledBudget, {
      amount: '900',
      paused: true,
    });
  });

  test('is only looked at in a dry run', async () => {
    await put({ limits: [ROWS[1], { scope: { type: 'user', user_id: 'bob' }, amount: '1' }] });
    const before = await gateway.admin.capTable();
    const changed = [{ ...ROWS[1], amount: '501' }, ROWS[0]];
    const plan = await put({ limits: changed, prune: true, dry_run: true });
    assert.deepEqual(countsOf(plan), [1, 1, 1, 0]);
    assert.equal((plan['create'] as Json[])[0]?.['id'], null);
    assert.deepEqual(await gateway.admin.capTable(), before);
    assert.equal(await auditRows(), 2);
  });

  test('warns of people who were never seen', async () => {
    const limits = [ROWS[0], { scope: { type: 'user', email: 'new@example.com' }, amount: '1' }];
    const { warnings } = await put({ limits });
    assert.match(String(warnings), /^limits\[1\]: Nobody with this e-mail address was seen yet/);
  });
});

describe('a faulty file', () => {
  test('changes nothing, and every fault is told with its place', async () => {
    const limits = [
      ROWS[0],
      { scope: { type: 'user', user_id: 'ada' } },
      { scope: { type: 'team' }, amount: '1' },
      'x',
      { ...ROWS[0], dry_run: true },
    ];
    assert.equal(
      await refused(gateway, 'PUT', LIMITS, { limits }),
      'limits[1]: amount: Required; limits[2]: scope.type: Invalid discriminator value. ' +
        "Expected 'user' | 'rbac_group' | 'organization'; " +
        'limits[3]: Expected object, received string; ' +
        'limits[4]: dry_run: is of the whole file, not of a row',
    );
    assert.deepEqual(await gateway.admin.caps(), []);
  });

  test('names people who are not clear, and caps that come twice', async () => {
    const limits = [
      { scope: { type: 'user', email: 'twice@example.com' }, amount: '1' },
      ROWS[1],
      { scope: { type: 'user', user_id: 'ada' }, amount: '2', period: 'daily' },
    ];
    assert.equal(
      await refused(gateway, 'PUT', LIMITS, { limits }),
      'limits[0]: scope: 2 people have this e-mail address; give the user_id; ' +
        'limits[2]: is of the same cap as limits[1]',
    );
  });

  test('is held against the rows as they are', async () => {
    const scope = { type: 'rbac_group', rbac_group_id: 'team' };
    const limits = [ROWS[0], { scope, pooled_budget: { amount: '1' } }];
    assert.equal(await refused(gateway, 'PUT', LIMITS, { limits }), 'limits[1]: amount: Required');
    assert.deepEqual(await gateway.admin.caps(), []);
  });

  for (const [file, message] of [
    [{}, 'limits: Required'],
    [{ limits: {} }, 'limits: Expected array, received object'],
    [{ limits: Array(5001).fill(1) }, 'limits: at most 5000 rows per request'],
    [{ limits: [], prune: 1 }, 'prune: Expected boolean, received number'],
  ] as const) {
    test(message, async () => assert.equal(await refused(gateway, 'PUT', LIMITS, file), message));
  }

  test('shows the first twenty faults and counts the rest', async () => {
    const message = await refused(gateway, 'PUT', LIMITS, { limits: Array(25).fill(1) });
    assert.match(message, /limits\[19\]: [^;]+; and 5 more$/);
  });
});

test('a read key applies nothing', async () => {
  const { status } = await call(gateway, 'PUT', LIMITS, { limits: ROWS }, READ_KEY);
  assert.equal(status, 403);
});

test('what a failure leaves is in force, and a repetition does the rest', async () => {
  await gateway[Symbol.asyncDispose]();
  let writes = 0;
  gateway = await openAdminGateway(async (cleanup) => {
    const { admin, ...others } = await onSqlite(cleanup);
    const upsertCap: AdminStore['upsertCap'] = (cap, by) => {
      writes += 1;
      if (writes === 3) throw new Error('the disk is full');
      return admin.upsertCap(cap, by);
    };
    return { ...others, admin: { ...admin, upsertCap } };
  });
  const { status, json } = await call(gateway, 'PUT', LIMITS, { limits: ROWS });
  assert.equal(status, 500);
  const { message } = json['error'] as { message: string };
  assert.match(message, /2 of 3 changes are made: apply the file again/);
  assert.equal((await gateway.quota.caps()).caps.length, 2);
  assert.deepEqual(countsOf(await put({ limits: ROWS })), [1, 0, 0, 2]);
});
