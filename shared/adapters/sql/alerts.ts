// Alerts that were raised, and whether they were sent. What was sent names nobody any more: its id is all
// that has to be remembered.

import type { Alert } from '#shared/ports/admin-store.ts';
import { byBytes, chunked } from './chunks.ts';
import type { AlertTable } from './schema.ts';
import type { Queries } from './sql-database.ts';

/** Writes those that are new; of two with one id in a call the first. */
export async function raiseAlerts(db: Queries, alerts: readonly Alert[]): Promise<Alert[]> {
  const byId = new Map(alerts.toReversed().map((alert) => [alert.id, alert]));
  const sorted = [...byId.values()].sort((a, b) => byBytes(a.id, b.id));
  const written = new Set<string>();
  for (const some of chunked(sorted)) {
    const rows = await db
      .insertInto('alert')
      .values(some.map(({ id, atMs, body }) => ({ id, at_ms: atMs, body, sent: 0 })))
      .onConflict((conflict) => conflict.column('id').doNothing())
      .returning('id')
      .execute();
    for (const { id } of rows) written.add(id);
  }
  return [...byId.values()].reverse().filter(({ id }) => written.has(id));
}

export async function readUnsentAlerts(db: Queries, limit: number): Promise<Alert[]> {
  const rows = await db
    .selectFrom('alert')
    .selectAll()
    .where('sent', '=', 0)
    .orderBy('at_ms')
    .orderBy('id')
    .limit(limit)
    .execute();
  return rows.map(alert);
}

export async function markAlertsSent(db: Queries, ids: readonly string[]): Promise<void> {
  for (const some of chunked([...new Set(ids)].sort(byBytes))) {
    await db.updateTable('alert').set({ sent: 1, body: '' }).where('id', 'in', some).execute();
  }
}

function alert({ id, at_ms, body }: AlertTable): Alert {
  return { id, atMs: at_ms, body };
}
