// The contract of QuotaStore, for every adapter. Each `open` answers a fresh, isolated instance.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { userAccount } from '#shared/domain/account.ts';
import { ZERO } from '#shared/domain/money.ts';
import type { Correction } from '#shared/domain/quota.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import {
  admitRequest,
  CENT,
  cents,
  monthlyLimit,
  settleRequest,
  userCap,
} from '../../support/quota.ts';

import { quotaBudgetsSuite } from './budgets-suite.ts';

export interface QuotaStoreSuite {
  readonly name: string;
  /** A store that has been told that it is whole. */
  readonly open: () => Promise<QuotaStore>;
  /** A store without a memory, as after its loss. */
  readonly openFresh: () => Promise<QuotaStore>;
  /** Closes the instance and opens what it left behind; absent: nothing survives, and that is tested. */
  readonly reopen?: (closed: QuotaStore) => Promise<QuotaStore>;
}

// A Tuesday: day, week and month of it differ in their next change.
export const NOW = Date.UTC(2026, 10, 24, 12);
const DAY = 86_400_000;

export function quotaStoreSuite(suite: QuotaStoreSuite): void {
  const { name, open } = suite;
  const limits = [monthlyLimit('dana', cents(10))];
  const ask = (over: Partial<Parameters<typeof admitRequest>[0]> = {}) =>
    admitRequest({ sub: 'dana', nowMs: NOW, limits, ...over });

  describe(`QuotaStore ${name}: admit`, () => {
    it('admits under a cap and says where the person stands', async () => {
      await using store = await open();
      const admission = await store.admit(ask());
      assert.equal(admission.outcome, 'admitted');
      assert.deepEqual(admission.outcome === 'admitted' && admission.standings, [
        { limit: limits[0], spentMicroUsd: 0, reservedMicroUsd: 0 },
      ]);
    });

    it('blocks when spend reaches the cap, and names what was breached', async () => {
      await using store = await open();
      const first = ask();
      await store.admit(first);
      await store.settle(settleRequest(first, cents(10)));
      const admission = await store.admit(ask());
      assert.equal(admission.outcome, 'blocked');
      assert.deepEqual(admission.outcome === 'blocked' && admission.breached, [
        { limit: limits[0], spentMicroUsd: cents(10), reservedMicroUsd: 0 },
      ]);
    });

    it('blocks at once under a cap of zero', async () => {
      await using store = await open();
      const admission = await store.admit(ask({ limits: [monthlyLimit('dana', ZERO)] }));
      assert.equal(admission.outcome, 'blocked');
    });

    it('is busy, not blocked, while the rest of the cap is reserved', async () => {
      await using store = await open();
      const first = ask({ reserve: cents(10) });
      await store.admit(first);
      assert.equal((await store.admit(ask())).outcome, 'busy');
      await store.release(first.id);
      assert.equal((await store.admit(ask())).outcome, 'admitted');
    });

    it('admits an idle person whatever their request reserves', async () => {
      await using store = await open();
      assert.equal((await store.admit(ask({ reserve: cents(1000) }))).outcome, 'admitted');
    });

    it('reserves once for one id, however often it is asked', async () => {
      await using store = await open();
      const request = ask({ reserve: cents(4) });
      await store.admit(request);
      await store.admit(request);
      const [daily] = await store.spend([userAccount('dana')], NOW);
      assert.equal(daily?.reservedMicroUsd, cents(4));
    });

    it('reserves nothing for an id that was settled before', async () => {
      await using store = await open();
      const late = ask({ reserve: cents(4) });
      await store.settle(settleRequest(late, CENT));
      await store.admit(late);
      const [daily] = await store.spend([userAccount('dana')], NOW);
      assert.equal(daily?.reservedMicroUsd, 0);
    });
  });

  describe(`QuotaStore ${name}: settle and apply`, () => {
    it('moves reserved to pending, and pending to ledgered', async () => {
      await using store = await open();
      const request = ask({ reserve: cents(4) });
      await store.admit(request);
      assert.equal(await store.settle(settleRequest(request, cents(3))), 'settled');
      const [settled] = await store.spend([userAccount('dana')], NOW);
      assert.equal(settled?.reservedMicroUsd, 0);
      assert.equal(settled?.pendingMicroUsd, cents(3));
      await store.apply([request.id]);
      await store.apply([request.id]);
      const [applied] = await store.spend([userAccount('dana')], NOW);
      assert.equal(applied?.pendingMicroUsd, 0);
      assert.equal(applied?.ledgeredMicroUsd, cents(3));
    });

    it('settles one id once', async () => {
      await using store = await open();
      const request = ask();
      await store.settle(settleRequest(request, CENT));
      assert.equal(await store.settle(settleRequest(request, CENT)), 'duplicate');
      const [daily] = await store.spend([userAccount('dana')], NOW);
      assert.equal(daily?.pendingMicroUsd, CENT);
    });

    it('drops the pending of an event that the ledger had already, and adds nothing', async () => {
      await using store = await open();
      const request = ask();
      await store.settle(settleRequest(request, CENT));
      await store.apply([], [request.id]);
      const [daily] = await store.spend([userAccount('dana')], NOW);
      assert.equal(daily?.pendingMicroUsd, 0);
      assert.equal(daily?.ledgeredMicroUsd, 0);
    });

    it('keeps the event in the outbox until it is applied, oldest first', async () => {
      await using store = await open();
      const first = ask();
      const second = ask();
      await store.settle(settleRequest(first, CENT, NOW));
      await store.settle(settleRequest(second, CENT, NOW + 5));
      const all = await store.outbox(NOW + 5, 10);
      assert.deepEqual(
        all.map((entry) => [entry.id, entry.event, entry.amountMicroUsd]),
        [first, second].map(({ id }) => [id, `{"id":"${id}"}`, CENT]),
      );
      assert.equal((await store.outbox(NOW, 10)).length, 1);
      assert.equal((await store.outbox(NOW + 5, 1)).length, 1);
      const [later, ...none] = await store.outbox(NOW + 5, 10, 1);
      assert.deepEqual([later?.id, none.length], [second.id, 0]);
      await store.apply([first.id]);
      assert.deepEqual(
        (await store.outbox(NOW + 5, 10)).map(({ id }) => id),
        [second.id],
      );
    });

    it('charges the buckets of the instant of admission, also across midnight', async () => {
      await using store = await open();
      const request = ask();
      await store.admit(request);
      await store.spend([userAccount('dana')], NOW + DAY);
      const morning = ask({ nowMs: NOW + DAY });
      await store.admit(morning);
      await store.settle(settleRequest(request, CENT, NOW + DAY));
      const spend = await store.spend([userAccount('dana')], NOW + DAY);
      const pending = Object.fromEntries(spend.map((at) => [at.period, at.pendingMicroUsd]));
      assert.deepEqual(pending, { daily: 0, weekly: CENT, monthly: CENT });
    });

    it('starts a new period at zero', async () => {
      await using store = await open();
      const request = ask();
      await store.settle(settleRequest(request, cents(10)));
      const nextMonth = Date.UTC(2026, 11, 1);
      assert.equal((await store.admit(ask({ nowMs: nextMonth }))).outcome, 'admitted');
    });
  });

  describe(`QuotaStore ${name}: reservations`, () => {
    it('shows an expired reservation until it is settled', async () => {
      await using store = await open();
      const request = ask();
      await store.admit(request);
      assert.deepEqual(await store.expired(NOW + 59_999, 10), []);
      const [held] = await store.expired(NOW + 60_000, 10);
      assert.equal(held?.id, request.id);
      assert.equal(held?.draft, '{"draft":true}');
      await store.settle({ ...settleRequest(request, CENT), orphan: true });
      assert.deepEqual(await store.expired(NOW + 60_000, 10), []);
    });

    it('refuses a second settlement of an orphan by the process that was only slow', async () => {
      await using store = await open();
      const request = ask();
      await store.admit(request);
      await store.settle({ ...settleRequest(request, CENT), orphan: true });
      await store.apply([request.id]);
      assert.equal(await store.settle(settleRequest(request, cents(2))), 'duplicate');
    });

    it('lives longer when it is extended, and never shrinks', async () => {
      await using store = await open();
      const request = ask({ reserve: cents(4) });
      await store.admit(request);
      const extension = { id: request.id, reserveUntilMs: NOW + 120_000, draft: '{"n":2}' };
      assert.equal(await store.extend({ ...extension, amountMicroUsd: CENT }), 'extended');
      assert.deepEqual(await store.expired(NOW + 60_000, 10), []);
      assert.equal(await store.extend({ ...extension, amountMicroUsd: cents(6) }), 'extended');
      const [held] = await store.expired(NOW + 120_000, 10);
      assert.deepEqual([held?.draft, held?.amountMicroUsd], ['{"n":2}', cents(6)]);
      await store.release(request.id);
      assert.equal(await store.extend({ ...extension, amountMicroUsd: CENT }), 'gone');
      const [daily] = await store.spend([userAccount('dana')], NOW);
      assert.equal(daily?.reservedMicroUsd, 0);
    });
  });

  describe(`QuotaStore ${name}: caps, revocation, corrections`, () => {
    it('answers stale to an old cap table, and keeps the newer of two', async () => {
      await using store = await open();
      const table = { version: 2, caps: [userCap('dana', cents(10), 'monthly')], budgets: [] };
      await store.publishCaps(table);
      await store.publishCaps({ version: 1, caps: [], budgets: [] });
      assert.deepEqual(await store.caps(), table);
      assert.deepEqual(await store.admit(ask()), { outcome: 'stale', capsVersion: 2 });
      assert.equal((await store.admit(ask({ capsVersion: 2 }))).outcome, 'admitted');
    });

    it('refuses a revoked session at its next request, and no other', async () => {
      await using store = await open();
      await store.revoke({ type: 'session', sessionId: 's1', untilMs: NOW * 2 });
      assert.equal((await store.admit(ask({ sessionId: 's1' }))).outcome, 'revoked');
      assert.equal((await store.admit(ask({ sessionId: 's2' }))).outcome, 'admitted');
      const session = { sub: 'dana', sessionId: 's1', issuedAtMs: NOW };
      assert.equal(await store.isRevoked(session), true);
      assert.equal(await store.isRevoked({ ...session, sessionId: null }), false);
    });

    it("refuses a person's earlier sessions and admits a later one", async () => {
      await using store = await open();
      const untilMs = NOW * 2;
      await store.revoke({ type: 'subject', sub: 'dana', issuedBeforeMs: NOW, untilMs });
      assert.equal((await store.admit(ask({ issuedAtMs: NOW }))).outcome, 'revoked');
      assert.equal((await store.admit(ask({ issuedAtMs: NOW + 1 }))).outcome, 'admitted');
      assert.equal((await store.admit(ask({ sub: 'casey', limits: [] }))).outcome, 'admitted');
    });

    it('corrects an account that stands still exactly, and answers one that moved', async () => {
      await using store = await open();
      const account = userAccount('dana');
      const [, , monthly] = await store.spend([account], NOW);
      assert.ok(monthly);
      const correction = { ...monthly, ledgeredMicroUsd: cents(7) };
      assert.deepEqual(await store.correct([correction], NOW), []);
      assert.equal((await store.spend([account], NOW))[2]?.ledgeredMicroUsd, cents(7));

      const request = ask();
      await store.settle(settleRequest(request, CENT));
      assert.equal((await store.correct([correction], NOW)).length, 1);
      await store.apply([request.id]);
      assert.equal((await store.correct([correction], NOW)).length, 1);
      assert.equal((await store.spend([account], NOW))[2]?.ledgeredMicroUsd, cents(8));
    });
  });

  describe(`QuotaStore ${name}: corrections of what never stands still`, () => {
    const account = userAccount('dana');
    const day = async (store: QuotaStore) => {
      const [daily] = await store.spend([account], NOW);
      assert.ok(daily);
      return daily;
    };
    const ledgeredAfter = async (store: QuotaStore, correction: Correction) => {
      assert.deepEqual(await store.correct([correction], NOW), [correction]);
      return (await day(store)).ledgeredMicroUsd;
    };

    it('raises it until it counts what the ledger has, and not beyond', async () => {
      await using store = await open();
      await store.settle(settleRequest(ask(), cents(3)));
      const read = { ...(await day(store)), ledgeredMicroUsd: cents(10) };
      assert.equal(await ledgeredAfter(store, read), cents(7));
      assert.equal(await ledgeredAfter(store, read), cents(7));
      const moved = { ...read, sequence: read.sequence + 1 };
      assert.equal(await ledgeredAfter(store, { ...moved, ledgeredMicroUsd: cents(12) }), cents(9));
      assert.equal(await ledgeredAfter(store, { ...moved, ledgeredMicroUsd: cents(2) }), cents(9));
    });

    it('lowers it to what the ledger has where nothing was applied meanwhile', async () => {
      await using store = await open();
      const first = ask();
      await store.settle(settleRequest(first, cents(8)));
      await store.apply([first.id]);
      await store.settle(settleRequest(ask(), cents(3)));
      const read = { ...(await day(store)), ledgeredMicroUsd: cents(6) };
      assert.equal(await ledgeredAfter(store, read), cents(6));
    });
  });

  quotaBudgetsSuite(name, open);

  describe(`QuotaStore ${name}: contention`, () => {
    it('lets 100 parallel requests past a cap by no more than one reservation', async () => {
      await using store = await open();
      const requests = Array.from({ length: 100 }, () => ask({ reserve: cents(5) }));
      const admissions = await Promise.all(requests.map((request) => store.admit(request)));
      const admitted = requests.filter((_, i) => admissions[i]?.outcome === 'admitted');
      assert.equal(admitted.length, 2);
      assert.equal(admissions.filter(({ outcome }) => outcome === 'busy').length, 98);
      for (const request of admitted) await store.settle(settleRequest(request, cents(5)));
      assert.equal((await store.admit(ask())).outcome, 'blocked');
    });
  });

  describe(`QuotaStore ${name}: closed and reopened`, () => {
    it('refuses every call after it was closed', async () => {
      const store = await open();
      await store[Symbol.asyncDispose]();
      await assert.rejects(store.admit(ask()), { code: 'unavailable' });
      await assert.rejects(store.isRevoked(ask().session), { code: 'unavailable' });
    });

    it(`${suite.reopen === undefined ? 'forgets' : 'keeps'} reservations and outbox`, async () => {
      const store = await open();
      const inFlight = ask();
      const settled = ask();
      await store.admit(inFlight);
      await store.admit(settled);
      await store.settle(settleRequest(settled, cents(3)));
      await store[Symbol.asyncDispose]();
      await using next = await (suite.reopen?.(store) ?? open());
      const survived = suite.reopen !== undefined;
      const ids = async (rows: Promise<{ id: string }[]>) => (await rows).map(({ id }) => id);
      assert.deepEqual(await ids(next.expired(NOW + DAY, 10)), survived ? [inFlight.id] : []);
      assert.deepEqual(await ids(next.outbox(NOW, 10)), survived ? [settled.id] : []);
      const [daily] = await next.spend([userAccount('dana')], NOW);
      assert.equal(daily?.pendingMicroUsd, survived ? cents(3) : 0);
    });
  });

  describe(`QuotaStore ${name}: loss of memory`, () => {
    it('refuses to say who is admitted until it is whole', async () => {
      await using store = await suite.openFresh();
      assert.equal(await store.isWhole(), false);
      await assert.rejects(store.admit(ask()), { code: 'unavailable' });
      await assert.rejects(store.isRevoked(ask().session), { code: 'unavailable' });
      await store.markWhole();
      assert.equal(await store.isWhole(), true);
      assert.equal((await store.admit(ask())).outcome, 'admitted');
    });

    it('keeps what is settled and written before it is whole', async () => {
      await using store = await suite.openFresh();
      const request = ask();
      assert.equal(await store.settle(settleRequest(request, cents(3))), 'settled');
      await store.publishCaps({
        version: 7,
        caps: [userCap('dana', cents(10), 'monthly')],
        budgets: [],
      });
      await store.markWhole();
      assert.equal((await store.admit(ask())).outcome, 'stale');
      const admission = await store.admit(ask({ capsVersion: 7 }));
      assert.equal(
        admission.outcome === 'admitted' && admission.standings[0]?.spentMicroUsd,
        cents(3),
      );
      assert.deepEqual(
        (await store.outbox(NOW, 10)).map(({ id }) => id),
        [request.id],
      );
    });
  });
}
