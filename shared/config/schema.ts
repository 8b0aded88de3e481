// gateway.yaml, whole. Keys are named here as they are in the file, so that one grep leads from a
// line of YAML to the code that obeys it. What crosses sections is in the
// `rules-*.ts`.

import type { z } from 'zod';
import { flag, section, text, wholeNumber } from './field.ts';
import { adminSchema, enforcementSchema } from './schema-admin.ts';
import { alertsSchema } from './schema-alerts.ts';
import {
  accessControlSchema,
  limitsSchema,
  listenSchema,
  rateLimitsSchema,
  timeoutsSchema,
} from './schema-listen.ts';
import { managedSchema } from './schema-managed.ts';
import { oidcSchema } from './schema-oidc.ts';
import { pricingSchema } from './schema-pricing.ts';
import { routingSchema } from './schema-routing.ts';
import { sessionSchema } from './schema-session.ts';
import {
  busSchema,
  controlPlaneSchema,
  jobsSchema,
  ledgerSchema,
  quotaSchema,
  storeSchema,
} from './schema-stores.ts';
import { telemetrySchema } from './schema-telemetry.ts';
import { modelsSchema, upstreamsSchema } from './schema-upstreams.ts';

/** More than any machine has use for. */
export const WORKERS_MAX = 128;

export const gatewaySchema = section({
  listen: listenSchema.prefault({}),
  oidc: oidcSchema,
  session: sessionSchema.prefault({}),
  /** Directory of the embedded database, the spool and generated keys. Default ./.tallygate. */
  data_dir: text('the path of a directory').default('./.tallygate'),
  /** PostgreSQL. Absent: none. */
  store: storeSchema.optional(),
  /** Default: PostgreSQL where `store` names one, else SQLite. */
  ledger: ledgerSchema.prefault({}),
  /** Quota store. Default: in process. */
  quota: quotaSchema.prefault({}),
  /** Usage bus. Default: the embedded queue. */
  bus: busSchema.prefault({}),
  /** Recurring jobs. Default: timers. */
  jobs: jobsSchema.prefault({}),
  /** Only where the two planes run apart. */
  control_plane: controlPlaneSchema.prefault({}),
  /** Data-plane processes that share a port. Default 1. */
  workers: wholeNumber('processes', 1, WORKERS_MAX).default(1),
  upstreams: upstreamsSchema,
  /** Where requests may go when an upstream fails. Default: to any other. */
  routing: routingSchema.prefault({}),
  /** Models beside the built-in ones. Default none. */
  models: modelsSchema,
  /** Whether the built-in models are offered too. Default true. */
  auto_include_builtin_models: flag().default(true),
  /** Absent: no caps, no admin API. */
  admin: adminSchema.optional(),
  enforcement: enforcementSchema.prefault({}),
  /** Thresholds of caps and budgets, and who is told. */
  alerts: alertsSchema.prefault({}),
  /** Default: list prices. */
  pricing: pricingSchema.prefault({}),
  /** Absent: no managed settings (telemetry alone still pushes its own). */
  managed: managedSchema.optional(),
  /** Absent: clients are not told to export. */
  telemetry: telemetrySchema.optional(),
  access_control: accessControlSchema.prefault({}),
  limits: limitsSchema.prefault({}),
  timeouts: timeoutsSchema.prefault({}),
  rate_limits: rateLimitsSchema.prefault({}),
  /** Notice on the sign-in page and in the terminal, 1 to 500 characters. Absent: none. */
  login_notice: text('text of 1 to 500 characters', 500).optional(),
});

/** What every part of the gateway is given its slice of: defaults applied, secrets wrapped. */
export type GatewayConfig = z.output<typeof gatewaySchema>;
