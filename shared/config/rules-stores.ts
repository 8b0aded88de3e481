import { mapAt, valueAt } from './raw-tree.ts';
import type { Rule, RuleContext } from './rule.ts';

/** Rules over `store`, `ledger`, `quota`, `bus` and `jobs`. */
export const storeRules: readonly Rule[] = [
  oneLedger,
  postgresHasAnAddress,
  storeIsUsed,
  jobsHaveARedis,
];

function ledgers(tree: unknown): string[] {
  return Object.keys(mapAt(tree, 'ledger'));
}

function oneLedger({ tree, refuse }: RuleContext): void {
  const named = ledgers(tree);
  if (named.length > 1) refuse('ledger', named.join(' and '), 'one of sqlite, postgres, firestore');
}

function postgresHasAnAddress({ tree, refuse }: RuleContext): void {
  if (!ledgers(tree).includes('postgres') || valueAt(tree, 'store') !== undefined) return;
  refuse('ledger.postgres', 'no store section', 'store.postgres_url beside it');
}

function storeIsUsed({ tree, refuse }: RuleContext): void {
  const other = ledgers(tree).find((name) => name !== 'postgres');
  if (valueAt(tree, 'store') === undefined || other === undefined) return;
  const accepted = `no ledger.${other} (the ledger is then PostgreSQL), or no store section`;
  refuse('store', `PostgreSQL beside ledger.${other}`, accepted);
}

function jobsHaveARedis({ tree, refuse }: RuleContext): void {
  if (valueAt(tree, 'jobs', 'bullmq') === undefined) return;
  if (valueAt(tree, 'quota', 'redis') !== undefined) return;
  refuse('jobs.bullmq', 'no quota.redis', 'quota.redis beside it, whose Redis the jobs run on');
}
