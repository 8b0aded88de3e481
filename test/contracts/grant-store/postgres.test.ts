import { openPostgresGrantStore } from '#shared/adapters/grant-store/postgres.ts';
import { describeOnPostgres } from '../../support/postgres-instance.ts';
import { grantStoreContract } from './suite.ts';

describeOnPostgres((postgres) =>
  grantStoreContract({
    name: 'postgres',
    open: () => postgres.open(openPostgresGrantStore, 'openGrantStoreAt'),
  }),
);
