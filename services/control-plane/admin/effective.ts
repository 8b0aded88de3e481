// GET …/effective: for each person seen, per period, what they spent and the cap that applies. Beside
// the reference's rows: one for each cap on a model that applies, with `model`, and in a row of a
// person with budgets of its period these, paused ones too.

import { type AccountId, modelAccount, userAccount } from '#shared/domain/account.ts';
import { type CapIndex, type GroupLimitMode, indexCaps, resolveCap } from '#shared/domain/cap.ts';
import { capTableOf } from '#shared/domain/cap-table.ts';
import type { MicroUsd } from '#shared/domain/money.ts';
import type { Period } from '#shared/domain/period.ts';
import type { AdminStore, SpendLimit } from '#shared/ports/admin-store.ts';
import { type Identity, type PeopleDeps, readPeoplePage } from './effective-people.ts';
import { parseEffectiveQuery, renderPageToken } from './effective-query.ts';
import { milliCents, readSpend, type Spent } from './read-spend.ts';
import { poolOf, renderScope } from './render-limit.ts';

export interface EffectiveDeps extends PeopleDeps {
  readonly admin: Pick<AdminStore, 'caps' | 'people' | 'person'>;
}

interface Row {
  readonly person: Identity;
  readonly period: Period;
  readonly model: string | null;
  /** Null: no cap applies. */
  readonly limit: SpendLimit | null;
  /** Those whose budget the person shares. */
  readonly budgets: readonly SpendLimit[];
}

export async function listEffective(
  deps: EffectiveDeps,
  mode: GroupLimitMode,
  search: URLSearchParams,
): Promise<object> {
  const query = parseEffectiveQuery(search);
  const [{ people, next }, limits] = await Promise.all([
    readPeoplePage(deps, query),
    deps.admin.caps(),
  ]);
  const rowsOf = createRows(limits, mode);
  const rows = people.flatMap((person) =>
    query.periods.flatMap((period) => rowsOf(person, period)),
  );
  const spent = await readSpend(deps, rows.flatMap(accountsOf));
  return {
    data: rows.map((row) => renderRow(row, spent)),
    next_page: next === null ? null : renderPageToken(next),
  };
}

function createRows(limits: readonly SpendLimit[], mode: GroupLimitMode) {
  const index = indexCaps(capTableOf(0, limits));
  const byId = new Map(limits.map((limit) => [limit.id, limit]));
  const models = [...index.models].sort();
  const withBudget = limits.filter((limit) => poolOf(limit) !== null);
  return (person: Identity, period: Period): Row[] => {
    const limitFor = (model: string | null) => capOf(index, byId, { person, period, model, mode });
    const budgets = withBudget.filter(
      (limit) => limit.period === period && isSharedBy(limit, person),
    );
    const ofModels = models.flatMap((model): Row[] => {
      const limit = limitFor(model);
      return limit === null ? [] : [{ person, period, model, limit, budgets: [] }];
    });
    return [{ person, period, model: null, limit: limitFor(null), budgets }, ...ofModels];
  };
}

function capOf(
  index: CapIndex,
  byId: ReadonlyMap<string, SpendLimit>,
  asked: Pick<Row, 'person' | 'period' | 'model'> & { readonly mode: GroupLimitMode },
): SpendLimit | null {
  const cap = resolveCap(index, asked.person, asked.period, asked.mode, asked.model);
  return cap === null ? null : (byId.get(cap.id) ?? null);
}

function isSharedBy({ scope }: SpendLimit, { groups }: Identity): boolean {
  if (scope.type === 'organization') return true;
  return scope.type === 'rbac_group' && groups.includes(scope.rbacGroupId);
}

function accountsOf(row: Row): AccountId[] {
  return [accountOf(row), ...row.budgets.flatMap((limit) => poolOf(limit) ?? [])];
}

function accountOf({ person, model }: Row): AccountId {
  const own = userAccount(person.sub);
  return model === null ? own : modelAccount(model, own);
}

function renderRow(row: Row, spent: Spent): object {
  const { person, period, model, limit, budgets } = row;
  const amount: MicroUsd = spent(accountOf(row), period);
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
    ...(model === null ? {} : { model }),
    ...(budgets.length === 0
      ? {}
      : { budgets: budgets.flatMap((budget) => renderBudget(budget, spent) ?? []) }),
  };
}

function renderBudget(limit: SpendLimit, spent: Spent): object | null {
  const account = poolOf(limit);
  if (account === null || limit.pooledBudget === null) return null;
  const { amount, paused } = limit.pooledBudget;
  return {
    scope: renderScope(limit.scope),
    period: limit.period,
    amount,
    ...(paused ? { paused } : {}),
    period_to_date_spend: milliCents(spent(account, limit.period)),
  };
}
