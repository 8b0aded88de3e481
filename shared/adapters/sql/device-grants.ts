// RFC 8628 device grants.

import { paceDevicePoll } from '#shared/domain/device-polling.ts';
import type { DeviceGrant } from '#shared/ports/grant-store.ts';
import type { DeviceGrantTable } from './schema-grants.ts';
import type { Queries } from './sql-database.ts';

export async function createDeviceGrant(
  db: Queries,
  grant: DeviceGrant,
  nowMs: number,
): Promise<boolean> {
  await db
    .deleteFrom('device_grant')
    .where('user_code', '=', grant.userCode)
    .where('expires_at_ms', '<=', nowMs)
    .execute();
  const created = await db
    .insertInto('device_grant')
    .values(deviceGrantRow(grant))
    .onConflict((conflict) => conflict.column('user_code').doNothing())
    .returning('user_code')
    .executeTakeFirst();
  return created !== undefined;
}

export async function deviceGrantByUserCode(
  db: Queries,
  userCode: string,
  nowMs: number,
): Promise<DeviceGrant | null> {
  const row = await db
    .selectFrom('device_grant')
    .selectAll()
    .where('user_code', '=', userCode)
    .where('expires_at_ms', '>', nowMs)
    .executeTakeFirst();
  return row === undefined ? null : deviceGrant(row);
}

export async function pollDeviceGrant(db: Queries, deviceCodeHash: string, nowMs: number) {
  // An update that changes nothing: it locks the row and answers it as it was, in both dialects.
  const row = await db
    .updateTable('device_grant')
    .set((eb) => ({ status: eb.ref('status') }))
    .where('device_code_hash', '=', deviceCodeHash)
    .where('expires_at_ms', '>', nowMs)
    .returningAll()
    .executeTakeFirst();
  if (row === undefined) return null;
  const grant = deviceGrant(row);
  const { slowDown, next } = paceDevicePoll(grant, nowMs);
  await db
    .updateTable('device_grant')
    .set({ polled_at_ms: next.polledAtMs, interval_seconds: next.intervalSeconds })
    .where('device_code_hash', '=', deviceCodeHash)
    .execute();
  return { grant, slowDown };
}

export async function decideDeviceGrant(
  db: Queries,
  userCode: string,
  decision: { status: 'approved'; approval: string } | { status: 'denied' },
  nowMs: number,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('device_grant')
    .set({
      status: decision.status,
      approval: decision.status === 'approved' ? decision.approval : null,
    })
    .where('user_code', '=', userCode)
    .where('status', '=', 'pending')
    .where('expires_at_ms', '>', nowMs)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

export async function takeDeviceGrant(
  db: Queries,
  deviceCodeHash: string,
  nowMs: number,
): Promise<DeviceGrant | null> {
  const row = await db
    .deleteFrom('device_grant')
    .where('device_code_hash', '=', deviceCodeHash)
    .where('expires_at_ms', '>', nowMs)
    .returningAll()
    .executeTakeFirst();
  return row === undefined ? null : deviceGrant(row);
}

function deviceGrantRow(grant: DeviceGrant): DeviceGrantTable {
  return {
    device_code_hash: grant.deviceCodeHash,
    user_code: grant.userCode,
    status: grant.status,
    requested_from: grant.requestedFrom,
    requested_at_ms: grant.requestedAtMs,
    expires_at_ms: grant.expiresAtMs,
    interval_seconds: grant.intervalSeconds,
    polled_at_ms: grant.polledAtMs,
    approval: grant.approval,
  };
}

function deviceGrant(row: DeviceGrantTable): DeviceGrant {
  return {
    deviceCodeHash: row.device_code_hash,
    userCode: row.user_code,
    status: row.status,
    requestedFrom: row.requested_from,
    requestedAtMs: row.requested_at_ms,
    expiresAtMs: row.expires_at_ms,
    intervalSeconds: row.interval_seconds,
    polledAtMs: row.polled_at_ms,
    approval: row.approval,
  };
}
