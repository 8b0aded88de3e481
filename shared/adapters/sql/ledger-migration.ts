// Rollups by groups and billing group, corrections, and what an erasure searches by.

import type { Step } from './migration-step.ts';

const NEW_KEY = 'day, sub, served_model, upstream, labels_key';

/** `labels_key` of no groups and no billing group: what rows of before are taken to have. */
const NO_LABELS = 'bb5bb1b3a77487eecdeb0af136abad36';

export const LEDGER_LABELS_AND_CORRECTIONS: Step = {
  name: '0005-ledger-labels-and-corrections',
  statements: (dialect) => [
    ...(dialect === 'postgres' ? RELABEL_POSTGRES : RELABEL_SQLITE),
    'create index daily_rollup_by_sub on daily_rollup (sub)',
    'create index spend_by_account on spend (account)',
    `create table cost_correction (
      id text primary key, event_id text not null references usage_event (id) on delete cascade,
      position bigint not null, amount_micro_usd bigint not null, price_book text not null,
      price_row text not null, posted_at_ms bigint not null, actor text not null, reason text)`,
    'create index cost_correction_by_event on cost_correction (event_id)',
  ],
};

/** In place: a new table would not have the rights that were granted on the old one. */
const RELABEL_POSTGRES = [
  `alter table daily_rollup
    add column labels_key text collate "C" not null default '${NO_LABELS}',
    add column "groups" text not null default '[]',
    add column billing_group text,
    add column correction_micro_usd bigint not null default 0,
    drop constraint daily_rollup_pkey,
    add primary key (${NEW_KEY})`,
];

/** SQLite cannot change a primary key. */
const RELABEL_SQLITE = [
  `create table daily_rollup_labelled (
    day text not null, sub text not null, served_model text not null, upstream text not null,
    labels_key text not null, "groups" text not null, billing_group text,
    events bigint not null, estimated_events bigint not null,
    input_tokens bigint not null, output_tokens bigint not null,
    cache_read_tokens bigint not null, cache_write_tokens bigint not null,
    cost_micro_usd bigint not null, correction_micro_usd bigint not null,
    primary key (${NEW_KEY}))`,
  `insert into daily_rollup_labelled
    select day, sub, served_model, upstream, '${NO_LABELS}', '[]', null, events, estimated_events,
      input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_micro_usd, 0
    from daily_rollup`,
  'drop table daily_rollup',
  'alter table daily_rollup_labelled rename to daily_rollup',
];
