import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Provider } from '#shared/domain/catalogue.ts';
import type { Candidate } from './plan.ts';
import { createRouting, type TierPlace } from './routing.ts';

function at(name: string, provider: Provider = 'vertex', region: string | null = null): Candidate {
  const ref = { name, provider, region, models: null, groups: null };
  const unused = () => assert.fail('nothing is sent here');
  const upstream = {
    ...({ ref, endpoint: 'global', region, prepare: unused, translateError: unused } as const),
    translateStreamError: null,
  };
  return { upstream, upstreamModel: 'm' };
}

const names = (candidates: readonly Candidate[]) => candidates.map((one) => one.upstream.ref.name);
const noRules = { failover: 'any', rules: [] } as const;

function tiered(places: Record<string, [tier: number, weight: number]>) {
  const map = new Map<string, TierPlace>(
    Object.entries(places).map(([name, [tier, weight]]) => [name, { tier, weight }]),
  );
  const candidates = Object.keys(places).map((name) => at(name));
  const routing = createRouting({ ...noRules, places: map });
  return (stickyKey: string, left = candidates) =>
    names(routing.arrange(left, { groups: [], stickyKey }));
}

describe('the order', () => {
  test('is that of the file where no upstream has a tier', () => {
    const candidates = [at('c'), at('a'), at('b')];
    const routing = createRouting({ ...noRules, places: new Map() });
    for (const stickyKey of ['s1', 's2', 's3']) {
      assert.equal(routing.arrange(candidates, { groups: [], stickyKey }), candidates);
    }
  });

  test('is by tier, the lowest first, whatever the file says', () => {
    const order = tiered({ last: [7, 100], first: [0, 1], middle: [3, 1] });
    for (const key of ['s1', 's2', 's3']) assert.deepEqual(order(key), ['first', 'middle', 'last']);
  });

  test('within a tier is the conversation’s own and stays', () => {
    const order = tiered({ a: [1, 1], b: [1, 1], c: [1, 1], d: [2, 1] });
    const seen = new Set<string>();
    for (let i = 0; i < 200; i += 1) {
      const first = order(`session-${i}`);
      assert.deepEqual(order(`session-${i}`), first);
      assert.equal(first[3], 'd');
      seen.add(first.join());
    }
    assert.equal(seen.size, 6, 'every order of three');
  });

  test('shares the load by weight', () => {
    const order = tiered({ a: [1, 1], b: [1, 2], c: [1, 5] });
    const first: Record<string, number> = { a: 0, b: 0, c: 0 };
    const all = 16_000;
    for (let i = 0; i < all; i += 1) {
      const [name = ''] = order(`0b9c1a52-7d1f-4c39-9c0d-${i.toString(16).padStart(12, '0')}`);
      first[name] = (first[name] ?? 0) + 1;
    }
    for (const [name, share] of [
      ['a', 1 / 8],
      ['b', 2 / 8],
      ['c', 5 / 8],
    ] as const) {
      const found = (first[name] ?? 0) / all;
      assert.ok(Math.abs(found - share) < 0.015, `${name} got ${found} instead of ${share}`);
    }
  });

  test('moves only the conversations of an upstream that is taken away', () => {
    const order = tiered({ a: [1, 1], b: [1, 1], c: [1, 1] });
    const left = [at('a'), at('c')];
    for (let i = 0; i < 500; i += 1) {
      const before = order(`s${i}`);
      assert.deepEqual(
        order(`s${i}`, left),
        before.filter((name) => name !== 'b'),
      );
    }
  });
});

describe('failover', () => {
  const candidates = [
    at('google-eu', 'vertex', 'europe-west1'),
    at('aws', 'bedrock', 'eu-central-1'),
    at('google-us', 'vertex', 'us-east5'),
    at('platform-eu', 'anthropicGoogleCloud', 'europe-west1'),
    at('anthropic', 'anthropic'),
    at('anthropic-2', 'anthropic'),
  ];
  const arrange =
    (options: Partial<Parameters<typeof createRouting>[0]>, groups: string[] = []) =>
    (list: Candidate[]) =>
      names(
        createRouting({ ...noRules, places: new Map(), ...options }).arrange(list, {
          ...{ groups, stickyKey: 's' },
        }),
      );

  test('may be kept within the provider of the first upstream', () => {
    const told = arrange({ failover: 'same_provider' })(candidates);
    assert.deepEqual(told, ['google-eu', 'google-us']);
    const [, ...others] = candidates;
    assert.deepEqual(arrange({ failover: 'same_provider' })(others), ['aws']);
  });

  test('may be kept within its region, which nobody shares who has none', () => {
    const inRegion = arrange({ failover: 'same_region' });
    assert.deepEqual(inRegion(candidates), ['google-eu', 'platform-eu']);
    assert.deepEqual(inRegion(candidates.slice(4)), ['anthropic']);
  });

  test('is decided by the first rule for a group of the person', () => {
    const rules = [
      { groups: ['bank', 'insurance'], failover: 'same_region' },
      { groups: ['eng'], failover: 'same_provider' },
    ] as const;
    const of = (...groups: string[]) => arrange({ rules }, groups)(candidates).length;
    assert.deepEqual([of(), of('other'), of('eng'), of('eng', 'insurance')], [6, 6, 2, 2]);
    const narrow = {
      failover: 'same_region',
      rules: [{ groups: ['eng'], failover: 'any' }],
    } as const;
    assert.equal(arrange(narrow, ['eng'])(candidates).length, 6);
  });
});
