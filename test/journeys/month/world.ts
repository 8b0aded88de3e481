// The product as one process has it: the quota store in memory, ledger and admin store on SQLite, the
// real functions between them. Time is the test's.

import { openSqliteAdminStore } from '#shared/adapters/admin-store/sqlite.ts';
import { openSqliteLedger } from '#shared/adapters/ledger/sqlite.ts';
import { openMemoryQuotaStore } from '#shared/adapters/quota-store/memory.ts';
import { openSqliteDatabase } from '#shared/adapters/sql/sqlite-database.ts';
import { type CapIndex, type CapScope, chargeOf, indexCaps } from '#shared/domain/cap.ts';
import { microUsd } from '#shared/domain/money.ts';
import { createPriceBook } from '#shared/domain/pricing.ts';
import type { Admission } from '#shared/domain/quota.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { type AlertEvent, decodeAlert } from '#shared/events/alert-v1.ts';
import { encodeUsageEvent } from '#shared/events/usage-v1.ts';
import type { AdminStore } from '#shared/ports/admin-store.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import { createNotice, type Notice } from '../../../services/control-plane/alerts/notice.ts';
import { recomputeQuota } from '../../../services/control-plane/jobs/recompute.ts';
import {
  createUsageIngest,
  type UsageIngest,
} from '../../../services/control-plane/usage/ingest.ts';
import { createTestClock } from '../../support/clock.ts';
import { createMemoryLog } from '../../support/log.ts';
import { temporaryDatabase } from '../../support/sqlite-instance.ts';
import type { BookPerson } from './books.ts';

export interface World extends AsyncDisposable {
  readonly ledger: Ledger;
  readonly admin: AdminStore;
  readonly log: ReturnType<typeof createMemoryLog>;
  readonly alerts: readonly AlertEvent[];
  quota(): QuotaStore;
  notice(): Notice;
  groupMode: 'min' | 'max';
  goTo(atMs: number): void;
  /** As the admin API does it, and published. `amount` and `budget` in cents. */
  setLimit(limit: LimitWish): Promise<string>;
  deleteLimit(id: string): Promise<void>;
  /** One round of admission, with what it would be charged to. */
  admit(request: AdmitWish): Promise<{ admission: Admission; accounts: UsageEvent['accounts'] }>;
  ingest(events: readonly UsageEvent[]): Promise<void>;
  /** Counters from the ledger. Answers how many moved meanwhile. */
  recompute(): Promise<number>;
  /** The process ends and another one starts: of the quota store nothing is left but the ledger. */
  restart(): Promise<void>;
}

export interface LimitWish {
  readonly scope: CapScope;
  readonly period: 'daily' | 'weekly' | 'monthly';
  readonly model: string | null;
  readonly amount: string | null;
  readonly budget: { readonly amount: string; readonly paused: boolean } | null;
}

export interface AdmitWish {
  readonly id: string;
  readonly person: BookPerson;
  readonly modelNames: readonly string[];
  readonly reserve: number;
}

export const THRESHOLDS = [50, 75, 90, 100];

export async function openWorld(startMs: number): Promise<World> {
  await using opening = new AsyncDisposableStack();
  const file = opening.use(temporaryDatabase());
  const database = opening.use(await openSqliteDatabase(file.path));
  const admin = openSqliteAdminStore(database);
  const ledger = openSqliteLedger(database);
  const clock = createTestClock(startMs);
  const log = createMemoryLog();
  const alerts: AlertEvent[] = [];
  const bus = {
    publish: async (_topic: string, message: { data: Uint8Array }) => {
      alerts.push(decodeAlert(message.data));
    },
  };
  let quota: QuotaStore;
  let notice: Notice;
  let ingest: UsageIngest;
  let index: CapIndex;
  const by = () => ({ actor: 'admin-key:month', reason: null, atMs: clock.now() });
  let limits = 0;

  async function publish(): Promise<void> {
    await quota.publishCaps(await admin.capTable());
    index = indexCaps(await quota.caps());
  }

  async function start(): Promise<void> {
    quota = openMemoryQuotaStore({ clock });
    const settings = () => ({ thresholds: THRESHOLDS, groupLimitMode: world.groupMode });
    notice = createNotice({ quota, ledger, admin, bus, settings, clock, log });
    const priceBook = () => createPriceBook({ overrides: [], multiplierMillionths: 1_000_000 });
    ingest = createUsageIngest({ quota, ledger, admin, notice, priceBook, log });
    await publish();
    await world.recompute();
    await quota.markWhole();
  }

  const owned = opening.move();
  const world: World = {
    ...{ ledger, admin, log, alerts, groupMode: 'min' },
    quota: () => quota,
    notice: () => notice,
    goTo: (atMs) => clock.advance(atMs - clock.now()),
    async setLimit({ scope, period, model, amount, budget }) {
      limits += 1;
      const id = `spl_${String(limits).padStart(32, '0')}`;
      const change = () => ({ amount, pooledBudget: budget });
      const { after } = await admin.upsertCap({ id, scope, period, model, change }, by());
      await publish();
      return after.id;
    },
    async deleteLimit(id) {
      await admin.deleteCap(id, by());
      await publish();
    },
    async admit({ id, person, modelNames, reserve }) {
      const nowMs = clock.now();
      const charged = chargeOf(index, person, modelNames, world.groupMode);
      const admission = await quota.admit({
        id,
        nowMs,
        session: { sub: person.sub, sessionId: null, issuedAtMs: nowMs },
        capsVersion: index.version,
        ...charged,
        reserveMicroUsd: microUsd(reserve),
        reserveUntilMs: nowMs + 60_000,
        draft: '{}',
      });
      const pool = admission.outcome === 'admitted' ? admission.pool : null;
      return { admission, accounts: [...charged.accounts, ...(pool === null ? [] : [pool])] };
    },
    async ingest(events) {
      const batch = events.map((event) => ({
        ...{ id: event.id, attributes: {} },
        data: Buffer.from(encodeUsageEvent(event)),
      }));
      await ingest(batch);
    },
    recompute: () => recomputeQuota({ ledger, quota, clock, log }, new AbortController().signal),
    restart: () => start(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
  await start();
  return world;
}
