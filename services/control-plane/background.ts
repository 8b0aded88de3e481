// What the control plane does off the request path: ledgering, telemetry and alert delivery, jobs.

import type { Clock } from '#shared/domain/clock.ts';
import type { PriceBook } from '#shared/domain/pricing.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { AdminStore } from '#shared/ports/admin-store.ts';
import type { GrantStore } from '#shared/ports/grant-store.ts';
import type { JobRunner } from '#shared/ports/job-runner.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import type { UsageBus } from '#shared/ports/usage-bus.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { createNotice, type NoticeSettings } from './alerts/notice.ts';
import { createWebhookRelay } from './alerts/webhook-relay.ts';
import { createWebhookSender, type Webhook } from './alerts/webhook-sender.ts';
import type { RetentionWindows } from './jobs/retention.ts';
import { type JobDeps, jobTable } from './jobs/schedule.ts';
import { sweepReservations } from './jobs/sweep-reservations.ts';
import { restoreQuota } from './restore.ts';
import { createOtlpExporter, type TelemetryDestination } from './telemetry/otlp-exporter.ts';
import { createTelemetryRelay } from './telemetry/relay.ts';
import { createUsageIngest } from './usage/ingest.ts';

export interface BackgroundDeps {
  readonly quota: QuotaStore;
  readonly bus: UsageBus;
  readonly ledger: Ledger;
  readonly admin: AdminStore;
  readonly grants: GrantStore;
  readonly jobs: JobRunner;
  /** Whether this process has a data plane too. */
  readonly servesRequests: boolean;
  /** Those of the configuration in force. */
  readonly destinations: () => readonly TelemetryDestination[];
  readonly alerts: () => NoticeSettings;
  readonly webhooks: () => readonly Webhook[];
  readonly windows: () => RetentionWindows;
  readonly priceBook: () => PriceBook;
  readonly everySeconds: JobDeps['everySeconds'];
  readonly userAgent: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** As many as wait, up to what one commit of Firestore takes: the further behind, the cheaper each. */
const RECORD_BATCH_MAX = 400;
/** In a process that answers requests they wait while SQLite works on a batch. */
const RECORD_BATCH_MAX_SHARED = 100;
const RECORD_IN_FLIGHT_MAX = 1_000;
const EXPORT_TIMEOUT_MS = 10_000;
const WEBHOOK_TIMEOUT_MS = 10_000;

/**
 * From now on events are ledgered and jobs run. Resolves when the quota store knows what it must know
 * before the first request, or when it turned out to be away: then the job of that name goes on
 * trying. Disposing finishes what is in work.
 */
export async function openBackground(deps: BackgroundDeps): Promise<AsyncDisposable> {
  const { log } = deps;
  const notice = createNotice({ ...deps, settings: deps.alerts });
  const ingest = createUsageIngest({ ...deps, notice });
  const jobDeps = { ...deps, ingest, notice };
  await restoreQuota(jobDeps, new AbortController().signal).catch((caught: unknown) => {
    log.warn('the quota store cannot be restored yet', { err: AppError.from(caught) });
  });

  const opened = new AsyncDisposableStack();
  opened.use(
    deps.bus.subscribe({
      topic: 'usage.v1',
      batchMax: deps.servesRequests ? RECORD_BATCH_MAX_SHARED : RECORD_BATCH_MAX,
      inFlightMax: RECORD_IN_FLIGHT_MAX,
      handle: ingest,
    }),
  );
  opened.use(
    createTelemetryRelay({
      ...deps,
      export: createOtlpExporter({ userAgent: deps.userAgent, timeoutMs: EXPORT_TIMEOUT_MS }),
    }),
  );
  opened.use(
    createWebhookRelay({
      ...deps,
      send: createWebhookSender({ ...deps, timeoutMs: WEBHOOK_TIMEOUT_MS }),
    }),
  );
  await Promise.all(jobTable(jobDeps).map((job) => deps.jobs.schedule(job)));
  // What died with the process before this one is billed now, not at the first tick.
  await sweepReservations(jobDeps, new AbortController().signal).catch(() => undefined);
  return opened;
}
