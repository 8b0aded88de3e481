import { innerPlaceOfUrl } from './loopback.ts';
import { listAt, textAt, valueAt } from './raw-tree.ts';
import type { Rule, RuleContext } from './rule.ts';

/** Rules over how single upstreams are reached and signed in to. */
export const upstreamAuthRules: readonly Rule[] = [
  keyFilesAreReadable,
  identityTokensAreEncrypted,
  foundryIsSomewhere,
];

const WITH_GOOGLE_KEY: ReadonlySet<string> = new Set(['vertex', 'anthropicGoogleCloud']);

function keyFilesAreReadable({ tree, readFile, refuse }: RuleContext): void {
  listAt(tree, 'upstreams').forEach((upstream, index) => {
    const key = textAt(upstream, 'auth', 'service_account_json');
    const provider = textAt(upstream, 'provider') ?? '';
    if (key === undefined || !WITH_GOOGLE_KEY.has(provider)) return;
    const isInline = key.trimStart().startsWith('{');
    if (isServiceAccountKey(isInline ? () => key : () => readFile(key))) return;
    refuse(
      `upstreams[${index}].auth.service_account_json`,
      isInline ? 'JSON of something else' : 'a path without a service account key behind it',
      'the path of a service account key (JSON with client_email and private_key)',
    );
  });
}

function isServiceAccountKey(read: () => string): boolean {
  try {
    const key: unknown = JSON.parse(read());
    return textAt(key, 'client_email') !== undefined && textAt(key, 'private_key') !== undefined;
  } catch {
    return false;
  }
}

/** What is exchanged for a token is as good as the token. */
function identityTokensAreEncrypted({ tree, refuse }: RuleContext): void {
  listAt(tree, 'upstreams').forEach((upstream, index) => {
    const url = textAt(upstream, 'base_url') ?? '';
    if (textAt(upstream, 'auth', 'federation_rule_id') === undefined) return;
    if (!/^http:/i.test(url) || innerPlaceOfUrl(url) !== undefined) return;
    const accepted = 'an https:// URL, for an identity token is sent there';
    refuse(`upstreams[${index}].base_url`, 'an http:// URL', accepted);
  });
}

function foundryIsSomewhere({ tree, refuse }: RuleContext): void {
  listAt(tree, 'upstreams').forEach((upstream, index) => {
    if (textAt(upstream, 'provider') !== 'foundry') return;
    if (['resource', 'base_url'].some((key) => valueAt(upstream, key) !== undefined)) return;
    const accepted = 'the name of a Foundry resource, or a base_url in its place';
    refuse(`upstreams[${index}].resource`, 'nothing', accepted);
  });
}
