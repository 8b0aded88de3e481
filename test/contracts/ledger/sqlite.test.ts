import { openSqliteLedger } from '#shared/adapters/ledger/sqlite.ts';
import { openSqliteInstance } from '../../support/sqlite-instance.ts';
import { ledgerContract } from './suite.ts';

ledgerContract({
  name: 'sqlite',
  open: () => openSqliteInstance(openSqliteLedger, 'openLedgerAt'),
});
