import { listAt, mapAt } from './raw-tree.ts';
import type { Rule, RuleContext } from './rule.ts';

/** Rules over how upstreams share the load. */
export const routingRules: readonly Rule[] = [tiersOfAllOrNone, weightsHaveTiers];

function tiersOfAllOrNone({ tree, refuse }: RuleContext): void {
  const upstreams = listAt(tree, 'upstreams');
  const has = upstreams.map((_, index) => hasKey(tree, index, 'tier'));
  if (!has.includes(true)) return;
  has.forEach((isSaid, index) => {
    if (isSaid) return;
    const accepted = 'a tier for each upstream, or for none: then they are tried in this order';
    refuse(`upstreams[${index}].tier`, 'nothing, where other upstreams have one', accepted);
  });
}

function weightsHaveTiers({ tree, refuse }: RuleContext): void {
  listAt(tree, 'upstreams').forEach((_, index) => {
    if (!hasKey(tree, index, 'weight') || hasKey(tree, index, 'tier')) return;
    const accepted = 'a weight beside the tier whose load it shares';
    refuse(`upstreams[${index}].weight`, 'a weight without a tier', accepted);
  });
}

function hasKey(tree: unknown, index: number, key: string): boolean {
  return mapAt(tree, 'upstreams', index)[key] !== undefined;
}
