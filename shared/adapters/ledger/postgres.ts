import { openSqlLedger } from '#shared/adapters/sql/ledger.ts';
import type { SqlDatabase } from '#shared/adapters/sql/sql-database.ts';
import type { Ledger } from '#shared/ports/ledger.ts';

/** The ledger in PostgreSQL. @see openPostgresDatabase */
export function openPostgresLedger(database: SqlDatabase): Ledger {
  return openSqlLedger(database);
}
