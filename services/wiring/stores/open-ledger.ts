// One database for the ledger, the admin store and the grant store.

import type { SqlDatabase } from '#shared/adapters/sql/sql-database.ts';
import type { FirestoreConfig, StoreConfig } from '#shared/config/schema-stores.ts';
import type { AdminStore } from '#shared/ports/admin-store.ts';
import type { GrantStore } from '#shared/ports/grant-store.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import { retentionWindows } from '../slices.ts';
import type { Opening } from './opening.ts';

export interface Books {
  readonly ledger: Ledger;
  readonly admin: AdminStore;
  readonly grants: GrantStore;
}

export async function openLedger(opening: Opening): Promise<Books> {
  const { config } = opening;
  if (config.ledger.firestore !== undefined) return openFirestore(opening, config.ledger.firestore);
  if (config.store !== undefined) return openPostgres(opening, config.store);
  return openSql(opening, await opening.embedded(), 'sqlite');
}

async function openPostgres(opening: Opening, store: StoreConfig): Promise<Books> {
  const { log, opened } = opening;
  const { openPostgresDatabase } = await import('#shared/adapters/sql/postgres-database.ts');
  const database = await openPostgresDatabase({
    url: store.postgres_url.reveal(),
    username: store.username,
    password: store.password?.reveal(),
    maxConnections: store.max_connections,
    connectTimeoutSeconds: store.connect_timeout_seconds,
    log,
  });
  return openSql(opening, opened.use(database), 'postgres');
}

async function openSql(
  { opened }: Opening,
  database: SqlDatabase,
  kind: 'sqlite' | 'postgres',
): Promise<Books> {
  if (kind === 'postgres') {
    const [ledger, admin, grants] = await Promise.all([
      import('#shared/adapters/ledger/postgres.ts'),
      import('#shared/adapters/admin-store/postgres.ts'),
      import('#shared/adapters/grant-store/postgres.ts'),
    ]);
    return {
      ledger: opened.use(ledger.openPostgresLedger(database)),
      admin: opened.use(admin.openPostgresAdminStore(database)),
      grants: opened.use(grants.openPostgresGrantStore(database)),
    };
  }
  const [ledger, admin, grants] = await Promise.all([
    import('#shared/adapters/ledger/sqlite.ts'),
    import('#shared/adapters/admin-store/sqlite.ts'),
    import('#shared/adapters/grant-store/sqlite.ts'),
  ]);
  return {
    ledger: opened.use(ledger.openSqliteLedger(database)),
    admin: opened.use(admin.openSqliteAdminStore(database)),
    grants: opened.use(grants.openSqliteGrantStore(database)),
  };
}

async function openFirestore(opening: Opening, at: FirestoreConfig): Promise<Books> {
  const { config, env, opened } = opening;
  const [{ openFirestoreDatabase }, ledger, admin, grants] = await Promise.all([
    import('#shared/adapters/firestore/firestore-database.ts'),
    import('#shared/adapters/ledger/firestore.ts'),
    import('#shared/adapters/admin-store/firestore.ts'),
    import('#shared/adapters/grant-store/firestore.ts'),
  ]);
  const host = env['FIRESTORE_EMULATOR_HOST'];
  const database = opened.use(
    openFirestoreDatabase({
      projectId: at.project_id,
      databaseId: at.database,
      prefix: at.prefix,
      ...(host ? { host } : {}),
    }),
  );
  const eventRetentionMonths = retentionWindows(config).spendRetentionMonths;
  return {
    ledger: opened.use(ledger.openFirestoreLedger(database, { eventRetentionMonths })),
    admin: opened.use(admin.openFirestoreAdminStore(database)),
    grants: opened.use(grants.openFirestoreGrantStore(database)),
  };
}
