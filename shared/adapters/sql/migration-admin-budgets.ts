// Budgets and models of spend limits, people by e-mail, alerts. An older version goes on working on
// these tables while the newer ones come up: what it does not write has a default.

import type { Dialect, Step } from './migration-step.ts';

/** Empty for all models, so that (scope, period, model) can be unique. */
const MODEL = "model text not null default ''";
const BUDGET = 'pooled_amount text, pooled_paused bigint not null default 0';
const UNIQUE = 'unique (scope_type, scope_id, period, model)';

export const ADMIN_BUDGETS: Step = {
  name: '0006-admin-budgets',
  statements: (dialect) => [
    ...spendLimit[dialect],
    'alter table person add column email_key text',
    'update person set email_key = lower(email)',
    'create index person_by_email on person (email_key)',
    `create table alert (
      id text primary key, at_ms bigint not null, body text not null, sent bigint not null)`,
    'create index alert_by_sent on alert (sent, at_ms)',
  ],
};

const spendLimit: Readonly<Record<Dialect, readonly string[]>> = {
  // Made anew: SQLite cannot take a table's constraint away.
  sqlite: [
    `create table spend_limit_anew (
      id text primary key, position bigint not null unique, scope_type text not null,
      scope_id text not null, period text not null, ${MODEL}, amount text, ${BUDGET},
      created_at_ms bigint not null, updated_at_ms bigint not null, ${UNIQUE})`,
    `insert into spend_limit_anew
      (id, position, scope_type, scope_id, period, amount, created_at_ms, updated_at_ms)
      select id, position, scope_type, scope_id, period, amount, created_at_ms, updated_at_ms
      from spend_limit`,
    'drop table spend_limit',
    'alter table spend_limit_anew rename to spend_limit',
  ],
  // Altered: what a role was granted on it stays.
  postgres: [
    'alter table spend_limit drop constraint spend_limit_scope_type_scope_id_period_key',
    `alter table spend_limit add column ${MODEL}`,
    'alter table spend_limit add column pooled_amount text',
    'alter table spend_limit add column pooled_paused bigint not null default 0',
    `alter table spend_limit add ${UNIQUE}`,
  ],
};
