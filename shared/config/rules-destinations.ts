import { type InnerPlace, innerPlaceOfUrl } from './loopback.ts';
import { listAt, textAt } from './raw-tree.ts';
import type { Rule, RuleContext } from './rule.ts';

/** Where the gateway may send requests of its own. */
export const destinationRules: readonly Rule[] = [
  destinationsAreOutside,
  whatIsSentIsEncrypted,
  webhooksDiffer,
];

const ALLOW = 'with TALLYGATE_ALLOW_LOOPBACK=1 in the environment, this address';

function outboundUrls(tree: unknown): Map<string, string> {
  const urls = new Map<string, string | undefined>([
    ['oidc.issuer', textAt(tree, 'oidc', 'issuer')],
    ['oidc.discovery_url', textAt(tree, 'oidc', 'discovery_url')],
  ]);
  listAt(tree, 'upstreams').forEach((upstream, index) => {
    urls.set(`upstreams[${index}].base_url`, textAt(upstream, 'base_url'));
  });
  for (const [path, url] of [...telemetryUrls(tree), ...webhookUrls(tree)]) urls.set(path, url);
  return new Map([...urls].filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function telemetryUrls(tree: unknown): [string, string][] {
  return urlsOf(listAt(tree, 'telemetry', 'forward_to'), 'telemetry.forward_to');
}

function webhookUrls(tree: unknown): [string, string][] {
  return urlsOf(listAt(tree, 'alerts', 'webhooks'), 'alerts.webhooks');
}

function urlsOf(destinations: readonly unknown[], path: string): [string, string][] {
  return destinations.flatMap((destination, index): [string, string][] => {
    const url = textAt(destination, 'url');
    return url === undefined ? [] : [[`${path}[${index}].url`, url]];
  });
}

function destinationsAreOutside({ tree, isLoopbackAllowed, refuse }: RuleContext): void {
  for (const [path, url] of outboundUrls(tree)) {
    const place = innerPlaceOfUrl(url);
    if (place === undefined) continue;
    if (place === 'metadata') refuse(path, NAMES[place], 'an address that is no metadata service');
    else if (!isLoopbackAllowed) refuse(path, NAMES[place], `an address outside, or, ${ALLOW}`);
  }
}

const NAMES: Readonly<Record<InnerPlace, string>> = {
  loopback: 'a loopback address',
  'link-local': 'a link-local address',
  metadata: 'the address of a cloud metadata service, which gives out credentials',
};

function whatIsSentIsEncrypted({ tree, refuse }: RuleContext): void {
  for (const [path, url] of [...telemetryUrls(tree), ...webhookUrls(tree)]) {
    if (!/^http:/i.test(url) || innerPlaceOfUrl(url) !== undefined) continue;
    refuse(path, 'an http:// URL', 'an https:// URL (http:// only for loopback)');
  }
}

/** On the bus a webhook is known by its URL: two with the same would be one. */
function webhooksDiffer({ tree, refuse }: RuleContext): void {
  const seen = new Set<string>();
  for (const [path, url] of webhookUrls(tree)) {
    if (seen.has(url)) refuse(path, 'the URL of another webhook', 'a URL of its own');
    seen.add(url);
  }
}
