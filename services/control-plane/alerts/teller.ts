// Raised → told → marked as told. An alert is in the admin store before it is told, so a death in
// between loses nothing: the job tells it again. Receivers know a repeated one by its id.

import type { Clock } from '#shared/domain/clock.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { type AlertEvent, decodeAlert, type SpendThresholdAlert } from '#shared/events/alert-v1.ts';
import type { AdminStore, Alert } from '#shared/ports/admin-store.ts';
import type { UsageBus } from '#shared/ports/usage-bus.ts';
import type { Log, LogFields } from '#shared/telemetry/log.ts';
import { UNTOLD } from './render-alert.ts';

export interface TellerDeps {
  readonly admin: Pick<AdminStore, 'raiseAlerts' | 'unsentAlerts' | 'markAlertsSent'>;
  readonly bus: Pick<UsageBus, 'publish'>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Teller {
  /** Tells those that are new. @throws AppError `unavailable`: not all of them are raised. */
  raise(alerts: readonly Alert[]): Promise<void>;
  /** Tells what was raised and never told. @throws AppError `unavailable` */
  tellUnsent(signal: AbortSignal): Promise<void>;
}

const RAISE_MAX = 100;
/** A younger one is probably being told by whoever raised it. */
const UNSENT_AFTER_MS = 10_000;

export function createTeller(deps: TellerDeps): Teller {
  const { admin, clock, log } = deps;
  return {
    async raise(alerts) {
      for (let start = 0; start < alerts.length; start += RAISE_MAX) {
        const raised = await admin.raiseAlerts(alerts.slice(start, start + RAISE_MAX));
        // They are raised: what cannot be told now is told by the job.
        await tell(deps, raised).catch((caught: unknown) => {
          log.warn('alerts could not be told yet', { err: AppError.from(caught) });
        });
      }
    },
    async tellUnsent(signal) {
      for (;;) {
        const unsent = await admin.unsentAlerts(RAISE_MAX);
        const due = unsent.filter(({ atMs }) => atMs <= clock.now() - UNSENT_AFTER_MS);
        await tell(deps, due);
        if (signal.aborted || due.length < RAISE_MAX) return;
      }
    },
  };
}

async function tell(deps: TellerDeps, alerts: readonly Alert[]): Promise<void> {
  const told: string[] = [];
  try {
    for (const { id, body } of alerts) {
      const event = readBody(deps.log, id, body);
      if (event !== null) {
        const message = { id, data: Buffer.from(body), attributes: { type: event.type } };
        await deps.bus.publish('alert.v1', message);
        if (event.type === 'spend.threshold') deps.log.audit(event.type, auditFields(event));
      }
      told.push(id);
    }
  } finally {
    if (told.length > 0) await deps.admin.markAlertsSent(told);
  }
}

/** Null: nothing is to be told. */
function readBody(log: Log, id: string, body: string): AlertEvent | null {
  if (body === UNTOLD) return null;
  try {
    return decodeAlert(body);
  } catch (caught) {
    log.error('an alert in the store cannot be read and is dropped', {
      alert_id: id,
      err: AppError.from(caught),
    });
    return null;
  }
}

function auditFields(event: SpendThresholdAlert): LogFields {
  const { limit, account } = event;
  return {
    alert_id: event.id,
    threshold_percent: event.threshold_percent,
    target: limit.id,
    kind: limit.kind,
    scope_type: limit.scope.type,
    period: limit.period,
    bucket: limit.bucket,
    model: limit.model,
    account_type: account.type,
    ...(account.type === 'user' ? { sub: account.sub } : {}),
    ...(account.type === 'group' ? { group: account.group } : {}),
    amount_usd: limit.amount_usd,
    spent_usd: event.spent_usd,
    resets_at: event.resets_at,
  };
}
