// Documents that an older version of Tallygate wrote, before limits had models and budgets.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  newPlace,
  onFirestoreEmulator,
  openDatabaseAt,
} from '../../../test/support/firestore-instance.ts';
import { openAdminStore } from './admin-store.ts';
import { hashedId, spreadId } from './document-ids.ts';
import type { FirestoreDatabase } from './firestore-database.ts';

const SCOPE = { type: 'user', userId: 'ada' } as const;
const LIMIT = {
  ...{ id: 'spl_1', scope: SCOPE, period: 'monthly', amount: '7', currency: 'USD' },
  ...{ createdAtMs: 1, updatedAtMs: 2 },
} as const;
const BY = { actor: 'admin-key:w', reason: null, atMs: 9 };

async function writeOlder(database: FirestoreDatabase): Promise<void> {
  await database.run(async (documents) => {
    const row = { position: 1, limit: LIMIT };
    await documents.in('spend_limit').doc(spreadId('spl_1')).set({ row });
    const scope = hashedId('user', 'ada', 'monthly');
    await documents.in('spend_limit_scope').doc(scope).set({ row });
    const told = { actor: 'admin-key:w', action: 'upsert', target: 'spl_1', reason: null };
    const audit = { ...told, before: null, after: LIMIT };
    await documents.in('audit').doc(spreadId('1')).set({ number: 1, atMs: 5, row: audit });
    const revision = { auditId: 1, capsVersion: 5 };
    await documents.in('revision').doc('caps').set({ row: revision });
  });
}

await onFirestoreEmulator('Older documents', ({ host }) =>
  it('are read as they would be written now, changed and deleted', async () => {
    await using database = openDatabaseAt(newPlace(host));
    await writeOlder(database);
    const store = openAdminStore(database);
    const now = { ...LIMIT, model: null, pooledBudget: null };
    assert.deepEqual(await store.caps(), [now]);
    assert.deepEqual((await store.audit(null, 1)).rows[0]?.after, now);
    const [cap] = (await store.capTable()).caps;
    assert.deepEqual([cap?.model, cap?.amountMicroUsd], [null, 70_000]);
    const change = () => ({ amount: '8', pooledBudget: null });
    const cap2 = { id: 'spl_2', scope: SCOPE, period: 'monthly', model: null, change } as const;
    const changed = await store.upsertCap(cap2, BY);
    assert.deepEqual([changed.before, changed.after.id], [now, 'spl_1']);
    await store.deleteCap('spl_1', BY);
    assert.equal((await store.upsertCap(cap2, BY)).before, null);
  }),
);
