import { hash } from 'node:crypto';

/** What a rollup says about its events beside person, model and upstream. */
export interface RollupLabels {
  readonly groups: readonly string[];
  readonly billingGroup: string | null;
  /** Stands for both in keys: a directory's groups may be longer than a key of a database. */
  readonly key: string;
}

const KEY_DIGITS = 32;

/** Groups ascending and without repeats. */
export function labelsOf(event: {
  readonly groups: readonly string[];
  readonly billingGroup: string | null;
}): RollupLabels {
  const { billingGroup } = event;
  const groups = [...new Set(event.groups)].sort();
  const text = JSON.stringify([groups, billingGroup]);
  const key = hash('sha256', text, 'hex').slice(0, KEY_DIGITS);
  return { groups, billingGroup, key };
}
