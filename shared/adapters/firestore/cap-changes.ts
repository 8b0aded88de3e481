// Every change of a cap writes the revision on the condition that it is as it was read: that puts
// concurrent writers in one line, so audit ids ascend in the order of the commits and a table never
// shows a version twice. A limit is stored twice, by its id and by its scope and period: both are
// unique because both are created.

import { randomUUID } from 'node:crypto';
import type {
  DocumentReference,
  DocumentSnapshot,
  QueryDocumentSnapshot,
} from '@google-cloud/firestore';
import type { CapScope } from '#shared/domain/cap.ts';
import type { Period } from '#shared/domain/period.ts';
import type { Actor, AuditRow, CapUpsert, SpendLimit } from '#shared/ports/admin-store.ts';
import { scopeId } from '../sql/spend-limits.ts';
import { pause } from './compare-and-swap.ts';
import { hashedId, spreadId } from './document-ids.ts';
import type { Documents } from './firestore-database.ts';
import { isMoved, isTaken } from './firestore-errors.ts';

/** `row` of `spend_limit` and `spend_limit_scope`. */
interface LimitRow {
  /** Ascends by creation. */
  readonly position: number;
  readonly limit: SpendLimit;
}

/** `row` of `revision`. */
interface RevisionRow {
  readonly auditId: number;
  readonly capsVersion: number;
}

interface Wish {
  readonly action: AuditRow['action'];
  readonly by: Actor;
  /** Where the limit is found that it is about. */
  readonly at: DocumentReference;
  /** Null: there is to be none. */
  readonly next: (before: LimitRow | null, auditId: number) => LimitRow | null;
}

interface Change {
  readonly before: SpendLimit | null;
  readonly after: SpendLimit | null;
}

/** @throws AppError `conflict` when another limit has the id. */
export async function upsertCap(documents: Documents, cap: CapUpsert, by: Actor) {
  const { scope, period, amount } = cap;
  const { before, after } = await changeCaps(documents, {
    action: 'upsert',
    by,
    at: scopeRef(documents, cap),
    next: (known, auditId) => ({
      position: known?.position ?? auditId,
      limit: {
        id: known?.limit.id ?? cap.id,
        scope,
        period,
        amount,
        currency: 'USD',
        createdAtMs: known?.limit.createdAtMs ?? by.atMs,
        updatedAtMs: by.atMs,
      },
    }),
  });
  if (after === null) throw new TypeError('an upsert leaves a limit');
  return { before, after };
}

export async function deleteCap(documents: Documents, id: string, by: Actor) {
  const at = limitRef(documents, id);
  return (await changeCaps(documents, { action: 'delete', by, at, next: () => null })).before;
}

async function changeCaps(documents: Documents, wish: Wish): Promise<Change> {
  const writer = randomUUID();
  let tried: { readonly audit: DocumentReference; readonly change: Change } | null = null;
  for (let attempt = 0; ; attempt += 1) {
    documents.signal.throwIfAborted();
    const refs = [revisionRef(documents), wish.at, ...(tried === null ? [] : [tried.audit])];
    const [revision, found, own] = await documents.client.getAll(...refs);
    if (revision === undefined || found === undefined) throw new TypeError('getAll left some out');
    // The client sent the commit twice, because the first answer was lost.
    if (tried !== null && own?.get('writer') === writer) return tried.change;
    const { auditId, capsVersion } = revisionOf(revision);
    const before = (found.get('row') as LimitRow | undefined) ?? null;
    const after = wish.next(before, auditId + 1);
    const change = { before: before?.limit ?? null, after: after?.limit ?? null };
    if (before === null && after === null) return change;
    const audit = documents.in('audit').doc(spreadId(`${auditId + 1}`));
    tried = { audit, change };
    try {
      const batch = documents.client.batch();
      write(batch, revision, {
        auditId: auditId + 1,
        // Not below the time of the change: a database restored from a backup must not publish its
        // next change under a version that the quota store has seen already.
        capsVersion: Math.max(capsVersion + 1, wish.by.atMs),
      });
      writeLimit(batch, documents, found, { before, after });
      const row = auditRow(wish, change);
      batch.create(audit, { number: auditId + 1, atMs: wish.by.atMs, row, writer });
      await batch.commit();
      return change;
    } catch (caught) {
      if (!isMoved(caught)) throw caught;
      if (isTaken(caught) && before === null && after !== null) {
        await assertIdFree(documents, after.limit, caught);
      }
      await pause(attempt, documents.signal);
    }
  }
}

type Batch = ReturnType<Documents['client']['batch']>;

function write(batch: Batch, found: DocumentSnapshot, row: RevisionRow | LimitRow): void {
  if (found.updateTime === undefined) batch.create(found.ref, { row });
  else batch.update(found.ref, { row }, { lastUpdateTime: found.updateTime });
}

/** The one that was found under its condition, and its twin. */
function writeLimit(
  batch: Batch,
  documents: Documents,
  found: DocumentSnapshot,
  { before, after }: { before: LimitRow | null; after: LimitRow | null },
): void {
  const limit = (after ?? before)?.limit;
  if (limit === undefined) return;
  const both = [limitRef(documents, limit.id), scopeRef(documents, limit)];
  const twins = both.filter((ref) => ref.path !== found.ref.path);
  if (after !== null) write(batch, found, after);
  else batch.delete(found.ref, found.updateTime && { lastUpdateTime: found.updateTime });
  for (const twin of twins) {
    if (after === null) batch.delete(twin);
    else if (before === null) batch.create(twin, { row: after });
    else batch.set(twin, { row: after });
  }
}

/** Rethrows what was caught when the id is another limit's; not when both are of one scope. */
async function assertIdFree(documents: Documents, limit: SpendLimit, caught: unknown) {
  const holder = await limitRef(documents, limit.id).get();
  const held = holder.get('row') as LimitRow | undefined;
  if (held === undefined) return;
  if (scopeRef(documents, held.limit).path !== scopeRef(documents, limit).path) throw caught;
}

function auditRow({ action, by }: Wish, { before, after }: Change): Omit<AuditRow, 'id' | 'atMs'> {
  const target = (after ?? before)?.id ?? '';
  return { actor: by.actor, action, target, reason: by.reason, before, after };
}

export function revisionRef(documents: Documents): DocumentReference {
  return documents.in('revision').doc('caps');
}

export function revisionOf(revision: DocumentSnapshot): RevisionRow {
  return revision.get('row') ?? { auditId: 0, capsVersion: 0 };
}

export function limitRef(documents: Documents, id: string): DocumentReference {
  return documents.in('spend_limit').doc(spreadId(id));
}

function scopeRef(
  documents: Documents,
  { scope, period }: { readonly scope: CapScope; readonly period: Period },
): DocumentReference {
  return documents.in('spend_limit_scope').doc(hashedId(scope.type, scopeId(scope), period));
}

export function limitOf(found: DocumentSnapshot): SpendLimit | null {
  return (found.get('row') as LimitRow | undefined)?.limit ?? null;
}

/** Ascending by creation. */
export function limitsOf(found: readonly QueryDocumentSnapshot[]): SpendLimit[] {
  return found
    .map((one) => one.get('row') as LimitRow)
    .sort((a, b) => a.position - b.position)
    .map(({ limit }) => limit);
}
