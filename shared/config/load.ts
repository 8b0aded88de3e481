// gateway.yaml → GatewayConfig, or everything that is wrong with it at once. The order is: YAML,
// references, features not built, schema, rules across keys. A fault in one part silences no other.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { findDoubtful } from './doubtful.ts';
import { type Expanded, type ExpandSources, expand } from './expand.ts';
import { createFault, type Fault, isWithin, type Warning } from './fault.ts';
import { issueToFaults } from './issue-to-fault.ts';
import { findNotBuiltYet } from './not-built-yet.ts';
import { isRawMap, mapAt, valueAt } from './raw-tree.ts';
import { readYaml } from './read-yaml.ts';
import { runRules } from './rule.ts';
import { adminRules } from './rules-admin.ts';
import { destinationRules } from './rules-destinations.ts';
import { identityRules } from './rules-identity.ts';
import { pricingRules } from './rules-pricing.ts';
import { routingRules } from './rules-routing.ts';
import { storeRules } from './rules-stores.ts';
import { upstreamAuthRules } from './rules-upstream-auth.ts';
import { upstreamRules } from './rules-upstreams.ts';
import { type GatewayConfig, gatewaySchema } from './schema.ts';

export type ConfigSource = { readonly path: string } | { readonly text: string };

export interface LoadOptions {
  /** For `${VAR}`, PORT and TALLYGATE_ALLOW_LOOPBACK. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** UTF-8 content of a file; throws when it cannot be read. Default: the file system. */
  readonly readFile?: (path: string) => string;
}

export type LoadResult =
  | {
      readonly ok: true;
      readonly config: GatewayConfig;
      readonly warnings: readonly Warning[];
      /** Of the text and of every `${file:}` that it names: equal means nothing changed. */
      readonly sha256: string;
    }
  | { readonly ok: false; readonly faults: readonly Fault[] };

const RULES = [
  ...identityRules,
  ...storeRules,
  ...upstreamRules,
  ...routingRules,
  ...pricingRules,
  ...upstreamAuthRules,
  ...destinationRules,
  ...adminRules,
];

/** Loads and checks the whole configuration. Never throws for what is in the file. */
export function loadConfig(source: ConfigSource, options: LoadOptions): LoadResult {
  const readFile = options.readFile ?? ((path: string) => readFileSync(path, 'utf8'));
  const text = 'text' in source ? source.text : readSource(source.path, readFile);
  if (text === undefined) {
    const found = `no file that can be read at ${'path' in source ? source.path : ''}`;
    return { ok: false, faults: [createFault('', found, 'the path of a gateway.yaml')] };
  }
  const yaml = readYaml(text);
  if (yaml.tree === undefined && yaml.faults.length > 0) return { ok: false, faults: yaml.faults };
  if (!isRawMap(yaml.tree)) {
    const found = yaml.tree === null ? 'an empty file' : 'something else than keys and values';
    return { ok: false, faults: [createFault('', found, 'a mapping of sections')] };
  }
  const expanded = withPort(expand(yaml.tree, { env: options.env, readFile }), options.env);
  const checked = check(expanded, { env: options.env, readFile });
  const faults = [...yaml.faults, ...checked.faults];
  if (checked.config === undefined || faults.length > 0) return { ok: false, faults };
  const warnings = findDoubtful(checked.config, expanded.tree);
  return { ok: true, config: checked.config, warnings, sha256: digest(text, expanded.files) };
}

function check(
  expanded: Expanded,
  { env, readFile }: ExpandSources,
): { readonly faults: readonly Fault[]; readonly config: GatewayConfig | undefined } {
  const { tree, references } = expanded;
  const notBuilt = findNotBuiltYet(tree);
  const parsed = gatewaySchema.safeParse(tree);
  const issues = parsed.success ? [] : parsed.error.issues;
  const isLoopbackAllowed =
    env['TALLYGATE_ALLOW_LOOPBACK'] === '1' || env['CLAUDE_GATEWAY_ALLOW_LOOPBACK'] === '1';
  const rules = runRules(RULES, { tree, isLoopbackAllowed, readFile });
  const ruled = new Set(rules.map((fault) => fault.path));
  const schema = issues
    .flatMap((issue) => issueToFaults(issue, tree, references))
    .filter((fault) => !ruled.has(fault.path));
  const isCovered = ({ path }: Fault): boolean =>
    notBuilt.some(({ covers }) => isWithin(path, covers));
  const isEcho = ({ path }: Fault): boolean => expanded.unresolved.has(path);
  const found = [...expanded.faults, ...[...schema, ...rules].filter((fault) => !isEcho(fault))];
  const faults = [
    ...notBuilt.map(({ path, found, accepted, message }) => ({ path, found, accepted, message })),
    ...found.filter((fault) => !isCovered(fault)),
  ];
  return { faults, config: parsed.success ? parsed.data : undefined };
}

/** PORT is how Cloud Run and its like say where to listen. */
function withPort(expanded: Expanded, env: LoadOptions['env']): Expanded {
  const port = env['PORT'];
  if (port === undefined || port === '') return expanded;
  if (!isRawMap(valueAt(expanded.tree, 'listen') ?? {})) return expanded;
  const listen = { ...mapAt(expanded.tree, 'listen'), port };
  return {
    ...expanded,
    tree: { ...mapAt(expanded.tree), listen },
    references: new Map([...expanded.references, ['listen.port', `PORT=${port}`]]),
  };
}

function readSource(path: string, readFile: (path: string) => string): string | undefined {
  try {
    return readFile(path);
  } catch {
    return undefined;
  }
}

function digest(text: string, files: ReadonlyMap<string, string>): string {
  const hash = createHash('sha256').update(text);
  for (const [path, content] of files) hash.update(`\0${path}\0${content}`);
  return hash.digest('hex');
}
