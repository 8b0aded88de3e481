// The contract of the AdminStore port, for every adapter.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CapScope } from '#shared/domain/cap.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { Actor, AdminStore, Person } from '#shared/ports/admin-store.ts';
import { startChild } from '../../support/child.ts';
import { NOON_MS } from '../../support/clock.ts';
import { assertAllRefused } from '../../support/closed.ts';
import type { Instance } from '../../support/instance.ts';
import { alertBehaviour } from './alerts.ts';
import { budgetBehaviour } from './budgets.ts';
import { CAP_WRITER } from './cap-writer.ts';
import { erasureBehaviour } from './erasure.ts';
import { ADA, at, cap, person } from './samples.ts';

export interface AdminStoreHarness {
  readonly name: string;
  open(): Promise<Instance<AdminStore>>;
}

export function adminStoreContract(harness: AdminStoreHarness): void {
  describe(`AdminStore contract: ${harness.name}`, { timeout: 60_000 }, () => {
    describe('behaviour', () => {
      capBehaviour(harness);
      auditBehaviour(harness);
      peopleBehaviour(harness);
      budgetBehaviour(harness);
      alertBehaviour(harness);
      erasureBehaviour(harness);
    });
    describe('duplicates and order', () => duplicates(harness));
    describe('refusal and closed', () => refusal(harness));
    describe('real contention', () => contention(harness));
    describe('survival', () => survival(harness));
  });
}

function capBehaviour({ open }: AdminStoreHarness): void {
  it('opens fresh and isolated', async () => {
    await using one = await open();
    await using other = await open();
    await one.port.upsertCap(cap('1', ADA), at(0));
    assert.deepEqual(await other.port.caps(), []);
    assert.deepEqual((await other.port.capTable()).caps, []);
  });

  it('creates a limit, then changes it and keeps its id and creation', async () => {
    await using store = await open();
    const created = await store.port.upsertCap(cap('1', ADA, '7'), at(0));
    const first = {
      id: 'spl_1',
      scope: ADA,
      period: 'monthly',
      model: null,
      amount: '7',
      currency: 'USD',
      pooledBudget: null,
      createdAtMs: NOON_MS,
      updatedAtMs: NOON_MS,
    };
    assert.deepEqual(created, { before: null, after: first });
    const changed = await store.port.upsertCap(cap('2', ADA, null), at(5));
    const second = { ...first, amount: null, updatedAtMs: NOON_MS + 5 };
    assert.deepEqual(changed, { before: first, after: second });
    assert.deepEqual(await store.port.cap('spl_1'), second);
    assert.equal(await store.port.cap('spl_2'), null);
  });

  it('keeps one limit per scope and period, ascending by creation', async () => {
    await using store = await open();
    const scopes: CapScope[] = [
      { type: 'organization' },
      { type: 'rbac_group', rbacGroupId: 'ada' },
      { type: 'user', userId: 'ada' },
      { type: 'user', userId: '' },
    ];
    // All in one millisecond; the ids descend.
    for (const [nth, scope] of scopes.entries()) {
      await store.port.upsertCap(cap(`${9 - nth}`, scope), at(0));
    }
    await store.port.upsertCap({ ...cap('0', ADA), period: 'daily' }, at(0));
    await store.port.upsertCap(cap('x', { type: 'organization' }, '5'), at(1));
    const caps = await store.port.caps();
    assert.deepEqual(
      caps.map(({ id }) => id),
      ['spl_9', 'spl_8', 'spl_7', 'spl_6', 'spl_0'],
    );
    assert.deepEqual(
      caps.slice(0, 4).map(({ scope }) => scope),
      scopes,
    );
  });

  it('gives enforcement the caps in micro-USD', async () => {
    await using store = await open();
    await store.port.upsertCap(cap('1', ADA, '7'), at(0));
    await store.port.upsertCap(cap('2', { type: 'organization' }, null), at(0));
    await store.port.upsertCap({ ...cap('3', ADA, '9007199254740992'), period: 'daily' }, at(0));
    const { caps } = await store.port.capTable();
    assert.deepEqual(
      caps.map(({ id, amountMicroUsd }) => [id, amountMicroUsd]),
      [
        ['spl_1', 70_000],
        ['spl_2', null],
        ['spl_3', Number.MAX_SAFE_INTEGER],
      ],
    );
  });

  it('raises the version of the table with every change and with nothing else', async () => {
    await using store = await open();
    const version = async () => (await store.port.capTable()).version;
    const versions = [await version()];
    await store.port.upsertCap(cap('1', ADA), at(0));
    versions.push(await version());
    await store.port.upsertCap(cap('1', ADA), at(-1000));
    versions.push(await version());
    await store.port.deleteCap('spl_1', at(-1000));
    versions.push(await version());
    assert.deepEqual(
      versions,
      [...new Set(versions)].sort((a, b) => a - b),
    );
    await store.port.deleteCap('spl_1', at(0));
    await store.port.seen([person('ada', 0)]);
    assert.equal(await version(), versions.at(-1));
  });
}

function auditBehaviour({ open }: AdminStoreHarness): void {
  it('writes an audit row with every change, even one that changes nothing', async () => {
    await using store = await open();
    const by: Actor = { actor: 'oidc:grace', reason: 'because', atMs: NOON_MS };
    const { after } = await store.port.upsertCap(cap('1', ADA, '7'), by);
    await store.port.upsertCap(cap('1', ADA, '7'), at(1));
    await store.port.deleteCap('spl_1', at(2));
    const { rows, hasMore } = await store.port.audit(null, 10);
    assert.equal(hasMore, false);
    assert.deepEqual(
      rows.map(({ action, target }) => [action, target]),
      [
        ['delete', 'spl_1'],
        ['upsert', 'spl_1'],
        ['upsert', 'spl_1'],
      ],
    );
    assert.deepEqual(rows[2], {
      id: rows[2]?.id,
      atMs: NOON_MS,
      actor: 'oidc:grace',
      action: 'upsert',
      target: 'spl_1',
      reason: 'because',
      before: null,
      after,
    });
    assert.equal(rows[0]?.after, null);
    assert.deepEqual(rows[0]?.before, rows[1]?.after);
  });

  it('pages the audit trail from newest to oldest', async () => {
    await using store = await open();
    for (let nth = 0; nth < 5; nth += 1) await store.port.upsertCap(cap('1', ADA), at(nth));
    const first = await store.port.audit(null, 2);
    const second = await store.port.audit(first.rows[1]?.id ?? 0, 2);
    const third = await store.port.audit(second.rows[1]?.id ?? 0, 2);
    const pages = [first, second, third];
    assert.deepEqual(
      pages.map(({ rows }) => rows.map(({ atMs }) => atMs - NOON_MS)),
      [[4, 3], [2, 1], [0]],
    );
    assert.deepEqual(
      pages.map(({ hasMore }) => hasMore),
      [true, true, false],
    );
  });
}

function peopleBehaviour({ open }: AdminStoreHarness): void {
  it('answers people as their last session said, ascending by sub', async () => {
    await using store = await open();
    const ada: Person = {
      sub: 'ada',
      email: 'ada@example.com',
      name: 'Ada',
      groups: ['a', 'ü"b'],
      lastSeenMs: NOON_MS,
    };
    await store.port.seen([person('b', 0), ada, person('B', 0)]);
    await store.port.seen([]);
    assert.deepEqual(await store.port.person('ada'), ada);
    assert.equal(await store.port.person('nobody'), null);
    const first = await store.port.people(null, 2);
    const second = await store.port.people(first.next, 2);
    assert.deepEqual(first.rows, [person('B', 0), ada]);
    assert.deepEqual(second, { rows: [person('b', 0)], next: null });
  });

  it('finds people by their e-mail address, whatever its case, ascending by sub', async () => {
    await using store = await open();
    const people = [
      { ...person('b', 0), email: 'Émile.Ada@Example.com' },
      { ...person('B', 0), email: 'émile.ada@example.COM' },
      { ...person('c', 0), email: 'other@example.com' },
      person('d', 0),
    ];
    await store.port.seen(people);
    const found = await store.port.peopleByEmail('ÉMILE.ADA@EXAMPLE.COM');
    assert.deepEqual(found, [people[1], people[0]]);
    assert.deepEqual(await store.port.peopleByEmail('%@example.com'), []);
    await store.port.seen([{ ...person('c', 1), email: 'new@example.com' }]);
    assert.deepEqual(await store.port.peopleByEmail('other@example.com'), []);
    assert.equal((await store.port.peopleByEmail('new@example.com')).length, 1);
  });

  it('prunes old audit rows and people and keeps the caps', async () => {
    await using store = await open();
    await store.port.upsertCap(cap('1', ADA), at(-1));
    await store.port.upsertCap(cap('1', ADA), at(0));
    await store.port.seen([person('old', -2), person('young', -1)]);
    const before = { auditMs: NOON_MS, peopleMs: NOON_MS - 1 };
    assert.equal(await store.port.prune(before), 2);
    assert.equal((await store.port.audit(null, 10)).rows.length, 1);
    assert.equal(await store.port.person('old'), null);
    assert.deepEqual(await store.port.person('young'), person('young', -1));
    assert.equal((await store.port.caps()).length, 1);
  });
}

function duplicates({ open }: AdminStoreHarness): void {
  it('never lets an older sighting overwrite a newer one', async () => {
    await using store = await open();
    const newest = { ...person('ada', 2), name: 'newest' };
    await store.port.seen([person('ada', 1), newest, person('ada', 0)]);
    assert.deepEqual(await store.port.person('ada'), newest);
    await store.port.seen([person('ada', 1)]);
    assert.deepEqual(await store.port.person('ada'), newest);
    await store.port.seen([person('ada', 3)]);
    assert.deepEqual(await store.port.person('ada'), person('ada', 3));
  });

  it('deletes a limit once', async () => {
    await using store = await open();
    const { after } = await store.port.upsertCap(cap('1', ADA), at(0));
    assert.deepEqual(await store.port.deleteCap('spl_1', at(0)), after);
    assert.equal(await store.port.deleteCap('spl_1', at(0)), null);
    assert.equal((await store.port.audit(null, 10)).rows.length, 2);
  });

  it('never gives an audit id twice, also after a prune', async () => {
    await using store = await open();
    await store.port.upsertCap(cap('1', ADA), at(0));
    const [old] = (await store.port.audit(null, 1)).rows;
    await store.port.prune({ auditMs: NOON_MS + 1, peopleMs: 0 });
    await store.port.upsertCap(cap('1', ADA), at(0));
    const [young] = (await store.port.audit(null, 1)).rows;
    assert(old !== undefined && young !== undefined && young.id > old.id);
  });
}

function refusal({ open }: AdminStoreHarness): void {
  it('refuses an id that another limit has, and writes nothing', async () => {
    await using store = await open();
    await store.port.upsertCap(cap('1', ADA), at(0));
    const { version } = await store.port.capTable();
    const taken = store.port.upsertCap(cap('1', { type: 'organization' }), at(1));
    await assert.rejects(taken, (error) => {
      assert(error instanceof AppError && error.code === 'conflict' && error.cause !== undefined);
      return true;
    });
    assert.equal((await store.port.caps()).length, 1);
    assert.equal((await store.port.audit(null, 10)).rows.length, 1);
    assert.equal((await store.port.capTable()).version, version);
  });

  it('refuses every method once closed, in a sentence', async () => {
    await using store = await open();
    const { port } = store;
    await port[Symbol.asyncDispose]();
    await assertAllRefused({
      upsertCap: () => port.upsertCap(cap('1', ADA), at(0)),
      deleteCap: () => port.deleteCap('spl_1', at(0)),
      cap: () => port.cap('spl_1'),
      caps: () => port.caps(),
      capTable: () => port.capTable(),
      audit: () => port.audit(null, 1),
      seen: () => port.seen([person('ada', 0)]),
      person: () => port.person('ada'),
      people: () => port.people(null, 1),
      peopleByEmail: () => port.peopleByEmail('ada@example.com'),
      raiseAlerts: () => port.raiseAlerts([{ id: 'a', atMs: 0, body: '{}' }]),
      unsentAlerts: () => port.unsentAlerts(1),
      markAlertsSent: () => port.markAlertsSent(['a']),
      erase: () => port.erase('ada', 'erased_1', at(0)),
      prune: () => port.prune({ auditMs: 0, peopleMs: 0 }),
    });
  });
}

function contention({ open }: AdminStoreHarness): void {
  it('keeps one limit and every audit row over parallel upserts', async () => {
    await using store = await open();
    const handles = [store.port, await store.another()];
    const changes = Array.from({ length: 40 }, (_, nth) =>
      handles[nth % 2]?.upsertCap(cap(`${nth}`, ADA, `${nth}`), at(nth)),
    );
    const results = await Promise.all(changes);
    assert.equal(results.filter((result) => result?.before === null).length, 1);
    assert.equal((await store.port.caps()).length, 1);
    const { rows } = await store.port.audit(null, 100);
    assert.equal(new Set(rows.map(({ id }) => id)).size, 40);
    // Each change saw the one before it.
    for (const [nth, row] of rows.entries()) {
      assert.deepEqual(row.before, rows[nth + 1]?.after ?? null);
    }
  });

  it('keeps every change of parallel processes', async () => {
    await using store = await open();
    const children = ['a', 'b'].map((name) => startChild(CAP_WRITER, store.opener, name, '50'));
    await Promise.all(children.map((child) => child.ended()));
    const { rows } = await store.port.audit(null, 1000);
    assert.equal(new Set(rows.map(({ id }) => id)).size, 100);
    assert.equal((await store.port.caps()).length, 2);
  });

  it('lets exactly one of parallel deleters have the limit', async () => {
    await using store = await open();
    const handles = [store.port, await store.another()];
    await store.port.upsertCap(cap('1', ADA), at(0));
    const deleted = await Promise.all(
      Array.from({ length: 10 }, (_, nth) => handles[nth % 2]?.deleteCap('spl_1', at(0))),
    );
    assert.equal(deleted.filter((limit) => limit !== null).length, 1);
  });
}

function survival({ open }: AdminStoreHarness): void {
  it('knows after a reopening what it knew before', async () => {
    await using store = await open();
    await store.port.upsertCap(cap('1', ADA), at(0));
    await store.port.seen([person('ada', 0)]);
    const known = [await store.port.capTable(), await store.port.audit(null, 10)];
    const port = await store.reopen();
    assert.deepEqual([await port.capTable(), await port.audit(null, 10)], known);
    assert.deepEqual(await port.person('ada'), person('ada', 0));
  });

  it('keeps a change and its audit row together when its process is killed', async () => {
    await using store = await open();
    const child = startChild(CAP_WRITER, store.opener, 'a', '100000');
    await child.printed(50);
    await child.kill();
    const port = await store.reopen();
    const { rows } = await port.audit(null, 1);
    const [limit] = await port.caps();
    assert.deepEqual(rows[0]?.after, limit);
    assert(Number(limit?.amount) >= Number(child.lines.at(-1)), 'what was acknowledged is there');
  });
}
