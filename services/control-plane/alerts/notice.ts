// Thresholds crossed → alerts. The last step of ingestion looks at the accounts of its batch; the job
// looks at everybody, so that what a failure hid is raised a minute later. Whoever comes first
// raises an alert: the admin store takes each id once. Nothing here can fail a batch of usage.
//
// Cost of a batch: one read of the quota store; a write for those that are new alone. The table of
// caps is read again when it is a second old.

import { type CapIndex, type GroupLimitMode, indexCaps } from '#shared/domain/cap.ts';
import type { Clock } from '#shared/domain/clock.ts';
import { UNKNOWN_ROW } from '#shared/domain/price-book.ts';
import {
  reachedThresholds,
  type WatchedLimit,
  watchedBudget,
  watchedCaps,
} from '#shared/domain/threshold.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { AdminStore, Alert } from '#shared/ports/admin-store.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { spendNow } from './limit-spend.ts';
import { createRecently } from './recently.ts';
import { renderThreshold, renderUnknownModel, type Spender } from './render-alert.ts';
import { createTeller, type TellerDeps } from './teller.ts';
import { type Watched, watchedOf, withSpender } from './watched.ts';

export interface NoticeSettings {
  /** Whole percents. */
  readonly thresholds: readonly number[];
  readonly groupLimitMode: GroupLimitMode;
}

export interface NoticeDeps extends TellerDeps {
  readonly quota: Pick<QuotaStore, 'caps' | 'spend'>;
  readonly ledger: Pick<Ledger, 'spendOf'>;
  readonly admin: TellerDeps['admin'] & Pick<AdminStore, 'people'>;
  /** Those of the configuration in force. */
  readonly settings: () => NoticeSettings;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Notice {
  /** After their spend was counted. Never rejects. */
  noticed(events: readonly UsageEvent[]): Promise<void>;
  /** The job: tells what was raised and not told, and looks at everybody's spend. */
  recheck(signal: AbortSignal): Promise<void>;
}

const TABLE_AGE_MAX_MS = 1_000;
const PEOPLE_PER_PAGE = 200;
/** Events that could not be looked at and are with the next batch: the job knows no past days. */
const MISSED_MAX = 1_000;
const RAISED_KEPT_MAX = 100_000;

export function createNotice(deps: NoticeDeps): Notice {
  const { quota, clock, log } = deps;
  const teller = createTeller(deps);
  const raised = createRecently(RAISED_KEPT_MAX);
  let missed: readonly UsageEvent[] = [];
  let table: { readonly index: CapIndex; readonly readAtMs: number } | null = null;

  async function caps(): Promise<CapIndex> {
    const nowMs = clock.now();
    if (table === null || nowMs - table.readAtMs >= TABLE_AGE_MAX_MS || nowMs < table.readAtMs) {
      const read = await quota.caps();
      const isSame = table?.index.version === read.version;
      table = { index: isSame && table !== null ? table.index : indexCaps(read), readAtMs: nowMs };
    }
    return table.index;
  }

  /** There is a limit, and something to say of it. */
  function isWatching(index: CapIndex): boolean {
    const hasLimits = index.byKey.size > 0 || index.budgetsOf.size > 0;
    return hasLimits && deps.settings().thresholds.length > 0;
  }

  async function raise(watched: readonly Watched[], others: readonly Alert[]): Promise<void> {
    const nowMs = clock.now();
    const { thresholds } = deps.settings();
    const fresh = watched.flatMap((at) => {
      const reached = reachedThresholds(at, thresholds);
      const key = reached[0]?.key;
      if (key === undefined || raised.has(key)) return [];
      return [{ key, alerts: reached.map((one) => renderThreshold(at, one, at.spender, nowMs)) }];
    });
    const unknown = others.filter(({ id }) => !raised.has(id));
    await teller.raise([...fresh.flatMap(({ alerts }) => alerts), ...unknown]);
    for (const key of [...fresh.map((one) => one.key), ...unknown.map(({ id }) => id)]) {
      raised.note(key);
    }
  }

  async function lookAtEverybody(signal: AbortSignal): Promise<void> {
    const index = await caps();
    if (!isWatching(index)) return;
    const budgets = [...index.budgetsOf.values()].flat().map(watchedBudget);
    await raise(withSpender(await spendNow(quota, budgets, clock.now()), new Map()), []);
    let after: string | null = null;
    do {
      const page = await deps.admin.people(after, PEOPLE_PER_PAGE);
      const { groupLimitMode } = deps.settings();
      const spenders = new Map<WatchedLimit, Spender>();
      for (const person of page.rows) {
        const own = watchedCaps(index, person, [...index.models], groupLimitMode);
        for (const limit of own) spenders.set(limit, person);
      }
      const spent = await spendNow(quota, [...spenders.keys()], clock.now());
      await raise(withSpender(spent, spenders), []);
      after = page.next;
    } while (after !== null && !signal.aborted);
  }

  return {
    async noticed(batch) {
      const events = [...missed, ...batch];
      missed = [];
      try {
        const nowMs = clock.now();
        const unknown = events.filter(isUnknownModel).map((one) => renderUnknownModel(one, nowMs));
        const index = await caps();
        const watched = isWatching(index) ? await watchedOf(deps, index, events) : [];
        await raise(watched, unknown);
      } catch (caught) {
        missed = events.slice(-MISSED_MAX);
        log.warn('thresholds could not be looked at; they are again with the next usage', {
          err: AppError.from(caught),
        });
      }
    },

    async recheck(signal) {
      // One may fail without the other.
      const work = [teller.tellUnsent(signal), lookAtEverybody(signal)];
      for (const result of await Promise.allSettled(work)) {
        if (result.status === 'rejected') throw result.reason;
      }
    },
  };
}

function isUnknownModel({ priceRow }: UsageEvent): boolean {
  return priceRow === UNKNOWN_ROW.id || priceRow.startsWith(`${UNKNOWN_ROW.id}/`);
}
