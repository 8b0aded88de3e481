import type { z } from 'zod';
import { describeValue } from './describe-value.ts';
import { createFault, type Fault, type Path, renderPath } from './fault.ts';
import { nearMiss } from './near-miss.ts';
import { pathWithin, valueAt } from './raw-tree.ts';

/** One validator issue → its faults (one for each unknown key). */
export function issueToFaults(
  issue: z.core.$ZodIssue,
  tree: unknown,
  references: ReadonlyMap<string, string>,
): Fault[] {
  const issuePath = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step));
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownKey([...issuePath, key], key, issue.message));
  }
  const path = pathWithin(tree, issuePath);
  const text = renderPath(path);
  const found = describeValue(valueAt(tree, ...path), path, references.get(text));
  return [createFault(text, found, issue.message)];
}

/** The issue's message is the list of the keys that are accepted there (`field.ts`). */
function unknownKey(path: Path, key: string, keys: string): Fault {
  const meant = nearMiss(key, keys.split(', '));
  const hint = meant === undefined ? '' : `\`${meant}\` was probably meant, of `;
  return createFault(renderPath(path), 'an unknown key', `${hint}the keys ${keys}`);
}
