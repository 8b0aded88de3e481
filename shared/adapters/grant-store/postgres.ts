import { openSqlGrantStore } from '#shared/adapters/sql/grant-store.ts';
import type { SqlDatabase } from '#shared/adapters/sql/sql-database.ts';
import type { GrantStore } from '#shared/ports/grant-store.ts';

/** Sign-in state in PostgreSQL. @see openPostgresDatabase */
export function openPostgresGrantStore(database: SqlDatabase): GrantStore {
  return openSqlGrantStore(database);
}
