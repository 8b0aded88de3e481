import { openPostgresLedger } from '#shared/adapters/ledger/postgres.ts';
import { describeOnPostgres } from '../../support/postgres-instance.ts';
import { ledgerContract } from './suite.ts';

describeOnPostgres((postgres) =>
  ledgerContract({
    name: 'postgres',
    open: () => postgres.open(openPostgresLedger, 'openLedgerAt'),
  }),
);
