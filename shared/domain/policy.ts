// Managed policies: who gets which settings and may use which models. Everything is merged once per
// distinct set of matching policies; after that a question costs a WeakMap lookup per session, or a
// walk over the person's groups the first time it is seen.

import { canonicalJson, isJsonArray, isJsonObject, type JsonObject } from './canonical-json.ts';
import { createModelAllowlist, type ModelAllowlist } from './model-allowlist.ts';
import { mergeSettings } from './policy-merge.ts';
import type { Principal } from './principal.ts';

/** `code` settings also reach the Code tab of Claude Desktop; a file has one kind only. */
export type SettingsKind = 'cli' | 'code';

export interface Policy {
  /** Both null: the catch-all, which is also the base under the other policies. */
  readonly match: {
    /** Any of them, case-sensitive. An empty list matches nobody. */
    readonly groups: readonly string[] | null;
    /** What follows the last `@`, in any case. */
    readonly emailDomain: string | null;
  };
  readonly kind: SettingsKind;
  readonly settings: JsonObject;
  /** Null: as the base says, otherwise not. */
  readonly serveToDesktop: boolean | null;
}

/** What the gateway itself adds beneath every policy's own settings. */
export interface SettingsPush {
  readonly env: Readonly<Record<string, string>> | null;
  readonly modelPricing: JsonObject | null;
}

export type PolicySettings =
  | {
      readonly outcome: 'matched';
      readonly settings: JsonObject;
      /** The settings' one canonical spelling; its SHA-256 is the checksum on the wire. */
      readonly checksumInput: string;
      /** Null: no policy at all, only what the gateway pushes. */
      readonly policyIndex: number | null;
      readonly kind: SettingsKind;
      readonly serveToDesktop: boolean;
    }
  | { readonly outcome: 'not_configured' }
  | { readonly outcome: 'no_match' };

export type PersonMatched = Pick<Principal, 'email' | 'groups'>;

export interface PolicyBook {
  settingsFor(person: PersonMatched): PolicySettings;
  /** Whether the person's role allows the model; true where no policy restricts models. */
  mayUse(person: PersonMatched, requestedModel: string): boolean;
}

export interface PolicyBookOptions {
  /** In the file's order. Null: there is no managed block. */
  readonly policies: readonly Policy[] | null;
  readonly mode: 'first_match' | 'layered';
  readonly push: SettingsPush;
}

interface Role {
  readonly answer: PolicySettings;
  readonly models: ModelAllowlist | null;
}

export function createPolicyBook(options: PolicyBookOptions): PolicyBook {
  const { policies, mode } = options;
  if (policies === null) return unmanagedBook(options.push);
  const roles = new Map<string, Role>();
  const seen = new WeakMap<PersonMatched, Role>();
  const roleOf = (person: PersonMatched): Role => {
    const known = seen.get(person);
    if (known !== undefined) return known;
    const layers = mode === 'layered' ? allLayers(policies, person) : oneLayer(policies, person);
    const key = layers.join();
    const role = roles.get(key) ?? createRole(layers, policies, options.push);
    roles.set(key, role);
    seen.set(person, role);
    return role;
  };
  return {
    settingsFor: (person) => roleOf(person).answer,
    mayUse: (person, model) => roleOf(person).models?.allows(model) ?? true,
  };
}

function unmanagedBook({ env }: SettingsPush): PolicyBook {
  const answer: PolicySettings =
    env === null
      ? { outcome: 'not_configured' }
      : { ...matched({ env }), policyIndex: null, kind: 'cli', serveToDesktop: true };
  return { settingsFor: () => answer, mayUse: () => true };
}

/** The first policy that matches, over the first catch-all. Indexes, the strongest first. */
function oneLayer(policies: readonly Policy[], person: PersonMatched): number[] {
  const first = policies.findIndex((policy) => matches(policy, person));
  if (first === -1) return [];
  const base = policies.findIndex(isCatchAll);
  return base === -1 || isCatchAll(policies[first]) ? [first] : [first, base];
}

/** Every policy that matches, catch-alls beneath the others. Indexes, the strongest first. */
function allLayers(policies: readonly Policy[], person: PersonMatched): number[] {
  const layers = [...policies.keys()].filter((index) => matches(policies[index], person));
  const special = layers.filter((index) => !isCatchAll(policies[index]));
  return [...special, ...layers.filter((index) => isCatchAll(policies[index]))];
}

function matches(policy: Policy | undefined, { email, groups }: PersonMatched): boolean {
  if (policy === undefined) return false;
  const { match } = policy;
  if (match.groups !== null && !match.groups.some((group) => groups.includes(group))) return false;
  return match.emailDomain === null || domainOf(email) === match.emailDomain.toLowerCase();
}

function domainOf(email: string | null): string | null {
  const at = email?.lastIndexOf('@') ?? -1;
  return email === null || at === -1 ? null : email.slice(at + 1).toLowerCase();
}

function isCatchAll(policy: Policy | undefined): boolean {
  return policy?.match.groups === null && policy.match.emailDomain === null;
}

function createRole(
  layers: readonly number[],
  policies: readonly Policy[],
  push: SettingsPush,
): Role {
  const strongestFirst = layers.flatMap((index) => policies[index] ?? []);
  const [strongest] = strongestFirst;
  if (strongest === undefined) return { answer: { outcome: 'no_match' }, models: null };
  const merged = strongestFirst
    .map(({ settings }) => settings)
    .reduceRight((base, over) => mergeSettings(base, over));
  const stated = strongestFirst.find(({ serveToDesktop }) => serveToDesktop !== null);
  const models = merged['availableModels'];
  return {
    answer: {
      ...matched(withPush(merged, push)),
      policyIndex: layers[0] ?? null,
      kind: strongest.kind,
      serveToDesktop: stated?.serveToDesktop ?? false,
    },
    models:
      models === undefined ? null : createModelAllowlist(isJsonArray(models) ? names(models) : []),
  };
}

function matched(settings: JsonObject) {
  return { outcome: 'matched', settings, checksumInput: canonicalJson(settings) } as const;
}

function withPush(settings: JsonObject, { env, modelPricing }: SettingsPush): JsonObject {
  const own = settings['env'];
  return {
    ...(env === null ? {} : { env }),
    ...(modelPricing === null ? {} : { modelPricing }),
    ...settings,
    ...(env !== null && isJsonObject(own) ? { env: { ...env, ...own } } : {}),
  };
}

function names(entries: readonly unknown[]): string[] {
  return entries.filter((entry) => typeof entry === 'string');
}
