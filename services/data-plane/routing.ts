// The order in which upstreams are tried, and which of them may stand in for the first. Pure.
//
// Upstreams of one tier share the load by weight. Who goes where is a weighted rendezvous hash of the
// conversation (Thaler and Ravishankar 1998): every data plane answers alike, a conversation stays where
// its prompt cache is warm, and an upstream that comes or goes moves no one else's.

import type { Candidate, Routing } from './plan.ts';
import type { Upstream } from './upstreams/upstream.ts';

/** Where a request may go when the first upstream fails. */
export type FailoverScope = 'any' | 'same_provider' | 'same_region';

export interface RoutingOptions {
  /** By the name of the upstream; empty: each is a tier of its own, in the order of the file. */
  readonly places: ReadonlyMap<string, TierPlace>;
  readonly failover: FailoverScope;
  /** The first that names one of the person's groups holds, else `failover`. */
  readonly rules: readonly RoutingRule[];
}

export interface TierPlace {
  /** The lowest is tried first. */
  readonly tier: number;
  readonly weight: number;
}

export interface RoutingRule {
  readonly groups: readonly string[];
  readonly failover: FailoverScope;
}

export function createRouting({ places, failover, rules }: RoutingOptions): Routing {
  return {
    arrange(candidates, { groups, stickyKey }) {
      if (candidates.length < 2) return candidates;
      const ordered = places.size === 0 ? candidates : byTier(candidates, places, stickyKey);
      const rule = rules.find((one) => one.groups.some((group) => groups.includes(group)));
      return within(ordered, rule?.failover ?? failover);
    },
  };
}

const ALONE: TierPlace = { tier: 0, weight: 1 };

function byTier(
  candidates: readonly Candidate[],
  places: ReadonlyMap<string, TierPlace>,
  stickyKey: string,
): Candidate[] {
  const key = hash(stickyKey);
  return candidates
    .map((candidate) => {
      const { name } = candidate.upstream.ref;
      const { tier, weight } = places.get(name) ?? ALONE;
      return { candidate, tier, draw: draw(key, name, weight) };
    })
    .sort((a, b) => a.tier - b.tier || a.draw - b.draw)
    .map(({ candidate }) => candidate);
}

/** The lowest draw wins: an exponential variate with the weight as its rate. */
function draw(key: number, name: string, weight: number): number {
  const uniform = (mix(key ^ mix(hash(name))) + 0.5) / 2 ** 32;
  return -Math.log(uniform) / weight;
}

/** FNV-1a over UTF-16 units. */
function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    state = Math.imul(state ^ text.charCodeAt(at), 0x01000193);
  }
  return state;
}

/** The finalizer of MurmurHash3: every bit of the input moves every bit of the output. */
function mix(value: number): number {
  let bits = value ^ (value >>> 16);
  bits = Math.imul(bits, 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

function within(ordered: readonly Candidate[], scope: FailoverScope): readonly Candidate[] {
  const [first] = ordered;
  if (scope === 'any' || first === undefined) return ordered;
  return ordered.filter(
    (candidate) => candidate === first || isNear(first.upstream, candidate.upstream, scope),
  );
}

/** A region that is not known is nobody's. */
function isNear(first: Upstream, other: Upstream, scope: FailoverScope): boolean {
  if (scope === 'same_provider') return first.ref.provider === other.ref.provider;
  return first.region !== null && first.region === other.region;
}
