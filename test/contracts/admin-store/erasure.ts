// A person who is erased: nothing names them any more.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { CapScope } from '#shared/domain/cap.ts';
import { capKey } from '#shared/domain/cap.ts';
import type { AdminStore } from '#shared/ports/admin-store.ts';
import { NOON_MS } from '../../support/clock.ts';
import { at, cap, person } from './samples.ts';
import type { AdminStoreHarness } from './suite.ts';

const SUB = '100%_"ada\\x';
const PSEUDONYM = 'erased_0123456789abcdef';
const THEIRS: CapScope = { type: 'user', userId: SUB };
const ERASED: CapScope = { type: 'user', userId: PSEUDONYM };
const OTHERS: readonly CapScope[] = [
  { type: 'user', userId: SUB.toUpperCase() },
  { type: 'user', userId: `${SUB}2` },
  { type: 'user', userId: '100xx"ada\\x' },
  { type: 'rbac_group', rbacGroupId: SUB },
];

/** The person and others who look like them, everywhere. */
async function fill(store: AdminStore): Promise<void> {
  const asTheirs = { ...at(0), actor: `oidc:${SUB}` };
  const asOther = { ...at(0), actor: `oidc:${SUB}2` };
  await store.seen([{ ...person(SUB, 0), email: 'ada@example.com' }, person(`${SUB}2`, 0)]);
  await store.upsertCap(cap('1', THEIRS), at(0));
  await store.upsertCap({ ...cap('2', THEIRS), period: 'daily', model: 'opus' }, asOther);
  await store.upsertCap(cap('3', THEIRS, '2'), at(0));
  await store.deleteCap('spl_1', at(0));
  await store.upsertCap(cap('4', THEIRS), at(0));
  for (const [nth, scope] of OTHERS.entries()) {
    await store.upsertCap(cap(`other-${nth}`, scope), nth === 0 ? asTheirs : at(0));
  }
}

export function erasureBehaviour({ open }: AdminStoreHarness): void {
  it('forgets a person: directory, caps and audit trail', async () => {
    await using store = await open();
    await fill(store.port);
    const before = await store.port.capTable();
    const by = { ...at(9), reason: 'they asked' };
    const erased = await store.port.erase(SUB, PSEUDONYM, by);
    // The directory, two caps, six rows of the trail.
    assert.equal(erased, 1 + 2 + 6);
    assert.equal(await store.port.person(SUB), null);
    assert.deepEqual(await store.port.peopleByEmail('ada@example.com'), []);
    assert.deepEqual(await store.port.person(`${SUB}2`), person(`${SUB}2`, 0));

    const caps = await store.port.caps();
    const keys = caps.map(({ scope, period, model }) => capKey(scope, period, model));
    assert.deepEqual(keys, [
      capKey(ERASED, 'daily', 'opus'),
      capKey(ERASED, 'monthly', null),
      ...OTHERS.map((scope) => capKey(scope, 'monthly', null)),
    ]);
    const table = await store.port.capTable();
    assert(table.version > before.version);
    assert.deepEqual(
      table.caps.map(({ scope }) => scope),
      caps.map(({ scope }) => scope),
    );

    const { rows } = await store.port.audit(null, 100);
    const { id: _id, ...newest } = rows[0] ?? assert.fail();
    assert.deepEqual(newest, {
      ...{ atMs: by.atMs, actor: by.actor, action: 'erase', target: PSEUDONYM },
      ...{ reason: 'they asked', before: null, after: null },
    });
    const scopes = rows.flatMap(({ before: was, after }) => [was?.scope, after?.scope]);
    const isTheirs = (scope: CapScope | undefined) =>
      scope?.type === 'user' && scope.userId === SUB;
    assert.equal(scopes.filter(isTheirs).length, 0);
    const actors = rows.map(({ actor }) => actor);
    assert.equal(actors.filter((actor) => actor === `oidc:${PSEUDONYM}`).length, 1);
    assert.equal(actors.filter((actor) => actor === `oidc:${SUB}2`).length, 1);
    assert.equal(rows.filter(({ after }) => after?.scope.type === 'rbac_group').length, 1);
  });

  it('leaves the place of the person free: they may come again, as somebody new', async () => {
    await using store = await open();
    await fill(store.port);
    await store.port.erase(SUB, PSEUDONYM, at(1));
    const { before } = await store.port.upsertCap(cap('new', THEIRS), at(2));
    assert.equal(before, null);
    const again = await store.port.upsertCap(cap('x', ERASED, '8'), at(2));
    assert.equal(again.after.id, 'spl_4');
    await store.port.seen([person(SUB, 0)]);
    assert.deepEqual(await store.port.person(SUB), person(SUB, 0));
  });

  it('is safe to repeat', async () => {
    await using store = await open();
    await fill(store.port);
    await store.port.erase(SUB, PSEUDONYM, at(1));
    const caps = await store.port.caps();
    assert.equal(await store.port.erase(SUB, PSEUDONYM, at(2)), 0);
    assert.deepEqual(await store.port.caps(), caps);
    assert.equal(await store.port.erase('nobody', 'erased_2', { ...at(3), atMs: NOON_MS }), 0);
  });
}
