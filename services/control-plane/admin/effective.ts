// GET …/effective: for each person seen, per period, what they spent and the cap that applies.
// Spend comes from the quota store, which knows what is not in the ledger yet; while that does not
// answer, from the ledger.

import { type AccountId, userAccount } from '#shared/domain/account.ts';
import { type CapIndex, type GroupLimitMode, indexCaps, resolveCap } from '#shared/domain/cap.ts';
import type { Clock } from '#shared/domain/clock.ts';
import {
  add,
  fromCents,
  type MicroUsd,
  microUsd,
  toCentsText,
  ZERO,
} from '#shared/domain/money.ts';
import { bucketsAt, type Period } from '#shared/domain/period.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { AdminStore, Person, SpendLimit } from '#shared/ports/admin-store.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { type EffectiveQuery, parseEffectiveQuery, renderPageToken } from './effective-query.ts';
import { renderScope } from './render-limit.ts';

export interface EffectiveDeps {
  readonly admin: Pick<AdminStore, 'caps' | 'people' | 'person'>;
  readonly ledger: Pick<Ledger, 'spendOf'>;
  readonly quota: Pick<QuotaStore, 'spend'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** How many people a search looks at in one read. */
const SEARCH_PAGE = 500;

type Identity = Pick<Person, 'sub' | 'email' | 'name' | 'groups'>;
type SpentByPeriod = Readonly<Record<Period, MicroUsd>>;

export async function listEffective(
  deps: EffectiveDeps,
  mode: GroupLimitMode,
  search: URLSearchParams,
): Promise<object> {
  const query = parseEffectiveQuery(search);
  const { people, next } = await readPeople(deps.admin, query);
  const accounts = people.map(({ sub }) => userAccount(sub));
  const [limits, spent] = await Promise.all([deps.admin.caps(), readSpend(deps, accounts)]);
  const index = indexLimits(limits);
  const byId = new Map(limits.map((limit) => [limit.id, limit]));
  const data = people.flatMap((person) =>
    query.periods.map((period) => {
      const cap = resolveCap(index, person, period, mode);
      const limit = cap === null ? null : (byId.get(cap.id) ?? null);
      const amount = spent.get(userAccount(person.sub))?.[period] ?? ZERO;
      return renderRow({ person, period, limit, amount });
    }),
  );
  return { data, next_page: next === null ? null : renderPageToken(next) };
}

interface PeoplePage {
  readonly people: readonly Identity[];
  /** The last sub of this page when more follow. */
  readonly next: string | null;
}

async function readPeople(
  admin: EffectiveDeps['admin'],
  query: EffectiveQuery,
): Promise<PeoplePage> {
  if (query.userIds.length > 0) return readNamed(admin, query);
  const found: Person[] = [];
  const pageSize = query.text === '' ? query.limit + 1 : SEARCH_PAGE;
  let after = query.after;
  do {
    const page = await admin.people(after, pageSize);
    found.push(...page.rows.filter((person) => matches(person, query.text)));
    after = page.next;
  } while (after !== null && found.length <= query.limit);
  return cut(found, query.limit);
}

/** People who were never seen are shown too: a cap may wait for them. */
async function readNamed(
  admin: EffectiveDeps['admin'],
  { userIds, after, limit }: EffectiveQuery,
): Promise<PeoplePage> {
  const wanted = userIds.filter((sub) => after === null || sub > after).slice(0, limit + 1);
  const people = await Promise.all(
    wanted.map(
      async (sub): Promise<Identity> =>
        (await admin.person(sub)) ?? { sub, email: null, name: null, groups: [] },
    ),
  );
  return cut(people, limit);
}

function cut(people: readonly Identity[], limit: number): PeoplePage {
  const page = people.slice(0, limit);
  return { people: page, next: people.length > limit ? (page.at(-1)?.sub ?? null) : null };
}

function matches({ sub, email, name }: Person, text: string): boolean {
  return [sub, email, name].some((value) => value?.toLowerCase().includes(text) === true);
}

async function readSpend(
  { quota, ledger, clock, log }: EffectiveDeps,
  accounts: readonly AccountId[],
): Promise<ReadonlyMap<AccountId, SpentByPeriod>> {
  const nowMs = clock.now();
  try {
    const spent = new Map<AccountId, Record<Period, MicroUsd>>();
    for (const row of await quota.spend(accounts, nowMs)) {
      const periods = spent.get(row.account) ?? { daily: ZERO, weekly: ZERO, monthly: ZERO };
      periods[row.period] = add(row.ledgeredMicroUsd, row.pendingMicroUsd);
      spent.set(row.account, periods);
    }
    return spent;
  } catch (caught) {
    const error = AppError.from(caught);
    if (error.code !== 'unavailable') throw error;
    log.warn('spend read from the ledger: the quota store does not answer', {
      detail: error.detail,
    });
    const spent = new Map<AccountId, SpentByPeriod>();
    for (const account of accounts) {
      spent.set(account, await ledger.spendOf(account, bucketsAt(nowMs)));
    }
    return spent;
  }
}

function indexLimits(limits: readonly SpendLimit[]): CapIndex {
  const caps = limits.map(({ id, scope, period, amount }) => ({
    id,
    scope,
    period,
    amountMicroUsd: amount === null ? null : fromCents(BigInt(amount)),
  }));
  return indexCaps({ version: 0, caps });
}

function renderRow(row: {
  readonly person: Identity;
  readonly period: Period;
  readonly limit: SpendLimit | null;
  readonly amount: MicroUsd;
}): object {
  const { person, period, limit, amount } = row;
  return {
    scope: { type: 'user', user_id: person.sub },
    groups: person.groups,
    actor: {
      type: 'user_actor',
      user_id: person.sub,
      name: person.name,
      email_address: person.email,
      deleted: false,
    },
    amount: limit?.amount ?? null,
    currency: 'USD',
    period,
    source: limit === null ? null : renderScope(limit.scope),
    spend_limit_id: limit?.id ?? null,
    period_to_date_spend: milliCents(amount),
  };
}

/** Cents with up to three decimals, half up: `0.4725` is shown as `0.473`. */
function milliCents(amount: MicroUsd): string {
  return toCentsText(microUsd(Math.floor((amount + 5) / 10) * 10), 3);
}
