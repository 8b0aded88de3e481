// The reference's group budgets (captures 05d and 05e), replayed: its admin calls set up the same caps
// and budgets, its requests are asked again in its order, each costs what it cost there.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { Budget, Cap, CapScope } from '#shared/domain/cap.ts';
import type { Period } from '#shared/domain/period.ts';
import {
  anthropicAt,
  type MessagesGateway,
  openMessagesGateway,
  PROMPT,
  tokenOf,
} from '../support/messages-gateway.ts';
import { cents } from '../support/quota.ts';
import { answers, openFakeUpstream } from '../support/upstream.ts';

/**
 * On purpose not the same: a budget is seen before it blocks, so where it is the fuller one it is what
 * an answer's headers tell of (`[utilization, threshold]`).
 */
const SEEN_IN_HEADERS: Readonly<Record<string, readonly [string, string?]>> = {
  'p1 #2': ['0.1'],
  'p1 #3': ['0.2'],
  'p1 #4': ['0.3'],
  'p2 #1': ['0.4'],
  'p2 #2': ['0.5'],
  'p2 #3': ['0.6'],
  'p2 #4': ['0.7'],
  'p3 (third member)': ['0.8', '0.75'],
  'p3 again': ['0.9', '0.75'],
  'p1 after raise': ['0.77', '0.75'],
  'p1 unpaused (spend during pause counted?)': ['0.85', '0.75'],
  'z1 #2': ['0.25'],
  'z1 #3': ['0.5'],
  'z1 #4': ['0.75'],
  'q2 in team2+team': ['0'],
  'q1 only team': ['0'],
  'r1 after pool #2': ['0.67'],
};

/** And the same in /api/oauth/usage: a row of its own, `[spent, budget, percent, severity, is fuller]`. */
const SEEN_IN_USAGE: Readonly<
  Record<string, readonly [number, number, number, 'normal' | 'warning' | 'critical', string]>
> = {
  'usage: p1 at 80% pool': [80, 100, 80, 'warning', 'team'],
  'usage: p9 exhausted': [100, 100, 100, 'critical', 'team'],
  'usage: z1': [40, 40, 100, 'critical', 'team'],
  'usage: z2 (never spent)': [40, 40, 100, 'critical', 'team'],
  'usage: zp': [0, 0, 100, 'critical', 'zp'],
};
/** Its member's own cap is the fuller one. */
const SEEN_BESIDE: Readonly<Record<string, readonly [number, string]>> = {
  'usage: p5': [3, 'team'],
  'usage: q1': [0, 'team'],
};

/** Here the reference began anew: what was spent before is gone. */
const ANEW = ['pool 100,', 'amount 25 ', 'amount 100 +', 'amount 1000 ', 'team pool'];

interface Row {
  readonly scope: { type: string; rbac_group_id?: string; user_id?: string };
  readonly period?: Period;
  readonly amount?: string | null;
  readonly pooled_budget?: { amount?: string; paused?: boolean };
}

interface Step {
  readonly name: string;
  readonly set?: Row;
  readonly path?: string;
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

interface Observation {
  readonly name: string;
  readonly groups: string[];
  readonly results: [number, string, { cap: string; groups: string[]; scope: string } | null][];
  readonly pooled_spend: Record<string, number>;
}

function captured<T>(file: string): T[] {
  const text = readFileSync(new URL(`captures/${file}.jsonl`, import.meta.url), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
}

const GROUPS: Readonly<Record<string, string[]>> = {
  ...Object.fromEntries(['p1', 'p2', 'p3', 'p5', 'p6', 'p7', 'p8', 'p9'].map((p) => [p, ['team']])),
  ...{ z1: ['team'], z2: ['team'], outsider: ['other'], r1: ['late'], zp: ['zp'] },
  ...{ q1: ['team', 'team2'], q2: ['team2', 'team'], 'q1 only team': ['team'] },
};

/** A request by its name: `p1 #1`, `usage: z2 (never spent)`. */
function whoAsks(name: string): string {
  const who = name.replace(/^usage: /, '');
  return who.startsWith('q1 only team') ? 'q1 only team' : (/^\w+/.exec(who)?.[0] ?? '');
}

/** Caps and budgets as rows of the admin API make them. */
function openTable() {
  const rows = new Map<string, Required<Row>>();
  let version = 1;
  return {
    set(row: Row): void {
      const key = JSON.stringify([row.scope, row.period ?? 'monthly']);
      const before = rows.get(key);
      rows.set(key, {
        scope: row.scope,
        period: row.period ?? 'monthly',
        amount: row.amount === undefined ? (before?.amount ?? null) : row.amount,
        pooled_budget: { ...before?.pooled_budget, ...row.pooled_budget },
      });
    },
    deleteGroup(group: string): void {
      for (const [key, { scope }] of rows) if (scope.rbac_group_id === group) rows.delete(key);
    },
    async publish(gateway: MessagesGateway): Promise<void> {
      const caps: Cap[] = [];
      const budgets: Budget[] = [];
      for (const [id, { scope, period, amount, pooled_budget: pool }] of rows) {
        const capScope = scopeOf(scope);
        const amountMicroUsd = amount === null ? null : cents(Number(amount));
        caps.push({ id, scope: capScope, period, model: null, amountMicroUsd });
        if (pool.amount === undefined || pool.paused === true || capScope.type === 'user') continue;
        const budget = cents(Number(pool.amount));
        budgets.push({ id, scope: capScope, period, amountMicroUsd: budget });
      }
      version += 1;
      await gateway.quota.publishCaps({ version, caps, budgets });
    },
  };
}

function scopeOf({ rbac_group_id: rbacGroupId, user_id: userId }: Row['scope']): CapScope {
  if (rbacGroupId !== undefined) return { type: 'rbac_group', rbacGroupId };
  return { type: 'user', userId: userId ?? assert.fail() };
}

/** Ten cents each: what 20 000 input tokens of this model cost. */
async function openWorld(people: Readonly<Record<string, string[]>>) {
  const upstream = await openFakeUpstream();
  upstream.behave(answers({ usage: { input_tokens: 20_000 }, outputTokens: 0 }));
  const gateway = await openMessagesGateway({
    upstreams: [anthropicAt(upstream.url)],
    people: Object.entries(people).map(([sub, groups]) => ({ sub, groups })),
    settings: { blockedMessage: 'ask' },
  });
  return {
    gateway,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

const PREFIX = 'anthropic-ratelimit-unified-';

function usageHeaders(headers: Iterable<[string, string]>): Record<string, string> {
  const told = /^(anthropic-ratelimit-|retry-after$|x-should-retry$)/;
  return Object.fromEntries([...headers].filter(([name]) => told.test(name)));
}

/** Of a served request, with what is told of its budget in place of the member's cap. */
function expectedHeaders({ name, headers = {} }: Step): Record<string, string> {
  const seen = SEEN_IN_HEADERS[name];
  if (seen === undefined) return headers;
  const [utilization, threshold] = seen;
  const { [`${PREFIX}overage-surpassed-threshold`]: _own, ...rest } = headers;
  const status = threshold === undefined ? 'allowed' : 'allowed_warning';
  return {
    ...rest,
    [`${PREFIX}status`]: status,
    [`${PREFIX}overage-status`]: status,
    [`${PREFIX}overage-utilization`]: utilization,
    ...(threshold === undefined ? {} : { [`${PREFIX}overage-surpassed-threshold`]: threshold }),
    [`${PREFIX}overage-scope`]: 'group_pool',
  };
}

interface Report {
  extra_usage: object;
  limits: { is_active: boolean; resets_at: string; percent: number }[];
}

function expectedReport({ name, body }: Step): Report {
  const report = structuredClone(body) as Report;
  const own = report.limits[0] ?? assert.fail(name);
  const row = (percent: number, severity: string, isActive: boolean, group: string) => {
    const shown = { ...own, percent, severity, is_active: isActive };
    report.limits.push({ ...shown, ...{ scope: 'group_pool', rbac_group_id: group } });
  };
  const beside = SEEN_BESIDE[name];
  if (beside !== undefined) row(beside[0], 'normal', false, beside[1]);
  const seen = SEEN_IN_USAGE[name];
  if (seen !== undefined) {
    const [used, limit, percent, severity, group] = seen;
    row(percent, severity, true, group);
    own.is_active = false;
    const shown = { monthly_limit: limit, used_credits: used, utilization: percent };
    report.extra_usage = { is_enabled: true, ...shown, currency: 'USD' };
  }
  return report;
}

describe('group budgets (05d)', () => {
  const steps = captured<Step>('05d-pooled-budgets');
  const scenes: Step[][] = [];
  for (const step of steps) {
    const isNew = ANEW.some((start) => step.name.startsWith(`POST spend_limits: ${start}`));
    if (isNew || scenes.length === 0) scenes.push([]);
    scenes.at(-1)?.push(step);
  }

  for (const scene of scenes) {
    test(`${scene[0]?.name} and ${scene.length - 1} more`, async () => {
      await using world = await openWorld(GROUPS);
      const { gateway } = world;
      const table = openTable();
      for (const step of scene) {
        if (step.set !== undefined) table.set(step.set);
        if (step.name === 'r1 after delete') table.deleteGroup('late');
        if (step.set !== undefined || step.name === 'r1 after delete') await table.publish(gateway);
        if (step.path !== undefined) await replay(gateway, step);
      }
    });
  }

  test('every difference that is named is one', () => {
    const names = new Set(steps.map(({ name }) => name));
    const named = [SEEN_IN_HEADERS, SEEN_IN_USAGE, SEEN_BESIDE].flatMap((one) => Object.keys(one));
    assert.deepEqual(
      named.filter((name) => !names.has(name)),
      [],
    );
  });
});

async function replay(gateway: MessagesGateway, step: Step): Promise<void> {
  const token = tokenOf(whoAsks(step.name));
  if (step.path === '/api/oauth/usage') {
    const report = (await (await gateway.usage(token)).json()) as Report;
    for (const row of report.limits) row.resets_at = '<iso>';
    assert.deepEqual(report, expectedReport(step), step.name);
    return;
  }
  const { headers = {} } = step;
  const reset = Number(headers[`${PREFIX}reset`] ?? Number.NaN);
  if (step.status === 429) {
    const askedMs = (reset - Number(headers['retry-after'])) * 1000;
    gateway.clock.advance(askedMs - gateway.clock.now());
  }
  const response = await gateway.ask(PROMPT, { token });
  const answer = await response.json();
  await gateway.settled();
  assert.equal(response.status, step.status, `${step.name}: ${JSON.stringify(answer)}`);
  assert.deepEqual(usageHeaders(response.headers), expectedHeaders(step), step.name);
  if (step.status === 429) assert.deepEqual(answer, step.body, step.name);
}

/** Where its captures name only amounts: who has which cap, and of which groups are members. */
const WORLDS: Readonly<Record<string, readonly Row[]>> = {
  'b older(15), a newer(1000)': [pool('b', 15), pool('a', 1000)],
  'a older(15), b newer(1000)': [pool('a', 15), pool('b', 1000)],
  'b older(1000), a newer(15)': [pool('b', 1000), pool('a', 15)],
  'equal pools 20/20': [pool('a', 20), pool('b', 20)],
  'member cap a=100 b=5000; pool a=500 b=400': [pool('a', 500, 100), pool('b', 400)],
  'member cap a=5000 b=100; pool a=500 b=400': [pool('a', 500), pool('b', 400, 100)],
  'member cap b=100 pool 500; a=5000 pool 20': [pool('b', 500, 100), pool('a', 20)],
  'b paused': [
    pool('a', 1000),
    { ...pool('b', 2000), pooled_budget: { amount: '2000', paused: true } },
  ],
  'pool a(20) + group nop with plain cap 200': [pool('a', 20), cap('nop', 200)],
  'pool a(20) cap 5000 + nop plain cap 90000': [pool('a', 20), cap('nop', 90_000)],
  'user override': [pool('a', 20), { scope: { type: 'user', user_id: 'm' }, amount: '200' }],
  'user override daily': [
    pool('a', 20),
    { scope: { type: 'user', user_id: 'm' }, period: 'daily', amount: '200' },
  ],
  'same group daily cap too': [pool('a', 20), { ...cap('a', 5000), period: 'daily' }],
};

function cap(group: string, amount: number): Row {
  return { scope: { type: 'rbac_group', rbac_group_id: group }, amount: String(amount) };
}

function pool(group: string, amount: number, member = 5000): Row {
  return { ...cap(group, member), pooled_budget: { amount: String(amount), paused: false } };
}

/** On purpose not the same: the utilizations of served requests, where the budget is the fuller. */
const FULLER: Readonly<Record<string, readonly string[]>> = {
  'b older(15), a newer(1000)': ['0', '0.01', '0.02', '0.03'],
  'a older(15), b newer(1000)': ['0', '0.01', '0.02', '0.03', '0.04'],
  'b older(1000), a newer(15)': ['0', '0.01', '0.02', '0.03', '0.04'],
  'equal pools 20/20': ['0', '0', '0.5', '0.5'],
  'b paused': ['0', '0.01'],
  'pool a(20) + group nop with plain cap 200': ['0', '0.5'],
  'pool a(20) cap 5000 + nop plain cap 90000': ['0', '0.5'],
  'user override': ['0', '0.5'],
  'user override daily': ['0', '0.5'],
  'same group daily cap too': ['0', '0.5'],
};

describe('a member of several groups with budgets (05e)', () => {
  for (const { name, groups, results, pooled_spend } of captured<Observation>('05e-multi-pool')) {
    test(name, async () => {
      await using world = await openWorld({ m: groups });
      const { gateway } = world;
      const table = openTable();
      for (const row of WORLDS[name] ?? assert.fail(`describe this world: ${name}`)) table.set(row);
      await table.publish(gateway);
      for (const [at, [status, utilization, audited]] of results.entries()) {
        const response = await gateway.ask(PROMPT, { token: tokenOf('m') });
        await response.text();
        await gateway.settled();
        const header = (key: string) => response.headers.get(`${PREFIX}${key}`);
        const told = status === 200 ? (FULLER[name]?.[at] ?? utilization) : utilization;
        assert.deepEqual(
          [response.status, header('overage-utilization')],
          [status, told],
          `#${at}`,
        );
        if (audited === null) continue;
        assert.equal(header('overage-scope'), audited.scope);
        const audit = gateway.log.lines.findLast(({ message }) => message === 'spend.blocked');
        const { source, cap_cents: amount, groups: named } = audit?.fields ?? {};
        const { scope, cap: capCents } = audited;
        assert.deepEqual([source, amount, named], [scope, Number(capCents), audited.groups]);
      }
      for (const [group, spentCents] of Object.entries(pooled_spend)) {
        const rows = await gateway.quota.spend([`pool:${group}`], gateway.clock.now());
        const month = rows.find(({ period }) => period === 'monthly');
        assert.equal(month?.pendingMicroUsd, cents(spentCents), group);
      }
    });
  }
});
