// Names of models that lead nowhere, and models without a price: what only the catalogue and the price
// book together can tell.

import { bedrockPrefix, builtinModel } from '../domain/builtin-models.ts';
import { createCatalogue } from '../domain/catalogue.ts';
import { endpointClass } from '../domain/endpoint-class.ts';
import { createPriceBook } from '../domain/pricing.ts';
import { missingPrice, type Prices, unusedOverrides } from './doubtful-prices.ts';
import { renderPath } from './fault.ts';
import type { GatewayConfig } from './schema.ts';

type Warn = (path: string, message: string) => void;

/** What the checks look at: the configuration as requests will find it. */
interface Served extends Prices {
  readonly config: GatewayConfig;
}

/** Claude models that Google Cloud offers with less context than Anthropic does. */
const VERTEX_WITHOUT_1M = ['claude-sonnet-4-5-20250929', 'claude-sonnet-4-20250514'];

export function findDoubtfulModels(config: GatewayConfig, warn: Warn): void {
  const served: Served = {
    config,
    overrides: config.pricing.overrides,
    upstreams: config.upstreams.map((upstream) => ({
      ...{ name: upstream.name, provider: upstream.provider },
      ...{ models: upstream.models ?? null, groups: null },
      region: 'region' in upstream ? upstream.region : null,
      endpoint: endpointClass(upstream.provider === 'vertex' ? upstream.region : null),
    })),
    catalogue: createCatalogue({
      models: config.models.map(({ id, upstream_model }) => ({
        ...{ id, label: null, description: null, upstreamModel: upstream_model },
      })),
      autoIncludeBuiltinModels: config.auto_include_builtin_models,
    }),
    book: createPriceBook(config.pricing),
  };
  checkNamedModels(served, warn);
  checkLongContext(served, warn);
  checkBedrockProfiles(served, warn);
  checkConfiguredModels(served, warn);
  checkOverrides(served, warn);
}

function checkNamedModels({ upstreams, catalogue }: Served, warn: Warn): void {
  upstreams.forEach((upstream, index) => {
    upstream.models?.forEach((name, place) => {
      if (catalogue.upstreamId(name, upstream) !== null) return;
      const message =
        catalogue.find(name) === null
          ? `${JSON.stringify(name)} is no model here; check the spelling, or add it to models.`
          : `${JSON.stringify(name)} is never sent here: its upstream_model names other upstreams.`;
      warn(`upstreams[${index}].models[${place}]`, message);
    });
  });
}

/** Only where the operator named them: that every other file has them is no news. */
function checkLongContext({ upstreams }: Served, warn: Warn): void {
  upstreams.forEach((upstream, index) => {
    if (upstream.provider !== 'vertex') return;
    const named = (upstream.models ?? []).map((name) => builtinModel(name)?.id);
    const found = VERTEX_WITHOUT_1M.filter((id) => named.includes(id));
    if (found.length === 0) return;
    const message = `serves ${found.join(' and ')}, which Google Cloud has without 1M tokens of`;
    warn(`upstreams[${index}]`, `${message} context: requests that ask for it are refused there.`);
  });
}

/** Bedrock refuses most models under their bare ids, and only when somebody asks. */
function checkBedrockProfiles({ upstreams, catalogue }: Served, warn: Warn): void {
  upstreams.forEach((upstream, index) => {
    if (upstream.provider !== 'bedrock') return;
    const region = upstream.region ?? '';
    const bare = catalogue.list().filter(({ id }) => {
      const builtin = builtinModel(id)?.id;
      if (builtin === undefined || bedrockPrefix(builtin, region) !== null) return false;
      return catalogue.upstreamId(id, upstream)?.startsWith('anthropic.') ?? false;
    });
    if (bare.length === 0) return;
    const sent = catalogue.upstreamId(bare[0]?.id ?? '', upstream);
    const others = bare.length === 1 ? '' : ` and ${bare.length - 1} other models`;
    const message = `in ${region} no inference profile is known for ${bare[0]?.id}${others}, so bare`;
    const mend = `ids like ${sent} are sent, which Bedrock mostly refuses; map them in models, for`;
    const example = `instance to global.${sent}, or to the ARN of a profile.`;
    warn(`upstreams[${index}].region`, `${message} ${mend} ${example}`);
  });
}

function checkConfiguredModels(served: Served, warn: Warn): void {
  const { config, upstreams, catalogue } = served;
  const ids = config.models.map(({ id }) => id.toLowerCase());
  config.models.forEach(({ id, upstream_model }, index) => {
    // A row that repeats another has no effect, and has its warning for that.
    if (ids.indexOf(id.toLowerCase()) < index) return;
    for (const [name, upstreamModel] of Object.entries(upstream_model)) {
      const upstream = upstreams.find((one) => one.name === name);
      if (upstream === undefined) continue;
      const path = renderPath(['models', index, 'upstream_model', name]);
      const sent = catalogue.upstreamId(id, upstream);
      if (sent === null) {
        warn(path, `is never used: ${JSON.stringify(id)} is not in the models of that upstream.`);
        continue;
      }
      if (sent !== upstreamModel) continue;
      const missing = missingPrice(served, { upstream, requestedModel: id, upstreamModel: sent });
      if (missing !== null) warn(path, missing);
    }
  });
}

function checkOverrides(served: Served, warn: Warn): void {
  for (const index of unusedOverrides(served)) {
    const { upstream, model } = served.overrides[index] ?? {};
    const message = `never applies: nothing that is sent to ${JSON.stringify(upstream)} is priced by`;
    warn(`pricing.overrides[${index}]`, `${message} ${JSON.stringify(model)}.`);
  }
}
