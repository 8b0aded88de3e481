// A person's events first, then what was counted for them. Each commit moves amounts from one name to
// another, on the condition that they are as they were read: no total changes, and a run that died is
// run again. The rollups go last, because they tell the months in which the person spent.

import type { DocumentReference, DocumentSnapshot } from '@google-cloud/firestore';
import { type AccountId, modelAccount, userAccount } from '#shared/domain/account.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { assertPseudonym } from '../ledger/checked.ts';
import { pseudonymised, storedEvent } from '../ledger/stored-event.ts';
import { pause } from './compare-and-swap.ts';
import type { Documents, FirestoreDatabase } from './firestore-database.ts';
import { isMoved } from './firestore-errors.ts';
import { asIncrements, type Batch, rollupId, spendIds } from './ledger-counters.ts';
import { rollupOf } from './ledger-reports.ts';
import { QUERIES, startQuery } from './queries.ts';

const READ_TOGETHER = 100;
/** As of a commit of events: the emulator hangs on a request of 4 MB. */
const BYTES_MAX = 900_000;
const ATTEMPTS_MAX = 30;
/** Somebody who goes on working is not waited for. */
const PASSES_MAX = 5;

interface Renaming {
  readonly sub: string;
  readonly pseudonym: string;
}

export async function erase(
  database: FirestoreDatabase,
  sub: string,
  pseudonym: string,
): Promise<number> {
  assertPseudonym(sub, pseudonym);
  const renaming = { sub, pseudonym };
  let erased = 0;
  for (let pass = 1; ; pass += 1) {
    const events = await untilNone(database, (documents, batch) =>
      renameEvents(documents, batch, renaming),
    );
    erased += events;
    const months = await database.run((documents) => readMonths(documents, sub));
    for (const month of months) {
      const models = await readModels(database, month);
      await untilNone(database, (documents, batch) =>
        renameSpend(documents, batch, { ...renaming, month, models }),
      );
    }
    await untilNone(database, (documents, batch) => renameRollups(documents, batch, renaming));
    if (events + months.length === 0 || pass === PASSES_MAX) return erased;
  }
}

/** Commits what the work finds and puts into the batch until it finds nothing. Returns how many. */
async function untilNone(
  database: FirestoreDatabase,
  work: (documents: Documents, batch: Batch) => Promise<number>,
): Promise<number> {
  let done = 0;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const found = await database.run(async (documents) => {
      if (attempt > 0) await pause(attempt, documents.signal);
      const batch = documents.client.batch();
      const inBatch = await work(documents, batch);
      if (inBatch === 0) return 0;
      try {
        await batch.commit();
        return inBatch;
      } catch (caught) {
        if (isMoved(caught)) return null;
        throw caught;
      }
    });
    if (found === 0) return done;
    if (found === null) continue;
    done += found;
    attempt = -1;
  }
  const detail = `what is to be renamed was written by others ${ATTEMPTS_MAX} times`;
  throw new AppError('unavailable', 'the ledger is busy; try again in a moment', { detail });
}

async function renameEvents(documents: Documents, batch: Batch, { sub, pseudonym }: Renaming) {
  const query = startQuery(documents, QUERIES.eventsOfPerson, sub).limit(READ_TOGETHER);
  let bytes = 0;
  let renamed = 0;
  for (const one of (await query.select('event').get()).docs) {
    const event = JSON.stringify(pseudonymised(storedEvent(one.get('event')), sub, pseudonym));
    bytes += Buffer.byteLength(event);
    if (renamed > 0 && bytes > BYTES_MAX) break;
    batch.update(one.ref, { sub: pseudonym, event }, { lastUpdateTime: one.updateTime });
    renamed += 1;
  }
  return renamed;
}

async function readMonths(documents: Documents, sub: string): Promise<string[]> {
  const { docs } = await startQuery(documents, QUERIES.rollupsOfPerson, sub).select('day').get();
  return [...new Set(docs.map((one) => String(one.get('day')).slice(0, 7)))].sort();
}

/** The models that were counted apart in a month, found by leaping from one to the next. */
async function readModels(database: FirestoreDatabase, month: string): Promise<string[]> {
  const models: string[] = [];
  for (let after = 'model:'; ; ) {
    const { docs } = await database.run((documents) =>
      startQuery(documents, QUERIES.spendByAccount, month)
        .select('account')
        .startAfter(after)
        .endBefore('model;')
        .limit(1)
        .get(),
    );
    const [one] = docs;
    if (one === undefined) return models;
    const [, model = ''] = String(one.get('account')).split(':', 2);
    models.push(model);
    // Beyond every account of this model: `;` comes after `:`.
    after = `model:${model};`;
  }
}

async function renameSpend(
  documents: Documents,
  batch: Batch,
  {
    sub,
    pseudonym,
    month,
    models,
  }: Renaming & { readonly month: string; readonly models: readonly string[] },
): Promise<number> {
  const accounts = (name: string): AccountId[] => {
    const own = userAccount(name);
    return [own, ...models.map((model) => modelAccount(model, own))];
  };
  const refOf = (account: AccountId) =>
    documents.in('spend').doc(spendIds(account, month)[0] ?? '');
  const to = accounts(pseudonym);
  const found = await documents.client.getAll(...accounts(sub).map(refOf));
  const moves = found.flatMap((from, nth) => {
    const account = to[nth];
    return from.exists && account !== undefined ? [{ from, account }] : [];
  });
  for (const { from, account } of moves) {
    move(batch, from, refOf(account), { account, month, row: from.get('row') });
  }
  return moves.length;
}

async function renameRollups(documents: Documents, batch: Batch, { sub, pseudonym }: Renaming) {
  const query = startQuery(documents, QUERIES.rollupsOfPerson, sub).limit(READ_TOGETHER);
  const { docs } = await query.get();
  // Two may have one place under the new name: each is added to it.
  for (const one of docs) {
    const { day, ...row } = { ...rollupOf(one), sub: pseudonym };
    const to = documents.in('daily_rollup').doc(rollupId({ day, ...row }));
    move(batch, one, to, { day, row });
  }
  return docs.length;
}

function move(
  batch: Batch,
  from: DocumentSnapshot,
  to: DocumentReference,
  fields: Parameters<typeof asIncrements>[0],
): void {
  batch.delete(from.ref, from.updateTime && { lastUpdateTime: from.updateTime });
  batch.set(to, asIncrements(fields), { merge: true });
}
