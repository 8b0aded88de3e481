// Budgets, caps on a model, and changes that depend on what a row says.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { CapScope } from '#shared/domain/cap.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { PooledBudget, SpendLimit } from '#shared/ports/admin-store.ts';
import { ADA, at, cap } from './samples.ts';
import type { AdminStoreHarness } from './suite.ts';

const TEAM: CapScope = { type: 'rbac_group', rbacGroupId: 'team' };
const ORGANIZATION: CapScope = { type: 'organization' };

function withBudget(id: string, scope: CapScope, pooledBudget: PooledBudget | null) {
  return { ...cap(id, scope), change: () => ({ amount: '5', pooledBudget }) };
}

export function budgetBehaviour({ open }: AdminStoreHarness): void {
  it('keeps one limit per scope, period and model', async () => {
    await using store = await open();
    const models = [null, 'opus', 'claude-opus-5-5'];
    for (const [nth, model] of models.entries()) {
      await store.port.upsertCap({ ...cap(`${nth}`, ADA), model }, at(0));
    }
    const again = await store.port.upsertCap({ ...cap('x', ADA, '9'), model: 'opus' }, at(1));
    assert.deepEqual([again.before?.id, again.after.id], ['spl_1', 'spl_1']);
    const told = (limits: readonly Pick<SpendLimit, 'id' | 'model'>[]) =>
      limits.map(({ id, model }) => [id, model]);
    const expected = models.map((model, nth) => [`spl_${nth}`, model]);
    assert.deepEqual(told(await store.port.caps()), expected);
    const { caps } = await store.port.capTable();
    assert.deepEqual(told(caps), expected);
    assert.equal(caps[1]?.amountMicroUsd, 90_000);
    await store.port.deleteCap('spl_1', at(2));
    assert.equal((await store.port.caps()).length, 2);
    assert.equal(
      (await store.port.upsertCap({ ...cap('y', ADA), model: 'opus' }, at(3))).before,
      null,
    );
  });

  it('keeps the budget of a limit, paused or not', async () => {
    await using store = await open();
    const running = { amount: '9007199254740991', paused: false };
    const { after } = await store.port.upsertCap(withBudget('1', TEAM, running), at(0));
    assert.deepEqual(after.pooledBudget, running);
    const paused = { amount: '0', paused: true };
    const second = await store.port.upsertCap(withBudget('1', TEAM, paused), at(1));
    assert.deepEqual(second.before, after);
    assert.deepEqual((await store.port.cap('spl_1'))?.pooledBudget, paused);
    const { rows } = await store.port.audit(null, 1);
    assert.deepEqual([rows[0]?.before, rows[0]?.after], [after, second.after]);
    const port = await store.reopen();
    assert.deepEqual(await port.caps(), [second.after]);
  });

  it('gives enforcement the budgets that are not paused, beside the caps', async () => {
    await using store = await open();
    const budget = (amount: string, paused = false) => ({ amount, paused });
    await store.port.upsertCap(withBudget('1', TEAM, budget('7')), at(0));
    const daily = { ...withBudget('2', ORGANIZATION, budget('8')), period: 'daily' } as const;
    await store.port.upsertCap(daily, at(0));
    const other: CapScope = { type: 'rbac_group', rbacGroupId: 'other' };
    await store.port.upsertCap(withBudget('3', other, budget('9', true)), at(0));
    await store.port.upsertCap(withBudget('4', ADA, null), at(0));
    const { caps, budgets } = await store.port.capTable();
    assert.deepEqual(
      caps.map(({ id, amountMicroUsd }) => [id, amountMicroUsd]),
      ['1', '2', '3', '4'].map((id) => [`spl_${id}`, 50_000]),
    );
    assert.deepEqual(budgets, [
      { id: 'spl_1', scope: TEAM, period: 'monthly', amountMicroUsd: 70_000 },
      { id: 'spl_2', scope: ORGANIZATION, period: 'daily', amountMicroUsd: 80_000 },
    ]);
  });

  it('asks a change what it makes of the row as it is', async () => {
    await using store = await open();
    const seen: (string | null | undefined)[] = [];
    const next = {
      ...cap('1', ADA),
      change: (before: SpendLimit | null) => {
        seen.push(before?.amount);
        return { amount: `${Number(before?.amount ?? 0) + 1}`, pooledBudget: null };
      },
    };
    await store.port.upsertCap(next, at(0));
    await store.port.upsertCap(next, at(1));
    assert.deepEqual(seen, [undefined, '1']);
    assert.equal((await store.port.cap('spl_1'))?.amount, '2');
  });

  it('loses no change of parallel writers that build on the row', async () => {
    await using store = await open();
    const handles = [store.port, await store.another()];
    const change = (before: SpendLimit | null) => ({
      amount: `${Number(before?.amount ?? 0) + 1}`,
      pooledBudget: null,
    });
    await Promise.all(
      Array.from({ length: 20 }, (_, nth) =>
        handles[nth % 2]?.upsertCap({ ...cap(`${nth}`, ADA), change }, at(0)),
      ),
    );
    assert.equal((await store.port.caps())[0]?.amount, '20');
  });

  it('throws what a change throws, and writes nothing', async () => {
    await using store = await open();
    const refuse = () => {
      throw new AppError('invalid_request', 'not so');
    };
    const refused = () => store.port.upsertCap({ ...cap('1', ADA), change: refuse }, at(0));
    const isIt = { code: 'invalid_request', message: 'not so' };
    await assert.rejects(refused, isIt);
    assert.deepEqual(await store.port.caps(), []);
    const { after } = await store.port.upsertCap(cap('1', ADA), at(0));
    const table = await store.port.capTable();
    await assert.rejects(refused, isIt);
    assert.deepEqual(await store.port.caps(), [after]);
    assert.deepEqual(await store.port.capTable(), table);
    assert.equal((await store.port.audit(null, 10)).rows.length, 1);
  });
}
