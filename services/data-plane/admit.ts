// The one round trip before a request is served: revoked? caps current? over a limit? else reserved.
// The cap table is cached; an admit made with an old one is answered `stale` and asked again.

import type { AccountId } from '#shared/domain/account.ts';
import {
  type Cap,
  type CapIndex,
  type Charge,
  type GroupLimitMode,
  indexCaps,
  resolveCaps,
} from '#shared/domain/cap.ts';
import type { MicroUsd } from '#shared/domain/money.ts';
import type { Principal } from '#shared/domain/principal.ts';
import {
  type Admission,
  type AdmitRequest,
  EMPTY_CAPS,
  type Standing,
} from '#shared/domain/quota.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { createCharges } from './charges.ts';

export interface AdmitSettings {
  readonly capsEnabled: boolean;
  readonly groupLimitMode: GroupLimitMode;
  readonly failClosedOnError: boolean;
  readonly reservationTtlMs: number;
}

export interface AdmitQuery {
  readonly id: string;
  readonly principal: Principal;
  /** The names that caps may have for the model. Asked for only where some cap is for a model. */
  readonly models: () => readonly string[];
  readonly reserve: (charge: Charge) => MicroUsd;
  /** Names the accounts that are known before the store has chosen a pool. */
  readonly draft: (accounts: readonly AccountId[]) => string;
  readonly nowMs: number;
  readonly settings: AdmitSettings;
}

type Blocked = Extract<Admission, { outcome: 'blocked' }>;

export type Gate =
  /** `standings` is empty where the store could not be asked: served, billed later. */
  | {
      readonly outcome: 'admitted';
      readonly standings: readonly Standing[];
      /** What the request is charged to. */
      readonly accounts: readonly AccountId[];
    }
  | {
      readonly outcome: 'blocked';
      readonly admission: Blocked;
      readonly caps: readonly Cap[];
      /** Those with a budget that the person's request could have been charged to. */
      readonly pools: readonly AccountId[];
    }
  | { readonly outcome: 'busy'; readonly standings: readonly Standing[] }
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
  const chargeFor = createCharges();
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
      const { version } = index;
      const charge = chargeFor(index, query);
      const admission = await quota.admit(request(query, version, charge));
      switch (admission.outcome) {
        case 'admitted':
          return {
            outcome: 'admitted',
            standings: admission.standings,
            accounts: charged(charge, admission.pool),
          };
        case 'blocked':
          return {
            outcome: 'blocked',
            admission,
            caps: capsFor(index, query),
            pools: charge.pools.map(({ account }) => account),
          };
        case 'busy':
        case 'revoked':
          return admission;
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
      if (failClosedOnError) return { outcome: 'closed' };
      // Nobody chose a pool: the first of them is charged, so that it counts somewhere.
      const charge = chargeFor(index, query);
      const accounts = charged(charge, charge.pools[0]?.account ?? null);
      return { outcome: 'admitted', standings: [], accounts };
    }
  };
}

/** Whose cap it was, for the audit line of a refusal. */
function capsFor(index: CapIndex, { principal, models, settings }: AdmitQuery): Cap[] {
  const named = models().filter((model) => index.models.has(model));
  return resolveCaps(index, principal, settings.groupLimitMode, named);
}

function charged({ accounts }: Charge, pool: AccountId | null): readonly AccountId[] {
  return pool === null ? accounts : [...accounts, pool];
}

function request(query: AdmitQuery, capsVersion: number, charge: Charge): AdmitRequest {
  const { id, nowMs, principal } = query;
  const { sub, sessionId, issuedAtMs } = principal;
  return {
    ...charge,
    id,
    nowMs,
    session: { sub, sessionId, issuedAtMs },
    capsVersion,
    reserveMicroUsd: query.reserve(charge),
    reserveUntilMs: nowMs + query.settings.reservationTtlMs,
    draft: query.draft(charge.accounts),
  };
}
