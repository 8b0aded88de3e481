// The admin API of the reference (captures 06 and 05d), replayed over HTTP in the order it was captured.
// Left out: without an `admin` block ours is 404 whoever asks (journeys).

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { poolAccount, userAccount } from '#shared/domain/account.ts';
import { microUsd } from '#shared/domain/money.ts';
import type { OpenAdminDatabase } from '../support/admin-database.ts';
import { type AdminGateway, openAdminGateway, WRITE_KEY } from '../support/admin-gateway.ts';
import {
  assertRequestId,
  assertSame,
  type Captured,
  type Ids,
  normalise,
  readCaptures,
  replay,
} from './admin-exchanges.ts';

const captured = readCaptures<Captured>('06-admin-api');
const cut = captured.findIndex(({ name }) => name === 'list default');
const auditFrom = captured.findIndex(({ name }) => name === 'audit default');
const end = captured.findIndex(({ name }) => name.includes('no admin configured'));

/** What happened between the captured exchanges, and cannot be seen in them. */
type Step =
  | { step: 'another database' }
  /** A request of 10 cents, and the budget that it was charged to. */
  | { step: 'message'; name: string; sub: string; groups: string[]; pool: string | null }
  | { step: 'delete'; group: string };

const pools = readCaptures<Captured | Step>('05d-pooled-budgets-admin');

export function replayAdminApi(open: OpenAdminDatabase): void {
  describe('one change after another', () => replayChanges(open));
  describe('lists', () => replayLists(open));
  describe('budgets', () => replayBudgets(open));
}

function replayChanges(open: OpenAdminDatabase): void {
  let gateway: AdminGateway;
  let created = '';
  before(async () => {
    gateway = await openAdminGateway(open);
  });
  after(() => gateway[Symbol.asyncDispose]());

  for (const exchange of captured.slice(0, cut)) {
    test(exchange.name, async () => {
      const ids = /^(GET one|DELETE)/.test(exchange.name) && created !== '' ? [created] : [];
      const actual = await replay(gateway, exchange, ids);
      assertSame(actual, exchange, exchange.response.body);
      assertRequestId(actual);
      if (exchange.name === 'upsert 1') created = (actual.body as { id: string }).id;
    });
  }

  test('the audit trail tells them, and why', async () => {
    const exchange = captured[auditFrom] ?? assert.fail();
    const { data } = exchange.response.body as { data: { id: string; reason: string | null }[] };
    const told = data.filter(({ id }) => Number(id) <= 17);
    for (const row of told) if (row.id === '8') row.reason = 'because';
    const { body } = await replay(gateway, exchange, []);
    assert.deepEqual(normalise(body), { data: told, has_more: false });
  });
}

function replayLists(open: OpenAdminDatabase): void {
  let gateway: AdminGateway;
  let ids: string[] = [];
  before(async () => {
    gateway = await openAdminGateway(open);
    ids = await seed(gateway);
  });
  after(() => gateway[Symbol.asyncDispose]());

  const anchors: Readonly<Record<string, (all: readonly string[]) => Ids>> = {
    'list after': (all) => [all[2] ?? ''],
    'list before': (all) => [all[10] ?? ''],
    'list after+before': (all) => [all[0] ?? '', all[1] ?? ''],
  };
  for (const exchange of captured.slice(cut, auditFrom)) {
    test(exchange.name, async () => {
      const actual = await replay(gateway, exchange, anchors[exchange.name]?.(ids) ?? []);
      assertSame(actual, exchange, exchange.response.body);
    });
  }

  // Only the 25 rows of the seed exist here: the captured ids are 17 higher.
  for (const exchange of captured.slice(auditFrom, end)) {
    test(exchange.name, async () => {
      const shifted = {
        ...exchange,
        request: {
          ...exchange.request,
          path: exchange.request.path.replace(/after_id=37/, 'after_id=20'),
        },
      };
      assertSame(await replay(gateway, shifted, []), exchange, shiftIds(exchange.response.body));
    });
  }
}

function replayBudgets(open: OpenAdminDatabase): void {
  let gateway: AdminGateway;
  before(async () => {
    gateway = await openAdminGateway(open);
  });
  after(() => gateway[Symbol.asyncDispose]());

  for (const [nth, one] of pools.entries()) {
    if ('response' in one) {
      test(one.name, async () => {
        const actual = await replay(gateway, one, []);
        assertSame(actual, one, one.response.body);
        assertRequestId(actual);
      });
    } else {
      test(`between: ${one.step}`, async () => {
        if (one.step === 'another database') {
          await gateway[Symbol.asyncDispose]();
          gateway = await openAdminGateway(open);
        } else if (one.step === 'message') await spend(gateway, `message-${nth}`, one);
        else await deleteOfGroup(gateway, one.group);
      });
    }
  }
}

async function deleteOfGroup({ origin, admin }: AdminGateway, group: string): Promise<void> {
  const limit = (await admin.caps()).find(
    ({ scope }) => scope.type === 'rbac_group' && scope.rbacGroupId === group,
  );
  const url = `${origin}/v1/organizations/spend_limits/${limit?.id}`;
  const answer = await fetch(url, { method: 'DELETE', headers: { 'x-api-key': WRITE_KEY } });
  assert.equal(answer.status, 200);
}

interface Spent {
  readonly sub: string;
  readonly groups: string[];
  readonly pool: string | null;
  readonly cents?: number;
  readonly name?: string;
}

async function spend({ admin, quota, clock }: AdminGateway, id: string, spent: Spent) {
  const { sub, groups, pool, cents = 10 } = spent;
  const nowMs = clock.now();
  const name = spent.name?.startsWith('Name') ? spent.name : `N ${sub}`;
  await admin.seen([{ sub, email: `${sub}@example.com`, name, groups, lastSeenMs: nowMs }]);
  await quota.settle({
    ...{ id, nowMs, chargedAtMs: nowMs, event: '{}' },
    accounts: [userAccount(sub), ...(pool === null ? [] : [poolAccount(pool)])],
    amountMicroUsd: microUsd(cents * 10_000),
  });
}

function shiftIds(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || !('data' in body)) return body;
  const { data } = body as { data: { id: string }[] };
  const rows = data.filter(({ id }) => Number(id) > 17);
  return { ...body, data: rows.map((row) => ({ ...row, id: String(Number(row.id) - 17) })) };
}

/** u00 to u24 with caps of as many cents, every fifth a group; three people who spent. */
async function seed(gateway: AdminGateway): Promise<string[]> {
  const { origin, clock } = gateway;
  const ids: string[] = [];
  for (let index = 0; index < 25; index += 1) {
    const scope =
      index % 5 === 4
        ? { type: 'rbac_group', rbac_group_id: `g${index}` }
        : { type: 'user', user_id: `u${String(index).padStart(2, '0')}` };
    clock.advance(1000);
    const response = await fetch(`${origin}/v1/organizations/spend_limits`, {
      method: 'POST',
      headers: { 'x-api-key': WRITE_KEY },
      body: JSON.stringify({ scope, amount: String(index), period: 'monthly' }),
    });
    assert.equal(response.status, 200);
    ids.push(((await response.json()) as { id: string }).id);
  }
  for (const [sub, cents] of [
    ['ua', 20],
    ['ub', 10],
    ['uc', 10],
  ] as const) {
    const name = `Name ${sub.toUpperCase()}`;
    await spend(gateway, sub, { sub, name, groups: ['g4'], pool: null, cents });
  }
  return ids;
}
