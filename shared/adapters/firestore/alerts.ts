// Alerts that were raised. One that is not yet sent has the field that it is searched by; one that was
// names nobody any more.

import { randomUUID } from 'node:crypto';
import { type DocumentSnapshot, FieldValue } from '@google-cloud/firestore';
import type { Alert } from '#shared/ports/admin-store.ts';
import { pause } from './compare-and-swap.ts';
import { spreadId } from './document-ids.ts';
import type { Documents } from './firestore-database.ts';
import { isMoved } from './firestore-errors.ts';
import { QUERIES, startQuery } from './queries.ts';

/** As many as the store writes at once. */
export const ALERTS_PER_COMMIT = 100;

/** Writes those that are new; of two with one id in a call the first. */
export async function raiseAlerts(
  documents: Documents,
  alerts: readonly Alert[],
): Promise<Alert[]> {
  const byId = new Map(alerts.toReversed().map((alert) => [alert.id, alert]));
  const all = [...byId.values()].reverse();
  if (all.length === 0) return [];
  const writer = randomUUID();
  const refs = all.map(({ id }) => alertRef(documents, id));
  for (let attempt = 0; ; attempt += 1) {
    documents.signal.throwIfAborted();
    const found = await documents.client.getAll(...refs);
    // Its own, when the client sent the commit twice because the first answer was lost.
    const isOurs = (nth: number) => found[nth]?.get('writer') === writer;
    if (all.some((_, nth) => isOurs(nth))) return all.filter((_, nth) => isOurs(nth));
    const fresh = all.filter((_, nth) => found[nth]?.exists === false);
    if (fresh.length === 0) return [];
    try {
      const batch = documents.client.batch();
      for (const alert of fresh) {
        const { id, atMs, body } = alert;
        const fields = { atMs, unsentSinceMs: atMs, row: { id, atMs, body }, writer };
        batch.create(alertRef(documents, id), fields);
      }
      await batch.commit();
      return fresh;
    } catch (caught) {
      if (!isMoved(caught)) throw caught;
      await pause(attempt, documents.signal);
    }
  }
}

export async function readUnsentAlerts(documents: Documents, limit: number): Promise<Alert[]> {
  const { docs } = await startQuery(documents, QUERIES.alertsUnsent).limit(limit).get();
  return docs.map(alertOf);
}

export async function markAlertsSent(documents: Documents, ids: readonly string[]): Promise<void> {
  const refs = ids.map((id) => alertRef(documents, id));
  for (let attempt = 0; refs.length > 0; attempt += 1) {
    documents.signal.throwIfAborted();
    const found = (await documents.client.getAll(...refs)).filter((one) => one.exists);
    try {
      const batch = documents.client.batch();
      for (const { ref } of found)
        batch.update(ref, { unsentSinceMs: FieldValue.delete(), 'row.body': '' });
      if (found.length > 0) await batch.commit();
      return;
    } catch (caught) {
      // One was pruned meanwhile.
      if (!isMoved(caught)) throw caught;
      await pause(attempt, documents.signal);
    }
  }
}

function alertOf(found: DocumentSnapshot): Alert {
  return found.get('row') as Alert;
}

function alertRef(documents: Documents, id: string) {
  return documents.in('alert').doc(spreadId(id));
}
