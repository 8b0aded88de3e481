// Whose limit it is: what refusals, headers and the usage report say of it follows from its account.

import { type AccountId, isShared, ORGANIZATION } from '#shared/domain/account.ts';
import type { Limit } from '#shared/domain/quota.ts';

export type LimitKind =
  /** A cap of the person's own, for all models. */
  | { readonly type: 'own' }
  /** A cap of the person's own for one model or family. */
  | { readonly type: 'model'; readonly model: string }
  /** A budget that a group shares. */
  | { readonly type: 'group'; readonly group: string }
  /** The budget that everybody shares. */
  | { readonly type: 'organization' };

const POOL = 'pool:'.length;
const MODEL = 'model:'.length;

export function kindOf({ account }: Pick<Limit, 'account'>): LimitKind {
  if (account === ORGANIZATION) return { type: 'organization' };
  if (isShared(account)) return { type: 'group', group: groupOf(account) };
  if (account.startsWith('user:')) return { type: 'own' };
  return { type: 'model', model: account.slice(MODEL, account.indexOf(':', MODEL)) };
}

export function groupOf(pool: AccountId): string {
  return pool.slice(POOL);
}

/** As Claude Code knows it: without it the limit is taken for the person's own. */
export function overageScope(kind: LimitKind): 'group_pool' | 'organization' | null {
  if (kind.type === 'group') return 'group_pool';
  return kind.type === 'organization' ? 'organization' : null;
}

/** As a sentence names it. */
export function nameOf(kind: LimitKind): string {
  switch (kind.type) {
    case 'own':
      return 'your spend limit';
    case 'model':
      return `your spend limit for ${kind.model}`;
    case 'group':
      return "your group's budget";
    case 'organization':
      return "your organization's budget";
  }
}
