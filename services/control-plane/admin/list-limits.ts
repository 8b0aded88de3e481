// Spend limits as they are: one, or a list.

import type { CapScope } from '#shared/domain/cap.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { AdminStore, SpendLimit } from '#shared/ports/admin-store.ts';
import { parsePageLimit } from './page-query.ts';
import type { SpendDeps } from './read-spend.ts';
import { renderLimits } from './render-limit.ts';

interface ListDeps extends SpendDeps {
  readonly admin: Pick<AdminStore, 'cap' | 'caps'>;
}

const SCOPE_TYPES: readonly CapScope['type'][] = ['organization', 'rbac_group', 'user'];
const LIMIT_ID = /^spl_[0-9a-f]{32}$/;

/** @throws AppError `not_found` */
export async function findLimit(admin: Pick<AdminStore, 'cap'>, id: string): Promise<SpendLimit> {
  const limit = LIMIT_ID.test(id) ? await admin.cap(id) : null;
  if (limit === null) throw unknownLimit();
  return limit;
}

export function unknownLimit(): AppError {
  return new AppError('not_found', 'spend limit not found');
}

export async function readLimit(deps: ListDeps, id: string): Promise<object> {
  const [rendered] = await renderLimits(deps, [await findLimit(deps.admin, id)]);
  return rendered ?? {};
}

/** Ascending by creation. There is one row per scope, period and model: a page is cut from all of them. */
export async function listLimits(deps: ListDeps, query: URLSearchParams): Promise<object> {
  const limit = parsePageLimit(query, 20);
  const scopeType = parseScopeType(query.get('scope_type'));
  const all = await deps.admin.caps();
  const { rows, fromEnd } = between(all, query);
  const matching = rows.filter(({ scope }) => scopeType === null || scope.type === scopeType);
  const page = fromEnd ? matching.slice(-limit) : matching.slice(0, limit);
  return {
    data: await renderLimits(deps, page),
    has_more: matching.length > page.length,
    first_id: page[0]?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
  };
}

/** The rows after `after_id`, or those before `before_id`, of which the last ones are wanted. */
function between(
  all: readonly SpendLimit[],
  query: URLSearchParams,
): { rows: readonly SpendLimit[]; fromEnd: boolean } {
  const afterId = query.get('after_id');
  const beforeId = query.get('before_id');
  if (afterId !== null && beforeId !== null) {
    throw new AppError('invalid_request', 'after_id and before_id are mutually exclusive');
  }
  if (afterId !== null) {
    return { rows: all.slice(indexOf(all, 'after_id', afterId) + 1), fromEnd: false };
  }
  if (beforeId !== null) {
    return { rows: all.slice(0, indexOf(all, 'before_id', beforeId)), fromEnd: true };
  }
  return { rows: all, fromEnd: false };
}

function indexOf(all: readonly SpendLimit[], name: string, id: string): number {
  const index = all.findIndex((limit) => limit.id === id);
  if (index === -1) throw new AppError('invalid_request', `${name}: no spend limit with this id`);
  return index;
}

function parseScopeType(text: string | null): CapScope['type'] | null {
  if (text === null) return null;
  const type = SCOPE_TYPES.find((known) => known === text);
  if (type === undefined) {
    throw new AppError('invalid_request', `scope_type: must be one of ${SCOPE_TYPES.join(', ')}`);
  }
  return type;
}
