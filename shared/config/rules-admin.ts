import { isRawMap, listAt, mapAt, textAt, valueAt } from './raw-tree.ts';
import type { Rule, RuleContext } from './rule.ts';

/** Rules over `admin`, what needs it, and `managed`. */
export const adminRules: readonly Rule[] = [
  keyIdsAreUnique,
  keysAreUnique,
  enforcementNeedsAdmin,
  pricingNeedsAReader,
  policiesAreOfOneKind,
];

interface AdminKeyAt {
  readonly path: string;
  readonly id: string | undefined;
  readonly key: string | undefined;
}

function adminKeys(tree: unknown): AdminKeyAt[] {
  return ['write_keys', 'read_keys'].flatMap((list) =>
    listAt(tree, 'admin', list).map((entry, index) => ({
      path: `admin.${list}[${index}]`,
      id: textAt(entry, 'id'),
      key: textAt(entry, 'key'),
    })),
  );
}

function keyIdsAreUnique({ tree, refuse }: RuleContext): void {
  const seen = new Map<string, string>();
  for (const { path, id } of adminKeys(tree)) {
    if (id === undefined) continue;
    const found = `${JSON.stringify(id)}, which ${seen.get(id)} has too`;
    if (seen.has(id)) refuse(`${path}.id`, found, 'an id of its own, for the audit trail');
    else seen.set(id, path);
  }
}

function keysAreUnique({ tree, refuse }: RuleContext): void {
  const seen = new Map<string, string>();
  for (const { path, key } of adminKeys(tree)) {
    if (key === undefined) continue;
    const found = `the same key as ${seen.get(key)}`;
    if (seen.has(key)) refuse(`${path}.key`, found, 'a key of its own');
    else seen.set(key, path);
  }
}

function enforcementNeedsAdmin({ tree, refuse }: RuleContext): void {
  if (valueAt(tree, 'admin') !== undefined) return;
  const { fail_closed_on_error: failClosed, reservation } = mapAt(tree, 'enforcement');
  const accepted = 'an admin section beside it: without one there are no caps to enforce';
  if (failClosed === true || failClosed === 'true') {
    refuse('enforcement.fail_closed_on_error', 'true without an admin section', accepted);
  }
  if (reservation !== undefined) {
    refuse('enforcement.reservation', 'a mode without an admin section', accepted);
  }
}

function pricingNeedsAReader({ tree, refuse }: RuleContext): void {
  if (valueAt(tree, 'pricing') === undefined || valueAt(tree, 'admin') !== undefined) return;
  if (listAt(tree, 'managed', 'policies').length > 0) return;
  const accepted = 'an admin section, or managed.policies, which are the only readers of prices';
  refuse('pricing', 'prices that nothing reads', accepted);
}

function policiesAreOfOneKind({ tree, refuse }: RuleContext): void {
  const kinds = listAt(tree, 'managed', 'policies').map((policy) => {
    if (!isRawMap(policy)) return undefined;
    if (policy['code'] !== undefined) return 'code';
    return policy['cli'] !== undefined || policy['settings'] !== undefined ? 'cli' : undefined;
  });
  const first = kinds.find((kind) => kind !== undefined);
  kinds.forEach((kind, index) => {
    if (kind === undefined || kind === first) return;
    const found = `settings under ${kind} after policies with ${first}`;
    refuse(`managed.policies[${index}]`, found, 'cli in every policy, or code in every policy');
  });
}
