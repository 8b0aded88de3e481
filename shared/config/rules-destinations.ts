import { type InnerPlace, innerPlaceOfUrl } from './loopback.ts';
import { listAt, textAt } from './raw-tree.ts';
import type { Rule, RuleContext } from './rule.ts';

/** Where the gateway may send requests of its own. */
export const destinationRules: readonly Rule[] = [destinationsAreOutside, telemetryIsEncrypted];

const ALLOW = 'with TALLYGATE_ALLOW_LOOPBACK=1 in the environment, this address';

function outboundUrls(tree: unknown): Map<string, string> {
  const urls = new Map<string, string | undefined>([
    ['oidc.issuer', textAt(tree, 'oidc', 'issuer')],
    ['oidc.discovery_url', textAt(tree, 'oidc', 'discovery_url')],
  ]);
  listAt(tree, 'upstreams').forEach((upstream, index) => {
    urls.set(`upstreams[${index}].base_url`, textAt(upstream, 'base_url'));
  });
  for (const [path, url] of telemetryUrls(tree)) urls.set(path, url);
  return new Map([...urls].filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function telemetryUrls(tree: unknown): [string, string][] {
  return listAt(tree, 'telemetry', 'forward_to').flatMap(
    (destination, index): [string, string][] => {
      const url = textAt(destination, 'url');
      return url === undefined ? [] : [[`telemetry.forward_to[${index}].url`, url]];
    },
  );
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

function telemetryIsEncrypted({ tree, refuse }: RuleContext): void {
  for (const [path, url] of telemetryUrls(tree)) {
    if (!/^http:/i.test(url) || innerPlaceOfUrl(url) !== undefined) continue;
    refuse(path, 'an http:// URL', 'an https:// URL (http:// only for loopback)');
  }
}
