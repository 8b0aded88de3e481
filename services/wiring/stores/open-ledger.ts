// One database for the ledger, the admin store and the grant store.

import type { SqlDatabase } from '#shared/adapters/sql/sql-database.ts';
import type { StoreConfig } from '#shared/config/schema-stores.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { AdminStore } from '#shared/ports/admin-store.ts';
import type { GrantStore } from '#shared/ports/grant-store.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import type { Opening } from './opening.ts';

export interface Books {
  readonly ledger: Ledger;
  readonly admin: AdminStore;
  readonly grants: GrantStore;
}

export async function openLedger(opening: Opening): Promise<Books> {
  const { config } = opening;
  if (config.ledger.firestore !== undefined) return openFirestore(opening);
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

async function openFirestore(_opening: Opening): Promise<Books> {
  throw new AppError('unavailable', 'not merged yet');
}
