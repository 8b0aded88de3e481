import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { microUsd } from './money.ts';
import {
  createUsageSummary,
  USAGE_DIMENSIONS,
  type UsageFact,
  type UsageKey,
  type UsageRow,
  type UsageSummaryOptions,
} from './usage-summary.ts';

const name = fc.constantFrom('a', 'b', 'c', 'ü');
const nullableName = fc.option(name, { nil: null });
const count = fc.nat(1000);

const fact: fc.Arbitrary<UsageFact> = fc.record({
  day: fc.constantFrom('2026-11-23', '2026-11-24'),
  sub: name,
  groups: fc.array(name, { maxLength: 3 }),
  billingGroup: nullableName,
  servedModel: name,
  upstream: name,
  sessionId: nullableName,
  events: count,
  estimatedEvents: count,
  inputTokens: count,
  outputTokens: count,
  cacheReadTokens: count,
  cacheWriteTokens: count,
  costMicroUsd: count.map(microUsd),
  correctionMicroUsd: fc.integer({ min: -1000, max: 1000 }).map(microUsd),
});

function summed(facts: readonly UsageFact[], options: Partial<UsageSummaryOptions>) {
  const summary = createUsageSummary({ by: [], filter: {}, after: null, limit: 1000, ...options });
  for (const one of facts) summary.add(one);
  return { ...summary.page(), total: summary.total() };
}

test('rows add up to the total, and pages to the rows, whatever is asked for', () => {
  fc.assert(
    fc.property(
      fc.array(fact, { maxLength: 60 }),
      fc.subarray([...USAGE_DIMENSIONS]),
      fc.integer({ min: 1, max: 4 }),
      (facts, by, limit) => {
        const whole = summed(facts, { by });
        const cost = (rows: readonly UsageRow[]) =>
          rows.reduce((sum, { figures }) => sum + figures.costMicroUsd, 0);
        const total = facts.reduce((sum, { costMicroUsd }) => sum + costMicroUsd, 0);
        assert.equal(whole.total.costMicroUsd, total);
        const times = (one: UsageFact) =>
          by.includes('rbac_group') ? Math.max(1, new Set(one.groups).size) : 1;
        assert.equal(
          cost(whole.rows),
          facts.reduce((sum, one) => sum + times(one) * one.costMicroUsd, 0),
        );
        const paged: UsageRow[] = [];
        let after: UsageKey | null = null;
        for (let hasMore = true; hasMore; ) {
          const page = summed(facts, { by, limit, after });
          assert.deepEqual(page.total, whole.total);
          paged.push(...page.rows);
          after = page.rows.at(-1)?.key ?? null;
          hasMore = page.hasMore;
        }
        assert.deepEqual(paged, whole.rows);
      },
    ),
    { numRuns: 200 },
  );
});

const ONE: UsageFact = {
  day: '2026-11-24',
  sub: 'ada',
  groups: ['eng', 'ops'],
  billingGroup: null,
  servedModel: 'm',
  upstream: 'u',
  events: 1,
  estimatedEvents: 0,
  inputTokens: 2,
  outputTokens: 3,
  cacheReadTokens: 4,
  cacheWriteTokens: 5,
  costMicroUsd: microUsd(6),
  correctionMicroUsd: microUsd(-1),
};

test('a filter selects what it names, and null what has none', () => {
  const facts = [ONE, { ...ONE, sub: 'bob', groups: [], billingGroup: 'x', servedModel: 'n' }];
  const subsOf = (filter: UsageSummaryOptions['filter']) =>
    summed(facts, { by: ['user'], filter }).rows.map(({ key }) => key[0]);
  assert.deepEqual(subsOf({}), ['ada', 'bob']);
  assert.deepEqual(subsOf({ subs: new Set(['bob', 'cyd']) }), ['bob']);
  assert.deepEqual(subsOf({ group: 'ops' }), ['ada']);
  assert.deepEqual(subsOf({ group: null }), ['bob']);
  assert.deepEqual(subsOf({ model: 'n' }), ['bob']);
  assert.deepEqual(subsOf({ billingGroup: 'x' }), ['bob']);
  assert.deepEqual(subsOf({ billingGroup: null }), ['ada']);
  assert.deepEqual(subsOf({ billingGroup: 'x', model: 'm' }), []);
});

test('of the groups of a person only the one that was asked for has a row', () => {
  const { rows } = summed([ONE], { by: ['rbac_group'], filter: { group: 'ops' } });
  assert.deepEqual(
    rows.map(({ key }) => key),
    [['ops']],
  );
});

test('null comes before every name, and keys are compared part by part', () => {
  const facts = [
    { ...ONE, billingGroup: 'b', sub: 'a' },
    { ...ONE, billingGroup: null, sub: 'z' },
    { ...ONE, billingGroup: '', sub: 'z' },
    { ...ONE, billingGroup: 'b', sub: 'B' },
  ];
  const { rows } = summed(facts, { by: ['billing_group', 'user'] });
  assert.deepEqual(
    rows.map(({ key }) => key),
    [
      [null, 'z'],
      ['', 'z'],
      ['b', 'B'],
      ['b', 'a'],
    ],
  );
});
