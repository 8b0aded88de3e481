import assert from 'node:assert/strict';
import { test } from 'node:test';
import { add, sum } from '#shared/domain/money.ts';
import { createPriceBook, type PriceBook, type PriceOverride } from '#shared/domain/pricing.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { createTestClock, NOON_MS } from '../../test/support/clock.ts';
import { type MemoryLedger, memoryLedger } from '../../test/support/memory-ledger.ts';
import { type UsageEventOverrides, usageEvent } from '../../test/support/usage-event.ts';
import { type RerateOptions, runRerate } from './rerate.ts';

const HOUR = 3_600_000;
const list = createPriceBook({ overrides: [], multiplierMillionths: 1_000_000 });

function bookOf(usdPerMTok: number, more: Partial<PriceOverride> = {}): PriceBook {
  const rate = usdPerMTok * 1_000_000;
  const override = {
    ...{ upstream: 'a', model: 'claude-opus-4-8' },
    ...{ inputMicroUsdPerMTok: rate, outputMicroUsdPerMTok: rate },
    ...{ cacheReadMicroUsdPerMTok: rate, cacheWriteMicroUsdPerMTok: rate },
    ...more,
  };
  return createPriceBook({ overrides: [override], multiplierMillionths: 1_000_000 });
}

/** Opus 4.8, 1000 tokens in: 5000 micro-USD by the list. */
function event(costMicroUsd: number, overrides: UsageEventOverrides = {}): UsageEvent {
  const served = { requestedModel: 'claude-opus-4-8', servedModel: 'claude-opus-4-8' };
  const place = { upstream: 'a', provider: 'anthropic', region: null };
  const usage = { inputTokens: 1000, outputTokens: 0, ...overrides.usage };
  return usageEvent({ ...served, ...place, ...overrides, usage, costMicroUsd });
}

async function run(ledger: MemoryLedger, more: Partial<RerateOptions> = {}): Promise<string> {
  let text = '';
  await runRerate({
    ledger,
    book: list,
    clock: createTestClock(),
    fromMs: NOON_MS - HOUR,
    toMs: NOON_MS + HOUR,
    models: [],
    post: null,
    print: (more) => {
      text += more;
    },
    ...more,
  });
  return text;
}

const POST = { post: { reason: 'wrong row' } };

function totalOf(events: readonly UsageEvent[], ledger: MemoryLedger) {
  const costs = events.map(({ costMicroUsd }) => costMicroUsd);
  return add(sum(costs), sum(ledger.posted.map(({ amountMicroUsd }) => amountMicroUsd)));
}

test('the difference is shown by model and person, to the micro-USD, and nothing is written', async () => {
  const ledger = memoryLedger([
    event(50_000),
    event(5001),
    event(5000),
    event(0, { sub: 'bob', email: null, usage: { inputTokens: 1 } }),
    event(1, { sub: 'eve', email: 'eve\u001b[2J@example.com', servedModel: 'claude-haiku-4-5' }),
    event(99, { timeMs: NOON_MS + HOUR }),
  ]);
  const text = await run(ledger);
  assert.deepEqual(text.split('\n'), [
    'model             person               events  changed   was USD  would be USD  difference',
    'claude-haiku-4-5  eve [2J@example.com       1        1  0.000001      0.001000    0.000999',
    'claude-opus-4-8   ada@example.com           3        2  0.060001      0.015000   -0.045001',
    'claude-opus-4-8   bob                       1        1  0.000000      0.000005    0.000005',
    'total                                       5        4  0.060002      0.016005   -0.043997',
    'Nothing was posted. To post it: --post --reason TEXT',
    '',
  ]);
  assert.deepEqual(ledger.posted, []);
});

test('posted, the events cost what the book says; a second run posts nothing', async () => {
  const events = Array.from({ length: 250 }, (_, i) => event(5000 + i));
  const ledger = memoryLedger(events, 37);
  const text = await run(ledger, POST);
  assert.match(text, /^Posted 249 corrections, -0\.031125 USD in all\./m);
  assert.match(text, /recompute/);
  assert.equal(totalOf(events, ledger), 250 * 5000);
  const { id, eventId, amountMicroUsd, ...rest } = ledger.posted[0] ?? assert.fail();
  assert.equal(id, `${eventId}-1`);
  assert.equal(amountMicroUsd, -1);
  assert.deepEqual(rest, {
    ...{ priceBook: list.version, priceRow: 'claude-opus-4-8', postedAtMs: NOON_MS },
    ...{ actor: 'cli', reason: 'wrong row' },
  });
  assert.match(await run(ledger, POST), /^Nothing to post/m);
  assert.equal(ledger.posted.length, 249);
});

test('books that come and go: every run leaves what its own book says', async () => {
  const events = [event(5000), event(5000, { usage: { inputTokens: 3 } })];
  const ledger = memoryLedger(events);
  for (const usd of [7, 5, 7, 9]) {
    await run(ledger, { ...POST, book: bookOf(usd) });
    assert.equal(totalOf(events, ledger), usd * 1003);
  }
});

test('a run that died in the middle is taken up, and two at once count once', async () => {
  const events = Array.from({ length: 30 }, () => event(9000));
  const ledger = memoryLedger(events, 10);
  let calls = 0;
  const dying: MemoryLedger = {
    ...ledger,
    correct: (corrections) => {
      calls += 1;
      if (calls === 2) throw new Error('killed');
      return ledger.correct(corrections);
    },
  };
  await assert.rejects(run(dying, POST), /killed/);
  assert.equal(ledger.posted.length, 10);
  const texts = await Promise.all([run(ledger, POST), run(ledger, { ...POST, book: bookOf(7) })]);
  assert.equal(ledger.posted.length >= 30, true);
  assert.ok(texts.some((text) => /were not posted: .* Run this again/.test(text)));
  await run(ledger, POST);
  assert.equal(totalOf(events, ledger), 30 * 5000);
});

test('yesterday’s event keeps yesterday’s price', async () => {
  const book = bookOf(7, { fromMs: NOON_MS });
  const before = event(5000, { timeMs: NOON_MS - 1 });
  const after = event(5000, { timeMs: NOON_MS });
  const ledger = memoryLedger([before, after]);
  await run(ledger, { ...POST, book });
  assert.deepEqual(
    ledger.posted.map(({ eventId, amountMicroUsd }) => [eventId, amountMicroUsd]),
    [[after.id, 2000]],
  );
});

test('what nobody served stays; estimates are rated like others', async () => {
  const events = [
    event(0, { upstream: '', provider: '' }),
    event(1, { estimated: true, outcome: 'orphaned' }),
  ];
  const ledger = memoryLedger(events);
  await run(ledger, POST);
  assert.deepEqual(
    ledger.posted.map(({ eventId, amountMicroUsd }) => [eventId, amountMicroUsd]),
    [[events[1]?.id, 4999]],
  );
});

test('a regional endpoint of Google’s is priced as one', async () => {
  const events = [event(0, { upstream: 'v', provider: 'vertex', region: 'us-east5' })];
  const ledger = memoryLedger(events);
  await run(ledger, POST);
  assert.deepEqual(
    ledger.posted.map(({ amountMicroUsd, priceRow }) => [amountMicroUsd, priceRow]),
    [[5500, 'claude-opus-4-8/regional']],
  );
});

test('--model in any spelling, as sent or as asked for', async () => {
  const events = [
    event(0),
    event(0, { servedModel: 'arn:x', requestedModel: 'mine' }),
    event(0, { servedModel: 'claude-haiku-4-5@20251001', requestedModel: 'claude-haiku-4-5' }),
  ];
  const cases: [string[], number[]][] = [
    [['us.anthropic.claude-opus-4-8'], [0]],
    [['MINE'], [1]],
    [
      ['arn:x', 'claude-haiku-4-5'],
      [1, 2],
    ],
  ];
  for (const [models, places] of cases) {
    const ledger = memoryLedger(events);
    const text = await run(ledger, { ...POST, models });
    const ids = new Set(ledger.posted.map(({ eventId }) => eventId));
    assert.deepEqual(
      [...ids],
      places.map((place) => events[place]?.id),
    );
    assert.equal(/"arn:x" on "a" has no price/.test(text), places.includes(1));
  }
});
