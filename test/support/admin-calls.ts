import assert from 'node:assert/strict';
import type { AccountId } from '#shared/domain/account.ts';
import { microUsd } from '#shared/domain/money.ts';
import { type AdminGateway, WRITE_KEY } from './admin-gateway.ts';

export const LIMITS = '/v1/organizations/spend_limits';

export type Json = Record<string, unknown>;

export async function call(
  { origin }: AdminGateway,
  method: string,
  path: string,
  body?: object,
  key = WRITE_KEY,
) {
  const response = await fetch(origin + path, {
    method,
    headers: { 'x-api-key': key },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, json: (await response.json()) as Json };
}

/** The body of a 200. */
export async function ok(gateway: AdminGateway, method: string, path: string, body?: object) {
  const { status, json } = await call(gateway, method, path, body);
  assert.equal(status, 200, JSON.stringify(json));
  return json;
}

/** The message of a 400. */
export async function refused(gateway: AdminGateway, method: string, path: string, body?: object) {
  const { status, json } = await call(gateway, method, path, body);
  assert.equal(status, 400, JSON.stringify(json));
  return (json['error'] as { message: string }).message;
}

let settled = 0;

/** Settled, not in the ledger yet. */
export async function spend(
  { quota, clock }: AdminGateway,
  cents: number,
  ...accounts: AccountId[]
): Promise<void> {
  const nowMs = clock.now();
  settled += 1;
  await quota.settle({
    ...{ id: `spent-${settled}`, nowMs, chargedAtMs: nowMs, accounts, event: '{}' },
    amountMicroUsd: microUsd(cents * 10_000),
  });
}

/** ada and bob of the team; cy and dee, who share an address; one second ago. */
export async function seeTeam({ admin, clock }: AdminGateway): Promise<void> {
  const lastSeenMs = clock.now() - 1000;
  const person = (sub: string, email: string, groups: string[]) => ({
    ...{ sub, email, name: `Name ${sub}`, groups, lastSeenMs },
  });
  await admin.seen([
    person('ada', 'Ada@example.com', ['team']),
    person('bob', 'bob@example.com', ['team']),
    person('cy', 'twice@example.com', []),
    person('dee', 'Twice@Example.com', []),
  ]);
}
