// Append-only: a step that has shipped is never edited. The caller runs `migrate` in a transaction,
// so that of several processes that open a database at once one does the work and no half stays.
// Both dialects take the same text; PostgreSQL needs `collate "C"` on keys that are paged by, to
// sort by bytes as SQLite does.

import { sql } from 'kysely';
import { AppError } from '#shared/errors/app-error.ts';
import { LEDGER_LABELS_AND_CORRECTIONS } from './ledger-migration.ts';
import { ADMIN_BUDGETS } from './migration-admin-budgets.ts';
import type { Dialect, Step } from './migration-step.ts';
import type { Queries } from './sql-database.ts';

export const CREATE_MIGRATION_TABLE =
  'create table if not exists migration (name text primary key)';

/**
 * Brings the tables up to date.
 * @throws AppError `unavailable` when a newer version of Tallygate wrote the database.
 */
export async function migrate(db: Queries, dialect: Dialect): Promise<void> {
  // Asked first: PostgreSQL refuses `create table` to a role without the right even if it is there.
  if (dialect === 'sqlite' || !(await hasMigrationTable(db))) {
    await sql.raw(CREATE_MIGRATION_TABLE).execute(db);
  }
  const rows = await db.selectFrom('migration').select('name').execute();
  const done = new Set(rows.map((row) => row.name));
  for (const name of done) {
    if (!STEPS.some((step) => step.name === name)) throw newerDatabase(name);
  }
  for (const { name, statements } of appliedSteps(dialect)) {
    if (done.has(name)) continue;
    for (const statement of statements) await sql.raw(statement).execute(db);
    await db.insertInto('migration').values({ name }).execute();
  }
}

/** The steps of a dialect, in order. */
export function appliedSteps(dialect: Dialect): { name: string; statements: readonly string[] }[] {
  return STEPS.filter(({ only = dialect }) => only === dialect).map(({ name, statements }) => ({
    name,
    statements: statements(dialect),
  }));
}

async function hasMigrationTable(db: Queries): Promise<boolean> {
  const asked = sql<{ known: boolean }>`select to_regclass('migration') is not null as known`;
  return (await asked.execute(db)).rows[0]?.known === true;
}

function newerDatabase(name: string): AppError {
  return new AppError(
    'unavailable',
    'the database was written by a newer version of Tallygate; run that version or a newer one',
    { detail: `unknown migration "${name}"` },
  );
}

const key = (dialect: Dialect) => (dialect === 'postgres' ? 'text collate "C"' : 'text');

const STEPS: readonly Step[] = [
  {
    name: '0001-ledger',
    statements: (dialect) => [
      `create table usage_event (
        id text primary key, time_ms bigint not null, sub text not null, billing_group text,
        session_id text, served_model text not null, upstream text not null,
        outcome text not null, cost_micro_usd bigint not null, event text not null)`,
      'create index usage_event_by_time on usage_event (time_ms)',
      'create index usage_event_by_sub on usage_event (sub, time_ms)',
      `create table spend (
        period text not null, bucket text not null, account ${key(dialect)} not null,
        amount_micro_usd bigint not null, primary key (period, bucket, account))`,
      `create table daily_rollup (
        day ${key(dialect)} not null, sub ${key(dialect)} not null,
        served_model ${key(dialect)} not null, upstream ${key(dialect)} not null,
        events bigint not null, estimated_events bigint not null,
        input_tokens bigint not null, output_tokens bigint not null,
        cache_read_tokens bigint not null, cache_write_tokens bigint not null,
        cost_micro_usd bigint not null, primary key (day, sub, served_model, upstream))`,
    ],
  },
  {
    name: '0002-admin',
    statements: (dialect) => [
      'create table revision (name text primary key, value bigint not null)',
      "insert into revision (name, value) values ('audit', 0), ('caps', 0)",
      `create table spend_limit (
        id text primary key, position bigint not null unique, scope_type text not null,
        scope_id text not null, period text not null, amount text,
        created_at_ms bigint not null, updated_at_ms bigint not null,
        unique (scope_type, scope_id, period))`,
      `create table audit (
        id bigint primary key, at_ms bigint not null, actor text not null, action text not null,
        target text not null, reason text, "before" text, "after" text)`,
      `create table person (
        sub ${key(dialect)} primary key, email text, name text, "groups" text not null,
        last_seen_ms bigint not null)`,
    ],
  },
  {
    name: '0003-grants',
    statements: () => [
      `create table device_grant (
        device_code_hash text primary key, user_code text not null unique, status text not null,
        requested_from text not null, requested_at_ms bigint not null,
        expires_at_ms bigint not null, interval_seconds bigint not null, polled_at_ms bigint,
        approval text)`,
      `create table refresh_family (
        id text primary key, sub text not null, generation bigint not null,
        rotated_at_ms bigint not null, sealed text not null, created_at_ms bigint not null,
        expires_at_ms bigint not null, leased_until_ms bigint not null)`,
      'create index refresh_family_by_sub on refresh_family (sub)',
      `create table revocation (
        type text not null, target text not null, issued_before_ms bigint not null,
        until_ms bigint not null, primary key (type, target))`,
      `create table hit_window (
        key text primary key, hits bigint not null, expires_at_ms bigint not null)`,
      'create table used_once (key text primary key, expires_at_ms bigint not null)',
    ],
  },
  {
    name: '0004-embedded-bus',
    only: 'sqlite',
    statements: () => [
      `create table bus_message (
        topic text not null, id text not null, data blob not null, attributes text not null,
        attempts bigint not null, due_at_ms bigint not null, primary key (topic, id))`,
      'create index bus_message_by_due on bus_message (topic, due_at_ms)',
      `create table bus_dead_letter (
        topic text not null, id text not null, data blob not null, attributes text not null,
        attempts bigint not null, reason text not null, dead_at_ms bigint not null,
        primary key (topic, id))`,
    ],
  },
  LEDGER_LABELS_AND_CORRECTIONS,
  ADMIN_BUDGETS,
];
