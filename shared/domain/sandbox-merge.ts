// A role's `sandbox` over the base: per key, and the restrictive value wins, so that a role can
// tighten the base's sandbox and never loosen it. The reference replaces it whole, which silently
// drops the base's `enabled`. What "restrictive" means, key by key:
// - switches that protect (`enabled`, `failIfUnavailable`, …Only) stay on once either turned them
//   on;
// - switches that loosen (`allowUnsandboxedCommands`, `enableWeaker…`) stay off once turned off;
// - lists that permit (`allowedDomains`, `allowWrite`, `excludedCommands`, …) keep what both
//   permit: `*.example.com` and `/data` permit what lies under them;
// - lists that forbid (`deniedDomains`, `denyRead`, …) are united.
// Keys without a known direction (ports, paths of tools) are the role's.

import { isJsonArray, isJsonObject, type JsonValue } from './canonical-json.ts';

type Rule = 'either' | 'both' | 'intersect' | 'unite';

const RULES: ReadonlyMap<string, Rule> = new Map(
  Object.entries({
    enabled: 'either',
    failIfUnavailable: 'either',
    allowManagedDomainsOnly: 'either',
    allowManagedReadPathsOnly: 'either',
    autoAllowBashIfSandboxed: 'both',
    allowUnsandboxedCommands: 'both',
    enableWeakerNestedSandbox: 'both',
    enableWeakerNetworkIsolation: 'both',
    allowAllUnixSockets: 'both',
    allowLocalBinding: 'both',
    excludedCommands: 'intersect',
    allowedDomains: 'intersect',
    allowUnixSockets: 'intersect',
    allowMachLookup: 'intersect',
    allowWrite: 'intersect',
    allowRead: 'intersect',
    deniedDomains: 'unite',
    denyWrite: 'unite',
    denyRead: 'unite',
    enabledPlatforms: 'unite',
  } as const),
);

export function mergeSandbox(base: JsonValue, over: JsonValue): JsonValue {
  if (!isJsonObject(base) || !isJsonObject(over)) return over;
  const merged = new Map<string, JsonValue>(Object.entries(base));
  for (const [key, value] of Object.entries(over)) {
    const known = merged.get(key);
    merged.set(key, known === undefined ? value : mergeKey(key, known, value));
  }
  return Object.fromEntries(merged);
}

function mergeKey(key: string, base: JsonValue, over: JsonValue): JsonValue {
  if (isJsonObject(base) && isJsonObject(over)) return mergeSandbox(base, over);
  switch (RULES.get(key)) {
    case 'either':
      return base === true || over;
    case 'both':
      return base === false ? false : over;
    case 'intersect':
      return isJsonArray(base) && isJsonArray(over) ? intersect(base, over) : over;
    case 'unite':
      return isJsonArray(base) && isJsonArray(over) ? [...new Set([...base, ...over])] : over;
    case undefined:
      return over;
  }
}

function intersect(base: readonly JsonValue[], over: readonly JsonValue[]): JsonValue {
  const both = [
    ...base.filter((entry) => over.some((other) => covers(other, entry))),
    ...over.filter((entry) => base.some((other) => covers(other, entry))),
  ];
  return [...new Set(both)];
}

/** Whether permitting `wide` permits `narrow` too; doubtful spellings cover only themselves. */
function covers(wide: JsonValue, narrow: JsonValue): boolean {
  if (wide === narrow) return true;
  if (typeof wide !== 'string' || typeof narrow !== 'string') return false;
  if (wide === '*') return true;
  if (wide.startsWith('*.')) return narrow.endsWith(wide.slice(1));
  const isPath = /^(?:\/|~\/|\.\/)/.test(wide) && !narrow.split('/').includes('..');
  return isPath && narrow.startsWith(wide.endsWith('/') ? wide : `${wide}/`);
}
