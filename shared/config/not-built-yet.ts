// What config.md promises and this release does not do. A key here fails boot with its sentence;
// none is ignored in silence. Building a feature means deleting its line.

import type { Fault, Path } from './fault.ts';
import { renderPath } from './fault.ts';
import { isRawMap, valueAt } from './raw-tree.ts';

interface NotBuilt {
  /** `[]` stands for every entry of a list. */
  readonly path: string;
  /** Only these values; absent: whatever stands there. */
  readonly values?: readonly string[];
  readonly sentence: string;
}

const LATER = 'comes with a later release';
const LATER_ALL = 'come with a later release';

const NOT_BUILT_YET: readonly NotBuilt[] = [
  { path: 'export', sentence: `exports ${LATER_ALL}; leave the section out` },
  {
    path: 'oidc.google_groups',
    sentence: `groups from Google Workspace ${LATER_ALL}; use groups_claim`,
  },
  {
    path: 'managed.policies[].desktop',
    sentence: `settings for Claude Desktop ${LATER_ALL}; leave the block out`,
  },
  {
    path: 'telemetry.forward_to[].auth',
    sentence: `signing in to Google for telemetry ${LATER}; put a collector in between`,
  },
  {
    path: 'cri',
    sentence: 'customer-routed inference is not for Tallygate; leave the section out',
  },
  {
    path: 'dev',
    sentence: 'there is no `dev` section; leave it out, the embedded SQLite ledger needs no server',
  },
];

export interface NotBuiltFault extends Fault {
  /** Where other faults are not worth a line because of this one. */
  readonly covers: string;
}

/** A fault for every key of the tree whose feature this release does not have. */
export function findNotBuiltYet(tree: unknown): NotBuiltFault[] {
  return NOT_BUILT_YET.flatMap((entry) =>
    placesOf(tree, entry.path)
      .filter((path) => entry.values?.includes(String(valueAt(tree, ...path))) ?? true)
      .map((path) => notBuilt(path, entry.sentence)),
  );
}

function notBuilt(path: Path, sentence: string): NotBuiltFault {
  const text = renderPath(path);
  const covers = text.replace(/^(upstreams\[\d+\])\.provider$|(\.auth)\.\w+$/, '$1$2');
  const found = 'a feature that this release does not have';
  return { path: text, found, accepted: sentence, message: `${text}: ${sentence}.`, covers };
}

/** The places of the tree that a pattern fits. */
function placesOf(tree: unknown, pattern: string): Path[] {
  const steps = pattern.replaceAll('[]', '.[]').split('.');
  let places: Path[] = [[]];
  for (const step of steps) {
    places = places.flatMap((path): Path[] => {
      const value = valueAt(tree, ...path);
      if (step !== '[]')
        return isRawMap(value) && Object.hasOwn(value, step) ? [[...path, step]] : [];
      return Array.isArray(value) ? value.map((_, index) => [...path, index]) : [];
    });
  }
  return places;
}
