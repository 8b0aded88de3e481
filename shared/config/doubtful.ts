// Values that work but are seldom meant: boot goes on and says so.

import { createModelAllowlist } from '../domain/model-allowlist.ts';
import { findDoubtfulModels } from './doubtful-models.ts';
import type { Warning } from './fault.ts';
import { innerPlaceOfUrl } from './loopback.ts';
import { mapAt, valueAt } from './raw-tree.ts';
import type { GatewayConfig } from './schema.ts';
import type { JsonObject } from './schema-managed.ts';

const SESSION_HOURS_USUAL_MAX = 24;

/** What to warn about at boot. `tree` is the expanded file: it knows what was written down. */
export function findDoubtful(config: GatewayConfig, tree: unknown): Warning[] {
  const warnings: Warning[] = [];
  const warn = (path: string, message: string): void => {
    warnings.push({ path, message: `${path}: ${message}` });
  };
  checkAddresses(config, warn);
  checkSignIn(config, warn);
  checkUpstreams(config, warn);
  checkRouting(config, warn);
  findDoubtfulModels(config, warn);
  checkAdmin(config, warn);
  checkManaged(config, tree, warn);
  return warnings;
}

type Warn = (path: string, message: string) => void;

function checkAddresses({ listen, telemetry }: GatewayConfig, warn: Warn): void {
  if (listen.public_url !== undefined) {
    const url = new URL(listen.public_url);
    if (url.protocol === 'http:' && innerPlaceOfUrl(listen.public_url) === undefined) {
      warn('listen.public_url', 'is http://, so sessions cross the network in the clear.');
    }
    if (url.pathname !== '/') {
      warn('listen.public_url', 'has a path; a proxy must strip it before the gateway.');
    }
  } else if (telemetry !== undefined && telemetry.forward_to.length > 0) {
    const message = 'is missing, so clients are not told where to export their telemetry.';
    warn('listen.public_url', message);
  }
}

function checkSignIn({ oidc, session }: GatewayConfig, warn: Warn): void {
  if (oidc.allowed_email_domains.length === 0 && oidc.allowed_groups.length === 0) {
    const message = 'is empty and so is allowed_groups: whoever the identity provider signs in';
    warn('oidc.allowed_email_domains', `${message} may use the gateway.`);
  }
  if (isPlainHttp(oidc.issuer)) {
    warn('oidc.issuer', 'is http://, so people can be impersonated on the way.');
  }
  if (!oidc.use_pkce) warn('oidc.use_pkce', 'is off; leave it on unless the provider refuses it.');
  if (session.ttl_hours > SESSION_HOURS_USUAL_MAX) {
    const message = `is ${session.ttl_hours}, and group changes take that long to hold.`;
    warn('session.ttl_hours', message);
  }
}

function checkUpstreams({ upstreams, models, pricing }: GatewayConfig, warn: Warn): void {
  upstreams.forEach((upstream, index) => {
    if (isPlainHttp(upstream.base_url ?? '')) {
      const message = 'is http://, so prompts and keys cross the network in the clear.';
      warn(`upstreams[${index}].base_url`, message);
    }
    if (upstream.provider === 'anthropic' && upstream.forward_user_identity) {
      const message = 'is on: the proxy at base_url sees who asks.';
      warn(`upstreams[${index}].forward_user_identity`, message);
    }
  });
  const ids = models.map((model) => model.id.toLowerCase());
  ids.forEach((id, index) => {
    const first = ids.indexOf(id);
    if (first < index) warn(`models[${index}].id`, `repeats models[${first}].`);
  });
  const factor = pricing.multiplierMillionths / 1_000_000;
  if (factor > 1) {
    const message = `is ${factor}, a markup: caps are reached that much sooner.`;
    warn('pricing.multiplier', message);
  }
}

function checkRouting({ upstreams, routing }: GatewayConfig, warn: Warn): void {
  const scopes = [routing.failover, ...routing.rules.map((rule) => rule.failover)];
  if (!scopes.includes('same_region')) return;
  upstreams.forEach((upstream, index) => {
    if ('region' in upstream || 'location' in upstream) return;
    const message = 'has no region, so `same_region` lets nothing fail over from it, or to it.';
    warn(`upstreams[${index}]`, message);
  });
}

function checkAdmin({ admin }: GatewayConfig, warn: Warn): void {
  if (admin === undefined) return;
  if (admin.write_keys.length > 0 || admin.admin_groups.length > 0) return;
  warn('admin', 'has neither write_keys nor admin_groups, so nobody can set a cap.');
}

function checkManaged({ managed }: GatewayConfig, tree: unknown, warn: Warn): void {
  if (valueAt(tree, 'managed', 'settings') !== undefined) {
    warn('managed.settings', 'has no effect; settings go into managed.policies.');
  }
  if (managed === undefined) return;
  managed.policies.forEach(({ match, settings }, index) => {
    const path = `managed.policies[${index}]`;
    const written = mapAt(tree, 'managed', 'policies', index);
    if (written['cli'] !== undefined && written['settings'] !== undefined) {
      warn(`${path}.settings`, 'has no effect beside cli, of which it is another name.');
    }
    const isBase = match.groups === undefined && match.email_domain === undefined;
    if (isBase && index < managed.policies.length - 1 && managed.policy_mode === 'first_match') {
      warn(path, 'matches everyone but is not the last, so the policies after it never match.');
    }
    checkDefaultModel(path, settings, warn);
  });
}

function checkDefaultModel(path: string, settings: JsonObject, warn: Warn): void {
  const { availableModels: listed, model, enforceAvailableModels } = settings;
  if (!Array.isArray(listed) || enforceAvailableModels === true) return;
  if (model === undefined) {
    const message = 'lists availableModels without model or enforceAvailableModels: where the';
    warn(path, `${message} client's own default is not listed, people must pick a model first.`);
  } else if (!isListed(String(model), listed.map(String))) {
    const message = `starts people on ${JSON.stringify(model)}, which its availableModels leave out:`;
    warn(path, `${message} they get a 400 until they pick another model.`);
  }
}

/** A client's alias stands for whatever of its family it knows; `default` and its like for any. */
function isListed(model: string, listed: readonly string[]): boolean {
  const alias = /^(opus|sonnet|haiku|fable)(?:\[1m\])?$/i.exec(model)?.[1]?.toLowerCase();
  if (alias !== undefined) return listed.some((entry) => entry.toLowerCase().includes(alias));
  return !model.startsWith('claude-') || createModelAllowlist(listed).allows(model);
}

function isPlainHttp(url: string): boolean {
  return /^http:/i.test(url) && innerPlaceOfUrl(url) === undefined;
}
