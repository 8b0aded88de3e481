import { randomUUID } from 'node:crypto';
import { type AccountId, poolAccount, userAccount } from '#shared/domain/account.ts';
import type { Cap } from '#shared/domain/cap.ts';
import { type MicroUsd, microUsd } from '#shared/domain/money.ts';
import type { Period } from '#shared/domain/period.ts';
import type { AdmitRequest, Limit, Pool, SettleRequest } from '#shared/domain/quota.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';

/** The store, told that it knows everything it must. */
export async function wholeStore<Store extends Pick<QuotaStore, 'markWhole'>>(
  store: Store,
): Promise<Store> {
  await store.markWhole();
  return store;
}

export const CENT = microUsd(10_000);

export function cents(count: number): MicroUsd {
  return microUsd(count * CENT);
}

export function monthlyLimit(
  sub: string,
  capMicroUsd: MicroUsd,
  period: Period = 'monthly',
): Limit {
  return { capId: `cap-${sub}-${period}`, account: userAccount(sub), period, capMicroUsd };
}

export function limitOf(account: AccountId, capMicroUsd: MicroUsd, period: Period): Limit {
  return { capId: `cap-${account}-${period}`, account, period, capMicroUsd };
}

/** A budget of a group for the month. */
export function poolOf(group: string, capMicroUsd: MicroUsd): Pool {
  const account = poolAccount(group);
  return { account, limits: [limitOf(account, capMicroUsd, 'monthly')] };
}

export interface AdmitSketch {
  readonly sub: string;
  readonly nowMs: number;
  readonly limits?: readonly Limit[];
  readonly pools?: readonly Pool[];
  readonly id?: string;
  readonly reserve?: MicroUsd;
  readonly capsVersion?: number;
  readonly sessionId?: string | null;
  readonly issuedAtMs?: number;
}

export function admitRequest(sketch: AdmitSketch): AdmitRequest {
  const { sub, nowMs, sessionId = null, issuedAtMs = nowMs } = sketch;
  return {
    id: sketch.id ?? randomUUID(),
    nowMs,
    session: { sub, sessionId, issuedAtMs },
    capsVersion: sketch.capsVersion ?? 0,
    accounts: [userAccount(sub)],
    limits: sketch.limits ?? [],
    pools: sketch.pools ?? [],
    reserveMicroUsd: sketch.reserve ?? CENT,
    reserveUntilMs: nowMs + 60_000,
    draft: '{"draft":true}',
  };
}

export function settleRequest(
  admitted: AdmitRequest,
  amountMicroUsd: MicroUsd,
  nowMs = admitted.nowMs,
): SettleRequest {
  return {
    id: admitted.id,
    nowMs,
    chargedAtMs: admitted.nowMs,
    accounts: admitted.accounts,
    amountMicroUsd,
    event: `{"id":"${admitted.id}"}`,
  };
}

export function userCap(sub: string, amountMicroUsd: MicroUsd | null, period: Period): Cap {
  return {
    id: `cap-${sub}`,
    scope: { type: 'user', userId: sub },
    period,
    model: null,
    amountMicroUsd,
  };
}
