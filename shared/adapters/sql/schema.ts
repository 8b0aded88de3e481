// The tables as the statements see them: infra/store-keys.md says what each row means and how long
// it lives. Money and instants are bigint columns, always within 2^53; JSON is text.

import type {
  DeviceGrantTable,
  HitWindowTable,
  RefreshFamilyTable,
  RevocationTable,
  UsedOnceTable,
} from './schema-grants.ts';

export interface UsageEventTable {
  id: string;
  time_ms: number;
  sub: string;
  billing_group: string | null;
  session_id: string | null;
  served_model: string;
  upstream: string;
  outcome: string;
  cost_micro_usd: number;
  /** The whole usage event, JSON. */
  event: string;
}

export interface SpendTable {
  period: string;
  bucket: string;
  account: string;
  amount_micro_usd: number;
}

export interface DailyRollupTable {
  day: string;
  sub: string;
  served_model: string;
  upstream: string;
  /** Stands for groups and billing group in the key. */
  labels_key: string;
  /** JSON, ascending. */
  groups: string;
  billing_group: string | null;
  events: number;
  estimated_events: number;
  input_tokens: number;
  output_tokens: number;
  cache_read_tokens: number;
  cache_write_tokens: number;
  cost_micro_usd: number;
  /** Is in `cost_micro_usd` already. */
  correction_micro_usd: number;
}

export interface CostCorrectionTable {
  id: string;
  event_id: string;
  /** Ascending, from 1, for each event. */
  position: number;
  amount_micro_usd: number;
  price_book: string;
  price_row: string;
  posted_at_ms: number;
  actor: string;
  reason: string | null;
}

/** Counters that only grow; their row's lock puts the writers of the admin tables in one line. */
export interface RevisionTable {
  name: 'audit' | 'caps';
  value: number;
}

export interface SpendLimitTable {
  id: string;
  /** Ascending by creation. */
  position: number;
  scope_type: string;
  /** Empty for the organization, so that (scope, period, model) can be unique. */
  scope_id: string;
  period: string;
  /** Empty for all models. */
  model: string;
  amount: string | null;
  /** Null: no budget was ever set. */
  pooled_amount: string | null;
  /** 0 or 1. */
  pooled_paused: number;
  created_at_ms: number;
  updated_at_ms: number;
}

export interface AuditTable {
  id: number;
  at_ms: number;
  actor: string;
  action: string;
  target: string;
  reason: string | null;
  /** A spend limit, JSON. */
  before: string | null;
  after: string | null;
}

export interface PersonTable {
  sub: string;
  email: string | null;
  /** In lower case: what is searched. */
  email_key: string | null;
  name: string | null;
  /** JSON. */
  groups: string;
  last_seen_ms: number;
}

export interface AlertTable {
  id: string;
  at_ms: number;
  /** JSON. */
  body: string;
  /** 0 or 1. */
  sent: number;
}

export interface BusMessageTable {
  topic: string;
  id: string;
  data: Uint8Array;
  attributes: string;
  /** Deliveries that failed. */
  attempts: number;
  /** Not delivered before this instant. */
  due_at_ms: number;
}

export interface BusDeadLetterTable {
  topic: string;
  id: string;
  data: Uint8Array;
  attributes: string;
  attempts: number;
  reason: string;
  dead_at_ms: number;
}

/** The names of the migrations that ran. */
export interface MigrationTable {
  name: string;
}

export interface Schema {
  migration: MigrationTable;
  usage_event: UsageEventTable;
  spend: SpendTable;
  daily_rollup: DailyRollupTable;
  cost_correction: CostCorrectionTable;
  revision: RevisionTable;
  spend_limit: SpendLimitTable;
  audit: AuditTable;
  person: PersonTable;
  alert: AlertTable;
  device_grant: DeviceGrantTable;
  refresh_family: RefreshFamilyTable;
  revocation: RevocationTable;
  hit_window: HitWindowTable;
  used_once: UsedOnceTable;
  bus_message: BusMessageTable;
  bus_dead_letter: BusDeadLetterTable;
}
