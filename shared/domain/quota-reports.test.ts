// A recompute in its three steps (store read, ledger read, correction) with traffic between them.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type AccountId, ORGANIZATION, poolAccount, userAccount } from './account.ts';
import { type MicroUsd, microUsd } from './money.ts';
import type { AccountSpend } from './quota.ts';
import * as machine from './quota-machine.ts';
import { correct, spend } from './quota-reports.ts';
import { emptyQuotaState, type QuotaState } from './quota-state.ts';

const NOW = Date.UTC(2026, 10, 24, 12);
const ACCOUNTS: readonly AccountId[] = [userAccount('dana'), poolAccount('team'), ORGANIZATION];

type Step =
  /** `settled: false`: its data plane could not reach the store; the bus alone has it. */
  | { do: 'event'; amount: number; of: AccountId[]; settled: boolean }
  | { do: 'settle late' | 'record' | 'apply'; nth: number }
  | { do: 'read store' | 'read ledger' | 'correct' | 'forget' };

interface Known {
  readonly id: string;
  readonly amount: MicroUsd;
  readonly accounts: readonly AccountId[];
  settled: boolean;
  recorded: boolean;
}

const nth = fc.nat(20);
const event = (settled: fc.Arbitrary<boolean>) =>
  fc.record({
    do: fc.constant('event' as const),
    amount: fc.nat(60),
    of: fc.subarray([...ACCOUNTS], { minLength: 1 }),
    settled,
  });
const traffic = [
  { weight: 4, arbitrary: fc.record({ do: fc.constant('record' as const), nth }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('apply' as const), nth }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('read store' as const, 'read ledger' as const, 'correct' as const),
    }),
  },
];
const calm = fc.oneof({ weight: 4, arbitrary: event(fc.constant(true)) }, ...traffic);
const losing = fc.oneof(
  { weight: 4, arbitrary: event(fc.boolean()) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const) }) },
  ...traffic,
);
const worst = fc.oneof(
  { weight: 8, arbitrary: losing },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('settle late' as const), nth }) },
);
const steps = (of: fc.Arbitrary<Step>) => fc.array(of, { maxLength: 80, size: 'max' });

function run(
  all: readonly Step[],
  onCorrection: (before: QuotaState, after: QuotaState) => void = () => {},
): World {
  const world = createWorld();
  let store: readonly AccountSpend[] = [];
  let totals: ReadonlyMap<AccountId, MicroUsd> | null = null;
  for (const step of all) {
    switch (step.do) {
      case 'event':
        world.happen(microUsd(step.amount), step.of, step.settled);
        break;
      case 'settle late':
      case 'record':
      case 'apply':
        world.move(step.do, step.nth);
        break;
      case 'forget':
        world.forget();
        break;
      case 'read store':
        store = spend(world.state, ACCOUNTS, NOW);
        totals = null;
        break;
      case 'read ledger':
        totals = world.totals();
        break;
      case 'correct': {
        if (totals === null) break;
        const before = structuredClone(world.state);
        world.correct(store, totals);
        onCorrection(before, world.state);
        for (const at of store) world.isBound(at, totals.get(at.account) ?? microUsd(0));
      }
    }
  }
  return world;
}

type World = ReturnType<typeof createWorld>;

function createWorld() {
  const events: Known[] = [];
  let state = emptyQuotaState();

  const sum = (account: AccountId, has: (of: Known) => boolean) =>
    microUsd(
      events
        .filter((of) => of.accounts.includes(account) && has(of))
        .reduce((total, { amount }) => total + amount, 0),
    );
  const totals = () =>
    new Map(ACCOUNTS.map((account) => [account, sum(account, ({ recorded }) => recorded)]));

  function settle(one: Known): void {
    const { id, accounts, amount } = one;
    one.settled = true;
    const charge = { id, accounts, amountMicroUsd: amount, event: '{}' };
    machine.settle(state, { ...charge, nowMs: NOW, chargedAtMs: NOW });
  }

  const world = {
    get state() {
      return state;
    },
    totals,
    /** In the ledger, or on its way there with the store's knowledge. */
    truth: (account: AccountId) =>
      sum(account, ({ id, recorded }) => recorded || state.outbox.has(id)),
    happen(amount: MicroUsd, accounts: readonly AccountId[], settled: boolean) {
      const one = { id: `e${events.length}`, amount, accounts, settled: false, recorded: false };
      events.push(one);
      if (settled) settle(one);
    },
    forget() {
      state = emptyQuotaState();
    },
    move(what: 'settle late' | 'record' | 'apply', place: number) {
      const one = events[place % Math.max(1, events.length)];
      if (one === undefined) return;
      if (what === 'record') one.recorded = true;
      else if (what === 'settle late' && !one.settled) settle(one);
      else if (what === 'apply' && one.recorded) machine.apply(state, [one.id]);
    },
    correct(store: readonly AccountSpend[], of: ReadonlyMap<AccountId, MicroUsd>) {
      const corrections = store.map((at) => ({
        ...at,
        ledgeredMicroUsd: of.get(at.account) ?? microUsd(0),
      }));
      return correct(state, corrections, NOW);
    },
    isBound(read: AccountSpend, total: MicroUsd) {
      const now = spend(state, [read.account], NOW).find(({ period }) => period === read.period);
      assert.ok(now);
      assert.ok(now.ledgeredMicroUsd + now.pendingMicroUsd >= total, 'less than the ledger has');
      if (now.sequence === read.sequence)
        assert.ok(now.ledgeredMicroUsd <= total, 'more than that');
    },
    rest() {
      for (const one of events) one.recorded = true;
      machine.apply(
        state,
        events.map(({ id }) => id),
      );
    },
  };
  return world;
}

describe('a correction of counters that move', () => {
  it('changes nothing in a store that missed nothing', () => {
    fc.assert(
      fc.property(steps(calm), (all) => {
        run(all, (before, after) => assert.deepEqual(after.accounts, before.accounts));
      }),
      { numRuns: 500 },
    );
  });

  it('leaves a store that lost events or its memory short of the truth by what is pending at most', () => {
    fc.assert(
      fc.property(steps(losing), (all) => {
        const world = run(all);
        world.correct(spend(world.state, ACCOUNTS, NOW), world.totals());
        for (const at of spend(world.state, ACCOUNTS, NOW)) {
          const short = world.truth(at.account) - at.ledgeredMicroUsd - at.pendingMicroUsd;
          assert.ok(short >= 0 && short <= at.pendingMicroUsd, `${at.account}: ${short}`);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('is exact once nothing moves, whatever went before', () => {
    fc.assert(
      fc.property(steps(worst), (all) => {
        const world = run(all);
        world.rest();
        const left = world.correct(spend(world.state, ACCOUNTS, NOW), world.totals());
        assert.deepEqual(left, []);
        const totals = world.totals();
        for (const at of spend(world.state, ACCOUNTS, NOW)) {
          assert.equal(at.ledgeredMicroUsd, totals.get(at.account));
        }
      }),
      { numRuns: 500 },
    );
  });
});
