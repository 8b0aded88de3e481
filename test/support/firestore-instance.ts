// Instances over a Firestore emulator: one emulator per test file, and a prefix for each instance.

import { randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import { openFirestoreAdminStore } from '#shared/adapters/admin-store/firestore.ts';
import {
  type FirestoreDatabase,
  openFirestoreDatabase,
} from '#shared/adapters/firestore/firestore-database.ts';
import { openFirestoreGrantStore } from '#shared/adapters/grant-store/firestore.ts';
import { openFirestoreLedger } from '#shared/adapters/ledger/firestore.ts';
import type { AdminStore } from '#shared/ports/admin-store.ts';
import type { GrantStore } from '#shared/ports/grant-store.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import { type Instance, instanceOf } from './instance.ts';
import { skipUnless } from './needed.ts';
import {
  type EmulatorServer,
  findFirestoreEmulator,
  startFirestoreEmulator,
} from './servers/google-emulators.ts';

export interface FirestorePlace {
  /** `host:port` of the emulator. */
  readonly host: string;
  readonly prefix: string;
  readonly deadlineMs?: number;
}

/** Starts the file's emulator and proves something on it, or skips with the reason why not. */
export async function onFirestoreEmulator(
  what: string,
  prove: (emulator: EmulatorServer) => void,
): Promise<void> {
  const found = findFirestoreEmulator();
  const skip = skipUnless(found);
  if (!found.available) {
    test(`${what}: firestore`, { skip }, () => {});
    return;
  }
  const emulator = await startFirestoreEmulator(found.program);
  after(() => emulator[Symbol.asyncDispose]());
  prove(emulator);
}

export function newPlace(host: string): FirestorePlace {
  return { host, prefix: randomUUID() };
}

export function openDatabaseAt(place: FirestorePlace): FirestoreDatabase {
  return openFirestoreDatabase({ projectId: 'tallygate-test', ...place });
}

/** Each handle is an adapter on a client of its own, closed in reverse. */
export async function openFirestoreInstance<Port extends AsyncDisposable>(
  host: string,
  openPort: (database: FirestoreDatabase) => Port,
  childExport: string,
): Promise<Instance<Port>> {
  const place = newPlace(host);
  return instanceOf(
    { module: import.meta.url, export: childExport, argument: JSON.stringify(place) },
    async (opened) => openPort(opened.use(openDatabaseAt(place))),
  );
}

export async function openLedgerAt(place: string): Promise<Ledger> {
  return openFirestoreLedger(openDatabaseAt(JSON.parse(place)));
}

export async function openAdminStoreAt(place: string): Promise<AdminStore> {
  return openFirestoreAdminStore(openDatabaseAt(JSON.parse(place)));
}

export async function openGrantStoreAt(place: string): Promise<GrantStore> {
  return openFirestoreGrantStore(openDatabaseAt(JSON.parse(place)));
}
