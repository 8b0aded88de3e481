// What is raised, once, and what a failure leaves for later. On the quota store in process.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openMemoryQuotaStore } from '#shared/adapters/quota-store/memory.ts';
import { type AccountId, ORGANIZATION, poolAccount, userAccount } from '#shared/domain/account.ts';
import type { Budget, Cap } from '#shared/domain/cap.ts';
import { microUsd, ZERO } from '#shared/domain/money.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { type AlertEvent, decodeAlert, type SpendThresholdAlert } from '#shared/events/alert-v1.ts';
import type { Message } from '#shared/ports/usage-bus.ts';
import { openMemoryAlertStore } from '../../../test/support/alert-store.ts';
import { createTestClock } from '../../../test/support/clock.ts';
import { createMemoryLog } from '../../../test/support/log.ts';
import { cents, userCap } from '../../../test/support/quota.ts';
import { type UsageEventOverrides, usageEvent } from '../../../test/support/usage-event.ts';
import { createNotice } from './notice.ts';

const SIGNAL = new AbortController().signal;
const DAY_MS = 86_400_000;
const cap = (over: Partial<Cap>): Cap => ({ ...userCap('ada', cents(100), 'daily'), ...over });

type Broken = 'caps' | 'spend' | 'raise' | 'publish' | 'mark';

async function openNoticing(caps: readonly Cap[], budgets: readonly Budget[] = []) {
  const clock = createTestClock();
  const log = createMemoryLog();
  const store = openMemoryQuotaStore({ clock });
  await store.markWhole();
  await store.publishCaps({ version: 1, caps, budgets });
  const admin = openMemoryAlertStore();
  const published: Message[] = [];
  const broken = new Set<Broken>();
  const unless = (what: Broken) => {
    if (broken.has(what)) throw new AppError('unavailable', `${what} is broken`);
  };
  const ledgered = new Map<string, number>();
  const create = () =>
    createNotice({
      quota: {
        async caps() {
          unless('caps');
          return store.caps();
        },
        async spend(accounts, nowMs) {
          unless('spend');
          return store.spend(accounts, nowMs);
        },
      },
      ledger: {
        spendOf: async (account, buckets) => ({
          daily: microUsd(ledgered.get(`${account} ${buckets.daily}`) ?? 0),
          weekly: ZERO,
          monthly: ZERO,
        }),
      },
      admin: {
        ...admin,
        async raiseAlerts(alerts) {
          unless('raise');
          return admin.raiseAlerts(alerts);
        },
        async markAlertsSent(ids) {
          unless('mark');
          return admin.markAlertsSent(ids);
        },
      },
      bus: {
        async publish(topic, message) {
          unless('publish');
          assert.equal(topic, 'alert.v1');
          published.push(message);
        },
      },
      settings: () => ({ thresholds: [50, 75, 90, 100], groupLimitMode: 'min' }),
      clock,
      log,
    });
  let notice = create();
  const spend = async (count: number, over: UsageEventOverrides = {}): Promise<UsageEvent> => {
    const event = usageEvent({ timeMs: clock.now(), costMicroUsd: cents(count), ...over });
    await store.settle({
      id: event.id,
      nowMs: clock.now(),
      chargedAtMs: event.timeMs,
      accounts: event.accounts,
      amountMicroUsd: event.costMicroUsd,
      event: '{}',
    });
    await notice.noticed([event]);
    return event;
  };
  return {
    ...{ clock, log, store, admin, published, broken, ledgered, spend },
    noticed: (events: readonly UsageEvent[]) => notice.noticed(events),
    /** As another process, or this one after a restart: it knows nothing of what was raised. */
    restart() {
      notice = create();
    },
    recheck: () => notice.recheck(SIGNAL),
    told: (): AlertEvent[] => published.map(({ data }) => decodeAlert(data)),
    percents: (): number[] =>
      published.flatMap(({ data }) => {
        const event = decodeAlert(data);
        return event.type === 'spend.threshold' ? [event.threshold_percent] : [];
      }),
  };
}

test('each threshold is told once, with who, what and until when', async () => {
  const world = await openNoticing([cap({})]);
  await world.spend(49);
  assert.deepEqual(world.percents(), []);
  await world.spend(1);
  await world.spend(1);
  await world.spend(44);
  await world.spend(30);
  assert.deepEqual(world.percents(), [50, 90, 100]);
  const { id, ...told } = world.told()[0] as SpendThresholdAlert;
  assert.match(id, /^alert_[0-9a-f]{32}$/);
  assert.deepEqual(told, {
    version: 1,
    type: 'spend.threshold',
    timestamp: '2026-11-24T12:00:00.000Z',
    threshold_percent: 50,
    limit: {
      id: 'cap-ada',
      kind: 'cap',
      scope: { type: 'user', user_id: 'ada' },
      period: 'daily',
      bucket: '2026-11-24',
      model: null,
      amount_usd: '1.00',
    },
    account: { type: 'user', sub: 'ada', email: 'ada@example.com', name: 'Ada Lovelace' },
    spent_usd: '0.50',
    resets_at: '2026-11-25T00:00:00.000Z',
  });
  const audits = world.log.lines.filter(({ level }) => level === 'audit');
  assert.deepEqual(
    audits.map(({ message, fields }) => [message, fields['threshold_percent'], fields['sub']]),
    [50, 90, 100].map((percent) => ['spend.threshold', percent, 'ada']),
  );
  assert.deepEqual(await world.admin.unsentAlerts(10), []);
});

test('a redelivered batch and another process tell nothing twice', async () => {
  const world = await openNoticing([cap({})]);
  const event = await world.spend(60);
  await world.noticed([event]);
  world.restart();
  await world.noticed([event, event]);
  assert.deepEqual(world.percents(), [50]);
});

test('a new period tells anew, and so does a cap whose amount was changed', async () => {
  const world = await openNoticing([cap({})]);
  await world.spend(100);
  const caps = [cap({ amountMicroUsd: cents(200) })];
  await world.store.publishCaps({ version: 2, caps, budgets: [] });
  world.clock.advance(2_000);
  await world.spend(1);
  world.clock.advance(DAY_MS);
  await world.spend(150);
  assert.deepEqual(world.percents(), [100, 50, 75]);
});

test('caps of models and groups, and budgets, are told of the account that they are about', async () => {
  const org: Budget = {
    ...{ id: 'org', scope: { type: 'organization' }, period: 'weekly' },
    amountMicroUsd: cents(100),
  };
  const pool: Budget = {
    ...{ id: 'eng', scope: { type: 'rbac_group', rbacGroupId: 'eng' }, period: 'monthly' },
    amountMicroUsd: cents(110),
  };
  const other: Budget = { ...pool, id: 'ops', scope: { type: 'rbac_group', rbacGroupId: 'ops' } };
  const scope = { type: 'rbac_group', rbacGroupId: 'eng' } as const;
  const caps = [cap({ id: 'opus', scope, period: 'weekly', model: 'opus' })];
  const world = await openNoticing(caps, [org, pool, other]);
  const accounts: AccountId[] = [
    userAccount('ada'),
    'model:opus:user:ada',
    ORGANIZATION,
    poolAccount('eng'),
  ];
  await world.spend(60, { accounts, groups: ['eng', 'ops'] });
  const told = world.told() as SpendThresholdAlert[];
  assert.deepEqual(
    told.map(({ limit, account }) => [limit.id, limit.kind, limit.model, limit.bucket, account]),
    [
      [
        ...['opus', 'cap', 'opus', '2026-W48'],
        { type: 'user', sub: 'ada', email: 'ada@example.com', name: 'Ada Lovelace' },
      ],
      ['org', 'budget', null, '2026-W48', { type: 'organization' }],
      ['eng', 'budget', null, '2026-11', { type: 'group', group: 'eng' }],
    ],
  );
});

test('usage that comes after its day is over is told of that day', async () => {
  const world = await openNoticing([cap({})]);
  const yesterday = world.clock.now() - DAY_MS;
  world.ledgered.set('user:ada 2026-11-23', cents(95));
  await world.spend(5, { timeMs: yesterday });
  const [told] = world.told() as SpendThresholdAlert[];
  assert.deepEqual(
    [told?.threshold_percent, told?.limit.bucket, told?.resets_at, told?.spent_usd],
    [90, '2026-11-23', '2026-11-24T00:00:00.000Z', '0.95'],
  );
});

for (const broken of ['caps', 'spend', 'raise'] as const) {
  test(`what could not be looked at (${broken}) is with the next usage, of whomever`, async () => {
    const world = await openNoticing([cap({})]);
    world.broken.add(broken);
    await world.spend(60);
    world.broken.clear();
    assert.deepEqual(world.percents(), []);
    await world.spend(1, { sub: 'bob' });
    assert.deepEqual(world.percents(), [50]);
  });
}

test('what a dead process could not look at is raised by the job', async () => {
  const world = await openNoticing([cap({})]);
  const [email, name] = ['ada@example.com', 'Ada'];
  world.admin.directory.push({ sub: 'ada', email, name, groups: [], lastSeenMs: 0 });
  world.broken.add('spend');
  await world.spend(60);
  world.restart();
  world.broken.clear();
  await world.recheck();
  await world.recheck();
  assert.deepEqual(world.percents(), [50]);
});

test('the job looks at everybody, page by page, and at budgets', async () => {
  const scope = { type: 'organization' } as const;
  const budget: Budget = { id: 'org', scope, period: 'monthly', amountMicroUsd: cents(1_000) };
  const world = await openNoticing([cap({ id: 'all', scope })], [budget]);
  world.broken.add('caps');
  for (let nth = 0; nth < 450; nth += 1) {
    const sub = `person-${String(nth).padStart(3, '0')}`;
    const sighting = { email: null, name: null, groups: [], lastSeenMs: 0 };
    world.admin.directory.push({ sub, ...sighting });
    if (nth % 149 === 0) await world.spend(150, { sub, accounts: [`user:${sub}`, ORGANIZATION] });
  }
  world.restart();
  world.broken.clear();
  await world.recheck();
  const told = world.told() as SpendThresholdAlert[];
  assert.deepEqual(
    told.map(({ account, threshold_percent: percent }) => [
      account.type === 'user' ? account.sub : account.type,
      percent,
    ]),
    [
      ['organization', 50],
      ['person-000', 100],
      ['person-149', 100],
      ['person-298', 100],
      ['person-447', 100],
    ],
  );
});

for (const broken of ['publish', 'mark'] as const) {
  test(`an alert that was raised and not told (${broken}) is told by the job, not at once`, async () => {
    const world = await openNoticing([cap({})]);
    world.broken.add(broken);
    await world.spend(95);
    const before = world.percents().length;
    world.broken.clear();
    world.restart();
    await world.recheck();
    assert.equal(world.percents().length, before);
    world.clock.advance(10_000);
    await world.recheck();
    await world.recheck();
    const ids = new Set(world.published.map(({ id }) => id));
    assert.deepEqual([ids.size, ...new Set(world.percents())], [1, 90]);
    assert.equal(world.published.length, before + 1);
  });
}

test('an unknown model is told once a day, whoever asks for it', async () => {
  const world = await openNoticing([]);
  const unknown = { priceRow: 'unknown', servedModel: 'claude-next-9' };
  await world.spend(1, unknown);
  await world.spend(1, { ...unknown, sub: 'bob', priceRow: 'unknown/regional' });
  await world.spend(1);
  world.clock.advance(DAY_MS);
  await world.spend(1, unknown);
  assert.deepEqual(
    world.told().map((told) => told.type === 'pricing.unknown_model' && [told.model, told.day]),
    [
      ['claude-next-9', '2026-11-24'],
      ['claude-next-9', '2026-11-25'],
    ],
  );
});

test('unlimited caps and caps of 0 raise nothing', async () => {
  const world = await openNoticing([
    cap({ amountMicroUsd: null }),
    cap({ id: 'zero', period: 'monthly', amountMicroUsd: ZERO }),
  ]);
  await world.spend(1_000);
  await world.recheck();
  assert.deepEqual(world.admin.raised, []);
});
