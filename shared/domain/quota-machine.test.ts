import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type AccountId,
  isShared,
  modelAccount,
  ORGANIZATION,
  poolAccount,
  userAccount,
} from './account.ts';
import { type MicroUsd, microUsd, ZERO } from './money.ts';
import { bucketsAt, PERIODS, type Period } from './period.ts';
import type { AdmitRequest, Limit, Reservation } from './quota.ts';
import * as machine from './quota-machine.ts';
import { expired, spend } from './quota-reports.ts';
import { emptyQuotaState, type QuotaState } from './quota-state.ts';

// Two hours before a midnight that also starts a week and a month (Monday, 1 February 2027).
const START = Date.UTC(2027, 0, 31, 22);
const SUBS = ['dana', 'casey'] as const;
const CAP = microUsd(100);
const OPUS_CAP = microUsd(70);
const BUDGET = microUsd(150);
const POOLS: Readonly<Record<string, MicroUsd>> = { a: microUsd(60), b: microUsd(90) };
/** Every account there is, and what its spend may not pass. */
const CAPS: ReadonlyMap<AccountId, MicroUsd> = new Map<AccountId, MicroUsd>([
  ...SUBS.flatMap((sub): [AccountId, MicroUsd][] => [
    [userAccount(sub), CAP],
    [modelAccount('opus', userAccount(sub)), OPUS_CAP],
  ]),
  [ORGANIZATION, BUDGET],
  ...Object.entries(POOLS).map(([group, cap]): [AccountId, MicroUsd] => [poolAccount(group), cap]),
]);

type Step =
  | { do: 'admit'; sub: number; reserve: number; opus: boolean; groups: string[] }
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
      opus: fc.boolean(),
      groups: fc.subarray(Object.keys(POOLS)),
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
  const admitted: { id: string; accounts: AccountId[]; atMs: number; reserve: MicroUsd }[] = [];
  const books = new Map<
    string,
    { accounts: readonly AccountId[]; atMs: number; amount: MicroUsd; applied: boolean }
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
      accounts: at.accounts,
      amountMicroUsd: amount,
      event: '{}',
      orphan,
    });
    // Applied and settled again: the ledger, not the quota store, refuses that one.
    if (answer === 'settled' && !books.has(at.id)) {
      books.set(at.id, { accounts: at.accounts, atMs: at.atMs, amount, applied: false });
    }
  }

  function admit(step: Extract<Step, { do: 'admit' }>): void {
    const sub = SUBS[step.sub] ?? 'dana';
    const request = requestOf({ ...step, id: `e${next++}`, sub, nowMs });
    const admission = machine.admit(state, request);
    if (admission.outcome !== 'admitted') return;
    const { id, reserveMicroUsd: reserve } = request;
    const { pool } = admission;
    const accounts = pool === null ? [...request.accounts] : [...request.accounts, pool];
    admitted.push({ id, accounts, atMs: nowMs, reserve });
    // Asked again it is the same, and reserves nothing more.
    const again = machine.admit(state, request);
    assert.equal(again.outcome === 'admitted' && again.pool, pool);
  }

  for (const one of steps) {
    if (one.do === 'admit') admit(one);
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
    for (const [account, cap] of CAPS) overshoot.push(mostSpent(state, account, nowMs) - cap);
  }
  return { state, admitted, books, nowMs, overshoot };
}

function requestOf(of: {
  readonly id: string;
  readonly sub: string;
  readonly nowMs: number;
  readonly reserve: number;
  readonly opus: boolean;
  readonly groups: readonly string[];
}): AdmitRequest {
  const own = userAccount(of.sub);
  const accounts = [own, ...(of.opus ? [modelAccount('opus', own)] : []), ORGANIZATION];
  return {
    id: of.id,
    nowMs: of.nowMs,
    session: { sub: of.sub, sessionId: null, issuedAtMs: of.nowMs },
    capsVersion: 0,
    accounts,
    limits: accounts.flatMap(limitsOf),
    pools: of.groups.map(poolAccount).map((account) => ({ account, limits: limitsOf(account) })),
    reserveMicroUsd: microUsd(of.reserve),
    reserveUntilMs: of.nowMs + 60_000,
    draft: '{}',
  };
}

function limitsOf(account: AccountId): Limit[] {
  const capMicroUsd = CAPS.get(account) ?? ZERO;
  return PERIODS.map((period: Period) => ({ capId: period, account, period, capMicroUsd }));
}

function mostSpent(state: QuotaState, account: AccountId, nowMs: number): number {
  const rows = spend(state, [account], nowMs);
  return Math.max(...rows.map((row) => row.ledgeredMicroUsd + row.pendingMicroUsd));
}

describe('quota arithmetic under random interleavings', () => {
  it('keeps ledgered, pending and reserved equal to the books, in every bucket', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const { state, books, nowMs } = run(steps);
        for (const account of CAPS.keys()) {
          const held = [...state.reservations.values()].filter((r) => r.accounts.includes(account));
          const reserved = held.reduce((sum, r) => sum + r.amountMicroUsd, 0);
          for (const row of spend(state, [account], nowMs)) {
            const mine = [...books.values()].filter(
              (line) =>
                line.accounts.includes(account) && bucketsAt(line.atMs)[row.period] === row.bucket,
            );
            const total = (applied: boolean) =>
              mine.filter((l) => l.applied === applied).reduce((sum, l) => sum + l.amount, 0);
            assert.equal(row.ledgeredMicroUsd, total(true), `${account} ${row.period} ledgered`);
            assert.equal(row.pendingMicroUsd, total(false), `${account} ${row.period} pending`);
            assert.equal(row.reservedMicroUsd, reserved, `${account} reserved`);
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
        for (const row of spend(state, [...CAPS.keys()], nowMs)) {
          assert.deepEqual([row.pendingMicroUsd, row.reservedMicroUsd], [0, 0]);
        }
      }),
    );
  });

  it('passes no cap or budget by a whole request when reservations are ceilings', () => {
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

  it('refuses an idle person as busy only by what is shared, and nobody where all are idle', () => {
    const groups = fc.subarray(Object.keys(POOLS));
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40, size: 'max' }),
        fc.nat(1000),
        groups,
        (steps, reserve, groups) => {
          const { state, nowMs } = run(steps);
          const request = requestOf({ id: '?', sub: 'dana', nowMs, reserve, opus: true, groups });
          const release = (whose: (held: Reservation) => boolean) => {
            for (const held of [...state.reservations.values()].filter(whose)) {
              machine.release(state, held.id);
            }
          };
          release(({ accounts }) => accounts.includes(userAccount('dana')));
          const answer = machine.admit(state, request);
          if (answer.outcome === 'busy') {
            const holding = answer.standings.filter((at) => at.reservedMicroUsd > 0);
            assert.ok(holding.every(({ limit }) => isShared(limit.account)));
          }
          release(() => true);
          assert.notEqual(machine.admit(state, request).outcome, 'busy');
        },
      ),
    );
  });
});
