import { listAt, mapAt, textAt } from './raw-tree.ts';
import type { Rule, RuleContext } from './rule.ts';

/** Set, signed or stripped by the gateway, by HTTP itself or by the provider. */
const RESERVED_HEADERS = new Set([
  'accept-encoding',
  'authorization',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'cookie',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-api-key',
  'x-goog-user-project',
]);
/** Signed, or set from `guardrail` and `workspace_id`. */
const RESERVED_AT_AMAZON = /^(x-amz-.*|x-amzn-bedrock-guardrail.*|anthropic-workspace-id)$/i;
const AMAZON: ReadonlySet<string | undefined> = new Set(['bedrock', 'mantle', 'anthropicAws']);
const HEADER_NAME = /^[!#$%&'*+.^_`|~\w-]+$/;

/** Rules over `upstreams`, and `models`, which refers to them. */
export const upstreamRules: readonly Rule[] = [
  namesAreUnique,
  headersAreOurs,
  identityStaysHome,
  modelsNameUpstreams,
];

function upstreamName(upstream: unknown): string | undefined {
  return textAt(upstream, 'name') ?? textAt(upstream, 'provider');
}

function upstreamNames(tree: unknown): string[] {
  const names = listAt(tree, 'upstreams').map(upstreamName);
  return names.filter((name) => name !== undefined);
}

function namesAreUnique({ tree, refuse }: RuleContext): void {
  const seen = new Set<string>();
  listAt(tree, 'upstreams').forEach((upstream, index) => {
    const name = upstreamName(upstream);
    if (name === undefined) return;
    const found = `${JSON.stringify(name)}, which an upstream before it has`;
    if (seen.has(name)) refuse(`upstreams[${index}].name`, found, 'a name of its own');
    seen.add(name);
  });
}

function headersAreOurs({ tree, refuse }: RuleContext): void {
  const check = (names: readonly string[], path: string, isAmazon = false): void => {
    for (const name of names) {
      const at = `${path}.headers.${name}`;
      const isReserved = RESERVED_HEADERS.has(name.toLowerCase());
      if (isReserved || (isAmazon && RESERVED_AT_AMAZON.test(name))) {
        refuse(at, 'a reserved header', 'headers that the gateway and the provider do not set');
      } else if (!HEADER_NAME.test(name)) {
        refuse(`${path}.headers`, JSON.stringify(name), 'header names like x-team');
      }
    }
  };
  listAt(tree, 'upstreams').forEach((upstream, index) => {
    const isAmazon = AMAZON.has(textAt(upstream, 'provider'));
    check(Object.keys(mapAt(upstream, 'headers')), `upstreams[${index}]`, isAmazon);
  });
  listAt(tree, 'telemetry', 'forward_to').forEach((destination, index) => {
    const names = Object.keys(mapAt(destination, 'headers'));
    const isCredential = /^(authorization|x-api-key|x-goog-user-project)$/i;
    const others = names.filter((name) => !isCredential.test(name));
    check(others, `telemetry.forward_to[${index}]`);
  });
}

function identityStaysHome({ tree, refuse }: RuleContext): void {
  listAt(tree, 'upstreams').forEach((upstream, index) => {
    const flag = mapAt(tree, 'upstreams', index)['forward_user_identity'];
    if (flag !== true && flag !== 'true') return;
    const url = textAt(upstream, 'base_url') ?? 'https://api.anthropic.com';
    const host = URL.canParse(url) ? new URL(url).hostname : '';
    if (host !== 'anthropic.com' && !host.endsWith('.anthropic.com')) return;
    const accepted = "true only with a base_url of your own proxy: people's mail stays with you";
    refuse(`upstreams[${index}].forward_user_identity`, `true, for ${host}`, accepted);
  });
}

function modelsNameUpstreams({ tree, refuse }: RuleContext): void {
  const names = upstreamNames(tree);
  listAt(tree, 'models').forEach((model, index) => {
    for (const name of Object.keys(mapAt(model, 'upstream_model'))) {
      if (names.includes(name)) continue;
      refuse(`models[${index}].upstream_model.${name}`, 'an unknown upstream', oneOfNames(names));
    }
  });
}

function oneOfNames(names: readonly string[]): string {
  return names.length === 0 ? "an upstream's name" : `one of ${names.join(', ')}`;
}
