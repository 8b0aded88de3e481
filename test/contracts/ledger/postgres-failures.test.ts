// PostgreSQL dies, hangs, is opened by many at once or by a role that may not touch its tables'
// shape: nothing is lost, nothing counts twice, nobody waits for ever.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openPostgresAdminStore } from '#shared/adapters/admin-store/postgres.ts';
import { openPostgresLedger } from '#shared/adapters/ledger/postgres.ts';
import { DDL_COMMAND, renderDdl } from '#shared/adapters/sql/ddl.ts';
import { appliedSteps } from '#shared/adapters/sql/migrations.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import { databaseAt, describeOnPostgres } from '../../support/postgres-instance.ts';
import { shuffled } from '../../support/shuffle.ts';
import { usageEvent } from '../../support/usage-event.ts';
import { costOf, deliveredEvents } from './deliveries.ts';
import { assertHolds } from './suite.ts';

const BATCH = 20;

describeOnPostgres((postgres) => {
  it('loses and doubles nothing when the server is killed in the middle, twice', async () => {
    await using database = await databaseAt(await postgres.freshUrl());
    await using ledger = openPostgresLedger(database);
    const events = deliveredEvents(0, 4000);
    const batches = batched(shuffled([...events, ...events], 5));
    let acknowledged = 0;
    let refused = 0;
    let isUp = Promise.resolve();
    const restart = async () => {
      await postgres.server().kill();
      await postgres.server().start();
    };
    const known = new Set<string>();
    const counted = new Set<string>();
    let isOver = false;
    const deliver = async (batch: readonly UsageEvent[]) => {
      const { recorded, duplicates } = await redelivered(ledger, batch, () => {
        refused += 1;
        assert(!isOver, 'the ledger is closed');
        return isUp;
      });
      for (const id of recorded) {
        // Not `known`: that it is a duplicate may be heard, on another connection, before it was recorded.
        assert(!counted.has(id), `${id} was recorded twice`);
        counted.add(id);
      }
      for (const id of [...recorded, ...duplicates]) known.add(id);
      acknowledged += 1;
      if (acknowledged === 40 || acknowledged === 80) isUp = restart();
    };
    try {
      await Promise.all(batches.map(deliver));
    } finally {
      isOver = true;
    }
    assert(refused > 0, 'it was killed in the middle');
    assert.equal(known.size, events.length);
    await assertHolds(ledger, costOf(events));
  });

  it('ends calls by the deadline while the server is frozen, and goes on when it thaws', async () => {
    const url = await postgres.freshUrl();
    const impatient = { statementTimeoutMs: 100, connectTimeoutSeconds: 0.3, maxConnections: 2 };
    await using database = await databaseAt(url, impatient);
    await using ledger = openPostgresLedger(database);
    const events = deliveredEvents(0, 6 * BATCH);
    const batches = batched(events);
    await ledger.record(events.slice(0, BATCH));
    postgres.server().signal('SIGSTOP');
    try {
      const startedMs = performance.now();
      const answers = await Promise.allSettled(batches.map((batch) => ledger.record(batch)));
      // 100 ms and a second's grace for those with a connection, 300 ms for those without.
      assert(performance.now() - startedMs < 4000, 'it took too long');
      for (const answer of answers) {
        assert(answer.status === 'rejected' && isUnavailable(answer.reason));
      }
    } finally {
      postgres.server().signal('SIGCONT');
    }
    for (const batch of batches) await redelivered(ledger, batch, async () => {});
    await assertHolds(ledger, costOf(events));
  });

  it('closes while the server is frozen', async () => {
    const database = await databaseAt(await postgres.freshUrl());
    const ledger = openPostgresLedger(database);
    await ledger.record([usageEvent()]);
    postgres.server().signal('SIGSTOP');
    try {
      const startedMs = performance.now();
      await ledger[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
      assert(performance.now() - startedMs < 3000, 'it took too long');
    } finally {
      postgres.server().signal('SIGCONT');
    }
  });

  it('is migrated once by many that open it at once', async () => {
    const url = await postgres.freshUrl();
    const databases = await Promise.all(
      Array.from({ length: 6 }, () => databaseAt(url, { maxConnections: 1 })),
    );
    await using closing = new AsyncDisposableStack();
    for (const database of databases) closing.use(database);
    const names = await postgres.query(url, 'select name from migration order by name');
    assert.deepEqual(
      names,
      appliedSteps('postgres').map(({ name }) => ({ name })),
    );
  });

  it('opens for a role without DDL once the printed DDL was applied by hand', async () => {
    const url = await postgres.freshUrl();
    const schema = decodeURIComponent(url).split('=').at(-1);
    await postgres.query(url, `create role clerk login; grant usage on schema ${schema} to clerk`);
    const clerks = url.replace('//postgres@', '//clerk@');
    await assert.rejects(databaseAt(clerks), (error) => {
      assert(isUnavailable(error) && error.detail === '42501');
      assert.match(error.message, /the role of store\.postgres_url may not create tables/);
      assert(error.message.includes(`"${DDL_COMMAND}"`), error.message);
      return true;
    });
    // The second time is the upgrade that has nothing to do.
    for (let times = 0; times < 2; times += 1) await postgres.query(url, renderDdl('postgres'));
    const rights = `grant select, insert, update, delete on all tables in schema ${schema} to clerk`;
    await postgres.query(url, rights);
    await assert.rejects(
      postgres.query(clerks, 'create table more (id text)'),
      /permission denied/,
    );
    await using database = await databaseAt(clerks);
    await using ledger = openPostgresLedger(database);
    await using admin = openPostgresAdminStore(database);
    const events = deliveredEvents(0, 10);
    await ledger.record(events);
    await assertHolds(ledger, costOf(events));
    assert.deepEqual((await admin.capTable()).caps, []);
  });
});

function batched(events: readonly UsageEvent[]): UsageEvent[][] {
  return Array.from({ length: Math.ceil(events.length / BATCH) }, (_, nth) =>
    events.slice(nth * BATCH, (nth + 1) * BATCH),
  );
}

/** As a bus does: again until it is recorded. */
async function redelivered(
  ledger: Ledger,
  batch: readonly UsageEvent[],
  onRefusal: () => Promise<void>,
): Promise<{ recorded: readonly string[]; duplicates: readonly string[] }> {
  for (;;) {
    try {
      return await ledger.record(batch);
    } catch (caught) {
      assert(isUnavailable(caught), String(caught));
      await onRefusal();
    }
  }
}

function isUnavailable(caught: unknown): caught is AppError {
  return caught instanceof AppError && caught.code === 'unavailable';
}
