import assert from 'node:assert/strict';
import { test } from 'node:test';
import { priceQueryOf, unknownModelsOf } from '#shared/domain/event-price.ts';
import { createPriceBook } from '#shared/domain/pricing.ts';
import { createMemoryLog } from '../../../test/support/log.ts';
import { type UsageEventOverrides, usageEvent } from '../../../test/support/usage-event.ts';
import { createPriceCheck } from './check-prices.ts';

const book = createPriceBook({ overrides: [], multiplierMillionths: 1_000_000 });

/** An event as the data plane stamps it. */
function stamped(overrides: UsageEventOverrides = {}) {
  const event = usageEvent(overrides);
  const query = priceQueryOf(event);
  assert.ok(query);
  const { costMicroUsd, row, book: priceBook } = book.price(query);
  return { ...event, costMicroUsd, priceRow: row, priceBook };
}

function check(events: ReturnType<typeof usageEvent>[]) {
  const log = createMemoryLog();
  createPriceCheck({ priceBook: () => book, log })(events);
  return log.lines;
}

test('an event that costs what its data plane says is not spoken of', () => {
  const haiku = { requestedModel: 'claude-haiku-5-5', servedModel: 'claude-haiku-5-5' };
  const events = [stamped(), stamped({ ...haiku, region: 'eu', usage: { inputTokens: 100_001 } })];
  assert.deepEqual(
    events.map(({ priceRow }) => priceRow),
    ['claude-sonnet-4-5/regional', 'claude-haiku-5-5/over-100000/multi-region'],
  );
  assert.deepEqual(check(events), []);
});

test('a difference is told with both amounts, and the event stays as it is', () => {
  const good = stamped();
  const event = Object.freeze({ ...good, priceRow: 'claude-sonnet-4-5' });
  const lines = check([event]);
  const about = {
    event_id: event.id,
    price_book: book.version,
    stamped_micro_usd: good.costMicroUsd,
    stamped_row: 'claude-sonnet-4-5',
    recomputed_micro_usd: 6600,
    recomputed_row: 'claude-sonnet-4-5/regional',
  };
  assert.deepEqual(
    lines.map(({ level, message, fields }) => [level === 'audit' ? message : level, fields]),
    [
      ['warn', about],
      ['pricing.difference', about],
    ],
  );
});

test('another book’s events, and those that nobody served, are not compared', () => {
  assert.deepEqual(check([{ ...stamped(), priceBook: '2026-01-01', priceRow: 'x' }]), []);
  assert.deepEqual(check([{ ...stamped(), upstream: '', priceRow: '' }]), []);
});

test('an unknown model is told once for each upstream and id', () => {
  const opaque = { servedModel: 'arn:x', requestedModel: 'mine' };
  const events = [
    stamped(opaque),
    stamped(opaque),
    stamped({ ...opaque, upstream: 'other' }),
    stamped(),
  ];
  assert.deepEqual(
    unknownModelsOf(events).map((one) => [one.upstream, one.servedModel, one.events]),
    [
      ['vertex', 'arn:x', 2],
      ['other', 'arn:x', 1],
    ],
  );
  const log = createMemoryLog();
  const checkPrices = createPriceCheck({ priceBook: () => book, log });
  checkPrices(events);
  checkPrices(events);
  const audits = log.lines.filter(({ level }) => level === 'audit');
  assert.deepEqual(
    audits.map(({ message, fields }) => [message, fields]),
    ['vertex', 'other'].map((upstream) => [
      'pricing.unknown_model',
      { upstream, model: 'arn:x', requested_model: 'mine' },
    ]),
  );
  assert.equal(log.lines.filter(({ level }) => level === 'warn').length, 2);
});
