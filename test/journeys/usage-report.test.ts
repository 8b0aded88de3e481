// The usage report over real HTTP on SQLite: whatever is asked for adds up to the ledger, to the
// micro-USD.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { bucketsAt } from '#shared/domain/period.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { USAGE_DIMENSIONS, type UsageDimension } from '#shared/domain/usage-summary.ts';
import { correctionOf } from '../contracts/ledger/reading.ts';
import { type AdminGateway, openAdminGateway, READ_KEY } from '../support/admin-gateway.ts';
import { NOON_MS } from '../support/clock.ts';
import { drawsFrom } from '../support/seed.ts';
import { usageEvent } from '../support/usage-event.ts';

const USAGE = '/v1/organizations/usage';
const DAY_MS = 86_400_000;

interface Figures {
  requests: number;
  estimated_requests: number;
  input_tokens: number;
  output_tokens: number;
  cache_read_input_tokens: number;
  cache_creation_input_tokens: number;
  amount: string;
  amount_usd: string;
  corrections_usd: string;
}
type Row = Figures & Partial<Record<UsageDimension, string | null>>;
interface Report {
  data: Row[];
  total: Figures;
  overlapping?: boolean;
  has_more: boolean;
  next_page: string | null;
  starting_on: string;
  ending_on: string;
  error?: { message: string };
}

let gateway: AdminGateway;
const events: UsageEvent[] = [];
const corrected = new Map<string, number>();

before(async () => {
  gateway = await openAdminGateway();
  const draw = drawsFrom(4);
  const pick = <T>(from: readonly [T, ...T[]]): T =>
    from[Math.floor(draw() * from.length)] ?? from[0];
  for (let nth = 0; nth < 300; nth += 1) {
    events.push(
      usageEvent({
        sub: pick(['ada', 'bob', 'cyd', 'dan']),
        groups: pick([[], ['eng'], ['ops', 'eng'], ['eng', 'ops', 'eng']]),
        billingGroup: pick([null, 'alpha', 'beta']),
        servedModel: pick(['claude-opus-4-5', 'claude-haiku-4-5']),
        upstream: pick(['vertex', 'anthropic']),
        sessionId: pick([null, 's1', 's2', 's3']),
        timeMs: NOON_MS - Math.floor(draw() * 20) * DAY_MS,
        estimated: draw() < 0.2,
        usage: { inputTokens: nth, cacheWrite5mTokens: 2, cacheWrite1hTokens: 3 },
        costMicroUsd: Math.floor(draw() * 1_000_000),
      }),
    );
  }
  await gateway.ledger.record(events);
  const corrections = events
    .filter((_, nth) => nth % 5 === 0)
    .flatMap(({ id }, nth) => [correctionOf(id, nth - 40), correctionOf(id, 7)])
    .slice(0, 100);
  await gateway.ledger.correct(corrections);
  for (const { eventId, amountMicroUsd } of corrections) {
    corrected.set(eventId, (corrected.get(eventId) ?? 0) + amountMicroUsd);
  }
});
after(() => gateway[Symbol.asyncDispose]());

async function ask(query: string, key = READ_KEY, method = 'GET') {
  const response = await fetch(`${gateway.origin}${USAGE}?${query}`, {
    method,
    headers: { 'x-api-key': key },
  });
  return { status: response.status, report: (await response.json()) as Report };
}

/** All pages. */
async function askAll(query: string): Promise<{ rows: Row[]; report: Report }> {
  const rows: Row[] = [];
  for (let page = ''; ; ) {
    const { status, report } = await ask(`${query}${page}`);
    assert.equal(status, 200, JSON.stringify(report.error));
    rows.push(...report.data);
    if (report.next_page === null) return { rows, report };
    assert(report.has_more);
    page = `&page=${report.next_page}`;
  }
}

/** Micro-USD of an exact decimal of dollars, or of cents with `places` 4. */
function micro(text: string, places = 6): number {
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  assert(whole !== undefined && fraction.length <= places && !fraction.endsWith('0'), text);
  return Number(`${sign}${whole}${fraction.padEnd(places, '0')}`);
}

const costOf = (event: UsageEvent) => event.costMicroUsd + (corrected.get(event.id) ?? 0);
const sumOf = <T>(all: readonly T[], amount: (one: T) => number) =>
  all.reduce((sum, one) => sum + amount(one), 0);

function assertEqual(figures: Figures, of: readonly UsageEvent[]): void {
  assert.equal(figures.requests, of.length);
  assert.equal(
    figures.estimated_requests,
    sumOf(of, ({ estimated }) => (estimated ? 1 : 0)),
  );
  assert.equal(
    figures.input_tokens,
    sumOf(of, ({ usage }) => usage.inputTokens),
  );
  assert.equal(figures.cache_creation_input_tokens, 5 * of.length);
  assert.equal(micro(figures.amount_usd), sumOf(of, costOf));
  assert.equal(micro(figures.amount, 4), sumOf(of, costOf));
  assert.equal(
    micro(figures.corrections_usd),
    sumOf(of, ({ id }) => corrected.get(id) ?? 0),
  );
}

const KEY: Readonly<Record<UsageDimension, (event: UsageEvent) => readonly (string | null)[]>> = {
  user: ({ sub }) => [sub],
  rbac_group: ({ groups }) => (groups.length === 0 ? [null] : [...new Set(groups)]),
  model: ({ servedModel }) => [servedModel],
  upstream: ({ upstream }) => [upstream],
  billing_group: ({ billingGroup }) => [billingGroup],
  session: ({ sessionId }) => [sessionId],
  day: ({ timeMs }) => [bucketsAt(timeMs).daily],
};

describe('every grouping equals the ledger', () => {
  const groupings: readonly (readonly UsageDimension[])[] = [
    [],
    ...USAGE_DIMENSIONS.map((name) => [name]),
    ['user', 'day'],
    ['day', 'rbac_group', 'model'],
    ['billing_group', 'session'],
    ['session', 'rbac_group'],
    [...USAGE_DIMENSIONS],
  ];
  for (const by of groupings) {
    test(by.join(', ') || 'none', async () => {
      const query = by.map((name) => `group_by[]=${name}`).join('&');
      const { rows, report } = await askAll(`${query}&limit=37`);
      assertEqual(report.total, events);
      const days = await gateway.ledger.rollups('2026-11-01', '2026-11-30');
      assert.equal(
        micro(report.total.amount_usd),
        sumOf(days, (one) => one.costMicroUsd),
      );
      assert.equal(report.overlapping, by.includes('rbac_group') ? true : undefined);
      if (!by.includes('rbac_group')) {
        assert.equal(
          sumOf(rows, (row) => micro(row.amount_usd)),
          micro(report.total.amount_usd),
        );
      }
      const keys = new Set<string>();
      for (const row of rows) {
        const isIn = (event: UsageEvent) =>
          by.every((name) => KEY[name](event).includes(row[name] ?? null));
        const own = events.filter(isIn);
        assert(own.length > 0);
        assertEqual(row, own);
        keys.add(JSON.stringify(by.map((name) => row[name])));
      }
      assert.equal(keys.size, rows.length, 'no row comes twice');
    });
  }
});

test('filters and days select', async () => {
  const from = NOON_MS - 3 * DAY_MS;
  const days = `starting_on=${bucketsAt(from).daily}&ending_on=${bucketsAt(NOON_MS).daily}`;
  const some = (filter: (event: UsageEvent) => boolean) =>
    events.filter((event) => event.timeMs >= from && filter(event));
  for (const by of ['', '&group_by[]=session']) {
    const total = async (query: string) => (await ask(`${days}${by}&${query}`)).report.total;
    assertEqual(
      await total('user_ids[]=ada&user_ids[]=bob'),
      some(({ sub }) => sub === 'ada' || sub === 'bob'),
    );
    assertEqual(
      await total('rbac_group_id=ops&model=claude-haiku-4-5'),
      some((event) => event.groups.includes('ops') && event.servedModel === 'claude-haiku-4-5'),
    );
    assertEqual(
      await total('billing_group='),
      some(({ billingGroup }) => billingGroup === null),
    );
    assertEqual(await total('billing_group=nobody'), []);
  }
});

test('the reply says of which days it is, and amounts are exact', async () => {
  await gateway.ledger.record([
    usageEvent({ sub: 'exact', timeMs: NOON_MS - 60 * DAY_MS, costMicroUsd: 12_100_001 }),
  ]);
  const { report } = await ask('starting_on=2026-09-01&ending_on=2026-09-30&group_by[]=user');
  const figures = {
    ...{ requests: 1, estimated_requests: 0, input_tokens: 1000, output_tokens: 200 },
    ...{ cache_read_input_tokens: 0, cache_creation_input_tokens: 0 },
    ...{ amount: '1210.0001', amount_usd: '12.100001', corrections_usd: '0' },
  };
  assert.deepEqual(report, {
    data: [{ user: 'exact', ...figures }],
    total: figures,
    has_more: false,
    next_page: null,
    currency: 'USD',
    starting_on: '2026-09-01',
    ending_on: '2026-09-30',
  });
});

test('a read key may ask, nobody else; a fault is named', async () => {
  assert.equal((await ask('', 'x'.repeat(36))).status, 401);
  assert.equal((await ask('', READ_KEY, 'POST')).status, 403);
  const { status, report } = await ask('group_by[]=team');
  assert.equal(status, 400);
  assert.match(report.error?.message ?? '', /^group_by\[\]: must be one of /);
});
