// Which headers pass, each way. Towards the upstream an open list of prefixes: what Anthropic's API may
// grow is passed without us. Towards the client an allow list: what an upstream says about its own
// connection, cookies and servers is none of the client's business (RFC 9110 §7.6.1 for hop-by-hop).

import type { IncomingHttpHeaders } from 'node:http';
import type { Secret } from '#shared/config/secret.ts';

/** Name, value, name, value: what undici takes without another copy. */
export type HeaderList = string[];

/** Never passed on, whatever a list says. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

// No accept-encoding: the meter reads the bytes that the client gets, so they are asked for plain.
const TO_ANY: ReadonlySet<string> = new Set(['accept', 'traceparent', 'tracestate']);
const TO_CLOUD: ReadonlySet<string> = new Set(['anthropic-version', 'anthropic-beta']);
/** Whose workspace pays is the operator's to say. */
const NOT_THE_CLIENTS: ReadonlySet<string> = new Set(['anthropic-workspace-id']);

const TO_CLIENT: ReadonlySet<string> = new Set([
  'content-type',
  'cache-control',
  'content-encoding',
  'content-length',
  'retry-after',
  'retry-after-ms',
  'x-should-retry',
]);

/** `request-tags` names a field that is cut from the body, so the beta goes with it. */
export const TAGS_BETA = 'request-tags-2026-08-21';

export interface RequestHeadersOptions {
  readonly format: 'anthropic' | 'cloud';
  readonly version: string;
  readonly addBetas?: readonly string[];
  readonly dropBetas?: readonly string[];
}

/** What of the client's headers an upstream gets; authentication is the upstream's to add. */
export function upstreamHeaders(
  client: IncomingHttpHeaders,
  { format, version, addBetas = [], dropBetas = [] }: RequestHeadersOptions,
): HeaderList {
  const named = connectionNames(client.connection);
  const list: HeaderList = ['content-type', client['content-type'] ?? 'application/json'];
  for (const name of Object.keys(client)) {
    const value = client[name];
    if (value === undefined || name === 'anthropic-beta') continue;
    if (HOP_BY_HOP.has(name) || named.has(name) || !passes(name, format)) continue;
    list.push(name, Array.isArray(value) ? value.join(', ') : value);
  }
  const betas = betaList(client['anthropic-beta'], addBetas, dropBetas);
  if (betas !== '' && !named.has('anthropic-beta')) list.push('anthropic-beta', betas);
  const agent = client['user-agent'];
  const suffix = `tallygate/${version}`;
  list.push('user-agent', agent === undefined ? suffix : `${agent} ${suffix}`);
  list.push('accept-encoding', 'identity');
  return list;
}

/** The operator's own, of one upstream: in place of the client's, betas beside them. */
export function addConfigured(
  list: HeaderList,
  configured: Readonly<Record<string, Secret>>,
): void {
  for (const [name, value] of Object.entries(configured)) {
    const key = name.toLowerCase();
    const at = list.findIndex((entry, index) => index % 2 === 0 && entry === key);
    const own = value.reveal();
    if (at === -1) list.push(key, own);
    else list[at + 1] = key === 'anthropic-beta' ? `${list[at + 1]},${own}` : own;
  }
}

/** What of an upstream's headers the client gets. */
export function clientHeaders(upstream: IncomingHttpHeaders): Record<string, string> {
  const passed: Record<string, string> = {};
  const named = connectionNames(upstream.connection);
  for (const name of Object.keys(upstream)) {
    const value = upstream[name];
    if (value === undefined || named.has(name)) continue;
    const isAnthropic = name.startsWith('anthropic-') && !name.startsWith('anthropic-ratelimit-');
    if (TO_CLIENT.has(name) || isAnthropic) {
      passed[name] = Array.isArray(value) ? value.join(', ') : value;
    }
  }
  return passed;
}

function passes(name: string, format: 'anthropic' | 'cloud'): boolean {
  if (TO_ANY.has(name) || name.startsWith('x-stainless-')) return true;
  if (format === 'cloud') return TO_CLOUD.has(name);
  return name.startsWith('anthropic-') && !NOT_THE_CLIENTS.has(name);
}

/** Headers that Connection names are hop-by-hop too. */
function connectionNames(connection: string | undefined): ReadonlySet<string> {
  if (connection === undefined || connection === 'keep-alive') return NONE;
  return new Set(connection.split(',').map((name) => name.trim().toLowerCase()));
}

const NONE: ReadonlySet<string> = new Set();

function betaList(
  client: string | string[] | undefined,
  add: readonly string[],
  drop: readonly string[],
): string {
  if (client !== undefined && add.length === 0 && drop.length === 0) return String(client);
  const betas = String(client ?? '')
    .split(',')
    .map((beta) => beta.trim())
    .filter((beta) => beta !== '' && !drop.includes(beta));
  return [...new Set([...betas, ...add])].join(',');
}
