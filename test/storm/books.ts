// What the ledger and the quota store say when all is quiet, read beside the gateway and not through
// it.

import assert from 'node:assert/strict';
import pg from 'pg';
import { openRedisQuotaStore } from '#shared/adapters/quota-store/redis.ts';
import { userAccount } from '#shared/domain/account.ts';
import { systemClock } from '#shared/domain/clock.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import { createMemoryLog } from '../support/log.ts';
import type { World } from './world.ts';

export interface Books extends AsyncDisposable {
  /** Every event of these people. */
  events(subs: readonly string[]): Promise<UsageEvent[]>;
  /** Which of these requests are in the ledger. */
  recorded(requestIds: readonly string[]): Promise<ReadonlySet<string>>;
  /** Where the ledger's own counters disagree with its events, or the quota store with the ledger. */
  disagreements(subs: readonly string[]): Promise<string[]>;
}

export async function openBooks(world: World): Promise<Books> {
  const quota = await openRedisQuotaStore({
    url: world.redis.url,
    prefix: 'tallygate',
    timeoutMs: 2_000,
    clock: systemClock,
    log: createMemoryLog(),
  });

  async function query<Row extends pg.QueryResultRow>(sql: string, values: unknown[]) {
    const client = new pg.Client({
      connectionString: world.ledger.url,
      ...{ connectionTimeoutMillis: 3_000, query_timeout: 3_000 },
    });
    // The server may be killed under it.
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query<Row>(sql, values)).rows;
    } finally {
      await client.end();
    }
  }

  const events: Books['events'] = async (subs) => {
    const sql = 'select event from usage_event where sub = any($1)';
    const rows = await query<{ event: string }>(sql, [subs]);
    return rows.map(({ event }) => JSON.parse(event) as UsageEvent);
  };

  return {
    events,
    async recorded(requestIds) {
      const sql = `select event::json->>'requestId' as id from usage_event
        where event::json->>'requestId' = any($1)`;
      const rows = await query<{ id: string }>(sql, [requestIds]);
      return new Set(rows.map(({ id }) => id));
    },
    async disagreements(subs) {
      const all = await events(subs);
      const found: string[] = [];
      for (const sub of subs) {
        const own = all.filter((event) => event.sub === sub);
        const total = own.reduce((sum, { costMicroUsd }) => sum + costMicroUsd, 0);
        const sql = `select amount_micro_usd as amount from spend
          where account = $1 and period = 'monthly'`;
        const [row] = await query<{ amount: string }>(sql, [userAccount(sub)]);
        if (Number(row?.amount ?? 0) !== total) {
          found.push(`${sub}: events sum to ${total}, the ledger counts ${row?.amount ?? 0}`);
        }
        found.push(...(await quotaDisagreements(quota, sub, total)));
      }
      return found;
    },
    [Symbol.asyncDispose]: () => quota[Symbol.asyncDispose](),
  };
}

async function quotaDisagreements(
  quota: QuotaStore,
  sub: string,
  total: number,
): Promise<string[]> {
  const standings = await quota.spend([userAccount(sub)], systemClock.now());
  return standings.flatMap(({ period, ledgeredMicroUsd, pendingMicroUsd, reservedMicroUsd }) => {
    if (ledgeredMicroUsd === total && pendingMicroUsd === 0 && reservedMicroUsd === 0) return [];
    const words = `ledgered ${ledgeredMicroUsd}, pending ${pendingMicroUsd}, reserved ${reservedMicroUsd}`;
    return [`${sub} ${period}: ${words}; the ledger has ${total}`];
  });
}

/** Each id at most once: a request is never billed twice. */
export function assertNoDoubles(events: readonly UsageEvent[]): void {
  const byRequest = Map.groupBy(events, ({ requestId }) => requestId);
  for (const [requestId, doubles] of byRequest) {
    assert.equal(doubles.length, 1, `${requestId} is in the ledger ${doubles.length} times`);
  }
}
