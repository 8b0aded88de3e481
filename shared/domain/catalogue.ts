// Which models exist here and what each upstream calls them. Everything is looked up in Maps that
// are built once per configuration.

import {
  BUILTIN_MODELS,
  type BuiltinModel,
  bedrockId,
  builtinModel,
  mantleId,
  undatedId,
  vertexId,
} from './builtin-models.ts';

export type Provider =
  | 'anthropic'
  | 'vertex'
  | 'bedrock'
  | 'mantle'
  | 'anthropicAws'
  | 'anthropicGoogleCloud'
  | 'foundry';

/** A row of `models[]`: the id that clients ask for and what named upstreams call it. */
export interface ConfiguredModel {
  readonly id: string;
  readonly label: string | null;
  readonly description: string | null;
  readonly upstreamModel: Readonly<Record<string, string>>;
}

export interface UpstreamRef {
  readonly name: string;
  readonly provider: Provider;
  /** Where the provider's names of models depend on it. */
  readonly region?: string | null;
  /** The only models it serves; null: all. */
  readonly models: readonly string[] | null;
  /** The only groups it serves; null: everybody. Not looked at here: it needs the person. */
  readonly groups: readonly string[] | null;
}

export interface CatalogueModel {
  readonly id: string;
  readonly displayName: string;
  readonly description: string | null;
  readonly maxInputTokens: number | null;
  /** `opus`, `sonnet`, …; empty where the id names none. */
  readonly family: string;
}

export interface Catalogue {
  /** Configured models first, then the built-ins, in the order of GET /v1/models. */
  list(): readonly CatalogueModel[];
  /** Null: not in the operator's model allowlist. */
  find(requested: string): CatalogueModel | null;
  /** The id to send. Null: that upstream does not serve the model. */
  upstreamId(requested: string, upstream: UpstreamRef): string | null;
}

interface Entry {
  readonly model: CatalogueModel;
  readonly builtinId: string | null;
  readonly upstreamModel: Readonly<Record<string, string>>;
}

export function createCatalogue(options: {
  readonly models: readonly ConfiguredModel[];
  readonly autoIncludeBuiltinModels: boolean;
}): Catalogue {
  const byName = new Map<string, Entry>();
  const byBuiltin = new Map<string, Entry>();
  const list: CatalogueModel[] = [];
  for (const row of options.models) {
    const entry = configuredEntry(row);
    const name = row.id.toLowerCase();
    if (byName.has(name)) continue;
    byName.set(name, entry);
    list.push(entry.model);
    if (entry.builtinId !== null && !byBuiltin.has(entry.builtinId)) {
      byBuiltin.set(entry.builtinId, entry);
    }
  }
  for (const builtin of options.autoIncludeBuiltinModels ? BUILTIN_MODELS : []) {
    const entry = builtinEntry(builtin);
    if (!byBuiltin.has(builtin.id)) byBuiltin.set(builtin.id, entry);
    if (builtin.listed && !byName.has(builtin.id)) list.push(entry.model);
  }
  // The operator's row for one spelling of a built-in stands for its other spellings too.
  const entryOf = (requested: string): Entry | undefined => {
    const named = byName.get(requested.toLowerCase());
    if (named !== undefined) return named;
    const builtin = builtinModel(requested);
    return builtin === null ? undefined : byBuiltin.get(builtin.id);
  };
  return {
    list: () => list,
    find: (requested) => entryOf(requested)?.model ?? null,
    upstreamId(requested, upstream) {
      const entry = entryOf(requested);
      if (entry === undefined || !serves(upstream, entry)) return null;
      if (Object.hasOwn(entry.upstreamModel, upstream.name)) {
        return entry.upstreamModel[upstream.name] ?? null;
      }
      return entry.builtinId === null ? null : providerId(entry.builtinId, upstream);
    },
  };
}

function configuredEntry(row: ConfiguredModel): Entry {
  const builtin = builtinModel(row.id);
  return {
    model: {
      id: row.id,
      displayName: row.label ?? row.id,
      description: row.description,
      maxInputTokens: null,
      family: builtin?.family ?? familyOf(row.id),
    },
    builtinId: builtin?.id ?? null,
    upstreamModel: row.upstreamModel,
  };
}

function builtinEntry({ id, family, maxInputTokens }: BuiltinModel): Entry {
  return {
    model: { id, displayName: id, description: null, maxInputTokens, family },
    builtinId: id,
    upstreamModel: {},
  };
}

function familyOf(id: string): string {
  return (
    /^claude-(?:[0-9-]+-)?(opus|sonnet|haiku|fable|mythos)\b/i.exec(id)?.[1]?.toLowerCase() ?? ''
  );
}

function serves(upstream: UpstreamRef, entry: Entry): boolean {
  if (upstream.models === null) return true;
  return upstream.models.some((name) => {
    if (name.toLowerCase() === entry.model.id.toLowerCase()) return true;
    return entry.builtinId !== null && builtinModel(name)?.id === entry.builtinId;
  });
}

/** As captured from the reference (04, 04b, 04g): what each sent for every built-in. */
function providerId(builtinId: string, { provider, region }: UpstreamRef): string | null {
  switch (provider) {
    case 'anthropic':
    case 'anthropicAws':
    case 'anthropicGoogleCloud':
      return builtinId;
    case 'vertex':
      return vertexId(builtinId);
    case 'foundry':
      return undatedId(builtinId);
    case 'bedrock':
      return bedrockId(builtinId, region ?? '');
    case 'mantle':
      return mantleId(builtinId);
  }
}
