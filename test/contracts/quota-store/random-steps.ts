// Random steps of a quota store's life: what data planes, sweeps and admins do, at their likeliest
// and at their worst (clocks that are behind, ids that nobody knows, answers that come twice).

import { type AccountId, modelAccount, ORGANIZATION, userAccount } from '#shared/domain/account.ts';
import type { Budget, Cap } from '#shared/domain/cap.ts';
import { MICRO_USD_MAX, type MicroUsd, microUsd } from '#shared/domain/money.ts';
import { PERIODS } from '#shared/domain/period.ts';
import type { AccountSpend, AdmitRequest, Limit, Pool, Revocation } from '#shared/domain/quota.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';

/** Asks all stores under test the same, demands one answer of them and returns it. */
export type AskAll = <T>(
  call: string,
  given: unknown,
  ask: (store: QuotaStore) => Promise<T>,
  /** What of the answer is promised, where not all of it is. */
  promised?: (answer: T) => unknown,
) => Promise<T>;

export interface RandomSteps {
  /** Moves the clock and does one thing. */
  step(): Promise<void>;
  /** Everything that can be seen of the stores. */
  compareAll(): Promise<void>;
  /** Also reservations that have not expired. The sweep forgets, so it comes last. */
  compareAtTheEnd(): Promise<void>;
}

const HOUR = 3_600_000;
/** Sessions and revocations live on a grid, so that their instants meet. */
const GRID = HOUR / 2;
const PEOPLE = ['dana', 'casey', 'a b%20c\nd', 'ünal/…'] as const;
/** Near 2^53: corrected to almost all that an integer holds. */
const WHALE: AccountId = 'user:whale';
/** Ascending, as they are asked for. */
const POOLS: readonly AccountId[] = ['pool:a\n%', 'pool:größe mit leerzeichen', 'pool:team'];
const MODELS = ['opus', 'claude-opus-5-5'] as const;
const ACCOUNTS: readonly AccountId[] = [
  ...PEOPLE.flatMap((sub) => [userAccount(sub), ...modelsOf(sub)]),
  WHALE,
  ORGANIZATION,
  ...POOLS,
];
const SESSIONS = ['s1', 's2', 'dana'] as const;

export function createRandomSteps(seed: number, time: { nowMs: number }, all: AskAll): RandomSteps {
  const random = mulberry32(seed);
  const below = (end: number) => Math.floor(random() * end);
  const chance = (of: number) => random() < of;
  const one = <T>(items: readonly T[]): T => items[below(items.length)] as T;
  const some = <T>(items: readonly T[], of: number) => items.filter(() => chance(of));

  let version = 0;
  let lastSpend: readonly AccountSpend[] = [];
  const admitted: AdmitRequest[] = [];
  const flying = new Set<AdmitRequest>();
  /** The pools that took requests, by id. */
  const pools = new Map<string, AccountId>();
  const settled: string[] = [];
  /** An instant of the grid, `from` to `to` hours from now. */
  const onGrid = (from: number, to: number) =>
    (Math.floor(time.nowMs / GRID) + 2 * from + below(2 * (to - from))) * GRID;
  const id = () => `${seed}-${admitted.length}-${below(1e9)}`;
  /** Mostly of late, so that steps meet; now and then from long ago. */
  const known = () => {
    const back = below(chance(0.7) ? 12 : chance(0.5) ? 200 : admitted.length);
    return admitted[Math.max(0, admitted.length - 1 - back)];
  };
  /** Mostly one that is in flight. */
  const inFlight = () => (flying.size > 0 && chance(0.8) ? one([...flying]) : known());

  function amount(accounts: readonly AccountId[]): MicroUsd {
    if (accounts.includes(WHALE)) return microUsd(below(1e12));
    return microUsd(chance(0.1) ? 0 : 10 * below(7));
  }

  function limitsOf(accounts: readonly AccountId[], of: number): Limit[] {
    return accounts.flatMap((account) =>
      some(PERIODS, of).map((period): Limit => {
        const caps = account === WHALE ? [MICRO_USD_MAX, MICRO_USD_MAX - 7] : [60, 200, 600, 2000];
        const capMicroUsd = microUsd(chance(0.05) ? 0 : one(caps));
        return { capId: `${account} ${period}`, account, period, capMicroUsd };
      }),
    );
  }

  function poolsFor(sub: string): Pool[] {
    if (sub === 'whale' || chance(0.4)) return [];
    return some(POOLS, 0.7).map((account) => ({ account, limits: limitsOf([account], 0.6) }));
  }

  function newRequest(): AdmitRequest {
    const sub = chance(0.15) ? 'whale' : one(PEOPLE);
    const shared =
      sub === 'whale' ? [] : [...some(modelsOf(sub), 0.3), ...some([ORGANIZATION], 0.3)];
    const accounts: AccountId[] = [userAccount(sub), ...shared];
    const nowMs = time.nowMs - (chance(0.1) ? below(2 * HOUR) : 0);
    return {
      id: id(),
      nowMs,
      session: {
        sub,
        sessionId: chance(0.3) ? null : one(SESSIONS),
        issuedAtMs: onGrid(-4, 1),
      },
      capsVersion: chance(0.95) ? version : below(version + 2),
      accounts,
      limits: chance(0.3) ? [] : limitsOf(chance(0.1) ? [ORGANIZATION] : accounts, 0.35),
      pools: poolsFor(sub),
      reserveMicroUsd: sub === 'whale' ? microUsd(below(1e13)) : amount(accounts),
      reserveUntilMs: nowMs + below(HOUR),
      draft: `{"draft":${below(1000)},\n"of":"ü"}`,
    };
  }

  async function admit(): Promise<void> {
    const again = chance(0.1) ? known() : undefined;
    const request = again ?? newRequest();
    if (again === undefined) admitted.push(request);
    const admission = await all('admit', request, (store) => store.admit(request));
    if (admission.outcome !== 'admitted') return;
    flying.add(request);
    if (admission.pool !== null) pools.set(request.id, admission.pool);
  }

  function chargedTo({ id, accounts }: AdmitRequest): AccountId[] {
    const pool = pools.get(id);
    return pool === undefined ? [...accounts] : [...accounts, pool];
  }

  async function settle(orphan = false): Promise<void> {
    const at = chance(0.9) ? inFlight() : newRequest();
    if (at === undefined) return;
    flying.delete(at);
    const request = {
      id: at.id,
      nowMs: time.nowMs,
      chargedAtMs: at.nowMs,
      accounts: chance(0.95) ? chargedTo(at) : some(POOLS, 0.5),
      amountMicroUsd: amount(at.accounts),
      event: `{"id":"${at.id}",\n"n":${below(1000)}}`,
      ...(orphan || chance(0.1) ? { orphan: true } : {}),
    };
    settled.push(at.id);
    await all('settle', request, (store) => store.settle(request));
  }

  async function sweep(): Promise<void> {
    const limit = chance(0.8) ? 1000 : below(3);
    const expired = await all(
      'expired',
      { nowMs: time.nowMs, limit },
      (store) => store.expired(time.nowMs, limit),
      // Which of too many come first is not promised.
      (found) => (limit === 1000 ? found.toSorted(byId) : found.length),
    );
    if (limit < 1000 || chance(0.5)) return;
    for (const { id, accounts, amountMicroUsd, draft } of expired) {
      time.nowMs += 1;
      const { nowMs } = time;
      const chargedAtMs = admitted.find((at) => at.id === id)?.nowMs ?? nowMs;
      const orphan = {
        id,
        nowMs,
        chargedAtMs,
        accounts,
        amountMicroUsd,
        event: draft,
        orphan: true,
      };
      settled.push(id);
      await all('settle', orphan, (store) => store.settle(orphan));
    }
  }

  async function extend(): Promise<void> {
    const at = inFlight();
    if (at === undefined) return;
    const request = {
      id: at.id,
      reserveUntilMs: time.nowMs + below(HOUR),
      amountMicroUsd: amount(at.accounts),
      draft: `{"extended":${below(1000)}}`,
    };
    await all('extend', request, (store) => store.extend(request));
  }

  async function apply(): Promise<void> {
    const recent = settled.slice(-below(30));
    const ids = [...some(recent, 0.5), ...some(recent, 0.1), ...some(['nobody'], 0.1)];
    const uncounted = some(recent, 0.1);
    await all('apply', { ids, uncounted }, (store) => store.apply(ids, uncounted));
  }

  async function spend(): Promise<void> {
    const accounts = some(ACCOUNTS, 0.7);
    const nowMs = time.nowMs - (chance(0.1) ? below(30 * HOUR) : 0);
    lastSpend = await all('spend', { accounts, nowMs }, (store) => store.spend(accounts, nowMs));
  }

  async function correct(): Promise<void> {
    const corrections = some(lastSpend, 0.5).map((row) => ({
      ...row,
      ledgeredMicroUsd:
        row.account === WHALE
          ? microUsd(MICRO_USD_MAX - 1e15 - below(1000))
          : microUsd(10 * below(30)),
      sequence: row.sequence + (chance(0.1) ? 1 : 0),
      bucket: chance(0.95) ? row.bucket : '2020-01',
    }));
    await all('correct', corrections, (store) => store.correct(corrections, time.nowMs));
  }

  async function revoke(): Promise<void> {
    const untilMs = onGrid(-2, 4);
    const issuedBeforeMs = onGrid(-4, 1);
    const revocation: Revocation = chance(0.5)
      ? { type: 'session', sessionId: one(SESSIONS), untilMs }
      : { type: 'subject', sub: one(PEOPLE), issuedBeforeMs, untilMs };
    await all('revoke', revocation, (store) => store.revoke(revocation));
  }

  async function publishCaps(): Promise<void> {
    const cap: Cap = {
      id: `cap${below(1000)}`,
      scope: { type: 'rbac_group', rbacGroupId: 'ünal' },
      period: one(PERIODS),
      model: one([null, ...MODELS]),
      amountMicroUsd: one([null, microUsd(below(100)), MICRO_USD_MAX]),
    };
    const budget: Budget = {
      id: cap.id,
      scope: one([{ type: 'organization' }, { type: 'rbac_group', rbacGroupId: 'ünal' }]),
      period: one(PERIODS),
      amountMicroUsd: microUsd(below(100)),
    };
    const table = { version: below(version + 2), caps: [cap], budgets: some([budget], 0.5) };
    version = Math.max(version, table.version);
    await all('publishCaps', table, (store) => store.publishCaps(table));
    await all('caps', null, (store) => store.caps());
  }

  async function askRevoked(): Promise<void> {
    for (const sub of PEOPLE) {
      const session = { sub, sessionId: one([null, ...SESSIONS]), issuedAtMs: onGrid(-4, 1) };
      await all('isRevoked', session, (store) => store.isRevoked(session));
    }
  }

  async function release(): Promise<void> {
    const at = inFlight();
    if (at !== undefined) flying.delete(at);
    const id = at?.id ?? 'nobody';
    await all('release', id, (store) => store.release(id));
  }

  async function outbox(): Promise<void> {
    const [before, limit, skip] = [time.nowMs - below(HOUR), below(20), below(4)];
    await all('outbox', { before, limit, skip }, (store) => store.outbox(before, limit, skip));
  }

  const LIFE: readonly (readonly [weight: number, step: () => Promise<void>])[] = [
    [30, admit],
    [16, settle],
    [12, apply],
    [4, release],
    [8, extend],
    [5, sweep],
    [5, spend],
    [5, correct],
    [4, outbox],
    [2, askRevoked],
    [6, revoke],
    [3, publishCaps],
  ];
  const total = LIFE.reduce((sum, [weight]) => sum + weight, 0);

  async function compareAll(): Promise<void> {
    const { nowMs } = time;
    // As of long ago, so that it shows the buckets as they are and rolls none.
    lastSpend = await all('spend', 0, (store) => store.spend(ACCOUNTS, 0));
    await askRevoked();
    await all('outbox', nowMs, (store) => store.outbox(nowMs, 10_000));
    await all(
      'expired',
      nowMs,
      (store) => store.expired(nowMs, 10_000),
      (found) => found.toSorted(byId),
    );
  }

  return {
    async step() {
      // At least a millisecond: the order of one instant's settlements is not promised.
      time.nowMs += 1 + (chance(0.03) ? below(40 * HOUR) : below(40_000));
      if (chance(0.1)) time.nowMs = Math.ceil(time.nowMs / GRID) * GRID;
      let place = below(total);
      for (const [weight, step] of LIFE) {
        if (place < weight) return step();
        place -= weight;
      }
    },
    compareAll,
    async compareAtTheEnd() {
      await compareAll();
      await all(
        'expired',
        'all',
        (store) => store.expired(Number.MAX_SAFE_INTEGER, 10_000),
        (found) => found.toSorted(byId),
      );
    },
  };
}

function modelsOf(sub: string): AccountId[] {
  return MODELS.map((model) => modelAccount(model, userAccount(sub)));
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : 1;
}

/** A small generator of even quality: the same numbers for the same seed. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
