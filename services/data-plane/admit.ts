// The one round trip before a request is served: revoked? caps current? over a cap? else reserved.
// The cap table is cached; an admit made with an old one is answered `stale` and asked again.

import { userAccount } from '#shared/domain/account.ts';
import {
  type Cap,
  type CapIndex,
  type GroupLimitMode,
  indexCaps,
  resolveCaps,
} from '#shared/domain/cap.ts';
import type { MicroUsd } from '#shared/domain/money.ts';
import type { Principal } from '#shared/domain/principal.ts';
import { type Admission, EMPTY_CAPS, type Limit, type Standing } from '#shared/domain/quota.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import type { Log } from '#shared/telemetry/log.ts';

export interface AdmitSettings {
  readonly capsEnabled: boolean;
  readonly groupLimitMode: GroupLimitMode;
  readonly failClosedOnError: boolean;
  readonly reservationTtlMs: number;
}

export interface AdmitQuery {
  readonly id: string;
  readonly principal: Principal;
  readonly reserveMicroUsd: MicroUsd;
  readonly draft: string;
  readonly nowMs: number;
  readonly settings: AdmitSettings;
}

type Blocked = Extract<Admission, { outcome: 'blocked' }>;

export type Gate =
  /** `standings` is empty where the store could not be asked: served, billed later. */
  | { readonly outcome: 'admitted'; readonly standings: readonly Standing[] }
  | { readonly outcome: 'blocked'; readonly admission: Blocked; readonly caps: readonly Cap[] }
  | { readonly outcome: 'busy' }
  | { readonly outcome: 'revoked' }
  /** The store could not be asked and the operator wants nobody served then. */
  | { readonly outcome: 'closed' };

export type Admit = (query: AdmitQuery) => Promise<Gate>;

/** A table that changes faster than it can be read is as good as none. */
const ROUNDS_MAX = 4;

export function createAdmit({
  quota,
  log,
}: {
  readonly quota: Pick<QuotaStore, 'admit' | 'caps'>;
  readonly log: Log;
}): Admit {
  let index: CapIndex = indexCaps(EMPTY_CAPS);
  let reading: Promise<void> | null = null;

  /** Shared by all requests that found the table changed: it is as long as the list of caps. */
  function readCaps(): Promise<void> {
    reading ??= quota
      .caps()
      .then((table) => {
        index = indexCaps(table);
      })
      .finally(() => {
        reading = null;
      });
    return reading;
  }

  async function ask(query: AdmitQuery): Promise<Gate> {
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const caps = query.settings.capsEnabled
        ? resolveCaps(index, query.principal, query.settings.groupLimitMode)
        : [];
      const admission = await quota.admit(request(query, index.version, caps));
      switch (admission.outcome) {
        case 'admitted':
          return { outcome: 'admitted', standings: admission.standings };
        case 'blocked':
          return { outcome: 'blocked', admission, caps };
        case 'busy':
        case 'revoked':
          return { outcome: admission.outcome };
        case 'stale':
          await readCaps();
      }
    }
    throw new AppError('unavailable', 'The table of caps keeps changing.');
  }

  return async (query) => {
    try {
      return await ask(query);
    } catch (err) {
      const { failClosedOnError } = query.settings;
      log.warn('the quota store did not answer', {
        err: AppError.from(err),
        served: !failClosedOnError,
        sub: query.principal.sub,
      });
      return failClosedOnError ? { outcome: 'closed' } : { outcome: 'admitted', standings: [] };
    }
  };
}

function request(query: AdmitQuery, capsVersion: number, caps: readonly Cap[]) {
  const { id, nowMs, principal, reserveMicroUsd, draft } = query;
  const { sub, sessionId, issuedAtMs } = principal;
  const account = userAccount(sub);
  const limits = caps.flatMap(({ id: capId, period, amountMicroUsd }): Limit[] =>
    amountMicroUsd === null ? [] : [{ capId, account, period, capMicroUsd: amountMicroUsd }],
  );
  return {
    id,
    nowMs,
    session: { sub, sessionId, issuedAtMs },
    capsVersion,
    accounts: [account],
    limits,
    reserveMicroUsd,
    reserveUntilMs: nowMs + query.settings.reservationTtlMs,
    draft,
  };
}
