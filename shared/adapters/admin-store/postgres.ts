import { openSqlAdminStore } from '#shared/adapters/sql/admin-store.ts';
import type { SqlDatabase } from '#shared/adapters/sql/sql-database.ts';
import type { AdminStore } from '#shared/ports/admin-store.ts';

/** Caps, audit trail and directory in PostgreSQL. @see openPostgresDatabase */
export function openPostgresAdminStore(database: SqlDatabase): AdminStore {
  return openSqlAdminStore(database);
}
