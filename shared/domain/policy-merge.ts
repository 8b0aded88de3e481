// How one settings document lies over another (wire contract §7, as measured): most keys are
// replaced, refusals are united, maps are merged one level deep. `sandbox` is ours: see
// `sandbox-merge.ts`.

import {
  canonicalJson,
  isJsonArray,
  isJsonObject,
  type JsonObject,
  type JsonValue,
} from './canonical-json.ts';
import { mergeSandbox } from './sandbox-merge.ts';

type Merge = (base: JsonValue, over: JsonValue) => JsonValue;

const PERMISSIONS = new Map<string, Merge>([
  ['deny', union],
  ['ask', union],
]);

const SETTINGS = new Map<string, Merge>([
  ['permissions', permissions],
  ['disabledMcpjsonServers', union],
  ['deniedMcpServers', union],
  ['blockedMarketplaces', union],
  ['hooks', hooks],
  ['env', shallow],
  ['modelOverrides', shallow],
  ['sandbox', mergeSandbox],
]);

/** `over` wins where both speak. Neither argument is changed. */
export function mergeSettings(base: JsonObject, over: JsonObject): JsonObject {
  return overlay(base, over, (key) => SETTINGS.get(key) ?? replace);
}

function mergeObjects(base: JsonValue, over: JsonValue, ruleOf: (key: string) => Merge): JsonValue {
  return isJsonObject(base) && isJsonObject(over) ? overlay(base, over, ruleOf) : over;
}

function overlay(base: JsonObject, over: JsonObject, ruleOf: (key: string) => Merge): JsonObject {
  const merged = new Map<string, JsonValue>(Object.entries(base));
  for (const [key, value] of Object.entries(over)) {
    const known = merged.get(key);
    merged.set(key, known === undefined ? value : ruleOf(key)(known, value));
  }
  return Object.fromEntries(merged);
}

function permissions(base: JsonValue, over: JsonValue): JsonValue {
  return mergeObjects(base, over, (key) => PERMISSIONS.get(key) ?? replace);
}

function hooks(base: JsonValue, over: JsonValue): JsonValue {
  return mergeObjects(base, over, () => union);
}

function replace(_base: JsonValue, over: JsonValue): JsonValue {
  return over;
}

function shallow(base: JsonValue, over: JsonValue): JsonValue {
  return mergeObjects(base, over, () => replace);
}

/** Base first; an entry that is there already is not repeated. */
function union(base: JsonValue, over: JsonValue): JsonValue {
  if (!isJsonArray(base) || !isJsonArray(over)) return over;
  const entries = new Map<string, JsonValue>();
  for (const entry of [...base, ...over]) {
    const spelling = canonicalJson(entry);
    if (!entries.has(spelling)) entries.set(spelling, entry);
  }
  return [...entries.values()];
}
