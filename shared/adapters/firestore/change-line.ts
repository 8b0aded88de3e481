// Every change of a cap writes the revision on the condition that it is as it was read: that puts
// concurrent writers in one line, so audit ids ascend in the order of the commits and a table never
// shows a version twice.

import { randomUUID } from 'node:crypto';
import type { DocumentReference, DocumentSnapshot, WriteBatch } from '@google-cloud/firestore';
import type { Actor, AuditRow } from '#shared/ports/admin-store.ts';
import { pause } from './compare-and-swap.ts';
import { spreadId } from './document-ids.ts';
import type { Documents } from './firestore-database.ts';
import { isMoved } from './firestore-errors.ts';

/** `row` of `revision`. */
interface RevisionRow {
  readonly auditId: number;
  readonly capsVersion: number;
}

export interface Step<T> {
  readonly answer: T;
  /** Null: nothing is to be changed. */
  readonly change: Pick<AuditRow, 'action' | 'target' | 'before' | 'after'> | null;
  /** Everything with the condition that it is as it was read. */
  readonly write: (batch: WriteBatch) => void;
  /** Throws where reading again cannot help. */
  readonly onMoved?: (caught: unknown) => Promise<void>;
}

interface Wish<T> {
  readonly by: Actor;
  /** What is read with the revision. */
  readonly refs: readonly DocumentReference[];
  /** Called again after a lost race. `auditId`: what the change would be in the audit trail. */
  readonly plan: (found: readonly DocumentSnapshot[], auditId: number) => Promise<Step<T>>;
}

export async function changeInLine<T>(
  documents: Documents,
  { by, refs, plan }: Wish<T>,
): Promise<T> {
  const writer = randomUUID();
  let tried: { readonly audit: DocumentReference; readonly answer: T } | null = null;
  for (let attempt = 0; ; attempt += 1) {
    documents.signal.throwIfAborted();
    const own: readonly DocumentReference[] = tried === null ? [] : [tried.audit];
    const found = await documents.client.getAll(revisionRef(documents), ...refs, ...own);
    const [revision] = found;
    if (revision === undefined) throw new TypeError('getAll left some out');
    // The client sent the commit twice, because the first answer was lost.
    if (tried !== null && found.at(-1)?.get('writer') === writer) return tried.answer;
    const { auditId, capsVersion } = revisionOf(revision);
    const step = await plan(found.slice(1, 1 + refs.length), auditId + 1);
    if (step.change === null) return step.answer;
    const audit = documents.in('audit').doc(spreadId(`${auditId + 1}`));
    tried = { audit, answer: step.answer };
    try {
      const batch = documents.client.batch();
      writeAsRead(batch, revision, {
        auditId: auditId + 1,
        // Not below the time of the change: a database restored from a backup must not publish its
        // next change under a version that the quota store has seen already.
        capsVersion: Math.max(capsVersion + 1, by.atMs),
      });
      step.write(batch);
      const row = { actor: by.actor, reason: by.reason, ...step.change };
      batch.create(audit, { number: auditId + 1, atMs: by.atMs, row, writer });
      await batch.commit();
      return step.answer;
    } catch (caught) {
      if (!isMoved(caught)) throw caught;
      await step.onMoved?.(caught);
      await pause(attempt, documents.signal);
    }
  }
}

/** On the condition that the document is as it was found. */
export function writeAsRead(batch: WriteBatch, found: DocumentSnapshot, row: object): void {
  if (found.updateTime === undefined) batch.create(found.ref, { row });
  else batch.update(found.ref, { row }, { lastUpdateTime: found.updateTime });
}

export function revisionRef(documents: Documents): DocumentReference {
  return documents.in('revision').doc('caps');
}

export function revisionOf(revision: DocumentSnapshot): RevisionRow {
  return revision.get('row') ?? { auditId: 0, capsVersion: 0 };
}
