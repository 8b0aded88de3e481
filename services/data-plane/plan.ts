// Which upstreams may serve a request, and under which id. Pure.

import type { Catalogue } from '#shared/domain/catalogue.ts';
import type { Principal } from '#shared/domain/principal.ts';
import type { Upstream } from './upstreams/upstream.ts';

export interface Candidate {
  readonly upstream: Upstream;
  readonly upstreamModel: string;
}

export type Plan =
  | { readonly outcome: 'places'; readonly candidates: readonly Candidate[] }
  | { readonly outcome: 'refused'; readonly message: string };

export interface PlanQuery {
  readonly model: string;
  readonly principal: Principal;
  readonly policy: { mayUse(principal: Principal, requestedModel: string): boolean };
  readonly catalogue: Catalogue;
  readonly upstreams: readonly Upstream[];
  readonly routing: Routing;
  /** What should stay with one upstream. */
  readonly stickyKey: string;
}

export interface Asker {
  readonly groups: readonly string[];
  readonly stickyKey: string;
}

/** How upstreams share the load, and which may stand in for another. */
export interface Routing {
  /** All that may be tried, in this order. */
  arrange(candidates: readonly Candidate[], asker: Asker): readonly Candidate[];
}

/** The person's role first, then the operator's models, then what each upstream serves. */
export function planFor(query: PlanQuery): Plan {
  const { model, principal, policy, catalogue, upstreams, routing, stickyKey } = query;
  if (!policy.mayUse(principal, model)) {
    return refused(`model ${model} is not in your role's availableModels allowlist`);
  }
  if (catalogue.find(model) === null) {
    return refused(`model ${model} is not in the operator's model allowlist`);
  }
  const open = upstreams.filter(({ ref }) => isOpenTo(ref.groups, principal));
  const candidates = open.flatMap((upstream): Candidate[] => {
    const upstreamModel = catalogue.upstreamId(model, upstream.ref);
    return upstreamModel === null ? [] : [{ upstream, upstreamModel }];
  });
  if (candidates.length > 0) {
    const { groups } = principal;
    return { outcome: 'places', candidates: routing.arrange(candidates, { groups, stickyKey }) };
  }
  if (open.length === 0) return refused(`model ${model} is served by no upstream for your groups`);
  return refused(
    open.map(({ ref }) => `model ${model} is not served by upstream '${ref.name}'`).join('; '),
  );
}

function isOpenTo(groups: readonly string[] | null, principal: Principal): boolean {
  return groups === null || groups.some((group) => principal.groups.includes(group));
}

function refused(message: string): Plan {
  return { outcome: 'refused', message };
}
