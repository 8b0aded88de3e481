// The ledgers that benchmarks compare, each on its real database that syncs to disk. Firestore is
// Google's emulator in one JVM: its figure tells about the adapter, not about the service.

import { randomUUID } from 'node:crypto';
import { openFirestoreAdminStore } from '#shared/adapters/admin-store/firestore.ts';
import { openPostgresAdminStore } from '#shared/adapters/admin-store/postgres.ts';
import { openSqliteAdminStore } from '#shared/adapters/admin-store/sqlite.ts';
import { openFirestoreDatabase } from '#shared/adapters/firestore/firestore-database.ts';
import { openFirestoreLedger } from '#shared/adapters/ledger/firestore.ts';
import { openPostgresLedger } from '#shared/adapters/ledger/postgres.ts';
import { openSqliteLedger } from '#shared/adapters/ledger/sqlite.ts';
import { openSqliteDatabase } from '#shared/adapters/sql/sqlite-database.ts';
import type { AdminStore } from '#shared/ports/admin-store.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import { databaseAt } from '../support/postgres-instance.ts';
import {
  findFirestoreEmulator,
  startFirestoreEmulator,
} from '../support/servers/google-emulators.ts';
import { findPostgres, startPostgres } from '../support/servers/postgres.ts';
import type { FoundProgram } from '../support/servers/program.ts';
import { temporaryDatabase } from '../support/sqlite-instance.ts';

export interface LedgerCandidate {
  readonly name: string;
  /** Events per second that it is built for; null where what runs here is not the real thing. */
  readonly target: number | null;
  readonly found: FoundProgram;
  /** On an empty database; what it opens is closed by the stack. */
  open(opened: AsyncDisposableStack): Promise<{ ledger: Ledger; admin: AdminStore }>;
}

const programOf = (found: FoundProgram) => (found.available ? found.program : '');
const postgres = findPostgres();
const firestore = findFirestoreEmulator();

export const SQLITE: LedgerCandidate = {
  name: 'SQLite',
  target: 10_000,
  found: { available: true, program: '' },
  async open(opened) {
    const file = opened.use(temporaryDatabase());
    const database = opened.use(await openSqliteDatabase(file.path));
    return {
      ledger: opened.use(openSqliteLedger(database)),
      admin: opened.use(openSqliteAdminStore(database)),
    };
  },
};

export const POSTGRES: LedgerCandidate = {
  name: 'PostgreSQL',
  target: 5000,
  found: postgres,
  async open(opened) {
    const server = opened.use(await startPostgres(programOf(postgres), { fsync: true }));
    const database = opened.use(await databaseAt(server.url));
    return {
      ledger: opened.use(openPostgresLedger(database)),
      admin: opened.use(openPostgresAdminStore(database)),
    };
  },
};

export const FIRESTORE: LedgerCandidate = {
  name: 'Firestore (emulator)',
  target: null,
  found: firestore,
  async open(opened) {
    const program = programOf(firestore);
    const { host } = opened.use(await startFirestoreEmulator(program, { optimised: true }));
    const database = opened.use(
      openFirestoreDatabase({ projectId: 'tallygate-bench', prefix: randomUUID(), host }),
    );
    return {
      ledger: opened.use(openFirestoreLedger(database, {})),
      admin: opened.use(openFirestoreAdminStore(database)),
    };
  },
};
