// A limit is stored twice, by its id and by its scope, period and model: both are unique because both
// are created.

import type {
  DocumentReference,
  DocumentSnapshot,
  QueryDocumentSnapshot,
  WriteBatch,
} from '@google-cloud/firestore';
import type { Actor, CapUpsert, SpendLimit } from '#shared/ports/admin-store.ts';
import { scopeId, snapshot, upserted } from '../sql/spend-limits.ts';
import { changeInLine, writeAsRead } from './change-line.ts';
import { hashedId, spreadId } from './document-ids.ts';
import type { Documents } from './firestore-database.ts';
import { isTaken } from './firestore-errors.ts';

/** `row` of `spend_limit` and `spend_limit_scope`. */
interface LimitRow {
  /** Ascends by creation. */
  readonly position: number;
  readonly limit: SpendLimit;
}

/** @throws AppError `conflict` when another limit has the id. */
export function upsertCap(documents: Documents, cap: CapUpsert, by: Actor) {
  return changeInLine(documents, {
    by,
    refs: [scopeRef(documents, cap)],
    plan: async ([found], auditId) => {
      const known = rowOf(found);
      const before = known?.limit ?? null;
      const after = upserted(cap, before, by);
      const row = { position: known?.position ?? auditId, limit: after };
      return {
        answer: { before, after },
        change: { action: 'upsert', target: after.id, before, after },
        write(batch) {
          if (found !== undefined) writeAsRead(batch, found, row);
          const twin = limitRef(documents, after.id);
          if (before === null) batch.create(twin, { row });
          else batch.set(twin, { row });
        },
        async onMoved(caught) {
          if (before === null && isTaken(caught)) await assertIdFree(documents, after, caught);
        },
      };
    },
  });
}

export function deleteCap(documents: Documents, id: string, by: Actor): Promise<SpendLimit | null> {
  return changeInLine(documents, {
    by,
    refs: [limitRef(documents, id)],
    plan: async ([found]) => {
      const before = rowOf(found)?.limit ?? null;
      return {
        answer: before,
        change: before && { action: 'delete', target: id, before, after: null },
        write(batch) {
          if (found !== undefined && before !== null) deleteAsRead(batch, documents, found, before);
        },
      };
    },
  });
}

/** Calls the person of limits that were found `userId` from now on. */
export function renameLimits(
  batch: WriteBatch,
  documents: Documents,
  found: readonly QueryDocumentSnapshot[],
  userId: string,
): void {
  for (const one of found) {
    const known = rowOf(one);
    if (known === null) continue;
    const row = { ...known, limit: { ...known.limit, scope: { type: 'user', userId } as const } };
    writeAsRead(batch, one, row);
    batch.delete(scopeRef(documents, known.limit));
    batch.create(scopeRef(documents, row.limit), { row });
  }
}

function deleteAsRead(
  batch: WriteBatch,
  documents: Documents,
  { ref, updateTime }: DocumentSnapshot,
  limit: SpendLimit,
): void {
  batch.delete(ref, updateTime && { lastUpdateTime: updateTime });
  batch.delete(scopeRef(documents, limit));
}

/** Rethrows what was caught when the id is another limit's; not when both are of one scope. */
async function assertIdFree(documents: Documents, limit: SpendLimit, caught: unknown) {
  const held = limitOf(await limitRef(documents, limit.id).get());
  if (held === null) return;
  if (scopeRef(documents, held).path !== scopeRef(documents, limit).path) throw caught;
}

export function limitRef(documents: Documents, id: string): DocumentReference {
  return documents.in('spend_limit').doc(spreadId(id));
}

function scopeRef(
  documents: Documents,
  { scope, period, model }: Pick<SpendLimit, 'scope' | 'period' | 'model'>,
): DocumentReference {
  // Without a model as it was before there were any.
  const name = [scope.type, scopeId(scope), period, ...(model === null ? [] : [model])];
  return documents.in('spend_limit_scope').doc(hashedId(...name));
}

function rowOf(found: DocumentSnapshot | undefined): LimitRow | null {
  const row = found?.get('row') as LimitRow | undefined;
  const limit = snapshot(row?.limit ?? null);
  return row === undefined || limit === null ? null : { ...row, limit };
}

export function limitOf(found: DocumentSnapshot): SpendLimit | null {
  return rowOf(found)?.limit ?? null;
}

/** Ascending by creation. */
export function limitsOf(found: readonly QueryDocumentSnapshot[]): SpendLimit[] {
  return found
    .flatMap((one) => rowOf(one) ?? [])
    .sort((a, b) => a.position - b.position)
    .map(({ limit }) => limit);
}
