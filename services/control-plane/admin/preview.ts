// What a change of a cap would do, without doing it: the row before and after, and how many of the
// people who were seen it would block right now.

import { modelAccount, userAccount } from '#shared/domain/account.ts';
import {
  type CapIndex,
  type Charge,
  chargeOf,
  type GroupLimitMode,
  indexCaps,
} from '#shared/domain/cap.ts';
import { capTableOf } from '#shared/domain/cap-table.ts';
import type { Limit } from '#shared/domain/quota.ts';
import type { AdminStore, Person, SpendLimit } from '#shared/ports/admin-store.ts';
import { readSpend, type SpendDeps, type Spent } from './read-spend.ts';
import { renderLimits } from './render-limit.ts';

interface PreviewDeps extends SpendDeps {
  readonly admin: Pick<AdminStore, 'people'>;
}

export interface PreviewedChange {
  /** All rows as they are. */
  readonly limits: readonly SpendLimit[];
  /** One of them, or null: there is none yet. */
  readonly before: SpendLimit | null;
  /** Null: it is to be deleted. */
  readonly after: SpendLimit | null;
}

const PEOPLE_PAGE = 500;
const PEOPLE_MAX = 10_000;

export async function previewChange(
  deps: PreviewDeps,
  mode: GroupLimitMode,
  change: PreviewedChange,
): Promise<object> {
  const { limits, before, after } = change;
  const rest = limits.filter((limit) => limit !== before);
  const index = indexCaps(capTableOf(0, after === null ? rest : [...rest, after]));
  const blocked = await countBlocked(deps, (person) => touched(index, mode, person, change));
  return {
    type: 'spend_limit_preview',
    dry_run: true,
    before: await rendered(deps, before, before?.id ?? null),
    after: await rendered(deps, after, before?.id ?? null),
    ...blocked,
  };
}

/** A row that is not there yet has no id. */
async function rendered(deps: SpendDeps, limit: SpendLimit | null, id: string | null) {
  return limit === null ? null : { ...(await renderLimits(deps, [limit]))[0], id };
}

/** What of a person's caps and budgets the change is about; of what is deleted, what comes instead. */
function touched(
  index: CapIndex,
  mode: GroupLimitMode,
  person: Person,
  { before, after }: PreviewedChange,
): Pick<Charge, 'limits' | 'pools'> {
  const row = after ?? before;
  if (row === null) return { limits: [], pools: [] };
  const { model, period } = row;
  const { limits, pools } = chargeOf(index, person, model === null ? [] : [model], mode);
  const own = userAccount(person.sub);
  const account = model === null ? own : modelAccount(model, own);
  const isTouched = (limit: Limit) =>
    after === null
      ? limit.period === period && limit.account === account
      : limit.capId === after.id;
  const hasPool = pools.some((pool) => pool.limits.some(isTouched));
  return { limits: limits.filter(isTouched), pools: hasPool ? pools : [] };
}

async function countBlocked(
  deps: PreviewDeps,
  chargeFor: (person: Person) => Pick<Charge, 'limits' | 'pools'>,
): Promise<{ would_block: number; people_checked: number }> {
  let blocked = 0;
  let checked = 0;
  let after: string | null = null;
  do {
    const page = await deps.admin.people(after, PEOPLE_PAGE);
    const charges = page.rows
      .map(chargeFor)
      .filter(({ limits, pools }) => limits.length + pools.length > 0);
    const accounts = charges.flatMap(({ limits, pools }) =>
      [...limits, ...pools].map(({ account }) => account),
    );
    const spent = await readSpend(deps, accounts);
    blocked += charges.filter((charge) => isBlocked(charge, spent)).length;
    checked += page.rows.length;
    after = page.next;
  } while (after !== null && checked < PEOPLE_MAX);
  return { would_block: blocked, people_checked: checked };
}

/** One of the limits is reached, or each of the budgets, of which one is charged. */
function isBlocked({ limits, pools }: Pick<Charge, 'limits' | 'pools'>, spent: Spent): boolean {
  const isOver = ({ account, period, capMicroUsd }: Limit) => spent(account, period) >= capMicroUsd;
  const isEmpty = (pool: { limits: readonly Limit[] }) => pool.limits.some(isOver);
  return limits.some(isOver) || (pools.length > 0 && pools.every(isEmpty));
}
