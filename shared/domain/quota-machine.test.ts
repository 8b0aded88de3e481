import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type AccountId, userAccount } from './account.ts';
import { type MicroUsd, microUsd } from './money.ts';
import { bucketsAt, PERIODS, type Period } from './period.ts';
import type { Limit } from './quota.ts';
import * as machine from './quota-machine.ts';
import { expired, spend } from './quota-reports.ts';
import { emptyQuotaState, type QuotaState } from './quota-state.ts';

// Two hours before a midnight that also starts a week and a month (Monday, 1 February 2027).
const START = Date.UTC(2027, 0, 31, 22);
const SUBS = ['dana', 'casey'] as const;
const CAP = microUsd(100);

type Step =
  | { do: 'admit'; sub: number; reserve: number }
  | { do: 'settle' | 'release' | 'extend' | 'apply' | 'replay'; nth: number; amount: number }
  | { do: 'sweep' }
  | { do: 'wait'; ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('admit' as const),
      sub: fc.nat(1),
      reserve: fc.nat(60),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'settle' as const,
        'release' as const,
        'extend' as const,
        'apply' as const,
        'replay' as const,
      ),
      nth: fc.nat(12),
      amount: fc.nat(60),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'sweep' as const }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(3_600_000) }) },
);

/** A run and the books an accountant would keep beside it: one line per settled event. */
function run(steps: readonly Step[]) {
  const state = emptyQuotaState();
  const admitted: { id: string; sub: string; atMs: number; reserve: MicroUsd }[] = [];
  const books = new Map<
    string,
    { sub: string; atMs: number; amount: MicroUsd; applied: boolean }
  >();
  let nowMs = START;
  let next = 0;
  const released = new Set<string>();
  const overshoot: number[] = [];

  function settle(at: (typeof admitted)[number], amount: MicroUsd, orphan: boolean): void {
    const answer = machine.settle(state, {
      id: at.id,
      nowMs,
      chargedAtMs: at.atMs,
      accounts: [userAccount(at.sub)],
      amountMicroUsd: amount,
      event: '{}',
      orphan,
    });
    // Applied and settled again: the ledger, not the quota store, refuses that one.
    if (answer === 'settled' && !books.has(at.id)) {
      books.set(at.id, { sub: at.sub, atMs: at.atMs, amount, applied: false });
    }
  }

  function admit(sub: string, reserve: MicroUsd): void {
    const id = `e${next++}`;
    const limits = PERIODS.map((period) => limitOf(sub, period));
    const admission = machine.admit(state, {
      id,
      nowMs,
      session: { sub, sessionId: null, issuedAtMs: nowMs },
      capsVersion: 0,
      accounts: [userAccount(sub)],
      limits,
      pools: [],
      reserveMicroUsd: reserve,
      reserveUntilMs: nowMs + 60_000,
      draft: '{}',
    });
    if (admission.outcome === 'admitted') admitted.push({ id, sub, atMs: nowMs, reserve });
  }

  for (const one of steps) {
    if (one.do === 'admit') admit(SUBS[one.sub] ?? 'dana', microUsd(one.reserve));
    else if (one.do === 'wait') nowMs += one.ms;
    else if (one.do === 'sweep') {
      for (const held of expired(state, nowMs, 100)) {
        const at = admitted.find(({ id }) => id === held.id);
        if (at !== undefined) settle(at, at.reserve, true);
      }
    } else {
      const at = admitted[one.nth % Math.max(1, admitted.length)];
      if (at === undefined) continue;
      const amount = microUsd(Math.min(one.amount, at.reserve));
      const line = books.get(at.id);
      if (one.do === 'settle' && line === undefined && !released.has(at.id)) {
        settle(at, amount, false);
      }
      if (one.do === 'replay' && line?.applied === false) settle(at, amount, false);
      // Nothing was owed: whoever releases does not settle.
      if (one.do === 'release' && line === undefined) {
        machine.release(state, at.id);
        released.add(at.id);
      }
      if (one.do === 'extend') {
        machine.extend(state, {
          id: at.id,
          reserveUntilMs: nowMs + 60_000,
          amountMicroUsd: amount,
          draft: '{}',
        });
      }
      if (one.do === 'apply') {
        machine.apply(state, [at.id]);
        if (line !== undefined) line.applied = true;
      }
    }
    for (const sub of SUBS) overshoot.push(mostSpent(state, sub, nowMs) - CAP);
  }
  return { state, admitted, books, nowMs, overshoot };
}

function limitOf(sub: string, period: Period): Limit {
  return { capId: period, account: userAccount(sub), period, capMicroUsd: CAP };
}

function mostSpent(state: QuotaState, sub: string, nowMs: number): number {
  const rows = spend(state, [userAccount(sub)], nowMs);
  return Math.max(...rows.map((row) => row.ledgeredMicroUsd + row.pendingMicroUsd));
}

describe('quota arithmetic under random interleavings', () => {
  it('keeps ledgered, pending and reserved equal to the books, in every bucket', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const { state, books, nowMs } = run(steps);
        for (const sub of SUBS) {
          const account: AccountId = userAccount(sub);
          const held = [...state.reservations.values()].filter((r) => r.accounts.includes(account));
          const reserved = held.reduce((sum, r) => sum + r.amountMicroUsd, 0);
          for (const row of spend(state, [account], nowMs)) {
            const mine = [...books.values()].filter(
              (line) => line.sub === sub && bucketsAt(line.atMs)[row.period] === row.bucket,
            );
            const total = (applied: boolean) =>
              mine.filter((l) => l.applied === applied).reduce((sum, l) => sum + l.amount, 0);
            assert.equal(row.ledgeredMicroUsd, total(true), `${sub} ${row.period} ledgered`);
            assert.equal(row.pendingMicroUsd, total(false), `${sub} ${row.period} pending`);
            assert.equal(row.reservedMicroUsd, reserved, `${sub} reserved`);
          }
        }
      }),
      { numRuns: 400 },
    );
  });

  it('comes to rest with nothing pending and nothing reserved', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const { state, admitted, nowMs } = run(steps);
        for (const held of expired(state, Number.MAX_SAFE_INTEGER, 1000)) {
          machine.release(state, held.id);
        }
        machine.apply(
          state,
          admitted.map(({ id }) => id),
        );
        assert.equal(state.outbox.size, 0);
        for (const row of spend(state, SUBS.map(userAccount), nowMs)) {
          assert.deepEqual([row.pendingMicroUsd, row.reservedMicroUsd], [0, 0]);
        }
      }),
    );
  });

  it('passes a cap by less than one request when reservations are ceilings', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
        const { overshoot, admitted } = run(steps);
        const largest = Math.max(0, ...admitted.map(({ reserve }) => reserve));
        for (const past of overshoot)
          assert.ok(past < Math.max(1, largest), `${past} past the cap`);
      }),
      { numRuns: 400 },
    );
  });

  it('never refuses an idle person as busy', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40, size: 'max' }),
        fc.nat(1000),
        (steps, reserve) => {
          const { state, nowMs } = run(steps);
          for (const held of state.reservations.values()) machine.release(state, held.id);
          const answer = machine.admit(state, {
            id: 'probe',
            nowMs,
            session: { sub: 'dana', sessionId: null, issuedAtMs: nowMs },
            capsVersion: 0,
            accounts: [userAccount('dana')],
            limits: PERIODS.map((period) => limitOf('dana', period)),
            pools: [],
            reserveMicroUsd: microUsd(reserve),
            reserveUntilMs: nowMs + 1,
            draft: '{}',
          });
          assert.notEqual(answer.outcome, 'busy');
        },
      ),
    );
  });
});
