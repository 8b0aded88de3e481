import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { UsageEvent } from '#shared/domain/usage-event.ts';

/** Every usage event in the ledger of a gateway that lives in `folder`, whether it runs or not. */
export function readLedger(folder: string): UsageEvent[] {
  const db = new DatabaseSync(join(folder, 'data/tallygate.db'), { readOnly: true });
  try {
    const rows = db.prepare('SELECT event FROM usage_event ORDER BY id').all();
    return rows.map((row) => JSON.parse(String(row['event'])) as UsageEvent);
  } finally {
    db.close();
  }
}
