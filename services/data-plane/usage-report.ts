// GET /api/oauth/usage: what `/usage` in Claude Code shows: a row for every cap and budget that the
// person's requests come under. Two reads of the quota store, no cache.

import { userAccount } from '#shared/domain/account.ts';
import { chargeOf, type GroupLimitMode, indexCaps } from '#shared/domain/cap.ts';
import { type Clock, isoTime } from '#shared/domain/clock.ts';
import { MICRO_USD_PER_CENT, type MicroUsd } from '#shared/domain/money.ts';
import type { Period } from '#shared/domain/period.ts';
import type { Principal } from '#shared/domain/principal.ts';
import type { Standing } from '#shared/domain/quota.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { sendJson, sendText } from '#shared/http/answer.ts';
import type { Route } from '#shared/http/route.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { kindOf, overageScope } from './limit-kind.ts';
import { type SpendReader, spendReader } from './spend-reader.ts';
import { compareFullness, hundredths, isAbove, resetsAtMs } from './utilisation.ts';

export interface UsageReportDeps {
  readonly quota: Pick<QuotaStore, 'caps' | 'spend'>;
  /** Null: no `admin` block, so nobody has a cap. */
  readonly admin: () => { readonly groupLimitMode: GroupLimitMode } | null;
  readonly clock: Clock;
  readonly log: Log;
}

const NO_STORE = { 'cache-control': 'no-store' };

export function createUsageReportRoute({ quota, admin, clock, log }: UsageReportDeps): Route {
  return {
    path: '/api/oauth/usage',
    methods: ['GET'],
    access: 'session',
    async handle({ res, principal }) {
      const settings = admin();
      if (settings === null) {
        sendText(res, 404, 'not configured', { ...NO_STORE, pragma: 'no-cache' });
        return;
      }
      const nowMs = clock.now();
      const read = await readStandings(quota, principal, settings.groupLimitMode, nowMs).catch(
        (caught: unknown) => AppError.from(caught),
      );
      if (read instanceof AppError) {
        if (read.code !== 'unavailable') throw read;
        log.warn('usage report without an answer of the quota store', { detail: read.detail });
        sendText(res, 503, 'spend limit unavailable', NO_STORE);
        return;
      }
      sendJson(res, 200, renderUsageReport(read, nowMs), NO_STORE);
    },
  };
}

type SpentByPeriod = Readonly<Record<Period, MicroUsd>>;

export interface PersonsSpend {
  /** Of their caps and of the budgets that their next request would be charged to. */
  readonly standings: readonly Standing[];
  readonly spent: SpentByPeriod;
}

/** Unlimited caps are shown as none: there is nothing to be full. */
export function renderUsageReport({ standings, spent }: PersonsSpend, nowMs: number): object {
  const active = fullest(standings);
  return {
    extra_usage: active === null ? unlimited(spent) : limited(active),
    limits: standings.map((standing) => ({
      kind: 'spend',
      group: standing.limit.period,
      percent: percent(standing),
      resets_at: isoTime(resetsAtMs(standing.limit, nowMs)),
      severity: severity(standing),
      is_active: standing === active,
      ...whose(standing),
    })),
  };
}

async function readStandings(
  quota: UsageReportDeps['quota'],
  principal: Principal,
  mode: GroupLimitMode,
  nowMs: number,
): Promise<PersonsSpend> {
  const index = indexCaps(await quota.caps());
  const { accounts, limits, pools } = chargeOf(index, principal, [...index.models], mode);
  const named = [...accounts, ...pools.map(({ account }) => account)];
  const reader: SpendReader = spendReader(await quota.spend(named, nowMs));
  const standings = [...reader.standingsOf(limits), ...reader.standingsOfNext(pools)];
  return { standings, spent: reader.spentOf(userAccount(principal.sub)) };
}

/** What the reference never shows: its limits are all the person's own and for all models. */
function whose({ limit }: Standing): object {
  const kind = kindOf(limit);
  const scope = overageScope(kind);
  return {
    ...(scope === null ? {} : { scope }),
    ...(kind.type === 'group' ? { rbac_group_id: kind.group } : {}),
    ...(kind.type === 'model' ? { model: kind.model } : {}),
  };
}

/**
 * Among equals the one that resets first: unlike the headers, and as the reference has it. A cap for
 * one model is none of them: clients take this one for the limit of everything.
 */
function fullest(standings: readonly Standing[]): Standing | null {
  let best: Standing | null = null;
  for (const standing of standings) {
    if (kindOf(standing.limit).type === 'model') continue;
    if (best === null || compareFullness(standing, best) > 0) best = standing;
  }
  return best;
}

/** The fullest cap stands in the fields of the month, whatever its period: clients show those. */
function limited(active: Standing): object {
  return {
    is_enabled: true,
    monthly_limit: wholeCents(active.limit.capMicroUsd),
    used_credits: wholeCents(active.spentMicroUsd),
    utilization: percent(active),
    currency: 'USD',
  };
}

function unlimited(spent: SpentByPeriod): object {
  const none = (period: Period) => ({
    limit: null,
    used_credits: wholeCents(spent[period]),
    utilization: null,
  });
  return {
    is_enabled: true,
    monthly_limit: null,
    used_credits: wholeCents(spent.monthly),
    utilization: null,
    currency: 'USD',
    daily: none('daily'),
    weekly: none('weekly'),
  };
}

/** Whole percent; 100 only when the cap is spent. */
function percent({ spentMicroUsd, limit }: Standing): number {
  const rounded = hundredths(spentMicroUsd, limit.capMicroUsd);
  return spentMicroUsd < limit.capMicroUsd ? Math.min(99, rounded) : rounded;
}

function severity(standing: Standing): 'normal' | 'warning' | 'critical' {
  if (standing.spentMicroUsd >= standing.limit.capMicroUsd) return 'critical';
  return isAbove(standing, 75) ? 'warning' : 'normal';
}

function wholeCents(amount: MicroUsd): number {
  return Math.floor(amount / MICRO_USD_PER_CENT);
}
